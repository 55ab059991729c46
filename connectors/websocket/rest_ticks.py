"""The trades of a venue's past as a source of ticks: days of New York, asked for over REST, page by page.

What a venue tells of a day that is over stays the same, so that a replay of it does too. A trade was known when it
happened. Pages are asked for no faster than the venue allows (`connectors/websocket/rest.py`).
"""

import datetime
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from connectors.files.new_york import day_bounds, day_number
from connectors.source import SEQUENCES_PER_DAY, SourceError
from connectors.websocket.clock import MachineClock
from connectors.websocket.reference import listed_instruments
from connectors.websocket.rest import RequestFailed, Requests
from connectors.websocket.trade_pages import NO_TRADES, Page, TradePages
from connectors.websocket.venue import Venue
from domain.instruments import Instrument, Split
from domain.market import Chunk, Kind, Ticks, canonical_order, complete_ticks, concatenate, select

DAYS_MAX = 366
Ask = Callable[[str], Page]


class RestTicks:
    """Trades of `symbols` (by instrument) of a venue from one ISO date to another, both among them.

    Raises SourceError for dates that are none, too many of them or in the future, and for a venue that does not tell
    its past; RequestFailed where it does not answer.
    """

    def __init__(
        self, venue: Venue, rest_url: str, symbols: Mapping[str, str], first: str, last: str
    ) -> None:
        if venue.history is None:
            raise SourceError(
                f"{venue.name} tells only its latest trades over REST; record it with `ita run desk --source "
                f"{venue.name}:...` and replay the recording"
            )
        self.name, self._pages, self._symbols = venue.name, venue.history, dict(symbols)
        self._clock = MachineClock()
        self._requests = Requests(rest_url, venue.requests_per_second, self._clock)
        self._days = _days(first, last, self._clock.now())
        self._reference = listed_instruments(venue, self._symbols, self._requests)

    def instruments(self) -> tuple[str, ...]:
        """Return the instruments that were asked for, sorted."""
        return tuple(sorted(self._symbols))

    def reference(self) -> tuple[Instrument, ...]:
        """Return what the venue says of them."""
        return self._reference

    def splits(self) -> tuple[Split, ...]:
        """Return nothing: coins do not split."""
        return ()

    def segments(self) -> tuple[str, ...]:
        """Return the days."""
        return self._days

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield the day's trades of the owned instruments in canonical order; raises SourceError."""
        parts = []
        for name in self.instruments():
            if name in index and owned[index[name]]:
                try:
                    page = trades_between(
                        self._pages, self._symbols[name], day_bounds(segment), self._requests
                    )
                except RequestFailed as failure:
                    raise SourceError(
                        f"the trades of {name} on {segment} cannot be had: {failure}"
                    ) from failure
                parts.append(_ticks(page, index[name], segment))
        if parts:
            together = concatenate(parts)
            yield Chunk(select(together, canonical_order(together)))


def trades_between(pages: TradePages, symbol: str, bounds: tuple[int, int], requests: Requests) -> Page:
    """Return a symbol's trades from one instant until before another (ns UTC); raises SourceError, RequestFailed."""

    def ask(path: str) -> Page:
        return pages.page(requests.get(path), requests.url + path)

    walk = _backwards(pages, symbol, bounds, ask) if pages.before else _forwards(pages, symbol, bounds, ask)
    found = list(walk) or [NO_TRADES]
    whole = Page._make(np.concatenate(columns) for columns in zip(*found, strict=True))
    _, first = np.unique(whole.number, return_index=True)
    whole = Page._make(column[first] for column in whole)
    return whole.where((whole.at >= bounds[0]) & (whole.at < bounds[1]))


def _forwards(pages: TradePages, symbol: str, bounds: tuple[int, int], ask: Ask) -> Iterator[Page]:
    """Yield pages from the first trade on, as long as they go on."""
    since = pages.since
    if since is None:
        raise ValueError("pages of trades are asked for by an instant or backwards; neither is given")
    start, stop = bounds
    reach = pages.window or stop - start
    page = ask(since(symbol, start, min(start + reach, stop)))
    while not len(page.at) and start + reach < stop:
        start += reach
        page = ask(since(symbol, start, min(start + reach, stop)))
    while len(page.at):
        yield page
        number, at = int(page.number[-1]), int(page.at[-1])
        if at >= stop:
            return
        page = ask(pages.after(symbol, number) if pages.after else since(symbol, at, stop))
        page = page.where(page.number > number)


def _backwards(pages: TradePages, symbol: str, bounds: tuple[int, int], ask: Ask) -> Iterator[Page]:
    """Yield pages from the last trade before the end back to the first one."""
    before = pages.before
    if before is None:
        raise ValueError("pages that are read backwards are asked for by a number; none is given")
    start, stop = bounds
    page = ask(before(symbol, 0))
    low, high = 0, int(page.number[0]) if len(page.at) else 0
    while len(page.at) and page.at[0] >= stop and low + 1 < high:
        middle = (low + high) // 2
        tried = ask(before(symbol, middle + 1))
        if not len(tried.at):
            low = middle
        elif tried.at[0] >= stop:
            page, high = tried, int(tried.number[0])
        elif tried.at[-1] >= stop:
            page = tried
        else:
            low = middle
    while len(page.at):
        yield page
        if page.at[0] < start:
            return
        page = ask(before(symbol, int(page.number[0])))


def _ticks(page: Page, which: int, day: str) -> Ticks:
    """Return trades as rows, in order of time and number."""
    order = np.lexsort((page.number, page.at))
    count = len(order)
    return complete_ticks(
        {
            "event_at": page.at[order],
            "known_at": page.at[order],
            "instrument": np.full(count, which, np.int32),
            "kind": np.full(count, Kind.TRADE, np.uint8),
            "price": page.price[order],
            "size": page.size[order],
            "bid": np.full(count, np.nan),
            "bid_size": np.zeros(count),
            "ask": np.full(count, np.nan),
            "ask_size": np.zeros(count),
            "sequence": day_number(day) * SEQUENCES_PER_DAY + 1 + np.arange(count),
        }
    )


def _days(first: str, last: str, now_at: int) -> tuple[str, ...]:
    """Return the days that are asked for, which are over; raises SourceError."""
    try:
        begin, end = (datetime.date.fromisoformat(given) for given in (first, last))
    except ValueError as failure:
        raise SourceError(f"a date is written YYYY-MM-DD; {failure}") from failure
    count = (end - begin).days + 1
    if not 0 < count <= DAYS_MAX:
        raise SourceError(f"history is asked for from 1 to {DAYS_MAX} days; {first} to {last} was given")
    if day_bounds(last)[1] > now_at:
        raise SourceError(f"history is of days that are over in New York; {last} is not")
    return tuple((begin + datetime.timedelta(days=number)).isoformat() for number in range(count))
