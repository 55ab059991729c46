"""File systems so small that they are full soon."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.connectors.deadline import until

CHUNKS = (65_536, 512)


@contextmanager
def disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """Mount a file system of so many kilobytes on a folder that is made.

    It is taken away in the end, as soon as those that were killed have let go of their files.
    """
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=0755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small file system, and not everywhere")
    try:
        yield
    finally:
        until(lambda: subprocess.run(["umount", str(folder)], check=False).returncode == 0)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no room on the file system of a folder; give it back in the end."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in CHUNKS:
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError as failure:
                if failure.errno != errno.ENOSPC:
                    raise
    try:
        yield
    finally:
        filler.unlink()
