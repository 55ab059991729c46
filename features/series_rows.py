"""Compiled arithmetic of series, row by row, where a plain ufunc would need several passes; NaN is missing."""

import numpy as np

from features.series_windows import Floats, compiled


@compiled
def ratio(x: Floats, y: Floats, otherwise: float, out: Floats) -> None:
    """X / y; `otherwise` where y is 0 and x is a number."""
    for row in range(len(x)):
        zero = y[row] == 0.0 and x[row] == x[row]
        out[row] = otherwise if zero else x[row] / y[row]


@compiled
def where(condition: Floats, x: Floats, y: Floats, out: Floats) -> None:
    """X where the condition is above 0, y where it is not, missing where it is missing."""
    for row in range(len(x)):
        chosen = x[row] if condition[row] > 0.0 else y[row]
        out[row] = chosen if condition[row] == condition[row] else np.nan


@compiled
def above(x: Floats, y: Floats, out: Floats) -> None:
    """1 where x > y, else 0, missing where one is."""
    for row in range(len(x)):
        known = x[row] == x[row] and y[row] == y[row]
        answer = 1.0 if x[row] > y[row] else 0.0
        out[row] = answer if known else np.nan


@compiled
def first_number(x: Floats, y: Floats, out: Floats) -> None:
    """x, or y where x is missing."""
    for row in range(len(x)):
        out[row] = x[row] if x[row] == x[row] else y[row]
