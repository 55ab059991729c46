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

from features import series_cycles, series_recursions, series_rows, series_sweeps, series_windows

Floats = NDArray[np.float64]
COLUMNS = ("open", "high", "low", "close", "volume")
PIECE = 4_096
"""How many rows a program takes at a time; the answer does not depend on it."""


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

    def __rtruediv__(self, other: float) -> "Series":
        """Return the quotient, row by row."""
        return _made("divide", (_series(other), self))

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
    "sine": _ufunc(np.sin),
    "greater": _ufunc(np.maximum),
    "smaller": _ufunc(np.minimum),
    "sign": _ufunc(np.sign),
    "ratio": _plain(series_rows.ratio),
    "where": _plain(series_rows.where),
    "above": _plain(series_rows.above),
    "first_number": _plain(series_rows.first_number),
    "lag": _window(series_windows.lag, 2, 0),
    "total": _window(series_windows.total, 3),
    "highest": Operation(series_windows.highest, lambda n, _: n + 3, lambda _, least: least - 1),
    "lowest": Operation(series_windows.lowest, lambda n, _: n + 3, lambda _, least: least - 1),
    "weighted": _window(series_sweeps.weighted, 0),
    "bell": _window(series_sweeps.bell, 0),
    "variance": _window(series_sweeps.variance, 0),
    "mean_deviation": _window(series_sweeps.mean_deviation, 0),
    "slope": _window(series_sweeps.slope, 0),
    "age_of_highest": _window(series_sweeps.age_of_highest, 0),
    "age_of_lowest": _window(series_sweeps.age_of_lowest, 0),
    "percent_rank": _window(series_sweeps.percent_rank, 1, 0),
    "covariance": _window(series_sweeps.covariance, 0, rings=2),
    "exponential": Operation(
        series_recursions.exponential,
        lambda *_: 2,
        lambda n, _gain, skip, quiet: max(skip + n, quiet) - 1,
    ),
    "wilder_sum": Operation(series_recursions.wilder_sum, lambda *_: 2, lambda _n, quiet: quiet - 1),
    "running": Operation(series_recursions.running, lambda: 1, lambda: 0),
    "chained": Operation(series_recursions.chained, lambda _: 2, lambda _: 0),
    "streak": Operation(series_recursions.streak, lambda: 3, lambda: 0),
    "adaptive": Operation(series_recursions.adaptive, lambda: 1, lambda: 0),
    "parabolic": Operation(series_recursions.parabolic, lambda *_: 7, lambda *_: 1),
    "trailing": Operation(series_recursions.trailing, lambda: 5, lambda: 0),
    "fisher": Operation(series_recursions.fisher, lambda: 2, lambda: 0),
    "held_open": Operation(series_recursions.held_open, lambda: 3, lambda: 0),
    "cycle_period": Operation(series_cycles.cycle_period, lambda _: series_cycles.TURN, lambda skip: skip),
    "in_phase": Operation(series_cycles.in_phase, lambda _: series_cycles.TURN, lambda skip: skip),
    "quadrature": Operation(series_cycles.quadrature, lambda _: series_cycles.TURN, lambda skip: skip),
    "cycle_phase": Operation(series_cycles.cycle_phase, lambda: 2 + series_cycles.RING, lambda: 0),
    "cycle_mean": Operation(series_cycles.cycle_mean, lambda: 1 + series_cycles.RING, lambda: 0),
    "trending": Operation(series_cycles.trending, lambda: 4, lambda: 0),
    "later": Operation(series_cycles.later, lambda _: 1, lambda n: n),
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


class _Move(NamedTuple):
    """One step of a program: what it computes, and the places of its inputs and of its answer."""

    series: Series
    inputs: tuple[int, ...]
    target: int


class Program:
    """Computes several series together, in pieces of rows that stay in the processor's cache."""

    def __init__(self, series: Sequence[Series]) -> None:
        self.series = tuple(series)
        self.columns = columns_read(series)
        self._at: dict[Series, int] = {}
        self.width = 0
        order = ordered(series)
        for each in order:
            width = OPERATIONS[each.operation].width if each.operation in OPERATIONS else None
            if width is not None:
                self._at[each] = self.width
                self.width += width(*each.params)
        self._own = {each: place for place, each in enumerate(self.series)}
        self._constants = [each for each in order if each.operation == "constant"]
        self._moves, self._places, self._slots = self._plan(order)

    def _plan(self, order: Sequence[Series]) -> tuple[list[_Move], dict[Series, int], int]:
        """Give each series a place: columns, constants, the program's series, then scratch that is used again.

        Returns the steps in order, the place of each series, and how many places of scratch there are.
        """
        last = {one: step for step, each in enumerate(order) for one in each.inputs}
        fixed = [each for each in order if each.operation == "column"] + self._constants
        places = {each: place for place, each in enumerate(fixed)}
        outputs = len(fixed)
        scratch = outputs + len(self.series)
        free: list[int] = []
        slots = 0
        moves: list[_Move] = []
        for step, each in enumerate(order):
            if each in places:
                continue
            if each in self._own:
                places[each] = outputs + self._own[each]
            elif free:
                places[each] = free.pop()
            else:
                places[each] = scratch + slots
                slots += 1
            moves.append(_Move(each, tuple(places[one] for one in each.inputs), places[each]))
            free.extend(
                places[one]
                for one in dict.fromkeys(each.inputs)
                if last[one] == step and places[one] >= scratch
            )
        return moves, places, slots

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
        scratch = np.empty((self._slots, min(rows, PIECE)))
        constants = [np.full(min(rows, PIECE), each.params[0]) for each in self._constants]
        read = [columns[each.params[0]] for each in self._places if each.operation == "column"]
        with np.errstate(all="ignore"):
            for begin in range(0, rows, PIECE):
                end = min(begin + PIECE, rows)
                held = [column[begin:end] for column in read]
                held += [constant[: end - begin] for constant in constants]
                held += list(out[:, begin:end])
                held += list(scratch[:, : end - begin])
                self._compute(held, state, instrument[begin:end])
                for place, each in enumerate(self.series):
                    if self._places[each] != len(read) + len(constants) + place:
                        out[place, begin:end] = held[self._places[each]]
        return out

    def _compute(self, held: Sequence[Floats], state: Floats, instrument: NDArray[np.int32]) -> None:
        """Take every step over a piece of the rows, `held` by place."""
        for series, inputs, target in self._moves:
            step = OPERATIONS[series.operation].step
            arrays = [held[place] for place in inputs]
            if series in self._at:
                step(instrument, *arrays, state, self._at[series], *series.params, held[target])
            else:
                step(*arrays, *series.params, held[target])
