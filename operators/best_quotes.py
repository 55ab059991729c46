"""Best quotes: what is the best bid and offer over all venues after each row?

Key     shard
In      MarketBatch with good ticks
Out     MarketBatch whose ticks have `best_bid`, `best_bid_size`, `best_ask`, `best_ask_size`; with `national` a row for
        each change of the national best bid and offer, where that is wanted
State   per instrument and venue, both sides, as believed and as shown; cleared when the first row of a new trading day
        is known, and for one instrument when a corporate action takes effect; actions to come
Time    none of its own; a trading day ends with its post-market session
Silence never: every row gets its best quotes, NaN where a side is not quoted
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.instruments import Split
from domain.market import SECOND, Kind, MarketBatch, Ticks, row_count, select
from domain.sessions import SessionTable
from operators.agenda import PRICED, Agenda, Living, heard, planned, stretches
from operators.crossed_quotes import let_go
from operators.national_best import VENUES, Shown, national_best, nothing_shown, shown_before, slot_of
from operators.stage import Stage

LIVES = {kind: Living.REWARMS if manner is Living.ADJUSTS else manner for kind, manner in PRICED.items()}
"""A quote of before an action is no quote of the share as it is after it."""
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
    `names` are the instruments in index order; without them corporate actions are not told apart, and none is heard.
    `splits` were known when the run began. With `national` the national best bid and offer is told. Of a
    feed that is `consolidated` each quote is the best of its side over all venues when it comes, whoever's it is.
    """

    instruments: int
    sessions: SessionTable | None
    crossed_nanoseconds: int = SECOND
    names: tuple[str, ...] = ()
    splits: tuple[Split, ...] = ()
    national: bool = False
    consolidated: bool = False

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
    agenda: Agenda | None = None
    shown: Shown | None = None


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
    consolidated,
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
            slot = slot_of(venue[row])
            if not np.isnan(bid[row]):
                if consolidated:
                    bid_prices[which, :] = 0.0
                bid_prices[which, slot] = bid[row] if bid_size[row] > 0 else 0.0
                bid_sizes[which, slot], bid_ages[which, slot] = bid_size[row], known_at[row]
                top_bid[which], top_bid_size[which] = _best(bid_prices, bid_sizes, which, 1.0)
            if not np.isnan(ask[row]):
                if consolidated:
                    ask_prices[which, :] = 0.0
                ask_prices[which, slot] = ask[row] if ask_size[row] > 0 else 0.0
                ask_sizes[which, slot], ask_ages[which, slot] = ask_size[row], known_at[row]
                top_ask[which], top_ask_size[which] = _best(ask_prices, ask_sizes, which, -1.0)
            if top_bid[which] > top_ask[which]:
                let_go(bid_prices, bid_ages, ask_prices, ask_ages, which, known_at[row] - patience)
                top_bid[which], top_bid_size[which] = _best(bid_prices, bid_sizes, which, 1.0)
                top_ask[which], top_ask_size[which] = _best(ask_prices, ask_sizes, which, -1.0)
        out_bid[row], out_bid_size[row] = top_bid[which], top_bid_size[which]
        out_ask[row], out_ask_size[row] = top_ask[which], top_ask_size[which]


class BestQuotes(Stage[BestQuotesState]):
    """Quotes by venue to best bid and offer."""

    def __init__(self, params: BestQuotesParams) -> None:
        self.params = params
        self._index = {name: at for at, name in enumerate(params.names)}

    def fresh(self) -> BestQuotesState:
        """Return the memory of a shard that has seen no quote."""
        count = self.params.instruments
        state = BestQuotesState(np.zeros(count, SIDE), np.zeros(count, SIDE), np.zeros(count, BEST))
        state.agenda = planned(self.params.splits)
        state.shown = nothing_shown(count) if self.params.national else None
        self._clear(state)
        return state

    def step(self, state: BestQuotesState, item: MarketBatch) -> list[MarketBatch]:
        """Add the best quotes to a batch's rows."""
        ticks, count = item.ticks, row_count(item.ticks)
        state.agenda = agenda = heard(state.agenda, item.actions)
        if ticks.bid is None or count == 0:
            return [item]
        if self.params.national and state.shown is None:
            state.shown = shown_before(state.bids, state.asks)
        out = [np.empty(count) for _ in range(4)]
        start, told = 0, list[NDArray[np.void]]()
        for stop, day in self._days(ticks):
            if day != state.day:
                self._clear(state)
                state.day = day
            for first, last, actions in stretches(agenda, ticks.known_at[start:stop], self._index):
                for which, _ in actions:
                    self._clear(state, slice(which, which + 1))
                rows = slice(start + first, start + last)
                self._consolidate(state, select(ticks, rows), [column[rows] for column in out])
                if state.shown is not None:
                    told.append(self._national(state.shown, select(ticks, rows)))
            start = stop
        added = ticks._replace(best_bid=out[0], best_bid_size=out[1], best_ask=out[2], best_ask_size=out[3])
        return [item._replace(ticks=added, national=np.concatenate(told) if told else None)]

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

    def _clear(self, state: BestQuotesState, which: slice = slice(None)) -> None:
        for table in (state.bids[which], state.asks[which]):
            table["price"] = table["size"] = 0.0
        best = state.best[which]
        best["bid"] = best["ask"] = np.nan
        best["bid_size"] = best["ask_size"] = 0.0
        if state.shown is not None:
            state.shown.clear(which)

    def _national(self, shown: Shown, ticks: Ticks) -> NDArray[np.void]:
        """Return the changes of the national best, each with the session in which it happened."""
        params = self.params
        best = national_best(shown, ticks, params.crossed_nanoseconds, consolidated=params.consolidated)
        if self.params.sessions is not None and len(best):
            best["session"] = self.params.sessions.session(best["event_at"])
        return best

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
            self.params.consolidated,
            *out,
        )
