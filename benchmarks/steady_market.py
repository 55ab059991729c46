"""A market of even pace for measuring: sparse history first, then so many ticks a second, half trades and half quotes.

Every instrument takes its turn, prices walk in ticks of a cent, and the same seed gives the same rows.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from connectors.source import SEQUENCES_PER_DAY
from domain.instruments import Instrument, Split
from domain.market import SECOND, Chunk, Kind, Ticks, complete_ticks, row_count, select

DAY = "2024-03-07"
OPENS_AT = int(np.datetime64(f"{DAY}T14:30:00", "ns").astype(np.int64))
"""09:30 in New York, ns UTC."""

CHUNK_ROWS = 65_536


class SteadyMarket:
    """`history_seconds` from the open on, with a row of each kind and instrument each `sparse_seconds`; then
    `seconds` of event time with `rate` rows a second."""

    name = "steady"

    def __init__(
        self, instruments: int, history_seconds: int, seconds: float, rate: float, sparse_seconds: int = 5
    ) -> None:
        if instruments < 1 or seconds <= 0 or rate <= 0:
            raise ValueError(
                "a steady market needs instruments, seconds and a rate above 0; "
                f"{instruments}, {seconds} and {rate} were given"
            )
        self._names = tuple(f"S{number:04d}" for number in range(instruments))
        self.live_at = OPENS_AT + history_seconds * SECOND
        self._ticks = _rows(instruments, self.live_at, sparse_seconds, int(seconds * rate), rate)

    def __len__(self) -> int:
        return row_count(self._ticks)

    def known_at(self) -> NDArray[np.int64]:
        """Return when each row is known (ns UTC), in order."""
        return self._ticks.known_at

    def instruments(self) -> tuple[str, ...]:
        return self._names

    def reference(self) -> tuple[Instrument, ...]:
        return tuple(Instrument(name=name, issuer=name) for name in self._names)

    def splits(self) -> tuple[Split, ...]:
        return ()

    def segments(self) -> tuple[str, ...]:
        return (DAY,)

    def read(self, _segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        places = np.array([index[name] for name in self._names], np.int32)
        for start in range(0, row_count(self._ticks), CHUNK_ROWS):
            ticks = select(self._ticks, slice(start, start + CHUNK_ROWS))
            which = places[ticks.instrument]
            yield Chunk(select(ticks._replace(instrument=which), owned[which]))


def _rows(instruments: int, live_at: int, sparse_seconds: int, live_rows: int, rate: float) -> Ticks:
    width = 2 * instruments
    steps = (live_at - OPENS_AT) // (sparse_seconds * SECOND)
    sparse = np.repeat(np.arange(steps) * sparse_seconds * SECOND, width)
    sparse += np.tile(np.arange(width) * (sparse_seconds * SECOND // width), steps)
    live = live_at - OPENS_AT + (np.arange(live_rows) * (SECOND / rate)).astype(np.int64)
    event_at = OPENS_AT + np.concatenate([sparse, live])
    count = len(event_at)
    turn = np.arange(count) % width
    instrument, quoted = turn % instruments, turn >= instruments
    price = _walk(event_at, instrument, instruments) / 100
    sequence = int(np.datetime64(DAY, "D").astype(np.int64)) * SEQUENCES_PER_DAY + np.arange(1, count + 1)
    lots = np.random.default_rng(11).integers(1, 20, count) * 100.0
    nothing = np.full(count, np.nan)
    return complete_ticks(
        {
            "event_at": event_at,
            "instrument": instrument,
            "kind": np.where(quoted, int(Kind.QUOTE), int(Kind.TRADE)),
            "sequence": sequence,
            "venue": np.full(count, ord("Q")),
            "price": np.where(quoted, nothing, price),
            "size": np.where(quoted, 0.0, lots),
            "bid": np.where(quoted, price - 0.01, nothing),
            "bid_size": np.where(quoted, lots, 0.0),
            "ask": np.where(quoted, price + 0.01, nothing),
            "ask_size": np.where(quoted, lots, 0.0),
        }
    )


def _walk(
    event_at: NDArray[np.int64], instrument: NDArray[np.int64], instruments: int
) -> NDArray[np.float64]:
    """Return a price in cents for each row: each instrument walks from 100 with about 30 % a year."""
    draws = np.random.default_rng(7).normal(0.0, 10_000 * 0.3 / np.sqrt(252 * 23_400), len(instrument))
    cents = np.empty(len(instrument))
    for which in range(instruments):
        mine = np.flatnonzero(instrument == which)
        seconds = np.diff(event_at[mine], prepend=event_at[mine[:1]]) / SECOND
        cents[mine] = np.rint(10_000 + np.cumsum(draws[mine] * np.sqrt(seconds)))
    return np.maximum(cents, 100.0)
