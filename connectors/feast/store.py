"""The embedded feature store of a run: its folder, what is declared in it, and rows pushed to and read from it.

`<out>/feature_store` holds `feature_store.yaml`, Feast's registry, the online store (SQLite) and
`declared.json`, which names what the registry declares; the offline store is the lake beside it. Importing Feast
takes seconds, so that every function here that needs it imports it when it is called.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from connectors.trust import advice, lasting, wants_tls
from features.family import Feature

VIEW = "bar_features"
SETTINGS = "feature_store.yaml"
DECLARED = "declared.json"
NOT_NOW = re.compile(r"\b(MISCONF|BUSY|CLUSTERDOWN|MASTERDOWN|NOREPLICAS|TRYAGAIN)\b")
"""Words of Redis's refusals that end by themselves."""
PIPELINED = " of pipeline caused error: "
Online = Mapping[str, Any]
"""Feast's configuration of an online store; `${NAME}` in it is taken from the environment when the store is opened."""

SQLITE: Online = {"type": "sqlite", "path": "online.db"}
CONFIGURATION: dict[str, Any] = {
    "project": "desk",
    "provider": "local",
    "registry": {"registry_type": "file", "path": "registry.db", "cache_ttl_seconds": 0},
    "offline_store": {"type": "dask"},
    "entity_key_serialization_version": 3,
}
HEADER = "# Feast: the lake beside this folder is the offline store.\n"

Declare = Callable[[Sequence[Feature]], Sequence[Any]]
"""From catalogue lines to Feast's objects: `feature_repo.declarations.declarations`."""


class NoFeatureStore(ValueError):
    """A folder holds no feature store; says what to do."""


class OnlineRefused(RuntimeError):
    """The online store answered, and what was asked is not allowed, or it is not to be trusted."""


class Declared(NamedTuple):
    """What a feature store was made for."""

    instruments: tuple[str, ...]
    features: tuple[str, ...]


def redis_store(
    host: str,
    port: int,
    database: int = 0,
    *,
    tls: bool = False,
    ca: str = "",
    user: str = "",
    secret: str = "",
) -> Online:
    """Return an online store on Redis; `user` and `secret` name environment variables that hold user and password.

    `ca` names the file of the issuer of its certificate.
    """
    parts = [f"{host}:{port}", f"db={database}", *(["ssl=true"] if tls else [])]
    parts += [f"ssl_ca_certs={ca}"] if ca else []
    parts += [f"username=${{{user}}}"] if user else []
    parts += [f"password=${{{secret}}}"] if secret else []
    return {"type": "redis", "connection_string": ",".join(parts)}


def passes(failure: Exception) -> bool:
    """Say whether an online store is gone or slow, and may be back, or takes nothing for now.

    A Redis takes nothing while it has no memory left, cannot save, is a replica, or is busy; that ends without a change
    of what is asked.
    """
    from redis import exceptions  # noqa: PLC0415  with Feast, when it is needed

    if isinstance(failure, (exceptions.OutOfMemoryError, exceptions.ReadOnlyError)):
        return True
    if isinstance(failure, exceptions.ResponseError):
        return bool(NOT_NOW.search(str(failure)))
    return (
        isinstance(failure, (exceptions.ConnectionError, exceptions.TimeoutError))
        and not isinstance(failure, (exceptions.AuthenticationError, exceptions.AuthorizationError))
        and not lasting(failure)
    )


def speaks_otherwise(online: Online) -> bool:
    """Say whether a Redis that is configured without TLS speaks it."""
    where, *settings = str(online.get("connection_string", "")).split(",")
    return "ssl=true" not in settings and wants_tls(f"redis://{where}")


def refused(failure: Exception) -> Exception:
    """Return the plain error of what Redis refuses for good, or of how it is spoken to; any other error as it is."""
    from redis import exceptions  # noqa: PLC0415  with Feast, when it is needed

    if not isinstance(failure, exceptions.RedisError):
        return failure
    said = " ".join(str(failure).split())
    if lasting(failure) or passes(failure):
        return OnlineRefused(f"the online store on Redis cannot be spoken to: {said}; {advice('REDIS')}")
    return OnlineRefused(
        f"the online store on Redis refuses: {said}; it signs in with ITA_REDIS__USER and ITA_REDIS__PASSWORD, "
        "config/accounts.yaml says what the user may do, and `ita stack init` makes it so"
    )


def prepare(
    folder: Path,
    instruments: Sequence[str],
    features: Sequence[Feature],
    declare: Declare,
    online: Online = SQLITE,
) -> Path:
    """Make the feature store of a run in `folder`, or bring it up to date; return its `feature_store.yaml`.

    What is there and fits is left alone. Several processes may do this at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings, declared = folder / SETTINGS, folder / DECLARED
    wanted = {
        "instruments": list(instruments),
        "features": [line.name for line in features],
        "digest": _digest(features),
    }
    with _alone(folder):
        if not settings.exists() or settings.read_text() != settings_text(online):
            _write_whole(settings, settings_text(online))
        if not declared.exists() or json.loads(declared.read_text()) != wanted:
            open_store(folder).apply(list(declare(features)))
            _write_whole(declared, json.dumps(wanted, indent=2))
    return settings


def settings_text(online: Online = SQLITE) -> str:
    """Return the content of `feature_store.yaml`; its paths are relative to the folder that it stands in."""
    return HEADER + yaml.safe_dump({**CONFIGURATION, "online_store": dict(online)}, sort_keys=False)


def declared_in(folder: Path) -> Declared:
    """Return what the feature store in `folder` was made for; raises NoFeatureStore."""
    path = folder / DECLARED
    if not path.exists():
        raise NoFeatureStore(
            f"{folder} holds no feature store; run the desk with one: `ita demo --out {folder.parent}` "
            f"or `ita replay SOURCE --out {folder.parent}`"
        )
    held = json.loads(path.read_text())
    return Declared(tuple(held["instruments"]), tuple(held["features"]))


def open_store(folder: Path) -> Any:
    """Return Feast's `FeatureStore` of a folder that has been prepared."""
    with _unchecked():
        from feast import FeatureStore  # noqa: PLC0415  takes seconds

    return FeatureStore(repo_path=str(folder))


@contextmanager
def _unchecked() -> Iterator[None]:
    """Import Feast without the checks that typeguard compiles into its classes: half of the time that it takes."""
    import typeguard  # noqa: PLC0415  comes with Feast

    checked = typeguard.typechecked
    typeguard.typechecked = _as_it_is
    try:
        yield
    finally:
        typeguard.typechecked = checked


def _as_it_is(target: Any = None, **_: Any) -> Any:
    return _as_it_is if target is None else target


def push(store: Any, frame: Any) -> None:
    """Write rows of `codec.push_frame` to the online store, each in the place of its instrument's row.

    What Redis says of a refusal is left in its own words, without the bytes of the command.
    """
    if not len(frame):
        return
    try:
        store.write_to_online_store(VIEW, df=frame)
    except Exception as failure:
        _, of_pipeline, said = str(failure).rpartition(PIPELINED)
        if of_pipeline:
            failure.args = (said,)
        raise


def read_online(store: Any, instruments: Sequence[str], features: Sequence[str]) -> dict[str, list[Any]]:
    """Return the online values of instruments, one list for `instrument` and one for each feature, in their order.

    An instrument without a row, and a feature that does not speak, has None.
    """
    if not instruments:
        return {"instrument": [], **{name: [] for name in features}}
    answer: dict[str, list[Any]] = store.get_online_features(
        features=[f"{VIEW}:{name}" for name in features],
        entity_rows=[{"instrument": name} for name in instruments],
    ).to_dict()
    return answer


def _digest(features: Sequence[Feature]) -> str:
    return hashlib.sha256(json.dumps([list(line) for line in features]).encode()).hexdigest()[:16]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: one process at a time changes the registry."""
    handle = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write_whole(path: Path, text: str) -> None:
    making = path.with_name(f".{path.name}.{os.getpid()}")
    making.write_text(text)
    making.replace(path)
