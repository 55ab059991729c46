"""What every source of ticks promises, and how one says that it cannot be read."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from domain.controls import Control
from domain.instruments import Instrument, Split
from domain.market import Chunk

CHUNK_ROWS = 262_144
"""About how many rows a source hands on at a time."""

SEQUENCES_PER_DAY = 2**32
"""`sequence` is the day in days since 1970-01-01 times this, plus the row of the day counted from 1."""


class SourceError(ValueError):
    """A source that cannot be read: says what is wrong, what was given, what is allowed and what to do."""


class TickSource(Protocol):
    """A place that ticks can be read from again and again, always the same.

    `name` says what wrote the ticks ("lean", "simulator"); it is part of the record id of each row.
    """

    @property
    def name(self) -> str:
        """Return the name of the source as rows carry it."""
        ...

    def instruments(self) -> tuple[str, ...]:
        """Return the names of the instruments that the source holds, sorted."""
        ...

    def reference(self) -> tuple[Instrument, ...]:
        """Return what the source knows of its instruments; files know nothing."""
        ...

    def splits(self) -> tuple[Split, ...]:
        """Return the splits that the source knows of, in order of effect."""
        ...

    def segments(self) -> tuple[str, ...]:
        """Return the days that the source holds, as ISO dates of New York, in order."""
        ...

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield one day's rows of the instruments with `owned[index[name]]`, in canonical order.

        The order (known_at, kind, instrument, source, sequence) holds within and across chunks, and rows of one
        instant are never split over two chunks. `index` maps names to universe indices. Which rows an instrument
        has does not depend on which others are owned. Malformed rows ride with the chunk where they stood; one
        that names no instrument belongs to the owner of index 0. Raises SourceError where the data cannot be read.
        """
        ...


@runtime_checkable
class Commanded(Protocol):
    """A source that was recorded by a desk, and knows which commands took effect then."""

    def controls(self) -> tuple[Control, ...]:
        """Return them in order of effect."""
        ...


class Wrapped:
    """What a source holds, for a source that adds something to the rows of another one."""

    def __init__(self, source: TickSource) -> None:
        self._source = source
        self.name = source.name

    def instruments(self) -> tuple[str, ...]:
        """Return the instruments of the source."""
        return self._source.instruments()

    def reference(self) -> tuple[Instrument, ...]:
        """Return what the source knows of them."""
        return self._source.reference()

    def splits(self) -> tuple[Split, ...]:
        """Return the splits that the source itself knows of."""
        return self._source.splits()

    def controls(self) -> tuple[Control, ...]:
        """Return the commands of a recorded run."""
        return self._source.controls() if isinstance(self._source, Commanded) else ()

    def segments(self) -> tuple[str, ...]:
        """Return the days of the source."""
        return self._source.segments()


def nearest(given: str, allowed: Iterable[str]) -> str:
    """Return up to five allowed words, the most similar first, for an error message."""
    words = sorted(allowed)
    near = difflib.get_close_matches(given, words, 3) or words[:5]
    return ", ".join(near) or "none"


def one_of(what: str, given: str, allowed: Iterable[str], remedy: str) -> None:
    """Raise SourceError where `given` is not allowed, naming the nearest words that are."""
    words = tuple(allowed)
    if given not in words:
        raise SourceError(f"unknown {what} {given!r}; the nearest held: {nearest(given, words)}; {remedy}")


def selected_names(held: Iterable[str], wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the held names that are wanted (all where `wanted` is None), sorted; raises SourceError."""
    names = tuple(sorted(set(held)))
    for name in wanted or ():
        one_of("instrument", name, names, "name instruments that the source holds")
    return names if wanted is None else tuple(sorted(set(wanted)))


def selected_days(held: Iterable[str], first: str | None, last: str | None, place: object) -> tuple[str, ...]:
    """Return the held days from `first` to `last` (ISO dates, inclusive), sorted; raises SourceError for none."""
    days = tuple(sorted(set(held)))
    for given in (first, last):
        if given is not None and not _is_date(given):
            raise SourceError(f"a date is written YYYY-MM-DD; {given!r} was given")
    chosen = tuple(day for day in days if (first or day) <= day <= (last or day))
    if not chosen:
        have = f"{days[0]} to {days[-1]} ({len(days)} days)" if days else "no day at all"
        raise SourceError(
            f"no day from {first or 'the first'} to {last or 'the last'} in {place}; it holds {have}"
        )
    return chosen


def _is_date(text: str) -> bool:
    try:
        return len(text) == 10 and np.datetime64(text, "D").item().isoformat() == text
    except ValueError:
        return False
