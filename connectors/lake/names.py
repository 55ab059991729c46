"""Names of published files, which say what a file holds and which other files it stands for.

A file of the writer is `<topic>/date=<UTC date>/<shard>-<first>.parquet`. A joined file is named
`<shard>-<first>-<last>.parquet`: it stands for every file of that folder and shard whose `first` lies from `first` to
`last`. Whoever lists a folder and leaves out what another file of the list stands for has each row once, whatever
moment of a compaction the list is of.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

_FILE = re.compile(
    r"(?:(?P<folder>.+)/)?(?P<shard>[A-Za-z0-9_.]+)-(?P<first>\d+)(?:-(?P<last>\d+))?\.parquet"
)


class FileSpan(NamedTuple):
    """What a name says: the folder, the shard, and which first rows the file stands for."""

    folder: str
    shard: str
    first: int
    last: int

    def covers(self, other: "FileSpan") -> bool:
        """Say whether this file stands for another one."""
        return (
            self != other and self[:2] == other[:2] and self.first <= other.first and other.last <= self.last
        )


def shelf_mark(topic: str, day: int, shard: str, first: int) -> str:
    """Return the name of a file: `day` in days since 1970-01-01, `first` the number of its first row."""
    return f"{topic}/date={np.datetime64(day, 'D')}/{shard}-{first:012d}.parquet"


def joined_mark(parts: Sequence[FileSpan]) -> str:
    """Return the name of the file that stands for files of one folder and shard, given in their order."""
    first, last = parts[0], parts[-1]
    return f"{first.folder}/{first.shard}-{first.first:012d}-{last.last:012d}.parquet"


def span_of(mark: str) -> FileSpan | None:
    """Return what a name says, None where it is no name of ours."""
    found = _FILE.fullmatch(mark)
    if found is None:
        return None
    first = int(found["first"])
    return FileSpan(found["folder"] or "", found["shard"], first, int(found["last"] or first))


def is_joined(mark: str) -> bool:
    """Say whether a name is that of a joined file."""
    found = _FILE.fullmatch(mark)
    return found is not None and found["last"] is not None


def covered_by(marks: Iterable[str]) -> dict[str, str]:
    """Return the files that another file of the list stands for, and that other file: the widest one."""
    spans = {mark: span for mark in marks if (span := span_of(mark)) is not None}
    joined: dict[tuple[str, str], list[str]] = defaultdict(list)
    for mark in filter(is_joined, spans):
        joined[spans[mark][:2]].append(mark)
    found: dict[str, str] = {}
    for mark, span in spans.items():
        wider = [other for other in joined.get(span[:2], ()) if spans[other].covers(span)]
        if wider:
            found[mark] = max(wider, key=lambda other: spans[other].last - spans[other].first)
    return found


def files_of(lake: Path, topic: str) -> list[Path]:
    """Return the files of a topic that hold its rows, each row once, in order of their paths."""
    listed = {str(path.relative_to(lake)): path for path in sorted((lake / topic).glob("date=*/*.parquet"))}
    covered = covered_by(listed)
    return [path for mark, path in listed.items() if mark not in covered]
