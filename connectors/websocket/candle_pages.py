"""How a venue tells the candles of its past over REST: where a page is asked for, and how its rows are written.

A candle is what the venue itself counts of an interval; it is whole once the interval is over, and it is not told again
when a trade of it was cancelled. An interval without a trade has no row at some venues and one without volume at
others.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from connectors.source import SourceError
from connectors.websocket.fields import SECOND, Fields, Scratch, Shape, Texts
from connectors.websocket.rest import Requests
from domain.market import Float64, Int64

PAGES_MAX = 10_000


class Candles(NamedTuple):
    """Candles in order of time: when each opens (ns UTC), its prices, its volume in coins or contracts.

    `page` says which of the requests told it.
    """

    open_at: Int64
    open: Float64
    high: Float64
    low: Float64
    close: Float64
    volume: Float64
    page: Int64


class Told(NamedTuple):
    """Candles, and the paths that were asked for them."""

    candles: Candles
    paths: tuple[str, ...]


@dataclass(frozen=True)
class CandlePages:
    """One venue's candles. `intervals` are the lengths that it has (s), with its own word for each.

    `asked` returns the path that asks for the candles of a symbol and a word which open from one instant to another,
    both among them (ns UTC). `columns` are the paths in a row of opening (in `unit`), open, high, low, close, volume;
    `page` is how many rows an answer may have, `latest` how many back from now the venue tells, 0 where it tells all.
    """

    intervals: Mapping[int, str]
    asked: Callable[[str, str, int, int], str]
    columns: tuple[str, str, str, str, str, str] = ("0", "1", "2", "3", "4", "5")
    unit: int = SECOND
    rows: str = "rows"
    page: int = 1000
    latest: int = 0

    def read(self, body: bytes, address: str, page: int) -> Candles:
        """Return the candles of an answer; raises SourceError where it is none."""
        needed, optional = ((), (self.rows,)) if "*" in self.rows else ((self.rows,), ())
        shape = Shape(*needed, optional=optional, lists=(self.rows,), row=Shape(*self.columns))
        fields = Fields.of(Texts.of([b'{"rows":' + body + b"}"]), shape, Scratch())
        rows = fields.rows
        at = rows.instants(self.columns[0], unit=self.unit)
        opened, high, low, close, volume = (rows.floats(path) for path in self.columns[1:])
        sound = (low > 0) & (low <= np.minimum(opened, close)) & (high >= np.maximum(opened, close))
        sound &= np.isfinite(high) & np.isfinite(volume) & (volume >= 0)
        rows.doubt(~sound, lambda _: "open and close of a candle lie from low, above 0, to high")
        fields.believed_rows(rows)
        if fields.doubted.any() or not fields.given(self.rows).any():
            why = fields.reasons.get(0, f"nothing is at {self.rows!r}")
            raise SourceError(f"{address} was not answered with candles ({why}); see what it tells")
        return Candles(at, opened, high, low, close, volume, np.full(len(at), page))


def candles_between(
    pages: CandlePages, symbol: str, seconds: int, bounds: tuple[int, int], requests: Requests, now_at: int
) -> Told:
    """Return the candles that open from one instant until before another, and are over now (ns UTC).

    Raises SourceError for a length that the venue has not, too long a time, and answers that are none; RequestFailed.
    """
    if seconds not in pages.intervals:
        known = ", ".join(f"{each}" for each in sorted(pages.intervals))
        raise SourceError(f"the venue has candles of {known} s; {seconds} was given")
    step = seconds * SECOND
    start, stop = -(-bounds[0] // step) * step, min(bounds[1], now_at - step + 1)
    if pages.latest and start < now_at - pages.latest * step:
        raise SourceError(
            f"the venue tells its last {pages.latest} candles alone, which does not reach so far back; take longer "
            "ones, later days, or make bars of its trades"
        )
    if (stop - start) // (step * pages.page) >= PAGES_MAX:
        raise SourceError(
            f"that is more than {PAGES_MAX} requests; ask for fewer days, or for longer candles"
        )
    parts, paths = [], []
    for number, first in enumerate(range(start, stop, pages.page * step)):
        last = min(first + (pages.page - 1) * step, stop - 1)
        path = pages.asked(symbol, pages.intervals[seconds], first, last)
        told = pages.read(requests.get(path), requests.url + path, number)
        kept = (told.open_at >= first) & (told.open_at <= last) & (told.open_at % step == 0)
        parts.append(Candles._make(column[kept] for column in told))
        paths.append(path)
    if not parts:
        parts = [Candles(np.empty(0, np.int64), *(np.empty(0),) * 5, np.empty(0, np.int64))]
    whole = Candles._make(np.concatenate(columns) for columns in zip(*parts, strict=True))
    _, single = np.unique(whole.open_at, return_index=True)
    return Told(Candles._make(column[single] for column in whole), tuple(paths))
