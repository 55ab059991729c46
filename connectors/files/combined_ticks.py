"""Several sources read as one, in the one canonical order."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.files.canonical import canonical_chunks
from connectors.source import SourceError, TickSource
from domain.instruments import Instrument, Split
from domain.market import Chunk, Kind


def combine(sources: Sequence[TickSource]) -> TickSource:
    """Return one source with the rows of all.

    Sources may share days and instruments, but not rows of one kind of an instrument on one day: whose sequence such
    rows follow could not be said. Raises SourceError for none, and when such rows are read.
    """
    if not sources:
        raise SourceError("at least one source is needed; none was given")
    return sources[0] if len(sources) == 1 else CombinedTicks(sources)


class CombinedTicks:
    """What `combine` makes of several sources; its name is theirs, sorted and joined by `+`."""

    def __init__(self, sources: Sequence[TickSource]) -> None:
        self._sources = tuple(sources)
        names = sorted({source.name for source in sources})
        self.name = "+".join(names)
        self._ranks = [names.index(source.name) for source in sources]
        self._reference: dict[str, Instrument] = {}
        for instrument in (row for source in sources for row in source.reference()):
            if self._reference.setdefault(instrument.name, instrument) != instrument:
                raise SourceError(
                    f"two sources describe {instrument.name} differently; leave one out, or filter its instruments"
                )

    def instruments(self) -> tuple[str, ...]:
        """Return the names that any source holds, sorted."""
        return tuple(sorted({name for source in self._sources for name in source.instruments()}))

    def reference(self) -> tuple[Instrument, ...]:
        """Return what any source knows of its instruments, sorted by name."""
        return tuple(self._reference[name] for name in sorted(self._reference))

    def splits(self) -> tuple[Split, ...]:
        """Return the splits of all sources, each once, in order of effect."""
        known = {
            (split.effective_at, split.instrument): split for one in self._sources for split in one.splits()
        }
        return tuple(known[key] for key in sorted(known))

    def segments(self) -> tuple[str, ...]:
        """Return the days that any source holds."""
        return tuple(sorted({day for source in self._sources for day in source.segments()}))

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield the day's rows of all sources in canonical order; raises SourceError."""
        holders = [
            (source, rank)
            for source, rank in zip(self._sources, self._ranks, strict=True)
            if segment in source.segments()
        ]
        claims = np.full((len(Kind), len(owned)), -1, np.int64)
        streams = [
            self._claimed(number, source.read(segment, index, owned), claims, segment, index)
            for number, (source, _) in enumerate(holders)
        ]
        return canonical_chunks(streams, [rank for _, rank in holders])

    def _claimed(
        self,
        number: int,
        chunks: Iterator[Chunk],
        claims: NDArray[np.int64],
        day: str,
        index: Mapping[str, int],
    ) -> Iterator[Chunk]:
        """Hand a source's chunks on, raising SourceError where another source has rows of the same kind."""
        for chunk in chunks:
            ticks = chunk.ticks
            kinds = np.zeros(len(ticks.instrument), np.uint8) if ticks.kind is None else ticks.kind
            pairs = np.unique(kinds.astype(np.int64) * claims.shape[1] + ticks.instrument)
            held = claims.reshape(-1)[pairs]
            taken = np.flatnonzero((held >= 0) & (held != number))
            if len(taken):
                kind, which = divmod(int(pairs[taken[0]]), claims.shape[1])
                name = next(name for name, at in index.items() if at == which)
                raise SourceError(
                    f"two sources hold {Kind(kind).name.lower()} rows of {name} on {day}; leave one source out"
                )
            claims.reshape(-1)[pairs] = number
            yield chunk
