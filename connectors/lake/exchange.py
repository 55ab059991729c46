"""Two folders change places in one step, where the operating system can do it (Linux, `renameat2`)."""

import ctypes
import os
from pathlib import Path

_HERE = -100
"""AT_FDCWD of fcntl.h: relative paths are of the working directory."""
_EXCHANGE = 2
"""RENAME_EXCHANGE of linux/fs.h."""


def exchanged(left: Path, right: Path) -> bool:
    """Have two folders change places; say whether it was done: False where the system or file system cannot."""
    call = getattr(ctypes.CDLL(None), "renameat2", None)
    if call is None:
        return False
    return bool(call(_HERE, os.fsencode(left), _HERE, os.fsencode(right), _EXCHANGE) == 0)
