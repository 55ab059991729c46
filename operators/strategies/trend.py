"""Trend: the gap between a fast and a slow average, in units of the price's range, while volatility is normal."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from domain.market import Float64
from operators.strategy import Opinion


@dataclass(frozen=True)
class Params:
    """Feature names of the averages and the range, the gap that counts as a full score, and the volatility gate.

    `gap_full` is in multiples of the average true range; the gate is open while the annualised volatility feature lies
    between `volatility_min` and `volatility_max`.
    """

    fast: str = "ema_12"
    slow: str = "ema_26"
    range: str = "atr_14"
    volatility: str = "volatility_ewma"
    gap_full: float = 2.0
    volatility_min: float = 0.02
    volatility_max: float = 1.5

    def __post_init__(self) -> None:
        """Refuse a gate that never opens and a gap that divides by nothing."""
        if not self.gap_full > 0:
            raise ValueError(f"trend needs `gap_full` above 0; {self.gap_full} was given")
        if not 0 <= self.volatility_min < self.volatility_max:
            raise ValueError(
                f"trend needs 0 <= volatility_min < volatility_max; {self.volatility_min} and "
                f"{self.volatility_max} were given"
            )


def features(params: Params) -> tuple[str, ...]:
    """Return the features that the score reads."""
    return (params.fast, params.slow, params.range, params.volatility)


def score(params: Params, columns: Mapping[str, Float64]) -> Opinion:
    """Return the score in [-1, 1] and whether the gate is open, for each row."""
    gap = columns[params.fast] - columns[params.slow]
    with np.errstate(divide="ignore", invalid="ignore"):
        units = gap / (params.gap_full * columns[params.range])
    volatility = columns[params.volatility]
    gate = (volatility >= params.volatility_min) & (volatility <= params.volatility_max)
    return Opinion(np.clip(units, -1.0, 1.0), gate)
