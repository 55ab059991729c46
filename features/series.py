"""Series of a bar, written as formulas and computed by compiled steps: what two formulas share is computed once.

    close = column("close")
    line = exponential(close, 12) - exponential(close, 26)
    program = Program((line,))
    state = program.fresh(instruments)
    values = program.run(state, instrument, {"close": ...})      # float64, (series, rows)

A series is what it is made of; two that are made of the same are the same one. Arithmetic of series is row by row.
A value that is missing (NaN) stays missing in all that is made of it, and no memory takes note of it. Rows of
different instruments may be interleaved; a step looks at nothing but its own instrument's memory, and splitting rows
over any number of calls gives the same bits.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features import series_recursions, series_windows

Floats = NDArray[np.float64]
COLUMNS = ("open", "high", "low", "close", "volume")


class Operation(NamedTuple):
    """What computes a series: its step, how much memory it needs and how much later than its input it speaks.

    `step(instrument, *inputs, state, at, *params, out)` where it has a memory, `step(*inputs, *params, out)` where it
    has none (`width` None). `width` and `delay` are functions of the parameters.
    """

    step: Callable[..., Any]
    width: Callable[..., int] | None
    delay: Callable[..., int]


class Series:
    """A column, or what an operation makes of other series; made by the functions of this module."""

    __slots__ = ("inputs", "operation", "params")

    def __init__(self, operation: str, inputs: tuple["Series", ...], params: tuple[Any, ...]) -> None:
        self.operation, self.inputs, self.params = operation, inputs, params

    def __add__(self, other: "Series | float") -> "Series":
        """Return the sum, row by row."""
        return _made("add", (self, _series(other)))

    def __radd__(self, other: float) -> "Series":
        """Return the sum, row by row."""
        return _made("add", (_series(other), self))

    def __sub__(self, other: "Series | float") -> "Series":
        """Return the difference, row by row."""
        return _made("subtract", (self, _series(other)))

    def __rsub__(self, other: float) -> "Series":
        """Return the difference, row by row."""
        return _made("subtract", (_series(other), self))

    def __mul__(self, other: "Series | float") -> "Series":
        """Return the product, row by row."""
        return _made("multiply", (self, _series(other)))

    def __rmul__(self, other: float) -> "Series":
        """Return the product, row by row."""
        return _made("multiply", (_series(other), self))

    def __truediv__(self, other: "Series | float") -> "Series":
        """Return the quotient, row by row; by `over` where the divisor may be 0."""
        return _made("divide", (self, _series(other)))

    def __neg__(self) -> "Series":
        """Return the negative."""
        return _made("subtract", (_series(0.0), self))


@cache
def _made(operation: str, inputs: tuple[Series, ...], params: tuple[Any, ...] = ()) -> Series:
    """Return the one series of that operation; those before it are kept for as long as the process lives."""
    return Series(operation, inputs, params)


def _series(value: Series | float) -> Series:
    return value if isinstance(value, Series) else _made("constant", (), (float(value),))


def column(name: str) -> Series:
    """Return a column of the bar; raises ValueError for one that a bar does not have."""
    if name not in COLUMNS:
        raise ValueError(f"a bar has the columns {', '.join(COLUMNS)}; {name!r} was given")
    return _made("column", (), (name,))


def apply(operation: str, *inputs: Series, params: Sequence[float] = ()) -> Series:
    """Return what an operation of `OPERATIONS` makes of series; raises KeyError for one that is not there."""
    OPERATIONS[operation]
    return _made(operation, tuple(inputs), tuple(params))


def _ratio(x: Floats, y: Floats, otherwise: float, out: Floats) -> None:
    """X / y; `otherwise` where y is 0 and both are numbers."""
    np.divide(x, y, out=out)
    zero = (y == 0.0) & ~np.isnan(x)
    out[zero] = otherwise


def _where(condition: Floats, x: Floats, y: Floats, out: Floats) -> None:
    """X where the condition is above 0, y where it is not, missing where it is missing."""
    out[:] = np.where(condition > 0.0, x, y)
    out[np.isnan(condition)] = np.nan


def _above(x: Floats, y: Floats, out: Floats) -> None:
    """1 where x > y, else 0, missing where one is."""
    out[:] = x > y
    out[np.isnan(x) | np.isnan(y)] = np.nan


def _first_number(x: Floats, y: Floats, out: Floats) -> None:
    """x, or y where x is missing."""
    out[:] = np.where(np.isnan(x), y, x)


def _plain(step: Callable[..., Any]) -> Operation:
    return Operation(step, None, lambda *_: 0)


def _ufunc(function: np.ufunc) -> Operation:
    def step(*arrays: Floats) -> None:
        function(*arrays[:-1], out=arrays[-1])

    return _plain(step)


def _window(step: Callable[..., Any], more: int, delay: int = -1, rings: int = 1) -> Operation:
    """Return an operation over n values that remembers `rings` times n and `more`, and speaks n + delay rows later."""
    return Operation(step, lambda n, *_: rings * n + more, lambda n, *_: n + delay)


OPERATIONS: dict[str, Operation] = {
    "add": _ufunc(np.add),
    "subtract": _ufunc(np.subtract),
    "multiply": _ufunc(np.multiply),
    "divide": _ufunc(np.divide),
    "absolute": _ufunc(np.absolute),
    "square_root": _ufunc(np.sqrt),
    "logarithm": _ufunc(np.log),
    "arctangent": _ufunc(np.arctan),
    "greater": _ufunc(np.maximum),
    "smaller": _ufunc(np.minimum),
    "sign": _ufunc(np.sign),
    "ratio": _plain(_ratio),
    "where": _plain(_where),
    "above": _plain(_above),
    "first_number": _plain(_first_number),
    "lag": _window(series_windows.lag, 2, 0),
    "total": _window(series_windows.total, 3),
    "highest": Operation(series_windows.highest, lambda n, _: n + 3, lambda _, least: least - 1),
    "lowest": Operation(series_windows.lowest, lambda n, _: n + 3, lambda _, least: least - 1),
    "weighted": _window(series_windows.weighted, 2),
    "bell": _window(series_windows.bell, 2),
    "variance": _window(series_windows.variance, 2),
    "mean_deviation": _window(series_windows.mean_deviation, 2),
    "slope": _window(series_windows.slope, 2),
    "age_of_highest": _window(series_windows.age_of_highest, 2),
    "age_of_lowest": _window(series_windows.age_of_lowest, 2),
    "percent_rank": _window(series_windows.percent_rank, 2, 0),
    "covariance": _window(series_windows.covariance, 4, rings=2),
    "exponential": Operation(
        series_recursions.exponential,
        lambda *_: 2,
        lambda n, _gain, skip, quiet: max(skip + n, quiet) - 1,
    ),
    "wilder_sum": Operation(series_recursions.wilder_sum, lambda *_: 2, lambda _n, quiet: quiet - 1),
    "running": Operation(series_recursions.running, lambda: 1, lambda: 0),
    "chained": Operation(series_recursions.chained, lambda _: 2, lambda _: 0),
    "streak": Operation(series_recursions.streak, lambda: 3, lambda: 0),
    "adaptive": Operation(series_recursions.adaptive, lambda n, *_: n + 4, lambda n, *_: n),
    "parabolic": Operation(series_recursions.parabolic, lambda *_: 7, lambda *_: 1),
    "trailing": Operation(series_recursions.trailing, lambda: 5, lambda: 0),
    "fisher": Operation(series_recursions.fisher, lambda: 2, lambda: 0),
    "held_open": Operation(series_recursions.held_open, lambda: 3, lambda: 0),
}


def warm_up(series: Series) -> int:
    """Return how many whole bars a series needs before it speaks."""
    known: dict[Series, int] = {}
    for each in ordered((series,)):
        if each.operation in {"column", "constant"}:
            known[each] = 1
            continue
        waits = [known[one] for one in each.inputs]
        before = min(waits) if each.operation == "first_number" else max(waits)
        known[each] = before + OPERATIONS[each.operation].delay(*each.params)
    return known[series]


def columns_read(series: Sequence[Series]) -> tuple[str, ...]:
    """Return which columns of the bar series are made of, in the order of `COLUMNS`."""
    read = {each.params[0] for each in ordered(series) if each.operation == "column"}
    return tuple(name for name in COLUMNS if name in read)


def ordered(series: Sequence[Series]) -> list[Series]:
    """Return series and all that they are made of, each once, after what it is made of."""
    found: dict[Series, None] = {}
    waiting = list(reversed(series))
    while waiting:
        each = waiting[-1]
        missing = [one for one in each.inputs if one not in found]
        if each not in found and missing:
            waiting.extend(reversed(missing))
            continue
        found.setdefault(waiting.pop())
    return list(found)


class Program:
    """Computes several series together."""

    def __init__(self, series: Sequence[Series]) -> None:
        self.series = tuple(series)
        self.columns = columns_read(series)
        self._order = ordered(series)
        self._at: dict[Series, int] = {}
        self.width = 0
        for each in self._order:
            width = OPERATIONS[each.operation].width if each.operation in OPERATIONS else None
            if width is not None:
                self._at[each] = self.width
                self.width += width(*each.params)

    def fresh(self, instruments: int) -> Floats:
        """Return the memory of instruments that have seen nothing, float64 (instruments, width)."""
        return np.zeros((instruments, self.width))

    def run(self, state: Floats, instrument: NDArray[np.int32], columns: Mapping[str, Floats]) -> Floats:
        """Return the series over rows, float64 (series, rows); `state` is changed in place.

        `instrument` says whose memory a row has; `columns` holds contiguous float64 columns, those of `self.columns`
        at least. Raises KeyError where one is missing.
        """
        rows = len(instrument)
        out = np.empty((len(self.series), rows))
        own = {each: place for place, each in enumerate(self.series)}
        done: dict[Series, Floats] = {}
        with np.errstate(all="ignore"):
            for each in self._order:
                if each.operation == "column":
                    done[each] = columns[each.params[0]]
                elif each.operation == "constant":
                    done[each] = np.full(rows, each.params[0])
                else:
                    target = out[own[each]] if each in own else np.empty(rows)
                    self._compute(each, [done[one] for one in each.inputs], state, instrument, target)
                    done[each] = target
        for place, each in enumerate(self.series):
            if done[each] is not out[place]:
                out[place] = done[each]
        return out

    def _compute(
        self,
        series: Series,
        inputs: Sequence[Floats],
        state: Floats,
        instrument: NDArray[np.int32],
        out: Floats,
    ) -> None:
        step = OPERATIONS[series.operation].step
        if series in self._at:
            step(instrument, *inputs, state, self._at[series], *series.params, out)
        else:
            step(*inputs, *series.params, out)
