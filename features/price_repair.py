"""Vendor histories looked through for what vendors get wrong: units, splits, dividends and their adjustment.

A history holds prices that are adjusted for splits, a column that is adjusted for dividends, too, and beside them
dividends, splits and, for funds, capital gains (the columns of Yahoo). Rules, in this order, each on what the ones
before have repaired:

* `unit_100x`         prices that stand 100 times too high or low: in a cell alone, or in whole rows;
* `split_half_applied` rows whose prices, or some columns of them, a split was not, or twice, applied to;
* `split_missing`     a split that is neither listed nor applied (see `features.unlisted_splits`);
* `dividend_100x`, `dividend_of_split`, `dividend_twice`  a dividend that is 100 times, or a split's ratio, off, or
  is there again within days; `dividend_wrong` one that is far from the usual yield, of which the adjusted close
  knows as a usual one;
* `gain_counted_twice` a capital gain that was taken off again on top of the dividend that holds it;
* `adjustment_missing`, `adjustment_100x`  a dividend that the adjusted close does not know, or knows 100-fold;
* `dividend_missing`  a dividend as is usual that the adjusted close knows and the list does not.

The adjusted close says what the vendor believed a dividend to be: (1 - g) P with g the step of adjusted by raw close
and P the close before. What it says and the dividend itself have to agree; where they do not, the rule that
explains the ratio of both names the repair, and where none does nothing is touched. Which of the two is wrong follows
from the yields of the dividends on which both agree, where there are some, else from whether the price fell on the
ex-date by the larger.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from features.dividend_repair import adjustment_repairs, dividend_repairs, missing_dividends
from features.price_history import Floats, History, Repair
from features.unlisted_splits import unlisted_splits

HUNDRED = np.log(100.0)
UNIT_TOLERANCE = 0.35
SPORADIC_ROWS, SPORADIC_SHARE = 3, 0.25
NEAR_ROWS = 3
EARLY_ROWS, LATE_ROWS = 120, 15
MIXED_SHARE, MIXED_ROWS = 0.6, 3


def proposals(history: History) -> Iterator[Repair]:
    """Yield repairs, each before it is carried out on `history`; the next rule looks at what is repaired."""
    for rule in RULES:
        for repair in list(rule(history)):
            yield repair
            history.apply(repair)


def _price_columns(history: History) -> tuple[str, ...]:
    return (*history.prices, *(("adj_close",) if len(history.adjusted) else ()))


def _runs(levels: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Yield the runs of one level: first row, last row, level."""
    edges = np.flatnonzero(np.diff(levels)) + 1
    for first, after in zip([0, *edges], [*edges, len(levels)], strict=True):
        yield int(first), int(after) - 1, int(levels[first])


def _hundreds(logs: Floats, level: Floats) -> NDArray[np.int64]:
    """Return 1 where logarithms stand 100 times above a level, -1 where as far below it, else 0."""
    with np.errstate(invalid="ignore"):
        far = np.abs(np.abs(logs - level) - HUNDRED) < UNIT_TOLERANCE
        return np.where(far, np.sign(logs - level), 0.0).astype(np.int64)


def _cells(history: History) -> Iterator[Repair]:
    """Yield repairs of prices that stand alone: the others of their row, and the rows beside it, say what is right."""
    names = tuple(history.prices)
    rows = len(history.instants)
    if len(names) < 3 or rows < 3:
        return
    with np.errstate(all="ignore"):
        logs = np.log(np.stack([history.prices[name] for name in names]))
    logs[~np.isfinite(logs)] = np.nan
    around = np.concatenate([logs[:, np.r_[1, : rows - 1]], logs, logs[:, np.r_[1:rows, rows - 2]]])
    off = _hundreds(logs, np.nanmedian(around, axis=0))
    whole = (off == off[0]).all(axis=0)
    for column, row in zip(*np.nonzero(np.where(whole, 0, off)), strict=True):
        times = int(off[column, row])
        evidence = "the other prices of this row and of those beside it stand 100 times away"
        yield Repair("unit_100x", int(row), int(row), (names[column],), 100.0**-times, evidence)


def _adjusted_cells(history: History) -> Iterator[Repair]:
    """Yield repairs of adjusted closes that stand 100 times off the close for a few rows."""
    rows = len(history.instants)
    if not len(history.adjusted) or rows < 2 * NEAR_ROWS + 1:
        return
    with np.errstate(all="ignore"):
        share = np.log(history.adjusted / history.prices["close"])
    share[~np.isfinite(share)] = np.nan
    padded = np.pad(share, NEAR_ROWS, mode="reflect")
    near = np.lib.stride_tricks.sliding_window_view(padded, 2 * NEAR_ROWS + 1)
    there = np.isfinite(near).any(axis=1)
    level = np.full(rows, np.nan)
    level[there] = np.nanmedian(near[there], axis=1)
    off = _hundreds(share, level)
    for row in np.flatnonzero(off):
        evidence = "adjusted close by close stands 100 times off that of the rows beside it"
        yield Repair("unit_100x", int(row), int(row), ("adj_close",), 100.0 ** -int(off[row]), evidence)


def _units(history: History) -> Iterator[Repair]:
    close = history.prices["close"]
    with np.errstate(all="ignore"):
        steps = np.diff(np.log(close))
    listed = (history.splits[1:] != 0.0) & (history.splits[1:] != 1.0)
    jumps = np.where((np.abs(np.abs(steps) - HUNDRED) < UNIT_TOLERANCE) & ~listed, np.sign(steps), 0.0)
    if not jumps.any():
        return
    levels = np.concatenate([[0], np.cumsum(jumps)]).astype(np.int64)
    right = _right_level(levels)
    for first, last, level in _runs(levels):
        if level != right:
            evidence = f"prices step by 100 at the edge of these rows; {np.mean(levels == right):.0%} of rows are right"
            yield Repair(
                "unit_100x", first, last, _price_columns(history), 100.0 ** (right - level), evidence
            )


def _right_level(levels: NDArray[np.int64]) -> int:
    """Return the level that is right: the last after one switch, the usual one among stray rows, else the highest.

    Feeds that mix up units in blocks show some of them in the main unit of a currency that is quoted in its hundredth.
    """
    runs = list(_runs(levels))
    if len(runs) == 2:
        return int(levels[-1])
    values, counts = np.unique(levels, return_counts=True)
    usual = int(values[np.argmax(counts)])
    strays = [last - first + 1 for first, last, level in runs if level != usual]
    if max(strays) <= SPORADIC_ROWS and sum(strays) < SPORADIC_SHARE * len(levels):
        return usual
    return int(values[-1])


def _splits(history: History) -> Iterator[Repair]:
    level = history.level()
    with np.errstate(all="ignore"):
        steps = np.diff(np.log(level))
    usual = 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) if len(steps) else 0.0
    for row in np.flatnonzero((history.splits != 0.0) & (history.splits != 1.0)):
        ratio = float(history.splits[row])
        size = float(np.log(ratio))
        if abs(size) < 4.0 * usual or abs(size) < 0.05:
            continue
        evidence = f"prices step by the split's ratio {ratio:g} away from its day"
        if _mixed(history, abs(size)):
            for name in _price_columns(history):
                for first, last, times in _stepped(history.column(name), int(row), size):
                    yield from _split_repair((name,), first, last, ratio**times, f"{name} alone: {evidence}")
            continue
        columns = (*_price_columns(history), *(("volume",) if len(history.volume) else ()))
        for first, last, times in _stepped(level, int(row), size):
            yield from _split_repair(columns, first, last, ratio**times, evidence)


def _mixed(history: History, size: float) -> bool:
    """Say whether prices of the same row stand a split's ratio apart in several rows."""
    with np.errstate(all="ignore"):
        logs = np.log(np.stack(list(history.prices.values())))
        spread = np.max(np.abs(logs - np.log(history.prices["close"])), axis=0)
    return int((np.abs(spread - size) < (1.0 - MIXED_SHARE) * size).sum()) >= MIXED_ROWS


def _stepped(column: Floats, row: int, size: float) -> Iterator[tuple[int, int, int]]:
    """Yield the runs of rows that are off by a split of `size` (its logarithm) at a row: first, last, how many times.

    The rows that are last are right. Steps count up to EARLY_ROWS before the split and LATE_ROWS after it: what
    falls by half, or doubles, at another time is the market.
    """
    with np.errstate(all="ignore"):
        steps = np.diff(np.log(column))
    near = np.abs(np.abs(steps) - abs(size)) < max(0.05, 0.25 * abs(size))
    after = np.arange(len(steps)) + 1 - row
    near &= (-after <= EARLY_ROWS) & (after <= LATE_ROWS)
    if not near.any():
        return
    back = np.concatenate([np.cumsum((near * np.sign(steps) * np.sign(size))[::-1])[::-1], [0.0]])
    for first, last, times in _runs((-back).astype(np.int64)):
        if abs(times) == 1:
            yield first, last, times


def _split_repair(
    columns: tuple[str, ...], first: int, last: int, off: float, evidence: str
) -> Iterator[Repair]:
    """Yield the repair of prices that are `off` times what they should be, and of volumes that are the inverse."""
    prices = tuple(name for name in columns if name != "volume")
    yield Repair("split_half_applied", first, last, prices, 1.0 / off, evidence)
    if "volume" in columns:
        yield Repair("split_half_applied", first, last, ("volume",), off, evidence)


RULES = (
    _cells,
    _adjusted_cells,
    _units,
    _splits,
    unlisted_splits,
    dividend_repairs,
    adjustment_repairs,
    missing_dividends,
)
