"""GARCH about the mean variance equals its plain recursion at every prefix, and arch's where the mean is given."""

import numpy as np
import pytest
from arch.univariate import GARCH

from domain.market import BAR, SECOND, Session
from features import evaluate
from features.garch import SEED, garch
from features.realised import REGULAR_SECONDS_A_YEAR
from features.reference import UnknownFeature, families_with, line_of, reference

MINUTE = 60 * SECOND


def market(minutes=200, seed=1):
    """Return minute bars of one instrument and day, and their closes."""
    rng = np.random.default_rng(seed)
    bars = np.zeros(minutes, BAR)
    bars["close_at"] = (1 + np.arange(minutes)) * MINUTE
    bars["session"] = Session.REGULAR
    bars["close"] = 100 * np.exp(rng.normal(0, 0.001, minutes).cumsum())
    return bars


def volatility(bars, alpha=0.06, beta=0.92, cuts=()):
    families = (garch(f"garch({alpha},{beta})"),)
    states = evaluate.fresh(families, 1)
    days = np.zeros(len(bars), np.int32)
    parts = []
    for rows in np.split(np.arange(len(bars)), cuts):
        parts.append(evaluate.run(families, states, bars[rows], days[rows], np.empty(0, bars.dtype))[0])
        states = [np.frombuffer(state.tobytes(), state.dtype).copy() for state in states]
    return np.concatenate(parts)


def plain(returns, alpha, beta):
    """Return the volatility after the returns of one minute each, by the formula as it is written."""
    rates = np.square(returns) / 60
    variance = np.nan
    for count in range(1, len(rates) + 1):
        mean = rates[:count].mean()
        before = variance if count > SEED else mean
        variance = (1 - alpha - beta) * mean + alpha * rates[count - 1] + beta * before
    return np.sqrt(variance * REGULAR_SECONDS_A_YEAR) if len(rates) >= SEED else np.nan


def test_at_every_prefix_it_is_the_recursion_as_it_is_written():
    bars = market()
    returns = np.diff(np.log(bars["close"]))

    found = volatility(bars)

    expected = [plain(returns[:count], 0.06, 0.92) for count in range(len(bars))]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert np.isfinite(found).sum() == len(bars) - SEED


def test_with_the_mean_of_a_long_past_it_is_arch():
    bars = market(3000)
    returns = np.diff(np.log(bars["close"]))
    mean = np.mean(np.square(returns))

    found = volatility(bars)[-1] ** 2 / REGULAR_SECONDS_A_YEAR * 60

    process = GARCH(1, 0, 1)
    variances = np.empty(len(returns) + 1)
    bounds = np.tile([0.0, 1.0], (len(returns) + 1, 1))
    process.compute_variance(
        np.array([0.02 * mean, 0.06, 0.92]), np.append(returns, 0.0), variances, mean, bounds
    )
    assert found == pytest.approx(variances[-1], rel=0.02)


@pytest.mark.parametrize("cuts", [(1,), (29, 30, 31), (77, 150)])
def test_a_state_that_was_restored_goes_on_with_the_same_bits(cuts):
    bars = market()

    assert volatility(bars, cuts=cuts).tobytes() == volatility(bars).tobytes()


def test_a_night_and_a_bar_without_a_price_add_nothing():
    bars = market()
    bars["close"][50] = np.nan
    found = volatility(bars)

    assert np.isnan(found[50])
    bars["session"][100:110] = Session.POST
    quiet = volatility(bars)
    assert set(quiet[100:111]) == {quiet[99]}


def test_it_is_read_by_its_numbers_and_refused_where_it_would_grow():
    assert reference("garch( 0.06, 0.92 )").name == "garch(0.06,0.92)"
    assert line_of("garch(0.06,0.92)").unit == "ratio"
    assert families_with(["garch(0.06,0.92)", "garch(0.060,0.920)@1"])[-1].name == "garch(0.06,0.92)"
    for text in ("garch(0.5,0.5)", "garch(0,0.9)", "garch(0.1)", "garch(a,b)"):
        with pytest.raises(UnknownFeature, match=r"written garch\(ALPHA,BETA\), alpha above 0"):
            reference(text)
