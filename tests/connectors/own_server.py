"""A server of a test's own, started by the scripts of infra/native in a folder that is thrown away."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


class OwnServer:
    """One server on a port of loopback, a free one where none is given; `kill` and `start` again keep its data."""

    def __init__(self, name: str, folder: Path, secrets: dict[str, str], port: int | None = None) -> None:
        self._script = ROOT / "infra" / "native" / f"{name}.sh"
        self._folder, self._secrets = folder, secrets
        self.port = port or free_port()

    def start(self) -> None:
        """Start it; one that was killed may stay a zombie for some seconds, and its place is not free before."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self._run("start", str(self._folder), str(self.port))
            except subprocess.CalledProcessError:
                if time.monotonic() > deadline:
                    raise

    @staticmethod
    def is_installed(binary: str) -> bool:
        """Say whether a binary that infra/native builds is in its cache."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return (cache / "ita" / binary).exists()

    def kill(self) -> None:
        self._run("kill", str(self._folder))

    def remove(self) -> None:
        self.kill()
        elsewhere = self._folder / "data.place"
        if elsewhere.exists():
            shutil.rmtree(elsewhere.read_text().strip(), ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, *words: str) -> None:
        subprocess.run(
            ["bash", str(self._script), *words],
            check=True,
            timeout=120,
            env={**os.environ, **self._secrets},
            stdout=subprocess.DEVNULL,
        )


def absent(reason: str) -> None:
    """Leave the test out, or fail where every server has to be there."""
    if os.environ.get("ITA_SERVED") == "required":
        pytest.fail(reason)
    pytest.skip(reason)
