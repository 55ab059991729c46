"""Vendor histories looked through for what vendors get wrong: units, splits, dividends and their adjustment.

A history holds prices that are adjusted for splits, a column that is adjusted for dividends, too, and beside them
dividends, splits and, for funds, capital gains (the columns of Yahoo). Rules, in this order, each on what the ones
before have repaired:

* `unit_100x`         prices that stand 100 times too high or low: in a cell alone, or in whole rows;
* `split_half_applied` rows whose prices, or some columns of them, a split was not, or twice, applied to;
* `dividend_100x`, `dividend_of_split`, `dividend_twice`  a dividend that is 100 times, or a split's ratio, off, or
  is there again within days;
* `gain_counted_twice` a capital gain that was taken off again on top of the dividend that holds it;
* `adjustment_missing`, `adjustment_100x`  a dividend that the adjusted close does not know, or knows 100-fold.

The adjusted close says what the vendor believed a dividend to be: (1 - g) P with g the step of adjusted by raw close
and P the close before. What it says and the dividend itself have to agree; where they do not, the rule that
explains the ratio of both names the repair, and where none does nothing is touched. Which of the two is wrong follows
from the yields of the dividends on which both agree, where there are some, else from whether the price fell on the
ex-date by the larger.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PRICES = ("open", "high", "low", "close")
HUNDRED = np.log(100.0)
UNIT_TOLERANCE = 0.35
SPORADIC_ROWS, SPORADIC_SHARE = 3, 0.25
TWICE_DAYS = 10
NEAR_ROWS = 3
AGREED_DIVIDENDS = 3
CLEAR_MOVES = 6.0
MIXED_SHARE, MIXED_ROWS = 0.6, 3
DAY_NANOSECONDS = 86_400_000_000_000


class Repair(NamedTuple):
    """A proposal: rows `first` to `last` (in order of time), what is multiplied or set, and why."""

    rule: str
    first: int
    last: int
    columns: tuple[str, ...]
    factor: float
    evidence: str


@dataclass
class History:
    """Columns in order of time, rows without a close left out: `instants` in ns, prices, volume, and what is paid.

    Columns that a file lacks are empty arrays, except that payments are then 0.
    """

    instants: NDArray[np.int64]
    prices: dict[str, Floats]
    adjusted: Floats
    volume: Floats
    dividends: Floats
    splits: Floats
    gains: Floats

    def level(self) -> Floats:
        """Return the adjusted close, or the close where there is none."""
        return self.adjusted if len(self.adjusted) else self.prices["close"]

    def apply(self, repair: Repair) -> None:
        """Carry a repair out."""
        rows = slice(repair.first, repair.last + 1)
        for name in repair.columns:
            column = self.column(name)
            column[rows] *= repair.factor

    def column(self, name: str) -> Floats:
        """Return a column by its name."""
        if name in self.prices:
            return self.prices[name]
        return {"adj_close": self.adjusted, "volume": self.volume, "dividends": self.dividends}[name]


def proposals(history: History) -> Iterator[Repair]:
    """Yield repairs, each before it is carried out on `history`; the next rule looks at what is repaired."""
    for rule in (_cells, _adjusted_cells, _units, _splits, _dividends, _adjustment):
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

    The rows that are last are right; steps count within a quarter of the history, or 60 rows, of the split's.
    """
    with np.errstate(all="ignore"):
        steps = np.diff(np.log(column))
    near = np.abs(np.abs(steps) - abs(size)) < max(0.05, 0.25 * abs(size))
    near &= np.abs(np.arange(len(steps)) + 1 - row) <= max(60, len(steps) // 4)
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


def believed(history: History, row: int) -> float:
    """Return the dividend that the adjusted close knows of at a row; rows of weeks know it at the row after, too."""
    share = history.adjusted / history.prices["close"]
    after = min(row + 1, len(share) - 1) if _spacing(history) > 4.0 else row
    return float((1.0 - share[row - 1] / share[after]) * history.prices["close"][row - 1])


def _spacing(history: History) -> float:
    return float(np.median(np.diff(history.instants))) / DAY_NANOSECONDS if len(history.instants) > 1 else 0.0


def _close_to(value: float, target: float, share: float = 0.2) -> bool:
    return abs(value - target) <= share * abs(target)


def _paying(history: History) -> list[int]:
    return [int(row) for row in np.flatnonzero(history.dividends > 0.0) if row > 0]


def _agreed(history: History, paying: list[int]) -> float:
    """Return the usual yield of the dividends that the adjusted close knows as they are, or 0 where there are few."""
    if not len(history.adjusted):
        return 0.0
    close = history.prices["close"]
    yields = [
        history.dividends[row] / close[row - 1]
        for row in paying
        if _close_to(believed(history, row), history.dividends[row])
    ]
    return float(np.median(yields)) if len(yields) >= AGREED_DIVIDENDS else 0.0


def _fell(history: History, row: int, amount: float) -> bool | None:
    """Say whether the price fell by at least half an amount at a row; None where it moves as much on other days."""
    close = history.prices["close"]
    with np.errstate(all="ignore"):
        moves = np.abs(np.diff(np.log(close)))
    if not amount > CLEAR_MOVES * 1.4826 * float(np.nanmedian(moves)) * close[row - 1]:
        return None
    return bool(close[row - 1] - close[row] > 0.5 * amount)


def _paid_is_off(history: History, row: int, known: float, agreed: float) -> bool | None:
    """Say whether it is the dividend that is wrong, and not its adjustment; None where nothing tells."""
    paid, before = float(history.dividends[row]), float(history.prices["close"][row - 1])
    if known <= 0.0:
        return None
    if agreed > 0.0:
        return bool(abs(np.log(paid / before / agreed)) > abs(np.log(known / before / agreed)))
    fell = _fell(history, row, max(paid, known))
    return None if fell is None else (paid > known) != fell


def _dividends(history: History) -> Iterator[Repair]:
    """Yield the repairs of dividends themselves."""
    close = history.prices["close"]
    paying = _paying(history)
    plain = [history.dividends[row] / close[row - 1] for row in paying]
    usual = float(np.median([each for each in plain if each < 0.2] or [0.0]))
    agreed = _agreed(history, paying)
    for row in paying:
        paid, before = float(history.dividends[row]), float(close[row - 1])
        known = believed(history, row) if len(history.adjusted) else 0.0
        silent = abs(known) < 0.05 * min(paid, before)
        ratio = paid / known if known > 0.0 else 0.0
        split = float(history.splits[row])
        off = _paid_is_off(history, row, known, agreed)
        large = paid > 0.3 * before and (
            _close_to(ratio, 100.0) or (silent and (usual == 0.0 or paid / before > 20.0 * usual))
        )
        if not _fell(history, row, paid) and (large or (off and _close_to(ratio, 100.0))):
            yield _dividend("dividend_100x", row, 0.01, f"{paid:g} of a price of {before:g}")
        elif _both_hundredfold(history, row, known, agreed):
            yield _dividend(
                "dividend_100x",
                row,
                0.01,
                f"{paid:g} of {before:g}, which did not fall; {agreed:.2%} is usual",
            )
        elif not silent and _close_to(ratio, 0.01) and known < 0.2 * before and off is not False:
            yield _dividend("dividend_100x", row, 100.0, f"the adjusted close knows of {known:g}")
        elif not silent and split not in {0.0, 1.0} and _close_to(ratio, split):
            yield _dividend(
                "dividend_of_split",
                row,
                1.0 / split,
                f"the adjusted close knows of {known:g}, the split is {split:g}",
            )
        elif silent and _again(history, paying, row):
            yield _dividend(
                "dividend_twice", row, 0.0, "the same amount is there within days, and was adjusted for"
            )


def _both_hundredfold(history: History, row: int, known: float, agreed: float) -> bool:
    """Say whether a dividend and its adjustment are both 100 times the usual, and the price did not fall by them."""
    paid, before = float(history.dividends[row]), float(history.prices["close"][row - 1])
    return bool(
        agreed > 0.0
        and _close_to(known, paid)
        and abs(np.log(paid / before / agreed) - HUNDRED) < np.log(4.0)
        and _fell(history, row, paid) is False
    )


def _dividend(rule: str, row: int, factor: float, evidence: str) -> Repair:
    return Repair(rule, row, row, ("dividends",), factor, evidence)


def _again(history: History, paying: list[int], row: int) -> bool:
    """Say whether the same dividend is there again within days, and the adjusted close knows of that one."""
    return any(
        other != row
        and abs(int(history.instants[other] - history.instants[row])) <= TWICE_DAYS * DAY_NANOSECONDS
        and _close_to(history.dividends[other], history.dividends[row], 0.01)
        and believed(history, other) > 0.8 * history.dividends[other]
        for other in paying
    )


def _adjustment(history: History) -> Iterator[Repair]:
    """Yield the repairs of the adjusted close."""
    if not len(history.adjusted):
        return
    close = history.prices["close"]
    for row in _paying(history):
        paid, before = float(history.dividends[row]), float(close[row - 1])
        if paid >= before:
            continue
        known, gain = believed(history, row), float(history.gains[row])
        is_share = 1.0 - known / before
        should = (1.0 - paid / before) / is_share
        if abs(known) < 0.05 * paid:
            evidence = (
                f"{paid:g} was paid on a price of {before:g}, the adjusted close knows of {max(known, 0.0):g}"
            )
            yield _adjusted("adjustment_missing", row, should, evidence)
        elif gain > 0.0 and _close_to(known, paid + gain, 0.02) and not _close_to(known, paid, 0.02):
            yield _adjusted(
                "gain_counted_twice", row, should, f"{known:g} was taken off, {paid:g} holds {gain:g}"
            )
        elif _close_to(known / paid, 100.0) or _close_to(known / paid, 0.01):
            yield _adjusted("adjustment_100x", row, should, f"{known:g} was taken off, {paid:g} was paid")


def _adjusted(rule: str, row: int, factor: float, evidence: str) -> Repair:
    return Repair(rule, 0, row - 1, ("adj_close",), factor, evidence)
