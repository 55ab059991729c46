"""A simulated market whose feed says of itself how it stands, for the tests of what becomes of that."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.simulator.source import Simulator, settings_of
from domain.health import HealthState, MarketHealth, in_order, market_health
from domain.market import SECOND, Chunk, row_count, select

MARKET = "seed=7,instruments=4,days=2,ticks=3000"
CHUNK_ROWS = 400
STATES = (HealthState.GAP, HealthState.FRESH, HealthState.MUTE, HealthState.FRESH)


class Told:
    """The simulator in small chunks, with health of every instrument between the rows and at their instants."""

    def __init__(self, market: str = MARKET) -> None:
        self._source = Simulator(settings_of(market))
        self.name = self._source.name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield the day's rows, and what is said of owned instruments by the end of each chunk."""
        said = [row for row in self.said(segment) if owned[index[row.instrument]]]
        for whole in self._source.read(segment, index, owned):
            for start in range(0, row_count(whole.ticks), CHUNK_ROWS):
                ticks = select(whole.ticks, slice(start, start + CHUNK_ROWS))
                last_at = int(ticks.known_at[-1])
                yield Chunk(ticks, (), tuple(row for row in said if row.known_at <= last_at))
                said = [row for row in said if row.known_at > last_at]
        if said:
            yield Chunk(select(ticks, slice(0, 0)), (), tuple(said))

    def said(self, segment: str) -> tuple[MarketHealth, ...]:
        """Return what is said on a day: each instrument changes its state every hour from 09:31 in New York on."""
        opens_at = int(np.datetime64(f"{segment}T14:31", "ns").astype(np.int64))
        day = self._source.segments().index(segment)
        return in_order(
            market_health(
                name,
                STATES[hour % len(STATES)],
                "said by the feed",
                source=self.name,
                sequence=day * 100 + hour + 1,
                event_at=opens_at + hour * 3600 * SECOND + which,
                known_at=opens_at + hour * 3600 * SECOND + which,
            )
            for which, name in enumerate(self._source.instruments())
            for hour in range(14)
        )
