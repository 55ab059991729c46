"""Stress: the worked example of reverse stress, factors, windows, and how far a scenario goes until the book breaks."""

import numpy as np
import pytest

from analytics.covariance import positive_semidefinite
from analytics.stress import (
    FactorShocks,
    Holdings,
    Scenario,
    breaking_scale,
    correlated,
    hypothetical,
    moves,
    reverse_stress,
    stressed,
    window_scenario,
)
from tests.analytics.plain_figures import COVARIANCE, VALUES

BOOK = Holdings(
    ("AA", "BB", "CC"),
    np.array([5e6, 3e6, -2e6]),
    np.array([1.2, 0.8, 1.0]),
    ("banks", "", "tech"),
    ("USD", "EUR", "USD"),
)


def test_the_worked_example_of_reverse_stress_is_met():
    found = reverse_stress(VALUES, COVARIANCE, 1e6)

    assert found.moves == pytest.approx([-0.135319, -0.080609, 0.040790], abs=5e-7)
    assert found.distance == pytest.approx(8.046482, abs=5e-7)
    assert VALUES @ found.moves == pytest.approx(-1e6, rel=1e-12)


def test_the_found_move_is_the_likeliest_of_those_that_lose_as_much():
    found, generator = reverse_stress(VALUES, COVARIANCE, 1e6), np.random.default_rng(3)
    inverse = np.linalg.inv(COVARIANCE)

    for other in generator.normal(0, 0.05, (200, 3)):
        along = other - VALUES * ((VALUES @ other + 1e6) / (VALUES @ VALUES))
        assert VALUES @ along == pytest.approx(-1e6, rel=1e-9)
        assert np.sqrt(along @ inverse @ along) >= found.distance - 1e-9


def test_a_position_moves_by_beta_sector_currency_or_by_its_own_move():
    plain = Scenario("a", equity=-0.1, sectors={"tech": -0.05}, currencies={"EUR": -0.2, "USD": 0.5})
    own = Scenario("b", equity=-0.1, instruments={"BB": 0.3})

    assert moves(BOOK, plain) == pytest.approx([-0.12, 0.92 * 0.8 - 1.0, -0.15])
    assert moves(BOOK, own) == pytest.approx([-0.12, 0.3, -0.1])
    assert stressed(BOOK, own) == pytest.approx([-6e5, 9e5, 2e5])
    assert moves(BOOK, own, 20.0).min() == -1.0


def test_a_window_takes_real_returns_and_leaves_the_rest_to_factors():
    scenario = Scenario("w", "historical", equity=-0.1)

    real = window_scenario(BOOK, scenario, ("AA", "ZZ"), np.array([[-0.1, 0.5], [0.2, 0.5]]))

    assert moves(BOOK, real) == pytest.approx([0.9 * 1.2 - 1.0, -0.08, -0.1])


def test_shocks_are_made_for_what_is_held():
    named = {each.name: each for each in hypothetical(BOOK, FactorShocks())}

    assert list(named) == [
        *(f"equity {move:+.0%}" for move in FactorShocks().equity),
        "sector banks -25%",
        "sector tech -25%",
        "currency EUR -10%",
        "currency EUR +10%",
        "borrow of the top 1 shorts recalled",
        "gap of AA -50%",
    ]
    assert stressed(BOOK, named["borrow of the top 1 shorts recalled"]) == pytest.approx([0, 0, -4e5])
    assert stressed(BOOK, named["gap of AA -50%"]) == pytest.approx([-2.5e6, 0, 0])


def test_a_scenario_is_scaled_until_the_book_loses_so_much():
    down = Scenario("down", equity=-0.1)

    scale = breaking_scale(BOOK, down, 1e6)

    assert stressed(BOOK, down, scale).sum() == pytest.approx(-1e6, rel=1e-8)
    assert breaking_scale(BOOK, Scenario("nothing"), 1e6) is None
    assert breaking_scale(BOOK, down, 1e9) is None


def test_correlations_at_one_value_keep_the_variances():
    same = correlated(COVARIANCE, 0.9)

    assert np.diag(same) == pytest.approx(np.diag(COVARIANCE))
    assert same[0, 1] == pytest.approx(0.9 * 0.02 * 0.015)
    assert not positive_semidefinite(same).changed
    assert positive_semidefinite(correlated(COVARIANCE, -0.9)).changed
    with pytest.raises(ValueError, match="between -1 and 1"):
        correlated(COVARIANCE, 1.5)


def test_reverse_stress_without_loss_or_variance_is_refused():
    for exposures, loss in ((VALUES, 0.0), (np.zeros(3), 1e6)):
        with pytest.raises(ValueError, match="needs a loss above 0 and exposures that vary"):
            reverse_stress(exposures, COVARIANCE, loss)
