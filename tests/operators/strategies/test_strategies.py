"""Strategies: their scores by hand, their parameters' errors, and that a new file is found."""

import sys

import numpy as np
import pytest

import operators.strategies
from features.catalogue import CATALOGUE
from operators.strategies import mean_reversion, trend
from operators.strategy import Strategy, UnknownStrategy, kinds, params_of, strategy_file

NAN = float("nan")
SHIPPED = ("breakout", "cross_sectional_momentum", "ensemble", "mean_reversion", "model", "pairs", "trend")


def trend_opinion(fast, slow, price_range, volatility, **more):
    columns = {"ema_12": fast, "ema_26": slow, "atr_14": price_range, "volatility_ewma": volatility}
    arrays = {name: np.array([value], float) for name, value in columns.items()}
    opinion = trend.score(trend.Params(**more), arrays)
    return float(opinion.score[0]), bool(opinion.gate[0])


@pytest.mark.parametrize(
    ("fast", "slow", "score"),
    [(101, 100, 0.5), (100, 101, -0.5), (100, 100, 0.0), (102, 100, 1.0), (110, 100, 1.0), (90, 100, -1.0)],
)
def test_trend_scores_the_gap_in_ranges_and_no_more_than_one(fast, slow, score):
    assert trend_opinion(fast, slow, 1.0, 0.2) == (score, True)


def test_trend_scores_half_as_much_where_the_full_gap_is_twice_as_wide():
    assert trend_opinion(101, 100, 1.0, 0.2, gap_full=4.0) == (0.25, True)


@pytest.mark.parametrize(
    ("volatility", "gate"),
    [
        (0.0199, False),
        (0.02, True),
        (0.0201, True),
        (1.4999, True),
        (1.5, True),
        (1.5001, False),
        (NAN, False),
    ],
)
def test_trend_opens_its_gate_between_the_volatilities(volatility, gate):
    assert trend_opinion(101, 100, 1.0, volatility) == (0.5, gate)


@pytest.mark.parametrize(
    ("fast", "slow", "price_range"), [(NAN, 100, 1.0), (101, NAN, 1.0), (101, 100, NAN), (100, 100, 0.0)]
)
def test_trend_has_no_score_where_a_feature_does_not_speak_or_nothing_moves(fast, slow, price_range):
    score, _ = trend_opinion(fast, slow, price_range, 0.2)

    assert np.isnan(score)


@pytest.mark.parametrize(
    ("distance", "score"), [(1.5, -0.5), (-1.5, 0.5), (3.0, -1.0), (-9.0, 1.0), (0.0, 0.0), (NAN, NAN)]
)
def test_mean_reversion_scores_against_the_distance(distance, score):
    columns = {"vwap_distance_z_30": np.array([distance]), "adx_14": np.array([20.0])}

    opinion = mean_reversion.score(mean_reversion.Params(), columns)

    np.testing.assert_array_equal(opinion.score, [score])


@pytest.mark.parametrize(("strength", "gate"), [(39.99, True), (40.0, True), (40.01, False), (NAN, False)])
def test_mean_reversion_does_not_fade_a_strong_trend(strength, gate):
    columns = {"vwap_distance_z_30": np.array([1.5]), "adx_14": np.array([strength])}

    opinion = mean_reversion.score(mean_reversion.Params(), columns)

    assert opinion.gate.tolist() == [gate]


@pytest.mark.parametrize("kind", ["trend", "mean_reversion"])
def test_every_feature_that_a_score_reads_is_named_and_in_the_catalogue(kind):
    strategy = Strategy("any", kind, params_of(kind, {}))
    columns = {name: np.ones(3) for name in strategy.features()}

    opinion = strategy.score(columns)

    assert (len(opinion.score), len(opinion.gate)) == (3, 3)
    assert set(strategy.features()) <= {line.name for line in CATALOGUE}


def test_the_volatility_that_sizes_is_among_the_features_once():
    named = Strategy("any", "trend", params_of("trend", {})).features()

    assert named == ("ema_12", "ema_26", "atr_14", "volatility_ewma")


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("trend", {"gap_ful": 1.0}, "no parameter 'gap_ful'; the nearest is 'gap_full' of fast, slow"),
        ("trend", {"gap_full": "wide"}, "'gap_full' of strategy trend is a float; 'wide' was given"),
        ("trend", {"gap_full": True}, "is a float; True was given"),
        ("trend", {"fast": 12}, "is a str; 12 was given"),
        ("trend", {"gap_full": 0.0}, "gap_full"),
        ("trend", {"volatility_min": 2}, "volatility_min < volatility_max"),
        ("trend", {"volatility_min": -0.1}, "volatility_min < volatility_max"),
        ("mean_reversion", {"z_full": 0}, "z_full"),
        ("mean_reversion", {"trend_strength_max": -1.0}, "trend_strength_max"),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_is_allowed(kind, given, words):
    with pytest.raises(ValueError, match=words):
        params_of(kind, given)


def test_a_whole_number_is_a_float_where_one_is_asked():
    assert params_of("trend", {"gap_full": 3}).gap_full == 3


def test_an_unknown_kind_is_answered_with_the_nearest_known_one():
    with pytest.raises(
        UnknownStrategy,
        match=f"unknown strategy 'trnd'; the nearest known is 'trend' of {', '.join(SHIPPED)}",
    ):
        strategy_file("trnd")


@pytest.mark.parametrize(
    "thresholds",
    [{"enter": 0.1, "leave": 0.1}, {"leave": -0.1}, {"enter": 1.1}, {"flat_before_close_seconds": -1}],
)
def test_thresholds_between_which_nothing_could_stand_are_refused(thresholds):
    with pytest.raises(ValueError, match="any needs"):
        Strategy("any", "trend", params_of("trend", {}), **thresholds)


def test_a_new_file_is_a_new_kind(tmp_path, monkeypatch):
    text = '''"""Always up."""
from dataclasses import dataclass
import numpy as np
from operators.strategy import Opinion
@dataclass(frozen=True)
class Params:
    """One number."""
    level: float = 0.5
def features(params):
    return ("rsi_14",)
def score(params, columns):
    rows = len(columns["rsi_14"])
    return Opinion(np.full(rows, params.level), np.ones(rows, bool))
'''
    (tmp_path / "always_up.py").write_text(text)
    monkeypatch.setattr(operators.strategies, "__path__", [*operators.strategies.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "operators.strategies.always_up", raising=False)

    strategy = Strategy("up", "always_up", params_of("always_up", {"level": 0.75}))

    assert set(kinds()) - set(SHIPPED) == {"always_up"}
    assert strategy.score({"rsi_14": np.zeros(2)}).score.tolist() == [0.75, 0.75]
