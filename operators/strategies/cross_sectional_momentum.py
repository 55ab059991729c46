"""Cross-sectional momentum: what has risen most goes on rising, what has risen least falls behind, all else equal."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from domain.market import Float64
from operators.strategy import Opinion

SIDES = ("both", "long", "short")


@dataclass(frozen=True)
class Params:
    """The rank across the universe that counts, and which ends of it are traded.

    A score of 1 is the first of the universe, -1 the last, so that `enter: 0.6` takes the fifth at either end. `sides`
    is both, long or short.
    """

    rank: str = "rank(roc_10)@1"
    sides: str = "both"

    def __post_init__(self) -> None:
        """Refuse sides that there are not."""
        if self.sides not in SIDES:
            raise ValueError(
                f"cross_sectional_momentum has sides {', '.join(SIDES)}; {self.sides!r} was given"
            )


def features(params: Params) -> tuple[str, ...]:
    """Return the features that the score reads."""
    return (params.rank,)


def score(params: Params, columns: Mapping[str, Float64]) -> Opinion:
    """Return the rank as a score in [-1, 1]; the side that is not traded is 0."""
    scores = 2.0 * columns[params.rank] - 1.0
    if params.sides == "long":
        scores = np.where(scores < 0.0, 0.0, scores)
    if params.sides == "short":
        scores = np.where(scores > 0.0, 0.0, scores)
    return Opinion(scores, ~np.isnan(scores))
