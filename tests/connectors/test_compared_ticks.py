"""Two feeds of the same instruments: where they disagree, from which instant on, whatever the chunks and shards."""

import numpy as np
import pytest

from connectors.compared_ticks import ComparedTicks
from connectors.files.new_york import day_bounds
from connectors.kept_sessions import session_table
from connectors.source import SourceError
from connectors.tick_input import Stop, TickInput
from domain.health import HealthState
from domain.market import ELIGIBLE, SECOND, Chunk, Kind, complete_ticks, concatenate, row_count, select
from features.agreement import AgreementRules

DAY, NEXT = "2024-03-07", "2024-03-08"
OPEN = 1_709_821_800 * SECOND  # 09:30 in New York
TABLE = session_table("XNYS", DAY, NEXT)
FRESH, APART = HealthState.FRESH, HealthState.DISAGREEING
NAMES = ("A", "B", "C")


class Feed:
    """A feed whose rows of a day stand in a list of chunks."""

    def __init__(self, name, days, chunk_rows=10**9, names=NAMES):
        self.name, self._days, self._chunk_rows, self._names = name, days, chunk_rows, names

    def instruments(self):
        return self._names

    def reference(self):
        return ()

    def splits(self):
        return ()

    def segments(self):
        return tuple(sorted(self._days))

    def read(self, segment, index, owned):
        ticks = self._days[segment]
        places = np.array([index.get(name, -1) for name in self._names])[ticks.instrument]
        mine = np.flatnonzero((places >= 0) & owned[places])
        ticks = select(ticks, mine)._replace(instrument=places[mine].astype(np.int32))
        start = 0
        while start < row_count(ticks):
            stop = min(start + self._chunk_rows, row_count(ticks))
            while stop < row_count(ticks) and ticks.known_at[stop] == ticks.known_at[stop - 1]:
                stop += 1
            yield Chunk(select(ticks, slice(start, stop)))
            start = stop


def quotes(seconds, mids, instrument=0):
    at = OPEN + (np.asarray(seconds) * SECOND).astype(np.int64)
    mid, ones = np.asarray(mids, float), np.ones(len(at))
    return complete_ticks(
        {
            "event_at": at,
            "instrument": np.full(len(at), instrument, np.int32),
            "kind": np.full(len(at), int(Kind.QUOTE)),
            "bid": mid - 0.01,
            "ask": mid + 0.01,
            "bid_size": ones,
            "ask_size": ones,
            "sequence": np.arange(1, len(at) + 1),
        }
    )


def trades(seconds, prices, instrument=0):
    at = OPEN + (np.asarray(seconds) * SECOND).astype(np.int64)
    return complete_ticks(
        {
            "event_at": at,
            "instrument": np.full(len(at), instrument, np.int32),
            "price": np.asarray(prices, float),
            "size": np.ones(len(at)),
            "conditions": np.full(len(at), ELIGIBLE),
            "sequence": np.arange(1, len(at) + 1),
        }
    )


def together(*parts):
    ticks = concatenate(parts)
    return select(ticks, np.argsort(ticks.known_at, kind="stable"))


def said(one, other, *, owned=None, names=NAMES):
    source = ComparedTicks(one, other, TABLE, AgreementRules())
    index = {name: at for at, name in enumerate(names)}
    mine = np.ones(len(names), np.bool_) if owned is None else owned
    chunks = [chunk for day in source.segments() for chunk in source.read(day, index, mine)]
    return [record for chunk in chunks for record in chunk.health]


def told(records):
    return [(row.instrument, row.state, (row.known_at - OPEN) / SECOND) for row in records]


SECONDS = np.arange(60)


def test_a_feed_that_another_one_contradicts_for_more_than_two_seconds_is_disagreeing_until_they_agree():
    moved = np.where((SECONDS >= 20) & (SECONDS < 30), 100.2, 100.0)
    one, other = quotes(SECONDS, np.full(60, 100.0)), quotes(SECONDS + 0.5, moved)

    records = said(Feed("one", {DAY: one}), Feed("other", {DAY: other}))

    assert told(records) == [("A", APART, 23.0), ("A", FRESH, 30.5)]
    assert {row.source for row in records} == {"feeds:one|other"}
    assert records[0].reason == "feeds: one says 100, other 100.2, for more than 2 s"
    assert len({row.record_id for row in records}) == len(records)


def test_the_rows_are_those_of_the_first_feed_alone():
    one, other = quotes(SECONDS, np.full(60, 100.0)), quotes(SECONDS, np.full(60, 101.0))
    source = ComparedTicks(Feed("one", {DAY: one}), Feed("other", {DAY: other}), TABLE, AgreementRules())

    (chunk, end) = source.read(DAY, {"A": 0}, np.ones(1, np.bool_))

    np.testing.assert_array_equal(chunk.ticks.known_at, one.known_at)
    np.testing.assert_array_equal(chunk.ticks.bid, one.bid)
    assert row_count(end.ticks) == 0


def test_a_disagreement_ends_with_the_day():
    one, other = quotes(SECONDS, np.full(60, 100.0)), quotes(SECONDS, np.full(60, 101.0))

    records = said(Feed("one", {DAY: one, NEXT: one}), Feed("other", {DAY: other}))

    assert [row.state for row in records] == [APART, FRESH]
    assert records[1].known_at == day_bounds(DAY)[1] - 1


def test_outside_the_regular_session_feeds_are_not_compared():
    early = SECONDS - 3_600

    assert (
        said(
            Feed("one", {DAY: quotes(early, np.full(60, 100.0))}),
            Feed("other", {DAY: quotes(early, np.full(60, 110.0))}),
        )
        == []
    )


def test_trades_stand_for_a_feed_until_it_quotes():
    other = quotes(SECONDS, np.full(60, 100.0))
    prints = trades(SECONDS, np.where(SECONDS < 30, 101.0, 100.0))
    quoting = together(prints, quotes(np.arange(10, 60), np.full(50, 100.0)))

    alone = said(Feed("one", {DAY: prints}), Feed("other", {DAY: other}))
    with_quotes = said(Feed("one", {DAY: quoting}), Feed("other", {DAY: other}))

    assert told(alone) == [("A", APART, 3.0), ("A", FRESH, 30.0)]
    assert told(with_quotes) == [("A", APART, 3.0), ("A", FRESH, 10.0)]


def seeded():
    """Three instruments of two feeds over two days; the second is wrong now and then."""
    rng = np.random.default_rng(5)
    days = []
    for wrong in (0.0, 0.01):
        made = {}
        for number, day in enumerate((DAY, NEXT)):
            parts = []
            for which in range(3):
                at = np.cumsum(rng.exponential(0.8, 600)) + number * 86_400
                off = np.repeat(rng.random(30) < 0.3, 20) * wrong
                parts.append(quotes(at, 100.0 * (1 + off), which))
            made[day] = together(*parts)
        days.append(made)
    return days


@pytest.mark.parametrize(("ours", "theirs"), [(1, 1), (7, 100), (100, 3)])
def test_what_is_said_does_not_depend_on_chunks(ours, theirs):
    one, other = seeded()

    records = said(Feed("one", one, ours), Feed("other", other, theirs))

    assert records == said(Feed("one", one), Feed("other", other))
    assert len(records) > 20


def test_what_is_said_of_an_instrument_does_not_depend_on_which_others_are_owned():
    one, other = seeded()
    whole = said(Feed("one", one, 50), Feed("other", other, 70))

    parts = [
        row
        for which in range(3)
        for row in said(Feed("one", one, 50), Feed("other", other, 70), owned=np.arange(3) == which)
    ]

    assert sorted(row.record_id for row in parts) == sorted(row.record_id for row in whole)


@pytest.mark.parametrize("batches", [3, 11, 40])
def test_a_run_that_was_cut_and_resumed_hears_everything_once_and_in_order(batches):
    one, other = seeded()
    source = ComparedTicks(Feed("one", one, 50), Feed("other", other, 70), TABLE, AgreementRules())
    index = {name: at for at, name in enumerate(NAMES)}

    def heard(resume, most):
        part = TickInput(source, index, ("0",), ("0",), 64, Stop()).build_part("ticks", "0", resume)
        found = []
        try:
            for _ in range(most):
                found += [row for _, batch in part.next_batch() for row in batch.health]
        except StopIteration:
            pass
        position = part.snapshot()
        part.close()
        return found, position

    first, position = heard(None, batches)
    rest, _ = heard(position, 10**6)

    assert first + rest == said(Feed("one", one, 50), Feed("other", other, 70))
    assert first
    assert rest


def test_feeds_without_an_instrument_in_common_are_refused():
    one = quotes(SECONDS, np.full(60, 100.0))

    with pytest.raises(SourceError, match="A and B have none in common: name a feed of the same instruments"):
        ComparedTicks(
            Feed("one", {DAY: one}, names=("A",)),
            Feed("two", {DAY: one}, names=("B",)),
            TABLE,
            AgreementRules(),
        )


def test_instruments_of_one_feed_alone_are_not_compared():
    one = together(quotes(SECONDS, np.full(60, 100.0)), quotes(SECONDS, np.full(60, 50.0), 1))
    other = quotes(SECONDS, np.full(60, 100.0))

    assert said(Feed("one", {DAY: one}), Feed("other", {DAY: other}, names=("A",))) == []
