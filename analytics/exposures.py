"""Exposures of a book: gross, net, long, short, leverage, beta, and by sector, currency or any other name.

Source: standards.md 2.1. Values are signed market values in base currency, V = quantity * price * multiplier * FX.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Exposures(NamedTuple):
    """Sums over positions, `short` as a positive number; leverages are parts of NAV, NaN where that is not above 0."""

    gross: float
    net: float
    long: float
    short: float
    beta_adjusted: float
    leverage_gross: float
    leverage_net: float


def exposures(values: Floats, betas: Floats, nav: float) -> Exposures:
    """Return the exposures of positions (n,) with betas (n,)."""
    bought, sold = float(values[values > 0].sum()), -float(values[values < 0].sum())
    gross, net = bought + sold, bought - sold
    part = 1.0 / nav if nav > 0 else float("nan")
    return Exposures(gross, net, bought, sold, float(values @ betas), gross * part, net * part)


def by_name(values: Floats, names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return gross and net value under each name, sorted by name; what has no name is under the empty one."""
    found: dict[str, tuple[float, float]] = {}
    for value, name in zip(values.tolist(), names, strict=True):
        gross, net = found.get(name, (0.0, 0.0))
        found[name] = (gross + abs(value), net + value)
    return dict(sorted(found.items()))


def shrunk_beta(beta: float) -> float:
    """Return Blume's beta: 0.67 of the one that was measured, and 0.33."""
    return 0.67 * beta + 0.33
