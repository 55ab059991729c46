"""Servers without Docker: each by its script in infra/native, which installs, starts and ends it."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from apps.stack.passwords import read_secrets
from apps.stack.places import NATIVE, Place

LOG_LINES_SHOWN = 5


class ServerFailed(RuntimeError):
    """A server could not be installed, started or ended."""


def start(place: Place, folder: Path, settings: Mapping[str, str]) -> None:
    """Install the server where it is missing, and start it; raises ServerFailed with the script's words.

    `settings` are what its script takes beside the secrets of .env.
    """
    if place.host not in {"127.0.0.1", "localhost"}:
        raise ServerFailed(
            f"{place.title} is to be at {place.address}, which is not this machine's loopback; "
            "only servers on 127.0.0.1 are started"
        )
    said = _script(place, "start", folder, str(place.port), variables={**read_secrets(), **settings})
    if said.returncode:
        words = "\n".join(said.stderr.strip().splitlines()[-LOG_LINES_SHOWN:]) or "no words"
        raise ServerFailed(f"{place.title} did not start: {words}")


def stop(place: Place, folder: Path) -> None:
    """Ask the server to end, and make it end after its time."""
    _ended(place, _script(place, "stop", folder))


def kill(place: Place, folder: Path) -> None:
    """End the server by SIGKILL, as a crash does."""
    _ended(place, _script(place, "kill", folder))


def pid(place: Place, folder: Path) -> int | None:
    """Return the process that we started and that still lives."""
    if not (folder / place.name / "pid").exists():
        return None
    said = _script(place, "pid", folder).stdout.strip()
    return int(said) if said else None


def log(place: Place, folder: Path) -> Path:
    """Return where the server's words are."""
    return folder / place.name / "log"


def _ended(place: Place, said: subprocess.CompletedProcess[str]) -> None:
    if said.returncode:
        raise ServerFailed(f"{place.title} could not be ended: {said.stderr.strip()}")


def _script(
    place: Place, command: str, folder: Path, *arguments: str, variables: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a server's script; the server itself writes to its log, so nothing holds the pipes open."""
    script = NATIVE / f"{place.name}.sh"
    bash = shutil.which("bash")
    if bash is None or not script.exists():
        raise ServerFailed(f"{'bash' if bash is None else script} is missing; {place.title} needs it")
    return subprocess.run(  # noqa: S603  our own script, with names of our own
        [bash, str(script), command, str(folder / place.name), *arguments],
        env={**os.environ, **(variables or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
