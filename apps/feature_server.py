"""Feast's own feature server over the online store of a run, for models: reading only.

A question that Feast would answer with an inner error, or not at all, is refused with 422 and what is allowed.

`POST /get-online-features` and `GET /health` answer as Feast documents them. What else Feast's server can do (push,
write, materialise, chat) would change the store past the desk's sink, and is not there.
"""

import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import typer

from apps.feature_store import sign_in
from apps.kept_run import KeptRun
from connectors.feast.codec import INSTRUMENT, SEQUENCE, VERSION
from connectors.feast.store import (
    VIEW,
    Declared,
    declared_in,
    open_store,
    passes,
    read_online,
    refused,
)
from connectors.source import nearest

ASKING = "/get-online-features"
READING = frozenset({ASKING, "/health"})
EXAMPLE = '{"features": ["bar_features:rsi_14"], "entities": {"instrument": ["ACMEX"]}}'
REGISTRY_SECONDS = 60
STOP_SECONDS = 10


class Question(msgspec.Struct):
    """What a model asks, as far as it is looked at here."""

    entities: dict[str, list[str]]
    features: list[str] = []
    feature_service: str | None = None


class NotServed(RuntimeError):
    """The feature server cannot begin; says what to do."""


def serve(out: Path, config: Path | None, host: str, port: int) -> None:
    """Answer until SIGTERM or SIGINT comes; says where it listens, port 0 takes a free one.

    Raises RunFolderError and NoFeatureStore for a folder without one, NotServed where the address is taken or the
    online store does not answer.
    """
    import uvicorn  # noqa: PLC0415  comes with Feast

    folder = KeptRun(out).feature_store
    declared = declared_in(folder)
    sign_in(folder, config)
    store = open_store(folder)
    _answers(store, declared.instruments[:1], declared.features[:1])
    listener = _listener(host, port)
    settings = uvicorn.Config(
        reading_app(store, declared),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    typer.echo(f"features: http://{host}:{listener.getsockname()[1]}/get-online-features", err=True)
    uvicorn.Server(settings).run(sockets=[listener])


def reading_app(store: Any, declared: Declared) -> Any:
    """Return Feast's application with the routes that only read, asked only what can be answered."""
    from fastapi.responses import JSONResponse  # noqa: PLC0415  comes with Feast
    from feast.feature_server import get_app  # noqa: PLC0415  takes seconds
    from feast.permissions.server import utils  # noqa: PLC0415  with it

    kind = utils.str_to_auth_manager_type(store.config.auth_config.type)
    utils.init_security_manager(auth_type=kind, fs=store)
    utils.init_auth_manager(
        auth_type=kind,
        server_type=utils.ServerType.REST,
        auth_config=store.config.auth_config,
    )
    app = get_app(store, REGISTRY_SECONDS)
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", "") in READING]

    async def checked(request: Any, follow: Callable[[Any], Awaitable[Any]]) -> Any:
        wrong = wrong_with(await request.body(), declared) if request.url.path == ASKING else ""
        return JSONResponse({"detail": wrong}, 422) if wrong else await follow(request)

    app.middleware("http")(checked)
    return app


def wrong_with(body: bytes, declared: Declared) -> str:
    """Return what is wrong with a question, with what is allowed; nothing where it can be answered."""
    try:
        question = msgspec.json.decode(body, type=Question)
    except msgspec.MsgspecError as error:
        return f"{error}; a question is {EXAMPLE}"
    if set(question.entities) != {INSTRUMENT} or not question.entities[INSTRUMENT]:
        given = ", ".join(f"{name} ({len(rows)})" for name, rows in question.entities.items()) or "nothing"
        return f"entities need `{INSTRUMENT}` with one name or more, and nothing else; {given} was given"
    allowed = {f"{VIEW}:{name}" for name in (SEQUENCE, VERSION, *declared.features)}
    wrong = next((name for name in question.features if name not in allowed), None)
    if wrong is not None:
        return f"unknown feature {wrong!r}; the nearest held: {nearest(wrong, allowed)}"
    if not question.features and question.feature_service is None:
        return f"features need one name or more; a question is {EXAMPLE}"
    return ""


def _answers(store: Any, instruments: tuple[str, ...], features: tuple[str, ...]) -> None:
    """Ask the online store once; raises NotServed where it is gone, OnlineRefused where it refuses."""
    try:
        read_online(store, instruments, features)
    except Exception as failure:
        if passes(failure):
            said = " ".join(str(failure).split())
            raise NotServed(
                f"the online store does not answer: {said}; `ita stack up redis` starts it"
            ) from failure
        raise refused(failure) from failure


def _listener(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise NotServed(
            f"features cannot be told on {host}:{port}: {reason}; choose another address with --host and --port, "
            "or 0 for a free port"
        ) from error
