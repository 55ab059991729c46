"""A book of positions under scenarios, kept up to date: VaR and ES after every fill and every mark, and of an order.

The scenarios are returns of each position (n, s), equally likely. The book keeps what each scenario would earn,
P_s = sum_i V_i r_is, so that a change of one position costs s additions and not n times s. VaR and ES are those of
`analytics.loss_distributions.Scenarios`, to the rounding of a sum. Rounding adds up with each change, so after a fixed
number of them, which is part of the state, the sums are made anew.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from analytics.loss_scenarios import ROUNDING, checked_confidence

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

CHANGES_MAX = 1_024
"""Changes after which the sums are made anew: their rounding is then below 1e-12 of the gross value's worst day."""


TAIL_SORTED_MAX = 64
"""Losses of the tail that are sorted as they are met; a longer tail is parted from the rest first."""


class TailMeasures(NamedTuple):
    """VaR and ES in the money of the values, each at a confidence of its own."""

    var: float
    es: float


class Marginal(NamedTuple):
    """What an order would change: the measures before and after it, from the same scenarios."""

    before: TailMeasures
    after: TailMeasures

    @property
    def var(self) -> float:
        """Return how much VaR would rise, below 0 for an order that hedges."""
        return self.after.var - self.before.var

    @property
    def es(self) -> float:
        """Return how much ES would rise."""
        return self.after.es - self.before.es


class _Tail(NamedTuple):
    """Places of order statistics, ascending from 0, and how much of the shortfall's last loss counts."""

    var_rank: int
    es_rank: int
    es_count: float


@dataclass
class ScenarioBook:
    """Values of positions (n,) under scenarios (n, s), with what each scenario earns (s,).

    Raises ValueError where scenarios are not finite rows of positions, or a confidence is not between 0 and 1.
    """

    scenarios: Floats
    var_confidence: float = 0.99
    es_confidence: float = 0.975
    values: Floats = field(init=False)
    earned: Floats = field(init=False)
    changes: int = field(default=0, init=False)
    _tail: _Tail = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin with an empty book."""
        shape = self.scenarios.shape
        if len(shape) != 2 or 0 in shape or not np.isfinite(self.scenarios).all():
            raise ValueError(f"scenarios are finite returns, positions by scenarios; their shape is {shape}")
        self.scenarios = np.ascontiguousarray(self.scenarios, np.float64)
        self.values, self.earned = np.zeros(shape[0]), np.zeros(shape[1])
        self._tail = _tail_of(shape[1], self.var_confidence, self.es_confidence)

    def set_values(self, values: Floats) -> None:
        """Mark every position: the sums are made anew."""
        if values.shape != self.values.shape or not np.isfinite(values).all():
            raise ValueError(
                f"values are finite, one for each of {len(self.values)} positions; {values.shape} were given"
            )
        self.values[:] = values
        self.rebuild()

    def change(self, position: int, by: float) -> None:
        """Change one position by a value: a fill, or a new mark of it."""
        self.values[position] += by
        self.changes += 1
        if self.changes >= CHANGES_MAX:
            self.rebuild()
        else:
            _add(self.earned, self.scenarios, position, by)

    def mark(self, positions: Places, values: Floats) -> None:
        """Mark some positions at new values; where that is a tenth of them or more the sums are made anew."""
        if 10 * len(positions) >= len(self.values):
            self.values[positions] = values
            self.rebuild()
            return
        for position, value in zip(positions.tolist(), values.tolist(), strict=True):
            self.change(position, value - float(self.values[position]))

    def rebuild(self) -> None:
        """Make the sums anew from the values."""
        _sum(self.earned, self.scenarios, self.values)
        self.changes = 0

    def measures(self) -> TailMeasures:
        """Return VaR and ES of the book."""
        return TailMeasures(*_measured(self.earned, self.scenarios, 0, 0.0, *self._tail))

    def marginal(self, position: int, by: float) -> Marginal:
        """Return what an order that changes one position by a value would do to VaR and ES (PT-34)."""
        after = TailMeasures(*_measured(self.earned, self.scenarios, position, by, *self._tail))
        return Marginal(self.measures(), after)

    def components(self) -> tuple[Floats, Floats]:
        """Return what each position adds to VaR and to ES, (n,) each; they sum to the measures.

        That of VaR is the position's loss in the scenario that is the VaR, that of ES its mean loss over the tail.
        """
        order = np.argsort(-self.earned, kind="stable")
        var_rank, es_rank, es_count = self._tail
        tail = order[es_rank:]
        weights = np.ones(len(tail))
        weights[0] = es_count - (len(tail) - 1)
        var = -self.values * self.scenarios[:, order[var_rank]]
        es = -self.values * (self.scenarios[:, tail] @ weights) / es_count
        return var, np.asarray(es)


def _tail_of(count: int, var_confidence: float, es_confidence: float) -> _Tail:
    var_rank, es_rank = (
        min(int(np.ceil(count * checked_confidence(each) - ROUNDING)), count) - 1
        for each in (var_confidence, es_confidence)
    )
    return _Tail(var_rank, es_rank, count * (1.0 - es_confidence))


def measured_once(
    values: Floats, scenarios: Floats, var_confidence: float = 0.99, es_confidence: float = 0.975
) -> TailMeasures:
    """Return VaR and ES of values (n,) under scenarios (n, s), without keeping a book; 0 where nothing is held."""
    if not len(values):
        return TailMeasures(0.0, 0.0)
    earned = np.empty(scenarios.shape[1])
    _sum(earned, scenarios, values)
    return TailMeasures(
        *_measured(earned, scenarios, 0, 0.0, *_tail_of(len(earned), var_confidence, es_confidence))
    )


@njit(cache=True, nogil=True)
def _add(earned: Floats, scenarios: Floats, position: int, by: float) -> None:
    for place in range(len(earned)):
        earned[place] += by * scenarios[position, place]


@njit(cache=True, nogil=True, error_model="numpy")
def _sum(earned: Floats, scenarios: Floats, values: Floats) -> None:
    """Sum over the positions, four at a time, in one order on every machine (a product of BLAS has none)."""
    earned[:] = 0.0
    whole = len(values) // 4 * 4
    for i in range(0, whole, 4):
        a, b, c, d = values[i], values[i + 1], values[i + 2], values[i + 3]
        if a == 0.0 and b == 0.0 and c == 0.0 and d == 0.0:
            continue
        for place in range(len(earned)):
            earned[place] += (
                a * scenarios[i, place]
                + b * scenarios[i + 1, place]
                + (c * scenarios[i + 2, place] + d * scenarios[i + 3, place])
            )
    for i in range(whole, len(values)):
        for place in range(len(earned)):
            earned[place] += values[i] * scenarios[i, place]


@njit(cache=True, nogil=True)
def _measured(
    earned: Floats,
    scenarios: Floats,
    position: int,
    by: float,
    var_rank: int,
    es_rank: int,
    es_count: float,
) -> tuple[float, float]:
    """Return VaR and ES of what is earned and `by` of one position more, the losses partly sorted."""
    count = len(earned)
    lower = min(var_rank, es_rank)
    tail = np.empty(count - lower)
    if len(tail) <= TAIL_SORTED_MAX:
        _keep_largest(earned, scenarios, position, by, tail)
    else:
        losses = np.empty(count)
        for place in range(count):
            losses[place] = -(earned[place] + by * scenarios[position, place])
        tail[:] = np.sort(np.partition(losses, lower)[lower:])
    beyond = 0.0
    for place in range(es_rank + 1, count):
        beyond += tail[place - lower]
    last = es_count - (count - 1 - es_rank)
    shortfall = (beyond + last * tail[es_rank - lower]) / es_count
    return tail[var_rank - lower], shortfall


@njit(cache=True, nogil=True)
def _keep_largest(earned: Floats, scenarios: Floats, position: int, by: float, tail: Floats) -> None:
    """Put the largest losses into `tail`, ascending: few of them ever take a place from another."""
    tail[:] = -np.inf
    for place in range(len(earned)):
        loss = -(earned[place] + by * scenarios[position, place])
        if loss <= tail[0]:
            continue
        at = 0
        while at + 1 < len(tail) and tail[at + 1] < loss:
            tail[at] = tail[at + 1]
            at += 1
        tail[at] = loss
