"""What a feed says of itself leaves with its rows, once and in its place, whatever the batches, after any snapshot."""

import numpy as np
import pytest

from connectors.tick_input import Pace, Stop, TickInput
from domain.market import END, row_count
from tests.connectors.told import Told


def opened(batch_rows, resume=None, shard="0", shards=("0",), pace=None):
    source = Told()
    index = {name: number for number, name in enumerate(source.instruments())}
    return TickInput(source, index, shards, shards, batch_rows, Stop(), pace).build_part(
        "ticks", shard, resume
    )


def drained(partition):
    """Return the batches that are left, each with the snapshot after it."""
    batches = []
    try:
        while True:
            for _, batch in partition.next_batch():
                batches.append((batch, partition.snapshot()))
    except StopIteration:
        return batches
    finally:
        partition.close()


def heard(batches):
    return [row for batch, _ in batches for row in batch.health]


@pytest.fixture(scope="module")
def everything():
    source = Told()
    return [row for day in source.segments() for row in source.said(day)]


@pytest.mark.parametrize("batch_rows", [1, 7, 399, 400, 100_000])
def test_everything_that_is_said_leaves_once_and_in_order(everything, batch_rows):
    assert heard(drained(opened(batch_rows))) == everything


@pytest.mark.parametrize("batch_rows", [7, 100, 100_000])
def test_nothing_leaves_after_a_watermark_that_says_it_was_delivered(batch_rows):
    reached = -1
    for batch, _ in drained(opened(batch_rows)):
        known_at = [*(row.known_at for row in batch.health), *batch.ticks.known_at.tolist()]
        assert min(known_at, default=END) >= reached
        assert max(known_at, default=reached) <= batch.watermark
        reached = batch.watermark


def test_the_shards_together_say_what_one_says(everything):
    parts = [heard(drained(opened(64, shard=shard, shards=("0", "1", "2")))) for shard in ("0", "1", "2")]

    assert sorted((row.known_at, row.record_id) for part in parts for row in part) == [
        (row.known_at, row.record_id) for row in everything
    ]


@pytest.mark.parametrize("cut", [0, 1, 5, 40, 111])
def test_cut_anywhere_and_resumed_rows_and_health_are_those_of_a_run_that_was_not(cut):
    whole = drained(opened(50))
    before = whole[: cut + 1]

    after = drained(opened(50, resume=whole[cut][1]))

    assert heard(before) + heard(after) == heard(whole)
    rows = [
        np.concatenate([batch.ticks.sequence for batch, _ in part if row_count(batch.ticks)])
        for part in (whole, [*before, *after])
    ]
    assert rows[0].tolist() == rows[1].tolist()


def test_a_paced_feed_says_what_is_due_also_while_it_has_no_rows(everything):
    step, now = 60_000_000_000, [0]

    def clock():
        now[0] += step
        return now[0]

    batches = drained(opened(100_000, pace=Pace(1, clock)))

    assert heard(batches) == everything
    assert any(batch.health and not row_count(batch.ticks) for batch, _ in batches)
