"""A feed is taken away in mid-run: the first order that is refused for it, and how long that takes."""

from dataclasses import replace

import numpy as np
import pytest

from domain.market import SECOND, MarketBatch, Ordered, select
from operators.best_quotes import BestQuotes, BestQuotesParams
from operators.decisions import Decisions
from operators.quality import HealthRules, Quality, QualityParams
from operators.sequence import Sequence
from tests.operators.decision_case import NAMES, OPEN, TABLE, desk_params, market
from tests.operators.market_case import step_all
from tests.operators.tick_samples import batches

TAKEN, TAKEN_AT = 2, OPEN + 140 * SECOND
ROWS = 1500
ENDS_AT = OPEN + 3600 * SECOND
RULES = HealthRules(crossed_max=3600 * SECOND)  # the quotes of the sample cross all the time


def quiet_market():
    """Return a market in which the rows of one instrument end in the middle, while its scores go on."""
    ticks, scores = market(ROWS)
    kept = (ticks.instrument != TAKEN) | (ticks.known_at < TAKEN_AT)
    return select(ticks, kept), scores


def watched(ticks, scores, batch_rows) -> list[MarketBatch]:
    """Return batches of a shard with best quotes, health and scores."""
    quotes = BestQuotes(BestQuotesParams(len(NAMES), TABLE))
    quality = Quality(QualityParams(NAMES, "test", TABLE, ENDS_AT, RULES))
    made, since = [], -1
    for batch in step_all(
        quality, quality.fresh(), step_all(quotes, quotes.fresh(), batches(ticks, batch_rows))
    ):
        ready = (scores["known_at"] >= since) & (scores["known_at"] < batch.watermark)
        made.append(batch._replace(scores=scores[ready]))
        since = batch.watermark
    return made


def in_one_order(shards, batch_rows) -> list[Ordered]:
    """Return the run as the book sees it, its instruments spread over shards."""
    ticks, scores = quiet_market()
    items = []
    for number in range(shards):
        mine = np.arange(len(NAMES)) % shards == number
        rows = select(ticks, mine[ticks.instrument])
        items += [(str(number), one) for one in watched(rows, scores[mine[scores["instrument"]]], batch_rows)]
    sequence = Sequence(tuple(map(str, range(shards))))
    return step_all(sequence, sequence.fresh(), sorted(items, key=lambda item: item[1].watermark))


def verdicts(*, shards=1, batch_rows=64, gates=True):
    desk = Decisions(replace(desk_params(), health_gates=gates))
    answers = step_all(desk, desk.fresh(), in_one_order(shards, batch_rows))
    return tuple(row for one in answers for row in one.verdicts)


def refused(rows):
    return [row for row in rows if "DATA_DEGRADED" in row.codes]


def test_the_first_order_after_a_feed_has_been_silent_for_longer_than_its_rhythm_allows_is_refused():
    ticks, _ = quiet_market()
    last_at = int(ticks.known_at[ticks.instrument == TAKEN][-1])
    (mute_at,) = (
        row.known_at
        for one in in_one_order(1, 64)
        for row in one.health
        if row.instrument == NAMES[TAKEN] and row.state == "mute"
    )

    rows = [row for row in verdicts() if row.symbol == NAMES[TAKEN] and row.known_at > last_at]

    assert refused(rows) == [row for row in rows if row.known_at >= mute_at] != []
    check = next(one for one in refused(rows)[0].checks if one.code == "DATA_DEGRADED")
    assert (check.check, check.measured, check.limit, check.scope) == (
        "PT-12",
        "mute",
        "fresh",
        "instrument:C",
    )
    assert (mute_at - last_at) / SECOND == pytest.approx(20.169, abs=0.001)
    assert (refused(rows)[0].known_at - last_at) / SECOND == pytest.approx(20.979, abs=0.001)


def test_instruments_whose_feed_goes_on_are_not_refused():
    assert {row.symbol for row in refused(verdicts())} == {NAMES[TAKEN]}


def test_where_health_does_not_gate_nothing_is_refused_for_it():
    assert refused(verdicts(gates=False)) == []


@pytest.mark.parametrize("shards", [1, 2, 3])
@pytest.mark.parametrize("batch_rows", [1, 7, 500])
def test_what_is_refused_does_not_depend_on_shards_or_batches(shards, batch_rows):
    assert verdicts(shards=shards, batch_rows=batch_rows) == verdicts()


@pytest.mark.parametrize("shards", [2, 5])
def test_the_health_that_the_book_hears_does_not_depend_on_shards(shards):
    heard = [row for one in in_one_order(shards, 64) for row in one.health]

    assert heard == [row for one in in_one_order(1, 500) for row in one.health]
