"""Mean reversion: a price far from its session's VWAP is expected to come back to it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from domain.market import Float64
from operators.strategy import Opinion


@dataclass(frozen=True)
class Params:
    """Name of the z-score of the distance to session VWAP, the z that counts as a full score, and when not to fade.

    The gate closes while the trend strength feature is above `trend_strength_max`.
    """

    distance: str = "vwap_distance_z_30"
    trend_strength: str = "adx_14"
    z_full: float = 3.0
    trend_strength_max: float = 40.0

    def __post_init__(self) -> None:
        """Refuse a z that divides by nothing."""
        if not self.z_full > 0 or not self.trend_strength_max > 0:
            raise ValueError(
                f"mean_reversion needs z_full and trend_strength_max above 0; {self.z_full} and "
                f"{self.trend_strength_max} were given"
            )


def features(params: Params) -> tuple[str, ...]:
    """Return the features that the score reads."""
    return (params.distance, params.trend_strength)


def score(params: Params, columns: Mapping[str, Float64]) -> Opinion:
    """Return the score in [-1, 1], against the distance, and whether the gate is open, for each row."""
    scores = np.clip(-columns[params.distance] / params.z_full, -1.0, 1.0)
    return Opinion(scores, columns[params.trend_strength] <= params.trend_strength_max)
