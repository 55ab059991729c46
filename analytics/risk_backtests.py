"""Backtests of value at risk and expected shortfall: were the forecasts exceeded as often, and by as much, as said?

Source: standards.md 2.3; Kupiec 1995, Christoffersen 1998, Basel MAR32 and MAR33, Acerbi and Szekely 2014. `expected`
is 1 - confidence; an exception is a loss above the VaR that was forecast for it.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc, chdtrc

from analytics.loss_scenarios import LossDistribution

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

YELLOW_FROM, RED_FROM = 0.95, 0.9999
MULTIPLIERS = (1.50, 1.50, 1.50, 1.50, 1.50, 1.70, 1.76, 1.83, 1.88, 1.92, 2.00)
"""MAR33 multiplier by the number of exceptions in 250 days at 99 per cent, from 10 on the last one."""
MULTIPLIERS_1996 = (3.00, 3.00, 3.00, 3.00, 3.00, 3.40, 3.50, 3.65, 3.75, 3.85, 4.00)
TAIL_BINS = 50


class Ratio(NamedTuple):
    """A likelihood ratio, its p-value, and how many degrees of freedom its chi-square distribution has."""

    statistic: float
    p_value: float
    degrees: int


class Transitions(NamedTuple):
    """How often a day without (0) or with (1) an exception was followed by one without or with."""

    n00: int
    n01: int
    n10: int
    n11: int


class TrafficLight(NamedTuple):
    """Basel's zone by the probability of at most so many exceptions, and of at least so many (type I error).

    The multipliers are those of MAR33 and of 1996 for 250 days at 99 per cent, None for any other number of days or
    confidence.
    """

    zone: str
    cumulative: float
    type_one: float
    multiplier: float | None
    multiplier_1996: float | None


class ShortfallTest(NamedTuple):
    """Acerbi and Szekely's second statistic: sum(L I/ES)/(T(1 - a)) - 1, above 0 where losses were larger than said.

    `p_value` is the share of simulations, under the forecasts being right, that come to at least as much.
    """

    statistic: float
    p_value: float
    simulations: int


def _xlogy(x: float, y: float) -> float:
    """Return x ln y, with 0 ln 0 = 0."""
    return 0.0 if x == 0 else x * math.log(y)


def kupiec(observations: int, exceptions: int, expected: float) -> Ratio:
    """Return the proportion-of-failures test, chi-square with 1 degree of freedom.

    Raises ValueError for no observations, more exceptions than those, or a probability outside of (0, 1).
    """
    _check_counts(observations, exceptions, expected)
    seen = exceptions / observations
    said = _xlogy(observations - exceptions, 1 - expected) + _xlogy(exceptions, expected)
    found = _xlogy(observations - exceptions, 1 - seen) + _xlogy(exceptions, seen)
    return _ratio(-2.0 * (said - found), 1)


def transitions(exceptions: Flags) -> Transitions:
    """Return how exceptions follow each other."""
    pairs = exceptions[:-1].astype(int) * 2 + exceptions[1:]
    return Transitions(*(int(each) for each in np.bincount(pairs, minlength=4)))


def christoffersen(counts: Transitions) -> Ratio:
    """Return the test of independence against a first-order Markov chain, chi-square with 1 degree of freedom."""
    n00, n01, n10, n11 = counts
    after_none = n01 / (n00 + n01) if n00 + n01 else 0.0
    after_one = n11 / (n10 + n11) if n10 + n11 else 0.0
    whole = n00 + n01 + n10 + n11
    anyway = (n01 + n11) / whole if whole else 0.0
    same = _xlogy(n00 + n10, 1 - anyway) + _xlogy(n01 + n11, anyway)
    each = _xlogy(n00, 1 - after_none) + _xlogy(n01, after_none)
    each += _xlogy(n10, 1 - after_one) + _xlogy(n11, after_one)
    return _ratio(-2.0 * (same - each), 1)


def conditional_coverage(coverage: Ratio, independence: Ratio) -> Ratio:
    """Return the joint test of coverage and independence, chi-square with 2 degrees of freedom."""
    return _ratio(coverage.statistic + independence.statistic, 2)


def traffic_light(observations: int, exceptions: int, expected: float) -> TrafficLight:
    """Return Basel's zone: green below 95 per cent of cumulative probability, red from 99.99 per cent on.

    Raises ValueError as `kupiec`.
    """
    _check_counts(observations, exceptions, expected)
    cumulative = float(bdtr(exceptions, observations, expected))
    type_one = 1.0 if exceptions == 0 else float(bdtrc(exceptions - 1, observations, expected))
    zone = "red" if cumulative >= RED_FROM else "yellow" if cumulative >= YELLOW_FROM else "green"
    of_basel = observations == 250 and math.isclose(expected, 0.01, abs_tol=1e-9)
    place = min(exceptions, len(MULTIPLIERS) - 1)
    scales = (MULTIPLIERS[place], MULTIPLIERS_1996[place]) if of_basel else (None, None)
    return TrafficLight(zone, cumulative, type_one, *scales)


def leaves_internal_model(exceptions_99: int, exceptions_975: int) -> bool:
    """Say whether a desk leaves the internal model: above 12 exceptions at 99, or 30 at 97.5 per cent (MAR32.18)."""
    return exceptions_99 > 12 or exceptions_975 > 30


def tail_losses(forecast: LossDistribution, confidence: float, bins: int = TAIL_BINS) -> Floats:
    """Return the mean loss of a forecast in each of so many equally likely parts of its tail, (bins,).

    The mildest comes first; their mean is the expected shortfall.
    """
    starts = confidence + (1.0 - confidence) * np.arange(bins) / bins
    return -np.diff(forecast.beyond(starts), append=0.0) / ((1.0 - confidence) / bins)


def shortfall_statistic(losses: Floats, exceptions: Flags, shortfalls: Floats, expected: float) -> float:
    """Return sum(L I/ES)/(T(1 - a)) - 1; the expectation is 0 where the forecasts are right.

    Raises ValueError where a shortfall is not above 0: its ratio to a loss would say nothing.
    """
    if not (shortfalls > 0).all():
        raise ValueError("the backtest of expected shortfall needs forecasts above 0; one is not")
    return float((losses[exceptions] / shortfalls[exceptions]).sum()) / (len(losses) * expected) - 1.0


def shortfall_test(
    losses: Floats,
    exceptions: Flags,
    shortfalls: Floats,
    tails: Floats,
    expected: float,
    simulations: int = 5_000,
    seed: int = 1,
) -> ShortfallTest:
    """Return the test of expected shortfall, its p-value simulated from the forecasts themselves.

    `tails` (t, bins) are the `tail_losses` of each day: in a simulation a day has an exception with probability
    1 - a, and its loss is then one of them. The same seed gives the same p-value.
    """
    seen = shortfall_statistic(losses, exceptions, shortfalls, expected)
    ratios = np.ascontiguousarray(tails / shortfalls[:, None])
    sums = _simulated(ratios, expected, simulations, seed)
    drawn = sums / (len(losses) * expected) - 1.0
    at_least = int(np.count_nonzero(drawn >= seen - 1e-12))
    return ShortfallTest(seen, (at_least + 1) / (simulations + 1), simulations)


@njit(cache=True, nogil=True)
def _simulated(ratios: Floats, expected: float, simulations: int, seed: int) -> Floats:
    np.random.seed(seed)  # noqa: NPY002  numba compiles this generator only; it is its own, and seeded here
    out = np.zeros(simulations)
    days, bins = ratios.shape
    for draw in range(simulations):
        for day in range(days):
            if np.random.random() < expected:  # noqa: NPY002
                out[draw] += ratios[day, np.random.randint(bins)]  # noqa: NPY002
    return out


def _ratio(statistic: float, degrees: int) -> Ratio:
    statistic = max(statistic, 0.0)
    return Ratio(statistic, float(chdtrc(degrees, statistic)), degrees)


def _check_counts(observations: int, exceptions: int, expected: float) -> None:
    if observations < 1 or not 0 <= exceptions <= observations or not 0.0 < expected < 1.0:
        raise ValueError(
            "a backtest needs observations, at most as many exceptions, and a probability between 0 and 1; "
            f"{observations}, {exceptions} and {expected:g} were given"
        )
