"""Breakout: a close beyond the channel of the bars before it goes on in its direction, while volatility lets it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from domain.market import Float64
from operators.strategy import Opinion


@dataclass(frozen=True)
class Params:
    """Feature names of the close and the channel, and the volatility filter.

    The gate is open while the annualised volatility lies between `volatility_min` and `volatility_max` and the bar's
    range is at least `expansion_min` average ranges: a breakout on a quiet bar is none.
    """

    close: str = "SMA(1)@1"
    upper: str = "DONCHIAN(20,before).upper@1"
    lower: str = "DONCHIAN(20,before).lower@1"
    range: str = "true_range@1"
    range_average: str = "atr_14@1"
    volatility: str = "volatility_ewma@1"
    volatility_min: float = 0.02
    volatility_max: float = 1.5
    expansion_min: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a gate that never opens."""
        if not 0 <= self.volatility_min < self.volatility_max or self.expansion_min < 0:
            raise ValueError(
                f"breakout needs 0 <= volatility_min < volatility_max and expansion_min of at least 0; "
                f"{self.volatility_min}, {self.volatility_max} and {self.expansion_min} were given"
            )


def features(params: Params) -> tuple[str, ...]:
    """Return the features that the score reads."""
    return (params.close, params.upper, params.lower, params.range, params.range_average, params.volatility)


def score(params: Params, columns: Mapping[str, Float64]) -> Opinion:
    """Return the place of the close in the channel, -1 at its lower edge and below, 1 at its upper one and above."""
    upper, lower = columns[params.upper], columns[params.lower]
    with np.errstate(divide="ignore", invalid="ignore"):
        place = (2.0 * columns[params.close] - upper - lower) / (upper - lower)
    volatility = columns[params.volatility]
    gate = (volatility >= params.volatility_min) & (volatility <= params.volatility_max)
    gate &= columns[params.range] >= params.expansion_min * columns[params.range_average]
    return Opinion(np.clip(place, -1.0, 1.0), gate)
