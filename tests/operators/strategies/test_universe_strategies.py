"""Breakout, pairs, cross-sectional momentum, the ensemble, filters: scores, gates and weights by hand."""

import numpy as np
import pytest

from features.cointegration import critical_value
from operators.strategies import breakout, cross_sectional_momentum, ensemble, pairs
from operators.strategy import Filter, Strategy, params_of
from operators.strategy_reads import UnreadableStrategy, compares, features_read, members, named

NAN = float("nan")


def asked(module, values, **params):
    """Score one row whose features have the values, in the order in which the file names them."""
    made = module.Params(**params)
    columns = {
        name: np.array([float(value)]) for name, value in zip(module.features(made), values, strict=True)
    }
    return module.score(made, columns)


def answer(module, values, **params):
    opinion = asked(module, values, **params)
    return float(opinion.score[0]), bool(opinion.gate[0])


@pytest.mark.parametrize(
    ("close", "score"),
    [(110, 1.0), (120, 1.0), (100, 0.0), (105, 0.5), (90, -1.0), (80, -1.0), (95, -0.5), (NAN, NAN)],
)
def test_breakout_scores_the_place_in_the_channel(close, score):
    np.testing.assert_equal(answer(breakout, [close, 110, 90, 2, 1, 0.2])[0], score)


@pytest.mark.parametrize(
    ("range_now", "volatility", "gate"),
    [
        (1.0, 0.2, True),
        (0.999, 0.2, False),
        (2.0, 0.0199, False),
        (2.0, 0.02, True),
        (2.0, 1.5, True),
        (2.0, 1.5001, False),
        (NAN, 0.2, False),
        (2.0, NAN, False),
    ],
)
def test_breakout_enters_on_a_wide_bar_while_volatility_is_normal(range_now, volatility, gate):
    assert answer(breakout, [120, 110, 90, range_now, 1, volatility]) == (1.0, gate)


CRITICAL = critical_value(0.05, 240)


@pytest.mark.parametrize(
    ("z", "statistic", "expected"),
    [
        (1.5, -5.0, (-0.5, True)),
        (-3.0, -5.0, (1.0, True)),
        (9.0, -5.0, (-1.0, False)),
        (4.0, -5.0, (-1.0, True)),
        (4.0001, -5.0, (-1.0, False)),
        (-1.5, CRITICAL, (0.5, True)),
        (-1.5, CRITICAL + 1e-9, (0.5, False)),
        (-1.5, NAN, (0.5, False)),
    ],
)
def test_pairs_scores_against_the_spread_while_the_test_lets_it(z, statistic, expected):
    assert answer(pairs, [z, statistic, 1.0], first="A", second="B") == expected


def test_pairs_gives_each_leg_its_weight_and_reads_the_spread_that_its_parameters_name():
    params = {"first": "A", "second": "B", "window": 100, "refit": 20}

    opinion = asked(pairs, [1.0, -5.0, 0.625], **params)

    assert opinion.weight.tolist() == [0.625]
    assert pairs.features(pairs.Params(**params)) == (
        "spread(A,B,100,20).z@1",
        "spread(A,B,100,20).statistic@1",
        "spread(A,B,100,20).weight@1",
    )


@pytest.mark.parametrize(
    ("sides", "ranks", "scores"),
    [
        ("both", [0.0, 0.25, 0.5, 1.0, NAN], [-1.0, -0.5, 0.0, 1.0, NAN]),
        ("long", [0.0, 0.25, 0.5, 1.0, NAN], [0.0, 0.0, 0.0, 1.0, NAN]),
        ("short", [0.0, 0.25, 0.5, 1.0, NAN], [-1.0, -0.5, 0.0, 0.0, NAN]),
    ],
)
def test_cross_sectional_momentum_scores_the_rank_on_the_sides_that_it_trades(sides, ranks, scores):
    params = cross_sectional_momentum.Params(sides=sides)

    opinion = cross_sectional_momentum.score(params, {"rank(roc_10)@1": np.array(ranks)})

    np.testing.assert_array_equal(opinion.score, scores)
    assert opinion.gate.tolist() == [True, True, True, True, False]


def test_an_ensemble_is_the_weighted_mean_of_its_members_and_ready_when_all_are():
    params = ensemble.Params(members="trend: 3, reversion: 1")
    columns = {
        "score(trend)": np.array([1.0, -0.5, NAN]),
        "score(reversion)": np.array([-1.0, 0.5, 1.0]),
    }

    opinion = ensemble.score(params, columns)

    np.testing.assert_array_equal(opinion.score, [0.5, -0.25, NAN])
    assert opinion.gate.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        ("breakout", {"volatility_min": 2.0}, "breakout needs 0 <= volatility_min < volatility_max"),
        ("pairs", {}, "pairs needs `first` and `second`, two instruments; '' and '' were given"),
        ("pairs", {"first": "A", "second": "A"}, "two instruments; 'A' and 'A' were given"),
        ("pairs", {"first": "A", "second": "B", "z_full": 5.0}, "0 < z_full <= z_max; 5.0 and 4.0"),
        (
            "pairs",
            {"first": "A", "second": "B", "level": 0.2},
            "a critical value has a level of 0.01, 0.05, 0.1",
        ),
        ("cross_sectional_momentum", {"sides": "up"}, "has sides both, long, short; 'up' was given"),
        ("ensemble", {}, "ensemble needs `members`"),
        ("ensemble", {"members": "trend: 0"}, "NAME: WEIGHT, above 0, each once; 'trend: 0' was given"),
        ("ensemble", {"members": "trend: 1, trend: 2"}, "each once; 'trend: 2' was given"),
        ("ensemble", {"members": "trend: much"}, "'trend: much' was given"),
    ],
)
def test_parameters_that_make_no_strategy_are_refused(kind, given, words):
    with pytest.raises(ValueError, match=words):
        params_of(kind, given)


def configured(name, kind, given=None, **more):
    return Strategy(name, kind, params_of(kind, given or {}), **more)


ALL = named(
    [
        configured("trend", "trend"),
        configured("momentum", "cross_sectional_momentum"),
        configured("both", "ensemble", {"members": "trend: 1, momentum: 1"}),
        configured("all", "ensemble", {"members": "both: 1"}),
    ]
)


def test_an_ensemble_reads_what_its_members_read_and_compares_where_one_of_them_does():
    assert features_read(ALL["all"], ALL) == (
        "volatility_ewma",
        "ema_12",
        "ema_26",
        "atr_14",
        "rank(roc_10)@1",
    )
    assert [compares(strategy, ALL) for strategy in ALL.values()] == [False, True, True, True]


def test_a_member_that_is_not_there_and_a_circle_are_refused():
    circle = named(
        [configured("one", "ensemble", {"members": "two"}), configured("two", "ensemble", {"members": "one"})]
    )

    with pytest.raises(
        UnreadableStrategy, match="reads the score of 'trnd', which is no strategy; the nearest is 'trend'"
    ):
        members(configured("e", "ensemble", {"members": "trnd"}), ALL)
    with pytest.raises(UnreadableStrategy, match="reads its own score: one reads two reads one"):
        members(circle["one"], circle)


@pytest.mark.parametrize(
    ("value", "long", "gate"),
    [
        (0.2, 0.4, True),
        (0.1, 0.4, True),
        (0.0999, 0.4, False),
        (0.8, 0.4, True),
        (0.81, 0.4, False),
        (NAN, 0.4, False),
    ],
)
def test_a_filter_opens_between_its_bounds_of_a_ratio(value, long, gate):
    each = Filter("volatility_ewma", min=0.25, max=2.0, over="realised_volatility_20")
    columns = {"volatility_ewma": np.array([value]), "realised_volatility_20": np.array([long])}

    assert each.is_open(columns).tolist() == [gate]


def test_a_filter_shuts_the_gate_of_any_strategy_and_is_among_what_it_reads():
    strategy = configured("calm", "trend", filters=(Filter("garch(0.06,0.92)", max=0.3),))
    columns = {name: np.array([1.0, 1.0]) for name in strategy.features()}
    columns |= {"ema_12": np.array([3.0, 3.0]), "garch(0.06,0.92)": np.array([0.3, 0.3001])}

    assert strategy.score(columns).gate.tolist() == [True, False]
    assert strategy.features()[-1] == "garch(0.06,0.92)"


@pytest.mark.parametrize("bounds", [{}, {"min": 1.0, "max": 1.0}, {"min": 2.0, "max": 1.0}])
def test_a_filter_that_never_opens_or_never_shuts_is_refused(bounds):
    with pytest.raises(ValueError, match="needs min below max, one of them at least"):
        Filter("volatility_ewma", **bounds)
