"""Splits that a vendor neither lists nor has applied: every price of a row steps by a usual ratio, and trading goes on.

What tells a split from a crash: the row opens and closes a whole ratio away from the close before, its range is as
usual, its volume is not that of a panic, and volume stays at the level that the ratio makes of it.
"""

from collections.abc import Iterator

import numpy as np

from features.price_history import PRICES, Floats, History, Repair

RATIOS = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0)
AROUND = 20
CLOSE_BY = 120
RANGE_TIMES, VOLUME_TIMES = 2.0, 3.0
MOVES = 4.0


def unlisted_splits(history: History) -> Iterator[Repair]:
    """Yield the repairs of rows before a split that is not listed, and of the list itself."""
    rows = len(history.instants)
    if not set(PRICES) <= set(history.prices) or not len(history.volume) or rows < 2 * AROUND + 2:
        return
    with np.errstate(all="ignore"):
        logs = {name: np.log(column) for name, column in history.prices.items()}
    steps = np.diff(logs["close"])
    usual = 1.4826 * float(np.nanmedian(np.abs(steps)))
    listed = np.flatnonzero((history.splits != 0.0) & (history.splits != 1.0))
    for row in np.flatnonzero(np.abs(steps) > np.log(1.9)) + 1:
        ratio = _ratio(-float(steps[row - 1])) if AROUND <= row <= rows - AROUND else 0.0
        near = [each for each in listed if abs(int(each) - row) <= CLOSE_BY]
        if not ratio or any(abs(np.log(history.splits[each] / ratio)) < 0.2 for each in near):
            continue
        if _is_split(history, logs, int(row), ratio, usual):
            yield from _repairs(history, int(row), ratio)


def _ratio(size: float) -> float:
    """Return the usual ratio that is nearest to a fall of logarithms, below 1 for a rise; 0 where none is near."""
    nearest = min(RATIOS, key=lambda ratio: abs(np.log(ratio) - abs(size)))
    if abs(np.log(nearest) - abs(size)) > 0.2:
        return 0.0
    return nearest if size > 0.0 else 1.0 / nearest


def _is_split(history: History, logs: dict[str, Floats], row: int, ratio: float, usual: float) -> bool:
    """Say whether row and volume look like those of a split of a ratio."""
    size, near = float(np.log(ratio)), slice(row - AROUND, row + AROUND)
    gaps = [float(logs[name][row] - logs["close"][row - 1]) + size for name in PRICES]
    if not max(map(abs, gaps)) <= max(MOVES * usual, 0.03):
        return False
    spans = logs["high"] - logs["low"]
    times = RANGE_TIMES if abs(size) < np.log(2.5) else 2.0 * RANGE_TIMES
    if spans[row] > times * max(float(np.nanmedian(spans[near])), usual):
        return False
    before, after = (float(np.median(history.volume[part])) for part in _sides(row))
    if not (before > 0.0 and after > 0.0) or history.volume[row] > VOLUME_TIMES * after:
        return False
    return bool(abs(np.log(after / before) - size) < 0.5 * abs(size) + 0.2)


def _sides(row: int) -> tuple[slice, slice]:
    return slice(row - AROUND, row), slice(row, row + AROUND)


def _repairs(history: History, row: int, ratio: float) -> Iterator[Repair]:
    evidence = (
        f"prices step by 1/{ratio:g} and volume by {ratio:g} at the row after these, and no split is listed"
    )
    stepped = tuple(history.prices)
    if len(history.adjusted):
        step = float(np.log(history.adjusted[row] / history.adjusted[row - 1]))
        stepped += ("adj_close",) if abs(step + np.log(ratio)) < 0.5 * abs(np.log(ratio)) else ()
    yield Repair("split_missing", 0, row - 1, stepped, 1.0 / ratio, evidence)
    yield Repair("split_missing", 0, row - 1, ("volume",), ratio, evidence)
    yield Repair("split_missing", row, row, ("stock_splits",), 1.0, evidence, ratio)
