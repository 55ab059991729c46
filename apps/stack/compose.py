"""Servers with Docker: the services of infra/docker-compose.yml, where an engine answers."""

import shutil
import subprocess

from apps.stack.native import ServerFailed
from apps.stack.places import COMPOSE, Place
from config.servers import environment_file

PROJECT = "ita"
SERVICES = frozenset({"kafka", "influx", "s3", "postgres", "redis"})
ANSWER_SECONDS = 20
START_SECONDS = 900
"""Images may have to be fetched first."""


def available() -> bool:
    """Return whether an engine answers, and Docker knows `compose`."""
    return all(
        _docker(command, ANSWER_SECONDS).returncode == 0 for command in (["info"], ["compose", "version"])
    )


def start(place: Place) -> None:
    """Start a server's service and wait for its health check; raises ServerFailed with Docker's words."""
    if place.name not in SERVICES:
        raise ServerFailed(
            f"{place.title} is no service of {COMPOSE.name}; `--native` starts it without Docker"
        )
    _compose(place, "up", "--detach", "--wait", place.name)


def stop(place: Place) -> None:
    """Stop a server's service; its volume stays."""
    _compose(place, "stop", place.name)


def running(place: Place) -> bool:
    """Return whether the service runs that we started."""
    return bool(_compose(place, "ps", "--quiet", "--status", "running", place.name).strip())


def log(place: Place, lines: int) -> str:
    """Return a service's last words."""
    return _compose(place, "logs", "--no-log-prefix", "--tail", str(lines), place.name)


def _compose(place: Place, *words: str) -> str:
    fixed = [
        "compose",
        "--file",
        str(COMPOSE),
        "--project-name",
        PROJECT,
        "--env-file",
        str(environment_file()),
    ]
    said = _docker([*fixed, *words], START_SECONDS)
    if said.returncode:
        raise ServerFailed(f"{place.title}: docker compose {words[0]}: {said.stderr.strip()}")
    return said.stdout


def _docker(words: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
    docker = shutil.which("docker")
    if docker is None:
        return subprocess.CompletedProcess(words, 127, "", "docker is not there")
    try:
        return subprocess.run(  # noqa: S603  names of our own
            [docker, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, "", f"no answer in {seconds:.0f} s")
