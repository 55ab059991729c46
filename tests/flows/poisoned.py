"""A source whose future is nonsense: every value that becomes known after an instant is replaced by chance."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from connectors.source import TickSource, Wrapped
from domain.instruments import Split
from domain.market import SECOND, Chunk, Condition, Kind, Ticks

ANY_CONDITION = int(sum(Condition))


class Poisoned(Wrapped):
    """The rows of `source` up to `poisoned_at` (ns UTC), and behind it rows that come when the true ones came.

    Prices are halved or doubled or anything between, sizes, conditions and the trades that cancels name are drawn anew,
    and rows are said to have happened up to a hundred seconds before they were known. A split that becomes known later
    has another ratio.
    """

    def __init__(self, source: TickSource, poisoned_at: int, seed: int = 1) -> None:
        super().__init__(source)
        self._poisoned_at, self._seed = poisoned_at, seed

    def splits(self) -> tuple[Split, ...]:
        """Return the splits, of another ratio where they are not known yet."""
        return tuple(
            split if split.known_at <= self._poisoned_at else msgspec.structs.replace(split, ratio=Decimal(7))
            for split in self._source.splits()
        )

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield the day's rows, nonsense from the instant on."""
        random = np.random.default_rng([self._seed, int(segment.replace("-", ""))])
        for chunk in self._source.read(segment, index, owned):
            yield chunk._replace(ticks=self._poison(chunk.ticks, random))

    def _poison(self, ticks: Ticks, random: np.random.Generator) -> Ticks:
        later = ticks.known_at > self._poisoned_at
        count = len(later)
        quotes = ticks.kind == Kind.QUOTE
        nonsense = {
            "event_at": ticks.known_at - random.integers(0, 100 * SECOND, count),
            "conditions": random.integers(0, ANY_CONDITION + 1, count).astype(np.uint32),
            "reference": ticks.sequence - random.integers(1, 50, count),
            "size": np.where(quotes, 0.0, random.integers(1, 10_000, count)),
        }
        for name in ("price", "bid", "ask"):
            nonsense[name] = getattr(ticks, name) * random.uniform(0.5, 2.0, count)
        for name in ("bid_size", "ask_size"):
            nonsense[name] = np.where(quotes, random.integers(0, 10_000, count).astype(float), 0.0)
        return ticks._replace(
            **{name: np.where(later, values, getattr(ticks, name)) for name, values in nonsense.items()}
        )
