"""Sequence: one order over all shards, whatever their number and whoever speaks first."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.market import (
    END,
    SCORE,
    SECOND,
    MarketBatch,
    Ordered,
    Ticks,
    canonical_order,
    concatenate,
    empty_ticks,
    row_count,
    select,
)
from operators.sequence import Sequence, SequenceState, WatermarkWentBack
from tests.operators.bits import bits
from tests.operators.tick_samples import random_ticks

OPEN = 1_709_821_800 * SECOND
INSTRUMENTS = 7


def sample(seed: int = 1, rows: int = 300) -> Ticks:
    """Rows in canonical order, many of them of one instant."""
    ticks = random_ticks(seed, rows, [OPEN], INSTRUMENTS, quotes=0.5)
    ticks = ticks._replace(known_at=ticks.known_at // (5 * SECOND) * 5 * SECOND)
    return select(ticks, canonical_order(ticks))


def sample_scores(seed: int = 1, rows: int = 100) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scores = np.zeros(rows, SCORE)
    scores["close_at"] = OPEN + rng.integers(0, 30, rows) * 5 * SECOND
    scores["known_at"] = scores["close_at"] + rng.integers(0, 3, rows) * 5 * SECOND
    scores["instrument"], scores["strategy"] = rng.integers(0, INSTRUMENTS, rows), rng.integers(0, 2, rows)
    scores["score"] = rng.normal(size=rows)
    keys = ("close_at", "strategy", "instrument", "known_at")
    return scores[np.lexsort(tuple(scores[key] for key in keys))]


def shard_batches(ticks: Ticks, scores: np.ndarray, cuts: list[int]) -> Iterator[MarketBatch]:
    """Cut a shard's rows at instants; each batch knows the instant that comes next."""
    since = -1
    for until in [*cuts, END]:
        inside = (ticks.known_at >= since) & (ticks.known_at < until)
        mine = (scores["known_at"] >= since) & (scores["known_at"] < until)
        yield MarketBatch(until, select(ticks, inside), scores=scores[mine])
        since = until


def run(shards: int, cuts: list[int], turns: list[int], ticks: Ticks, scores: np.ndarray) -> list[Ordered]:
    """Deal instruments out to shards and let the shards speak in the order of `turns`."""
    names = tuple(f"shard {number}" for number in range(shards))
    queues = {
        name: list(
            shard_batches(
                select(ticks, ticks.instrument % shards == number),
                scores[scores["instrument"] % shards == number],
                cuts,
            )
        )
        for number, name in enumerate(names)
    }
    stage = Sequence(names)
    state, answers = stage.fresh(), []
    turns = turns + [turn for turn in range(shards) for _ in range(len(cuts) + 1)]
    for turn in turns:
        name = names[turn % shards]
        if queues[name]:
            answers += stage.step(state, (name, queues[name].pop(0)))
    return answers


def joined(answers: list[Ordered]) -> tuple[Ticks, np.ndarray]:
    filled = [answer.ticks for answer in answers if row_count(answer.ticks)]
    return concatenate(filled), np.concatenate([answer.scores for answer in answers])


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3),
    st.lists(st.integers(0, 160), unique=True, max_size=8).map(sorted),
    st.lists(st.integers(0, 2), max_size=30),
)
def test_any_number_of_shards_in_any_turns_gives_the_same_order(shards, cuts, turns):
    ticks, scores = sample(), sample_scores()

    answers = run(shards, [OPEN + cut * SECOND for cut in cuts], turns, ticks, scores)

    got, got_scores = joined(answers)
    for name, column in ticks._asdict().items():
        np.testing.assert_array_equal(getattr(got, name), column, err_msg=name)
    assert bits(got_scores) == bits(scores)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(0, 160), min_size=1, unique=True, max_size=8).map(sorted),
    st.lists(st.integers(0, 2)),
)
def test_nothing_leaves_before_its_watermark_and_nothing_comes_after_it(cuts, turns):
    answers = run(3, [OPEN + cut * SECOND for cut in cuts], turns, sample(), sample_scores())

    passed = -1
    for answer in answers:
        for known_at in (answer.ticks.known_at, answer.scores["known_at"]):
            assert all(passed <= instant < answer.watermark for instant in known_at)
        assert answer.watermark > passed
        passed = answer.watermark
    assert passed == END


def batch(watermark: int, rows: Ticks | None = None) -> MarketBatch:
    return MarketBatch(watermark, empty_ticks() if rows is None else rows)


def test_a_silent_shard_holds_everything_back():
    stage, ticks = Sequence(("a", "b")), sample()
    state = stage.fresh()

    held = stage.step(state, ("a", batch(END, ticks)))
    (released,) = stage.step(state, ("b", batch(OPEN + 30 * SECOND)))

    assert held == []
    assert row_count(released.ticks) == int((ticks.known_at < OPEN + 30 * SECOND).sum()) > 0


def test_a_row_at_the_watermark_itself_waits():
    stage, ticks = Sequence(("a", "b")), sample()
    state, instant = stage.fresh(), int(ticks.known_at[0])
    stage.step(state, ("a", batch(END, ticks)))

    (at,) = stage.step(state, ("b", batch(instant)))
    (after,) = stage.step(state, ("b", batch(instant + 1)))

    assert row_count(at.ticks) == 0
    assert row_count(after.ticks) == int((ticks.known_at == instant).sum())


def test_the_same_watermark_again_releases_nothing():
    stage = Sequence(("a",))
    state = stage.fresh()
    stage.step(state, ("a", batch(OPEN)))

    again = stage.step(state, ("a", batch(OPEN)))

    assert again == []


def test_a_watermark_that_goes_back_is_a_broken_invariant():
    stage = Sequence(("a", "b"))
    state = stage.fresh()
    stage.step(state, ("a", batch(OPEN)))

    with pytest.raises(WatermarkWentBack, match="shard a"):
        stage.step(state, ("a", batch(OPEN - 1)))


def test_what_has_left_is_no_longer_kept():
    stage = Sequence(("a", "b"))
    state = stage.fresh()
    stage.step(state, ("a", MarketBatch(END, sample(), scores=sample_scores())))

    stage.step(state, ("b", batch(END)))

    assert state == SequenceState({"a": [], "b": []}, {"a": [], "b": []}, {"a": END, "b": END}, END)


def test_the_arrival_of_the_batch_that_released_it_goes_with_the_answer():
    stage = Sequence(("a",))

    (answer,) = stage.step(stage.fresh(), ("a", batch(OPEN)._replace(arrived=42)))

    assert answer.arrived == 42


def test_a_shard_that_is_far_ahead_waits_in_few_parts_whatever_the_number_of_its_batches():
    ticks, scores = sample(rows=4_000), sample_scores(rows=1_500)
    ahead, behind = ticks.instrument % 2 == 0, ticks.instrument % 2 == 1
    mine = scores["instrument"] % 2 == 0
    stage = Sequence(("ahead", "behind"))
    state = stage.fresh()
    cuts = sorted({int(instant) for instant in ticks.known_at})
    most = 0

    for batch in shard_batches(select(ticks, ahead), scores[mine], cuts):
        assert stage.step(state, ("ahead", batch)) == []
        most = max(most, len(state.ticks["ahead"]), len(state.scores["ahead"]))
    answers = stage.step(state, ("behind", MarketBatch(END, select(ticks, behind), scores=scores[~mine])))

    got, got_scores = joined(answers)
    assert len(cuts) > 30 > most
    for name, column in ticks._asdict().items():
        np.testing.assert_array_equal(getattr(got, name), column, err_msg=name)
    assert bits(got_scores) == bits(scores)
