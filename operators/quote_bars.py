"""Quote bars: what did quotes, and trades signed by them, do while a bar was open?

Key     shard
In      MarketBatch whose ticks have best quotes
Out     MarketBatch with `quote_bars`, one row for each instrument that had a row in the bar's time, in order of closing
State   per instrument: two open bars, last best quote, last trade price and the sign of its last move; actions to come
Time    closes as the bars do: when a known_at, or the watermark, passes the end plus the lateness
Silence none: a regressing row is not counted, it stands in its trade's bar
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.action_records import ActionRecord, step_of
from domain.instruments import Split
from domain.market import QUOTE_BAR, SECOND, Kind, MarketBatch, Quality, Ticks, empty_ticks, row_count, select
from operators.agenda import PRICED, Agenda, heard, planned, stretches
from operators.stage import Stage

LIVES = PRICED
OPEN = np.dtype([("row", QUOTE_BAR), ("held", np.int64)], align=True)
LAST = np.dtype(
    [
        ("bid", np.float64),
        ("bid_size", np.float64),
        ("ask", np.float64),
        ("ask_size", np.float64),
        ("price", np.float64),
        ("sign", np.int64),
    ],
    align=True,
)
_TRADE, _QUOTE = int(Kind.TRADE), int(Kind.QUOTE)
_REGRESSING = np.uint32(Quality.REGRESSING)
_COUNTED = np.uint32(1)


@dataclass(frozen=True)
class QuoteBarParams:
    """Length of a bar in seconds and how long after its end it closes, in nanoseconds (below a bar's length).

    `names` are the instruments in index order, by which corporate actions name them; `splits` were known when the run
    began.
    """

    instruments: int
    interval_seconds: int = 60
    lateness_nanoseconds: int = 0
    names: tuple[str, ...] = ()
    splits: tuple[Split, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a lateness that would need more than two open bars."""
        if self.interval_seconds < 1 or not 0 <= self.lateness_nanoseconds < self.interval_seconds * SECOND:
            raise ValueError(
                f"a quote bar needs a length of at least 1 s and a lateness below it; {self.interval_seconds} s and "
                f"{self.lateness_nanoseconds} ns were given"
            )


@dataclass
class QuoteBarState:
    """All the memory of one shard; `bucket` is the earlier of the two open bars, -1 before the first row."""

    open: NDArray[np.void]
    last: NDArray[np.void]
    bucket: NDArray[np.int64]
    agenda: Agenda | None = None


def adjust(last: NDArray[np.void], which: int, action: ActionRecord) -> None:
    """Bring what an instrument was last quoted and traded at over an action, by its last trade."""
    step = step_of(action, float(last["price"][which]))
    for name in ("bid", "ask", "price"):
        last[name][which] /= step.price
    for name in ("bid_size", "ask_size"):
        last[name][which] *= step.shares


@njit(cache=True, nogil=True, error_model="numpy")
def _close(target, bars, held, bucket, interval, out, made):  # type: ignore[no-untyped-def]
    """Close the open bars before bucket `target` in order; return how many rows `out` holds."""
    current = bucket[0]
    for slot_bucket in range(current, min(target, current + 2)):
        slot = slot_bucket & 1
        for which in range(bars.shape[1]):
            if held[slot, which]:
                out[made] = bars[slot, which]
                out[made].close_at = (slot_bucket + 1) * interval
                made += 1
                held[slot, which] = 0
    bucket[0] = max(current, target)
    return made


@njit(cache=True, nogil=True, error_model="numpy")
def _flow(last, which, bid, bid_size, ask, ask_size):  # type: ignore[no-untyped-def]
    """Return e_n of Cont, Kukanov and Stoikov (standards.md 6.5) for a new best quote; 0 where a side is unknown."""
    before_bid, before_ask = last["bid"][which], last["ask"][which]
    if np.isnan(bid) or np.isnan(ask) or np.isnan(before_bid) or np.isnan(before_ask):
        return 0.0
    flow = 0.0
    if bid >= before_bid:
        flow += bid_size
    if bid <= before_bid:
        flow -= last["bid_size"][which]
    if ask <= before_ask:
        flow -= ask_size
    if ask >= before_ask:
        flow += last["ask_size"][which]
    return flow


@njit(cache=True, nogil=True, error_model="numpy")
def _sign(last, which, price):  # type: ignore[no-untyped-def]
    """Return +1 for a buy, -1 for a sale by Lee and Ready (6.5): against the mid, then the last different price."""
    before = last["price"][which]
    if before > 0.0 and price != before:
        last["sign"][which] = 1 if price > before else -1
    last["price"][which] = price
    middle = (last["bid"][which] + last["ask"][which]) / 2.0
    if price > middle:
        return 1
    if price < middle:
        return -1
    return last["sign"][which]


@njit(cache=True, nogil=True, error_model="numpy")
def gather(  # type: ignore[no-untyped-def]
    event_at,
    known_at,
    instrument,
    kind,
    price,
    size,
    conditions,
    flags,
    best_bid,
    best_bid_size,
    best_ask,
    best_ask_size,
    watermark,
    interval,
    lateness,
    bars,
    held,
    last,
    bucket,
    out,
):
    """Take rows in, close bars on their way; return how many rows `out` holds."""
    made = 0
    count = len(event_at)
    if bucket[0] < 0 and count > 0:
        bucket[0] = (known_at[0] - lateness) // interval
    for row in range(count):
        if known_at[row] >= (bucket[0] + 1) * interval + lateness:
            made = _close((known_at[row] - lateness) // interval, bars, held, bucket, interval, out, made)
        which, at = np.int64(instrument[row]), event_at[row] // interval
        if at < bucket[0] or flags[row] & _REGRESSING:
            continue
        slot = at & 1
        if held[slot, which] == 0:
            held[slot, which] = 1
            fresh = bars[slot, which]
            fresh.spread_sum = fresh.imbalance_sum = fresh.order_flow = 0.0
            fresh.buy_volume = fresh.sell_volume = 0.0
            fresh.quote_count = fresh.buy_count = fresh.sell_count = 0
            fresh.instrument = instrument[row]
            fresh.bid, fresh.bid_size = last["bid"][which], last["bid_size"][which]
            fresh.ask, fresh.ask_size = last["ask"][which], last["ask_size"][which]
        if kind[row] == _QUOTE:
            bid, bid_size, ask, ask_size = (
                best_bid[row],
                best_bid_size[row],
                best_ask[row],
                best_ask_size[row],
            )
            bars["order_flow"][slot, which] += _flow(last, which, bid, bid_size, ask, ask_size)
            last["bid"][which], last["bid_size"][which] = bid, bid_size
            last["ask"][which], last["ask_size"][which] = ask, ask_size
            for touched in range(2):
                if touched == slot or (at == bucket[0] and held[touched, which]):
                    bars["bid"][touched, which], bars["bid_size"][touched, which] = bid, bid_size
                    bars["ask"][touched, which], bars["ask_size"][touched, which] = ask, ask_size
            if bid_size + ask_size > 0 and bid <= ask:
                bars["quote_count"][slot, which] += 1
                bars["spread_sum"][slot, which] += ask - bid
                bars["imbalance_sum"][slot, which] += (bid_size - ask_size) / (bid_size + ask_size)
        elif kind[row] == _TRADE and conditions[row] & _COUNTED:
            sign = _sign(last, which, price[row])
            if sign > 0:
                bars["buy_volume"][slot, which] += size[row]
                bars["buy_count"][slot, which] += 1
            elif sign < 0:
                bars["sell_volume"][slot, which] += size[row]
                bars["sell_count"][slot, which] += 1
    if bucket[0] >= 0:
        target = bucket[0] + 2 if watermark == np.iinfo(np.int64).max else (watermark - lateness) // interval
        made = _close(target, bars, held, bucket, interval, out, made)
    return made


class QuoteBars(Stage[QuoteBarState]):
    """Ticks with best quotes to quote bars."""

    def __init__(self, params: QuoteBarParams) -> None:
        self.params = params
        self._index = {name: at for at, name in enumerate(params.names)}

    def fresh(self) -> QuoteBarState:
        """Return the memory of a shard that has seen nothing."""
        last = np.zeros(self.params.instruments, LAST)
        last["bid"] = last["ask"] = np.nan
        bars = np.zeros((2, self.params.instruments), OPEN)
        return QuoteBarState(bars, last, np.array([-1], np.int64), planned(self.params.splits))

    def step(self, state: QuoteBarState, item: MarketBatch) -> list[MarketBatch]:
        """Add the quote bars that a batch closes; a shard without quotes has none."""
        state.agenda = heard(state.agenda, item.actions)
        rows = row_count(item.ticks)
        if (item.ticks.best_bid is None and rows) or (not rows and state.bucket[0] < 0):
            return [item._replace(quote_bars=np.empty(0, QUOTE_BAR))]
        if not rows:
            return [item._replace(quote_bars=self._gathered(state, empty_ticks(), item.watermark))]
        parts = []
        known_at = item.ticks.known_at
        for start, stop, actions in stretches(state.agenda, known_at, self._index):
            for which, action in actions:
                adjust(state.last, which, action)
            until = int(known_at[stop]) if stop < rows else item.watermark
            parts.append(self._gathered(state, select(item.ticks, slice(start, stop)), until))
        return [item._replace(quote_bars=parts[0] if len(parts) == 1 else np.concatenate(parts))]

    def _gathered(self, state: QuoteBarState, ticks: Ticks, watermark: int) -> NDArray[np.void]:
        """Take rows in; return the bars that they, and the watermark (ns UTC), close."""
        empty = np.empty(0)
        rows = row_count(ticks)
        best = (
            (ticks.best_bid, ticks.best_bid_size, ticks.best_ask, ticks.best_ask_size)
            if rows
            else (empty,) * 4
        )
        out = np.empty(rows + 2 * self.params.instruments, QUOTE_BAR)
        made = gather(
            ticks.event_at,
            ticks.known_at,
            ticks.instrument,
            ticks.kind,
            ticks.price,
            ticks.size,
            ticks.conditions,
            ticks.flags,
            *best,
            watermark,
            self.params.interval_seconds * SECOND,
            self.params.lateness_nanoseconds,
            state.open["row"],
            state.open["held"],
            state.last,
            state.bucket,
            out,
        )
        return out[:made].copy()
