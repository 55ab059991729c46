"""Start, look at and end servers: with Docker where an engine answers, natively otherwise; never those of others."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path

import msgspec

from apps.stack import compose, native
from apps.stack.native import ServerFailed
from apps.stack.places import Place, stack_folder
from apps.stack.readiness import answers, until_ready, why_not_ready
from apps.stack.script_settings import script_settings
from apps.stack.secured import is_secured
from config.servers import Servers

READY_SECONDS = 90
DOCKER_MARK = "docker"


class Way(StrEnum):
    """Who runs a server."""

    NATIVE = "native"
    DOCKER = "docker"
    OTHERS = "others"
    NOBODY = "nobody"


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How a server is: `ready`, or `reason` says why not; `pid` where we run it natively."""

    name: str
    address: str
    ready: bool
    way: Way
    pid: int | None = None
    reason: str = ""


def status(place: Place, servers: Servers) -> Status:
    """Look at a server; changes nothing but for an object that its S3 server is asked to keep and forget."""
    reason = why_not_ready(place.name, servers)
    pid = native.pid(place, stack_folder())
    if pid is not None:
        way = Way.NATIVE
    elif _mark(place).exists():
        way = Way.DOCKER
    else:
        way = Way.OTHERS if answers(place.name, servers) else Way.NOBODY
    return Status(
        name=place.name, address=place.address, ready=reason is None, way=way, pid=pid, reason=reason or ""
    )


def up(places: list[Place], servers: Servers, native_only: bool) -> Iterator[tuple[Place, bool]]:
    """Start what does not run; yield each server when it is ready, and whether it was started now.

    Raises ServerFailed or NotReady for the first that cannot be started.
    """
    docker: bool | None = False if native_only else None
    with _alone():
        for place in places:
            now = status(place, servers)
            if now.ready:
                yield place, False
                continue
            if now.way is Way.OTHERS:
                raise ServerFailed(
                    f"another program answers at {place.address}, and not as {place.title} does: {now.reason}"
                )
            if now.way is Way.NOBODY or now.way is Way.DOCKER:
                docker = compose.available() if docker is None else docker
                _start(place, servers, docker)
            until_ready(place.name, servers, READY_SECONDS, partial(_runs, place))
            yield place, True


def down(places: list[Place]) -> Iterator[tuple[Place, bool]]:
    """End what we started; yield each server and whether there was anything to end."""
    with _alone():
        for place in places:
            if _mark(place).exists():
                compose.stop(place)
                _mark(place).unlink()
                yield place, True
            elif native.pid(place, stack_folder()) is not None:
                native.stop(place, stack_folder())
                yield place, True
            else:
                yield place, False


def kill(place: Place) -> int:
    """End a server that we run natively as a crash does; return its process."""
    pid = native.pid(place, stack_folder())
    if pid is None:
        raise ServerFailed(
            f"{place.title} does not run natively here; `ita stack up --native {place.name}` starts it"
        )
    native.kill(place, stack_folder())
    return pid


def last_words(place: Place, lines: int) -> str:
    """Return the end of a server's log."""
    if _mark(place).exists():
        return compose.log(place, lines)
    path = native.log(place, stack_folder())
    if not path.exists():
        raise ServerFailed(f"{place.title} has no log in {path.parent}; it was not started from here")
    with path.open(encoding="utf-8", errors="replace") as file:
        return "".join(file.readlines()[-lines:])


def _start(place: Place, servers: Servers, docker: bool) -> None:
    if docker:
        if is_secured(place.name, servers):
            raise ServerFailed(
                f"{place.title} is configured with TLS, and infra/docker-compose.yml starts it without; "
                f"`ita stack up --native {place.name}` starts it with TLS and sign-in"
            )
        _mark(place).parent.mkdir(parents=True, exist_ok=True)
        _mark(place).touch()
        compose.start(place)
    else:
        native.start(place, stack_folder(), script_settings(place.name, servers))
        _mark(place).unlink(missing_ok=True)


def _runs(place: Place) -> bool:
    return _mark(place).exists() or native.pid(place, stack_folder()) is not None


def _mark(place: Place) -> Path:
    """Return the file that says that Docker runs a server for us."""
    return stack_folder() / place.name / DOCKER_MARK


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until nobody else starts or ends servers of this folder."""
    folder = stack_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
