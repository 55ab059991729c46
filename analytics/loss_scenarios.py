"""The distribution of a loss that scenarios are (standards.md 2.2), and what any distribution can be asked.

A loss is positive. For a confidence a in (0, 1), VaR_a = inf{x: P(L <= x) >= a} and
ES_a = 1/(1 - a) * integral of VaR_u over u from a to 1, both in the unit of the loss.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROUNDING = 1e-9
"""Probabilities that differ by less of an observation are taken for equal: 0.95 of 100 observations are 95 of them."""


class LossDistribution(Protocol):
    """What every distribution of a loss can be asked."""

    def var(self, confidence: float) -> float:
        """Return the value at risk."""
        ...

    def es(self, confidence: float) -> float:
        """Return the expected shortfall."""
        ...

    def beyond(self, confidences: Floats) -> Floats:
        """Return (1 - a) ES_a, the integral of VaR over the tail, for each confidence a."""
        ...


def checked_confidence(confidence: float) -> float:
    """Return a confidence that lies between 0 and 1; raises ValueError for any other."""
    if not 0.0 < confidence < 1.0:
        hint = f"; {confidence / 100:g} is {confidence:g} percent" if 1.0 < confidence < 100.0 else ""
        raise ValueError(f"a confidence lies between 0 and 1, such as 0.95; {confidence:g} was given{hint}")
    return confidence


@dataclass(frozen=True)
class Scenarios:
    """Losses that were seen or drawn, shape (n,), each with a probability, 1/n where none are given.

    VaR is an order statistic: of n equal ones the one of rank ceil(n a), ascending. ES is that of Acerbi and Tasche
    (2002): the mean of the worst 1 - a of the probability, of the last loss as much of it as is still needed. With
    `linear` VaR lies between two order statistics, at place (n - 1) a from 0, as numpy's default quantile; ES is the
    same, and probabilities are then equal. Raises ValueError where there is no loss, one is not finite, or the
    probabilities are not of its shape, not all at least 0, or 0 altogether.
    """

    losses: Floats
    probabilities: Floats | None = None
    linear: bool = False
    order: NDArray[np.intp] = field(init=False, repr=False, compare=False)
    _sorted: Floats = field(init=False, repr=False, compare=False)
    _below: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Sort the losses."""
        count = len(self.losses)
        if not count or not np.isfinite(self.losses).all():
            raise ValueError("a distribution of scenarios needs at least one loss, and finite ones")
        order = np.argsort(self.losses, kind="stable")
        object.__setattr__(self, "order", order)
        object.__setattr__(self, "_sorted", self.losses[order])
        if self.probabilities is None:
            below = np.arange(1, count + 1) / count
        else:
            weights = self.probabilities
            if weights.shape != self.losses.shape or (weights < 0).any() or not weights.sum() > 0:
                raise ValueError("probabilities are one for each loss, at least 0, and not all 0")
            if self.linear:
                raise ValueError("the linear quantile is of equal probabilities; weights were given")
            below = np.cumsum(weights[order]) / weights.sum()
        object.__setattr__(self, "_below", below)

    def rank(self, confidence: float) -> int:
        """Return the place, ascending from 0, of the loss that is the value at risk by order statistic."""
        count = len(self._sorted)
        found = int(np.searchsorted(self._below, checked_confidence(confidence) - ROUNDING / count))
        return min(found, count - 1)

    def var(self, confidence: float) -> float:
        """Return the value at risk."""
        if self.linear:
            return float(np.quantile(self._sorted, checked_confidence(confidence)))
        return float(self._sorted[self.rank(confidence)])

    def es(self, confidence: float) -> float:
        """Return the expected shortfall of Acerbi and Tasche."""
        weights = self.tail_weights(confidence)
        return float(weights @ self._sorted[len(self._sorted) - len(weights) :])

    def tail_weights(self, confidence: float) -> Floats:
        """Return what each loss of the tail counts for in the shortfall, ascending; the first is the VaR scenario.

        They sum to 1, and belong to `order[-len(weights):]`.
        """
        rank, below = self.rank(confidence), self._below
        weights = np.diff(below[rank:], prepend=0.0)
        weights[0] = max(1.0 - confidence - (1.0 - below[rank]), 0.0)
        return np.asarray(weights / weights.sum())

    def beyond(self, confidences: Floats) -> Floats:
        """Return (1 - a) ES_a for each confidence: a sum over the tail, and linear between two losses."""
        shares = np.diff(self._below, prepend=0.0)
        sums = np.concatenate([np.cumsum((shares * self._sorted)[::-1])[::-1], [0.0]])
        return np.asarray(np.interp(confidences, np.concatenate([[0.0], self._below]), sums))
