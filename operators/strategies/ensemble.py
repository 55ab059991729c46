"""Ensemble: other strategies weighed against each other."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from domain.market import Float64
from operators.strategy import Opinion


@dataclass(frozen=True)
class Params:
    """`members` are names of configured strategies with their weights: `trend: 2, reversion: 1`.

    A member whose gate is shut counts as 0; the ensemble is ready when all of its members are.
    """

    members: str = ""

    def __post_init__(self) -> None:
        """Refuse an ensemble of nobody, and weights that are none."""
        if not weights(self):
            raise ValueError(
                f"ensemble needs `members`, like 'trend: 2, reversion: 1'; {self.members!r} was given"
            )


def weights(params: Params) -> dict[str, float]:
    """Return the weight of each member; raises ValueError for one that is not above 0 or is named twice."""
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in params.members.split(","))):
        name, _, weight = part.partition(":")
        try:
            value = float(weight or 1.0)
        except ValueError:
            value = 0.0
        if not 0.0 < value < np.inf or name.strip() in found:
            raise ValueError(
                f"a member of an ensemble is NAME: WEIGHT, above 0, each once; {part!r} was given of {params.members!r}"
            )
        found[name.strip()] = value
    return found


def features(params: Params) -> tuple[str, ...]:
    """Return the scores that the ensemble reads."""
    return tuple(f"score({name})" for name in weights(params))


def score(params: Params, columns: Mapping[str, Float64]) -> Opinion:
    """Return the weighted mean of the members' scores."""
    weighed = weights(params)
    total = sum(weight * columns[f"score({name})"] for name, weight in weighed.items())
    scores = np.asarray(total) / sum(weighed.values())
    return Opinion(np.clip(scores, -1.0, 1.0), ~np.isnan(scores))
