"""Best quotes: what is the best bid and offer over all venues after each row?

Key     shard
In      MarketBatch with good ticks
Out     MarketBatch whose ticks have `best_bid`, `best_bid_size`, `best_ask`, `best_ask_size`
State   per instrument and venue, both sides; cleared when the first row of a new trading day is known
Time    none of its own; a trading day ends with its post-market session
Silence never: every row gets its best quotes, NaN where a side is not quoted
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.market import SECOND, Kind, MarketBatch, Ticks, row_count, select
from domain.sessions import SessionTable
from operators.stage import Stage

VENUES = 27
SIDE = np.dtype(
    [("price", np.float64, (VENUES,)), ("size", np.float64, (VENUES,)), ("at", np.int64, (VENUES,))],
    align=True,
)
BEST = np.dtype(
    [("bid", np.float64), ("bid_size", np.float64), ("ask", np.float64), ("ask_size", np.float64)], align=True
)
_QUOTE = int(Kind.QUOTE)


@dataclass(frozen=True)
class BestQuotesParams:
    """How many instruments there are, when a trading day begins, and how long a quote may stand crossed.

    A venue's side that a newer quote of another venue crosses is taken as gone when it is older than
    `crossed_nanoseconds`: the venue's own withdrawal was never seen (standards.md 6.4, crossed for more than a second).
    """

    instruments: int
    sessions: SessionTable | None
    crossed_nanoseconds: int = SECOND

    def __post_init__(self) -> None:
        """Refuse a time that runs backwards."""
        if self.crossed_nanoseconds < 0:
            raise ValueError(f"crossed_nanoseconds is at least 0; {self.crossed_nanoseconds} was given")


@dataclass
class BestQuotesState:
    """All the memory of one shard; prices of 0 are no quote."""

    bids: NDArray[np.void]
    asks: NDArray[np.void]
    best: NDArray[np.void]
    day: int = 0


@njit(cache=True, nogil=True, error_model="numpy")
def _best(prices, sizes, which, sign):  # type: ignore[no-untyped-def]
    """Return best price and the size displayed at it over all venues; NaN and 0 where nobody quotes."""
    best, shown = np.nan, 0.0
    for venue in range(prices.shape[1]):
        price = prices[which, venue]
        if price > 0.0:
            if np.isnan(best) or (price - best) * sign > 0.0:
                best, shown = price, sizes[which, venue]
            elif price == best:
                shown += sizes[which, venue]
    return best, shown


@njit(cache=True, nogil=True, error_model="numpy")
def _evict(prices, ages, against, against_ages, which, sign, before):  # type: ignore[no-untyped-def]
    """Take away the quotes older than `before` that a newer quote of the other side crosses."""
    for venue in range(prices.shape[1]):
        held, since = prices[which, venue], ages[which, venue]
        if held > 0.0 and since < before:
            for other in range(against.shape[1]):
                price = against[which, other]
                if price > 0.0 and (price - held) * sign > 0.0 and against_ages[which, other] > since:
                    prices[which, venue] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def consolidate(  # type: ignore[no-untyped-def]
    known_at,
    instrument,
    kind,
    venue,
    bid,
    bid_size,
    ask,
    ask_size,
    bids,
    asks,
    best,
    patience,
    out_bid,
    out_bid_size,
    out_ask,
    out_ask_size,
):
    """Follow each venue's sides and write the best of all after every row."""
    bid_prices, bid_sizes, bid_ages = bids["price"], bids["size"], bids["at"]
    ask_prices, ask_sizes, ask_ages = asks["price"], asks["size"], asks["at"]
    top_bid, top_bid_size, top_ask, top_ask_size = (
        best["bid"],
        best["bid_size"],
        best["ask"],
        best["ask_size"],
    )
    for row in range(len(instrument)):
        which = np.int64(instrument[row])
        if kind[row] == _QUOTE:
            slot = min(max(np.int64(venue[row]) - 64, 0), VENUES - 1)
            if not np.isnan(bid[row]):
                bid_prices[which, slot] = bid[row] if bid_size[row] > 0 else 0.0
                bid_sizes[which, slot], bid_ages[which, slot] = bid_size[row], known_at[row]
                top_bid[which], top_bid_size[which] = _best(bid_prices, bid_sizes, which, 1.0)
            if not np.isnan(ask[row]):
                ask_prices[which, slot] = ask[row] if ask_size[row] > 0 else 0.0
                ask_sizes[which, slot], ask_ages[which, slot] = ask_size[row], known_at[row]
                top_ask[which], top_ask_size[which] = _best(ask_prices, ask_sizes, which, -1.0)
            if top_bid[which] > top_ask[which]:
                before = known_at[row] - patience
                _evict(ask_prices, ask_ages, bid_prices, bid_ages, which, 1.0, before)
                _evict(bid_prices, bid_ages, ask_prices, ask_ages, which, -1.0, before)
                top_bid[which], top_bid_size[which] = _best(bid_prices, bid_sizes, which, 1.0)
                top_ask[which], top_ask_size[which] = _best(ask_prices, ask_sizes, which, -1.0)
        out_bid[row], out_bid_size[row] = top_bid[which], top_bid_size[which]
        out_ask[row], out_ask_size[row] = top_ask[which], top_ask_size[which]


class BestQuotes(Stage[BestQuotesState]):
    """Quotes by venue to best bid and offer."""

    def __init__(self, params: BestQuotesParams) -> None:
        self.params = params

    def fresh(self) -> BestQuotesState:
        """Return the memory of a shard that has seen no quote."""
        count = self.params.instruments
        state = BestQuotesState(np.zeros(count, SIDE), np.zeros(count, SIDE), np.zeros(count, BEST))
        self._clear(state)
        return state

    def step(self, state: BestQuotesState, item: MarketBatch) -> list[MarketBatch]:
        """Add the best quotes to a batch's rows."""
        ticks, count = item.ticks, row_count(item.ticks)
        if ticks.bid is None or count == 0:
            return [item]
        out = [np.empty(count) for _ in range(4)]
        start = 0
        for stop, day in self._days(ticks):
            if day != state.day:
                self._clear(state)
                state.day = day
            self._consolidate(
                state, select(ticks, slice(start, stop)), [column[start:stop] for column in out]
            )
            start = stop
        added = ticks._replace(best_bid=out[0], best_bid_size=out[1], best_ask=out[2], best_ask_size=out[3])
        return [item._replace(ticks=added)]

    def _days(self, ticks: Ticks) -> list[tuple[int, int]]:
        """Return stretches of rows of one trading day: where each ends, and the day."""
        table = self.params.sessions
        if table is None:
            return [(row_count(ticks), 0)]
        first, last = table.segment(ticks.known_at[[0, -1]])
        if table.days[first] == table.days[last]:
            return [(row_count(ticks), int(table.days[first]))]
        days = table.days[table.segment(ticks.known_at)]
        ends = np.flatnonzero(np.diff(days)) + 1
        return [(int(end), int(days[end - 1])) for end in (*ends, len(days))]

    def _clear(self, state: BestQuotesState) -> None:
        for table in (state.bids, state.asks):
            table["price"] = table["size"] = 0.0
        state.best["bid"] = state.best["ask"] = np.nan
        state.best["bid_size"] = state.best["ask_size"] = 0.0

    def _consolidate(self, state: BestQuotesState, ticks: Ticks, out: list[NDArray[np.float64]]) -> None:
        consolidate(
            ticks.known_at,
            ticks.instrument,
            ticks.kind,
            ticks.venue,
            ticks.bid,
            ticks.bid_size,
            ticks.ask,
            ticks.ask_size,
            state.bids,
            state.asks,
            state.best,
            self.params.crossed_nanoseconds,
            *out,
        )
