"""Rules for single rows of market data: is this price, spread or size in keeping with those before it?

Each rule is a function of one row and the memory of its instrument; `judge_rows` runs them over columns and sets a bit
of `domain.market.Quality` for each that is broken. No rule drops a row. Sources: standards.md 6.4.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from domain.market import Condition, Kind, Quality

WINDOW = 20
TRIMMED = 2
RECENT = 2048


class Rule(NamedTuple):
    """A rule of market data: its lasting id, the bit that a row carries (0: said elsewhere), and what it says."""

    rule_id: str
    flag: int
    text: str


RULES: dict[str, Rule] = {
    "outlier": Rule("MQ-01", int(Quality.OUTLIER), "too far from the trimmed mean of the prices before it"),
    "scale": Rule(
        "MQ-02", int(Quality.SCALE), "10 or 100 times, a 10th or 100th of, or 1 over the price before"
    ),
    "spread": Rule("MQ-03", int(Quality.WIDE_SPREAD), "the spread is many times its own median"),
    "crossed": Rule("MQ-04", int(Quality.CROSSED), "the bid is above the ask; unhealthy after a second"),
    "stale": Rule("MQ-05", 0, "no row for longer than the instrument's own rhythm allows"),
    "regression": Rule("MQ-06", int(Quality.REGRESSING), "happened before an earlier row of its kind"),
    "gap": Rule("MQ-07", 0, "numbers between this row and the one before are missing"),
    "duplicate": Rule("MQ-08", 0, "its source and sequence were seen before; refused"),
    "disagreement": Rule("MQ-09", 0, "two feeds of the instrument name different prices for too long"),
    "halted": Rule("MQ-10", int(Quality.HALTED), "comes while the instrument is halted; a trade is refused"),
    "volume": Rule("MQ-11", int(Quality.VOLUME_SPIKE), "many times the largest size of late"),
    "tick": Rule("MQ-12", int(Quality.OFF_TICK), "the price is no whole number of ticks"),
}
"""Every rule by name. Regression, duplicates, halted trades and ticks are told by operators/normalise.py, which refuses
prices that jump as well; crossed for long, stale and gap by operators/health_kernel.py, feeds by agreement.py."""


class RowRules(NamedTuple):
    """What is in keeping.

    A price is an outlier at `deviations` trimmed standard deviations and `granularity` of the price (a fraction) plus
    `granularity_ticks` from the trimmed mean of the last `WINDOW` good ones; as many as `confirmations` in a row that
    agree with one another within the granularity are a new level. A price is of another scale within `scale_near` (a
    fraction) of it. A spread is wide at `spread_multiple` times its trailing median and `spread_share` of
    the price, a size a spike at `volume_multiple` times the largest of the last `RECENT` to 2 `RECENT` trades.
    """

    deviations: float = 6.0
    granularity: float = 0.001
    granularity_ticks: float = 3.0
    confirmations: int = 3
    scale_near: float = 0.05
    spread_multiple: float = 50.0
    spread_share: float = 0.001
    volume_multiple: float = 20.0
    warm_up: int = 50


ROWS = np.dtype(
    [
        ("prices", np.float64, (2, WINDOW)),
        ("count", np.int64, (2,)),
        ("suspect", np.float64, (2,)),
        ("suspects", np.int32, (2,)),
        ("spread", np.float64),
        ("spreads", np.int64),
        ("largest", np.float64),
        ("largest_before", np.float64),
        ("trades", np.int64),
    ],
    align=True,
)
"""Memory of an instrument: rings of good prices (of trades, and of mids of two-sided quotes), the price under suspicion
and how often it was seen, the trailing median spread, and the largest sizes of late."""

_TRADE, _QUOTE = int(Kind.TRADE), int(Kind.QUOTE)
_OUTLIER, _SCALE = int(Quality.OUTLIER), int(Quality.SCALE)
_WIDE, _SPIKE = int(Quality.WIDE_SPREAD), int(Quality.VOLUME_SPIKE)
_MOVES = int(Condition.MOVES_OPEN_CLOSE | Condition.MOVES_HIGH_LOW)
_AUCTION = int(Condition.OPENING_PRINT | Condition.CLOSING_PRINT)


@njit(cache=True, nogil=True, error_model="numpy")
def off_scale(price, before, near):  # type: ignore[no-untyped-def]
    """Say whether a price is the one before it times or over 10 or 100, or 1 over it, to a fraction `near`."""
    ratio = price / before
    for factor in (10.0, 100.0):
        if abs(ratio / factor - 1.0) <= near or abs(ratio * factor - 1.0) <= near:
            return True
    return abs(price * before - 1.0) <= near and abs(ratio - 1.0) > 2.0 * near


@njit(cache=True, nogil=True, error_model="numpy")
def is_outlier(price, prices, count, deviations, granularity):  # type: ignore[no-untyped-def]
    """Say whether |p - mean| >= deviations * sd + granularity, of the last prices without the extremes.

    Brownlees and Gallo (2006) with trailing neighbours only: the lowest and highest `TRIMMED` of `WINDOW` are left
    out. False before the ring is full.
    """
    if count < WINDOW:
        return False
    if abs(price - prices[(count - 1) % WINDOW]) <= granularity:
        return False
    ordered = np.sort(prices)
    kept = ordered[TRIMMED : WINDOW - TRIMMED]
    return abs(price - kept.mean()) >= deviations * kept.std() + granularity


@njit(cache=True, nogil=True, error_model="numpy")
def _judge_price(memory, which, side, price, tick, rules):  # type: ignore[no-untyped-def]
    """Return the flags of a price, and take it into the ring where it is good or a level that was confirmed."""
    count = memory["count"][which, side]
    prices = memory["prices"][which, side]
    granularity = rules.granularity * price + rules.granularity_ticks * tick
    flag = 0
    if count > 0 and off_scale(price, prices[(count - 1) % WINDOW], rules.scale_near):
        flag = _SCALE
    elif is_outlier(price, prices, count, rules.deviations, granularity):
        flag = _OUTLIER
    if flag:
        if memory["suspects"][which, side] and abs(price - memory["suspect"][which, side]) <= granularity:
            memory["suspects"][which, side] += 1
        else:
            memory["suspects"][which, side] = 1
        memory["suspect"][which, side] = price
        if memory["suspects"][which, side] <= rules.confirmations:
            return flag
        count = 0
    memory["suspects"][which, side] = 0
    prices[count % WINDOW] = price
    memory["count"][which, side] = count + 1
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def _judge_spread(memory, which, spread, mid, rules):  # type: ignore[no-untyped-def]
    """Return the flag of a spread that is many times its trailing median, which follows it by a fiftieth a quote."""
    median = memory["spread"][which]
    memory["spreads"][which] += 1
    if median == 0.0:
        memory["spread"][which] = spread
        return 0
    memory["spread"][which] = median * (1.02 if spread > median else 0.98)
    limit = max(rules.spread_multiple * median, rules.spread_share * mid)
    return _WIDE if memory["spreads"][which] > rules.warm_up and spread > limit else 0


@njit(cache=True, nogil=True, error_model="numpy")
def _judge_size(memory, which, size, rules):  # type: ignore[no-untyped-def]
    """Return the flag of a size that is many times the largest of late; such a size is not remembered."""
    largest = max(memory["largest"][which], memory["largest_before"][which])
    if memory["trades"][which] >= rules.warm_up and size > rules.volume_multiple * largest:
        return _SPIKE
    if memory["trades"][which] % RECENT == 0:
        memory["largest_before"][which] = memory["largest"][which]
        memory["largest"][which] = 0.0
    memory["largest"][which] = max(memory["largest"][which], size)
    memory["trades"][which] += 1
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def judge_rows(  # type: ignore[no-untyped-def]
    instrument, kind, price, size, conditions, bid, ask, ticks, regular, rules, memory, flags
):
    """Add the flags of the rules that rows break to `flags`, in place; return how many rows were flagged.

    Columns have one value for each row, `ticks` and `memory` (ROWS) one for each instrument. Only trades that move the
    price count, and quotes of both sides that are not crossed; spreads only while `regular`. A missing price or side
    is passed over.
    """
    flagged = 0
    for row in range(len(instrument)):
        which = np.int64(instrument[row])
        flag = 0
        if kind[row] == _TRADE and price[row] > 0.0:
            if conditions[row] & _MOVES:
                flag |= _judge_price(memory, which, 0, price[row], ticks[which], rules)
            if not conditions[row] & _AUCTION:
                flag |= _judge_size(memory, which, size[row], rules)
        elif kind[row] == _QUOTE and bid[row] > 0.0 and ask[row] > bid[row]:
            mid = 0.5 * (bid[row] + ask[row])
            flag |= _judge_price(memory, which, 1, mid, ticks[which], rules)
            if regular[row]:
                flag |= _judge_spread(memory, which, ask[row] - bid[row], mid, rules)
        if flag:
            flags[row] |= np.uint32(flag)
            flagged += 1
    return flagged
