"""Forcing files to the disk, so that what was written is there after the machine has failed."""

import os
from pathlib import Path


def synchronise(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
