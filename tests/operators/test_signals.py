"""Signals: every reason, the thresholds just under, at and just over, and what a revised row may change."""

import numpy as np
import pytest

import operators.strategy
from connectors.kept_sessions import session_table
from domain.market import BAR, SCORE, SECOND, FeatureRows, MarketBatch, ScoreReason, Session, empty_ticks
from domain.sessions import SessionTable
from operators.signals import SignalParams, Signals
from operators.strategy import Opinion, Strategy
from tests.operators.bits import bits

OPEN = 1_709_821_800 * SECOND  # 2024-03-07 09:30 in New York
MINUTE = 60 * SECOND
NAN = float("nan")
COLUMNS = ("given_score", "given_gate", "volatility_ewma", "unread")


@pytest.fixture(autouse=True)
def dictated(monkeypatch):
    """Let a strategy's score and gate be two columns of the test."""

    class Dictated:
        @staticmethod
        def features(_params):
            return ("given_score", "given_gate")

        @staticmethod
        def score(_params, columns):
            return Opinion(columns["given_score"], columns["given_gate"] > 0)

    monkeypatch.setattr(operators.strategy, "strategy_file", lambda _kind: Dictated)


@pytest.fixture(scope="module")
def table() -> SessionTable:
    return session_table("XNYS", "2024-03-06", "2024-03-09")


def strategy(name: str = "first", **more) -> Strategy:
    return Strategy(name, "dictated", None, **more)


def run(rows, table=None, strategies=None, cuts=()):
    """Step through rows of (minute of the close, score, gate, changes) and return the scores of all batches."""
    bars = np.zeros(len(rows), BAR)
    values = np.zeros((4, len(rows)))
    for at, (minute, score, gate, changes) in enumerate(rows):
        bars[at]["close_at"] = OPEN + minute * MINUTE
        bars[at]["known_at"] = changes.get("known_at", OPEN + minute * MINUTE)
        bars[at]["close"], bars[at]["session"] = 10.0, changes.get("session", Session.REGULAR)
        bars[at]["instrument"], bars[at]["version"] = changes.get("instrument", 0), changes.get("version", 0)
        values[:, at] = (score, gate, changes.get("volatility", 0.2), NAN)
    stage = Signals(SignalParams(70, COLUMNS, strategies or (strategy(),), table))
    state, parts = stage.fresh(), []
    for rows_part in np.split(np.arange(len(rows)), cuts):
        features = FeatureRows(bars[rows_part], values[:, rows_part])
        (answer,) = stage.step(state, MarketBatch(0, empty_ticks(), features=features))
        parts.append(answer.scores)
    return np.concatenate([np.empty(0, SCORE), *parts])


def stands(scores) -> list[tuple[str, int, int, int]]:
    """Reason, direction before, direction after, changed."""
    return [
        (
            ScoreReason(int(row["reason"])).name,
            int(row["previous"]),
            int(row["direction"]),
            int(row["changed"]),
        )
        for row in scores
    ]


@pytest.mark.parametrize(
    ("score", "answer"),
    [
        (0.4999, ("BELOW_ENTRY", 0, 0, 0)),
        (0.5, ("ENTERED", 0, 1, 1)),
        (0.5001, ("ENTERED", 0, 1, 1)),
        (-0.4999, ("BELOW_ENTRY", 0, 0, 0)),
        (-0.5, ("ENTERED", 0, -1, 1)),
        (NAN, ("WARMING_UP", 0, 0, 0)),
    ],
)
def test_a_flat_instrument_enters_at_the_threshold(score, answer):
    assert stands(run([(1, score, 1, {})])) == [answer]


@pytest.mark.parametrize(
    ("score", "answer"),
    [
        (0.1001, ("HELD", 1, 1, 0)),
        (0.1, ("HELD", 1, 1, 0)),
        (0.0999, ("LEFT", 1, 0, 1)),
        (-0.0999, ("LEFT", 1, 0, 1)),
        (-0.4999, ("LEFT", 1, 0, 1)),
        (-0.5, ("ENTERED", 1, -1, 1)),
        (NAN, ("WARMING_UP", 1, 1, 0)),
    ],
)
def test_an_instrument_that_stands_is_held_until_the_lower_threshold(score, answer):
    scores = run([(1, 0.9, 1, {}), (2, score, 1, {})])

    assert stands(scores)[1] == answer


@pytest.mark.parametrize(("score", "answer"), [(-0.1, ("HELD", -1, -1, 0)), (-0.0999, ("LEFT", -1, 0, 1))])
def test_a_short_stand_is_held_and_left_as_a_long_one(score, answer):
    scores = run([(1, -0.9, 1, {}), (2, score, 1, {})])

    assert stands(scores)[1] == answer


@pytest.mark.parametrize(
    ("before", "score", "answer"),
    [
        (0.0, 0.9, ("GATED", 0, 0, 0)),
        (0.9, 0.9, ("HELD", 1, 1, 0)),
        (0.9, -0.9, ("GATED", 1, 0, 1)),
    ],
)
def test_a_closed_gate_lets_nothing_in_and_throws_nothing_out(before, score, answer):
    scores = run([(1, before, 1, {}), (2, score, 0, {})])

    assert stands(scores)[1] == answer


def test_without_a_volatility_to_size_by_a_score_counts_for_nothing():
    scores = run([(1, 0.9, 1, {"volatility": NAN})])

    assert stands(scores) == [("WARMING_UP", 0, 0, 0)]
    assert np.isnan(scores["score"][0])


@pytest.mark.parametrize(
    ("minute", "answer"),
    [
        (384, ("HELD", 1, 1, 0)),
        (385, ("OUTSIDE_SESSION", 1, 0, 1)),
        (386, ("OUTSIDE_SESSION", 1, 0, 1)),
        (390, ("OUTSIDE_SESSION", 1, 0, 1)),
    ],
)
def test_a_strategy_is_flat_from_five_minutes_before_the_close_on(table, minute, answer):
    scores = run([(380, 0.9, 1, {}), (minute, 0.9, 1, {})], table)

    assert stands(scores)[1] == answer


@pytest.mark.parametrize("session", [Session.PRE, Session.POST, Session.CLOSED])
def test_a_bar_outside_the_regular_session_is_scored_and_enters_nothing(table, session):
    scores = run([(1, 0.9, 1, {"session": session})], table)

    assert stands(scores) == [("OUTSIDE_SESSION", 0, 0, 0)]
    assert scores["score"].tolist() == [0.9]


def test_a_row_of_an_older_bar_is_superseded_and_moves_no_direction():
    rows = [(1, 0.9, 1, {}), (2, 0.9, 1, {}), (1, -0.9, 1, {"version": 1}), (3, 0.9, 1, {})]

    scores = run(rows, cuts=(2, 3))

    assert stands(scores)[2:] == [("SUPERSEDED", 1, 1, 0), ("HELD", 1, 1, 0)]


def test_a_new_version_of_the_last_bar_may_change_the_direction():
    scores = run([(1, 0.9, 1, {}), (1, 0.0, 1, {"version": 1, "known_at": OPEN + 2 * MINUTE})])

    assert stands(scores) == [("ENTERED", 0, 1, 1), ("LEFT", 1, 0, 1)]


def test_each_instrument_and_each_strategy_stands_by_itself():
    strategies = (strategy("low", enter=0.2), strategy("high", enter=0.8))

    scores = run([(1, 0.5, 1, {}), (1, -0.9, 1, {"instrument": 69}), (2, 0.5, 1, {})], strategies=strategies)

    assert scores[["instrument", "strategy", "direction"]].tolist() == [
        (0, 0, 1),
        (0, 1, 0),
        (69, 0, -1),
        (69, 1, -1),
        (0, 0, 1),
        (0, 1, 0),
    ]


def test_scores_are_in_order_of_knowledge_instrument_strategy_and_close_and_carry_their_bar():
    rows = [
        (2, 0.5, 1, {"instrument": 1, "version": 3}),
        (3, 0.5, 1, {"known_at": OPEN + 2 * MINUTE}),
        (2, 0.5, 1, {}),
    ]

    scores = run(rows)

    assert scores[["instrument", "close_at", "version", "price", "volatility"]].tolist() == [
        (0, OPEN + 2 * MINUTE, 0, 10.0, 0.2),
        (0, OPEN + 3 * MINUTE, 0, 10.0, 0.2),
        (1, OPEN + 2 * MINUTE, 3, 10.0, 0.2),
    ]


@pytest.mark.parametrize("cuts", [(1,), (7, 50), tuple(range(1, 200))])
def test_directions_do_not_depend_on_batches(table, cuts):
    rng = np.random.default_rng(2)
    rows = [(at // 5, rng.uniform(-1, 1), rng.integers(0, 2), {"instrument": at % 5}) for at in range(200)]

    assert bits(run(rows, table, cuts=cuts)) == bits(run(rows, table))


def test_a_batch_without_features_has_no_scores():
    stage = Signals(SignalParams(1, COLUMNS, (strategy(),), None))

    (answer,) = stage.step(stage.fresh(), MarketBatch(0, empty_ticks()))

    assert answer.scores is not None
    assert (len(answer.scores), answer.scores.dtype) == (0, SCORE)


def test_a_feature_that_is_not_made_is_refused_by_name():
    with pytest.raises(ValueError, match="first reads the feature 'given_gate', which is not made"):
        SignalParams(1, ("given_score", "volatility_ewma"), (strategy(),), None)


def test_two_strategies_of_one_name_are_refused():
    with pytest.raises(ValueError, match="a name of its own"):
        SignalParams(1, COLUMNS, (strategy(), strategy()), None)
