"""Hashes the stretches of a long log on every processor, some ahead of who asks for them.

A stretch says itself which row it follows, by its first line. So each is hashed beside the others, and counts only
where that row is the one that the check has come to; else it is looked at line by line. Processes are forked, so only
where no other thread of Python runs that might hold a lock just then.
"""

import os
import threading
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from typing import NamedTuple

from connectors.audit.blocks import block_hashes
from connectors.audit.findings import number_of
from connectors.audit.line_scan import HASH
from connectors.audit.rows import row_of
from connectors.audit.stretches import Stretch, blocks

LONG_BYTES = 64 * 1024 * 1024
AHEAD = 3
"""Stretches for each process that are hashed before they are asked for."""


class Followed(NamedTuple):
    """A stretch that follows from row `number` whose hash is `previous`; the hashes of its rows, end to end."""

    previous: bytes
    number: int
    hashes: bytes

    def each(self) -> list[bytes]:
        """Return the hashes one by one."""
        return [self.hashes[at : at + HASH] for at in range(0, len(self.hashes), HASH)]


def hashed(parts: Sequence[Stretch]) -> Iterator[tuple[Stretch, Followed | None]]:
    """Yield the stretches of a log in order, those of a long log with what they came to by themselves."""
    processes = len(os.sched_getaffinity(0))
    size = sum(part.stop - part.start for part in parts)
    if size < LONG_BYTES or processes == 1 or threading.active_count() > 1:
        yield from ((part, None) for part in parts)
        return
    with ProcessPoolExecutor(processes, get_context("fork")) as pool:
        asked = (_asked(pool, part) for part in parts)
        waiting = deque(islice(asked, AHEAD * processes))
        while waiting:
            part, ahead = waiting.popleft()
            followed = ahead.result()
            waiting.extend(islice(asked, 1))
            yield part, followed


def _asked(pool: ProcessPoolExecutor, part: Stretch) -> tuple[Stretch, "Future[Followed | None]"]:
    with warnings.catch_warnings():
        # numpy keeps threads of its own, which it ends before a fork and begins again after it
        warnings.simplefilter("ignore", DeprecationWarning)
        return part, pool.submit(followed_from_itself, part)


def followed_from_itself(part: Stretch) -> Followed | None:
    """Return what a stretch comes to from the row that its first line names, None where a line does not follow."""
    made: list[bytes] = []
    begun: tuple[bytes, int] | None = None
    last, number = b"", 0
    for block in blocks(part):
        if begun is None:
            row = row_of(block[: block.index(b"\n")])
            said = number_of(row.entry) if row else None
            if row is None or said is None:
                return None
            last, number = begun = row.previous, said - 1
        hashes = block_hashes(block, last, number)
        if hashes is None:
            return None
        made += hashes
        last, number = hashes[-1], number + len(hashes)
    return None if begun is None else Followed(*begun, b"".join(made))
