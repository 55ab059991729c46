"""Pairs: two instruments that belong together come back to each other while the test of cointegration says so."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from domain.market import Float64
from features.cointegration import OBSERVATIONS_MIN, critical_value
from features.comparison import REFIT, SPREAD, WINDOW
from operators.strategy import Opinion


@dataclass(frozen=True)
class Params:
    """The two instruments, how their spread is measured, and when it may be entered.

    `window` closes are regressed and fitted again each `refit` closes. A spread `z_full` deviations wide is a full
    score; one wider than `z_max` is entered no more, as it may have broken. The gate needs the Engle-Granger statistic
    to be under its critical value at `level` (0.01, 0.05 or 0.1).
    """

    first: str = ""
    second: str = ""
    window: int = WINDOW
    refit: int = REFIT
    z_full: float = 3.0
    z_max: float = 4.0
    level: float = 0.05

    def __post_init__(self) -> None:
        """Refuse a pair of less than two, and a spread that is never entered."""
        if not self.first or not self.second or self.first == self.second:
            raise ValueError(
                f"pairs needs `first` and `second`, two instruments; {self.first!r} and {self.second!r} were given"
            )
        if not 0 < self.z_full <= self.z_max:
            raise ValueError(f"pairs needs 0 < z_full <= z_max; {self.z_full} and {self.z_max} were given")
        critical_value(self.level, max(self.window, OBSERVATIONS_MIN))


def features(params: Params) -> tuple[str, ...]:
    """Return the features that the score reads: distance, statistic and weight of the spread."""
    spread = f"{SPREAD}({params.first},{params.second},{params.window},{params.refit})"
    return (f"{spread}.z@1", f"{spread}.statistic@1", f"{spread}.weight@1")


def score(params: Params, columns: Mapping[str, Float64]) -> Opinion:
    """Return the score against the distance, each leg with its weight; missing for every other instrument."""
    z, statistic, weight = (columns[name] for name in features(params))
    gate = (statistic <= critical_value(params.level, params.window)) & (np.abs(z) <= params.z_max)
    return Opinion(np.clip(-z / params.z_full, -1.0, 1.0), gate, weight)
