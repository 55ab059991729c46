"""Retained trades: what is kept is a matter of arrival and never of batches, and it is bounded."""

import numpy as np
import pytest

import operators.retained_trades
from connectors.kept_sessions import session_table
from domain.market import SECOND
from operators.bars import BarParams, Bars
from operators.retained_trades import RetainedTrades, take_back
from tests.operators.tick_samples import batches, random_ticks

OPEN = 1_709_821_800 * SECOND  # 2024-03-07 09:30 in New York


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(operators.retained_trades, "CHUNK_ROWS", 16)


def kept_of(ticks, size: int) -> RetainedTrades:
    kept = RetainedTrades()
    for batch in batches(ticks, size):
        kept.append(batch.ticks, 0, len(batch.ticks.event_at))
    return kept


def run(ticks, size: int):
    stage = Bars(
        BarParams(5, session_table("XNYS", "2024-03-07", "2024-03-08"), lateness_nanoseconds=250_000_000)
    )
    state = stage.fresh()
    answers = [answer for batch in batches(ticks, size) for answer in stage.step(state, batch)]
    bars = [answer.bars.tobytes() for answer in answers if answer.bars is not None]
    return b"".join(bars), [entry for answer in answers for entry in answer.malformed]


@pytest.mark.usefixtures("small_chunks")
def test_small_chunks_revise_the_same_bars_as_large_ones(monkeypatch):
    ticks = random_ticks(8, 800, [OPEN + 600 * SECOND], late=0.1, cancels=0.1, pace=2 * SECOND)
    small = run(ticks, 50)

    monkeypatch.setattr(operators.retained_trades, "CHUNK_ROWS", 8192)

    assert small == run(ticks, 50)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("size", [1, 7, 64])
def test_what_is_let_go_for_want_of_room_does_not_depend_on_batches(monkeypatch, size):
    monkeypatch.setattr(operators.retained_trades, "CHUNKS_MAX", 4)
    ticks = random_ticks(8, 800, [OPEN + 600 * SECOND], late=0.1, cancels=0.1, pace=2 * SECOND)

    bars, malformed = run(ticks, size)

    assert (bars, malformed) == run(ticks, 1000)
    assert len(malformed) > 40


@pytest.mark.usefixtures("small_chunks")
def test_no_more_than_the_newest_chunks_are_kept(monkeypatch):
    monkeypatch.setattr(operators.retained_trades, "CHUNKS_MAX", 4)
    ticks = random_ticks(1, 100, [OPEN])

    kept = kept_of(ticks, 9)

    assert [chunk.count for chunk in kept.chunks] == [16, 16, 16, 4]
    assert kept.capped_at == int(ticks.event_at[:48].max())


@pytest.mark.usefixtures("small_chunks")
def test_only_full_chunks_whose_every_trade_is_older_are_forgotten():
    ticks = random_ticks(1, 40, [OPEN])
    kept = kept_of(ticks, 9)
    second = int(ticks.event_at[16:32].max())

    kept.forget(second)
    before = len(kept.chunks)
    kept.forget(second + 1)
    after = len(kept.chunks)
    kept.forget(second + 10**15)

    assert (before, after, len(kept.chunks)) == (2, 1, 1)


def test_a_trade_is_found_by_its_number_until_it_is_taken_back():
    ticks = random_ticks(1, 40, [OPEN])
    kept = kept_of(ticks, 9)
    which, number = int(ticks.instrument[20]), int(ticks.sequence[20])

    found = kept.find(which, number)
    assert found is not None
    take_back(*found)

    assert int(found[0].rows["event_at"][found[1]]) == int(ticks.event_at[20])
    assert kept.find(which, number) is None
    assert kept.find(which + 1, int(ticks.sequence[20])) is None


def test_a_cancel_that_names_no_number_finds_nothing():
    ticks = random_ticks(1, 40, [OPEN])._replace(sequence=np.zeros(40, np.int64))

    assert kept_of(ticks, 9).find(int(ticks.instrument[0]), 0) is None


def test_trades_come_second_by_second_in_order_of_arrival():
    ticks = random_ticks(1, 400, [OPEN], 1, pace=50_000_000)._replace(conditions=np.full(400, 7, np.uint32))

    rows = kept_of(ticks, 64).within(0, OPEN, OPEN + 60 * SECOND)

    expected = np.argsort(ticks.event_at // SECOND, kind="stable")
    assert rows["sequence"].tolist() == ticks.sequence[expected].tolist()
    assert not (np.diff(rows["event_at"]) >= 0).all()
