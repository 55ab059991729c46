"""A desk whose venue is a worker elsewhere does what it does with the venue inside, whoever is ahead of whom."""

import pickle
import random
from collections import Counter, deque
from dataclasses import replace
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from domain.instruments import Split
from domain.market import END, SECOND, select
from domain.orders import NOTHING_PROMISED, ExecType, Progress, Promise
from operators.decisions import Decisions
from operators.venue_link import RemoteState, RemoteVenue, ReportLost
from operators.venue_params import VenueParams
from operators.venue_stage import VenueStage
from tests.operators import decision_case
from tests.operators.action_cases import action
from tests.operators.two_days import Days, ordered
from tests.operators.venue_asking import PARAMS, Venue, order

ROWS = 4_000
BEFORE_CLOSE = decision_case.OPEN + (390 * 60 - 400) * SECOND
NIGHT = decision_case.OPEN + 12 * 3600 * SECOND
MORNING = decision_case.OPEN + 24 * 3600 * SECOND
SPLIT_AT = decision_case.OPEN + 500 * SECOND
SPLIT = Split(instrument="B", effective_at=SPLIT_AT, known_at=SPLIT_AT - SECOND, ratio=Decimal("1.5"))
IN_FLIGHT_AT = decision_case.OPEN + 160 * SECOND + SECOND // 4 + 250_000
IN_FLIGHT = Split(instrument="B", effective_at=IN_FLIGHT_AT, known_at=decision_case.OPEN, ratio=Decimal(3))
"""A split half way between the sending of an order of B and its arrival half a millisecond later."""


def whole(batch_rows):
    return decision_case.items(ROWS, batch_rows, None)


def ended_early(batch_rows):
    """Return batches whose input ends while orders are working."""
    until, made = decision_case.OPEN + 300 * SECOND, []
    for item in whole(batch_rows):
        rows = int(np.searchsorted(item.ticks.known_at, until))
        scores = item.scores[item.scores["known_at"] < until]
        made.append(item._replace(ticks=select(item.ticks, slice(0, rows)), scores=scores))
        if item.watermark >= until:
            break
    return [*made[:-1], made[-1]._replace(watermark=END)]


def before_close(batch_rows):
    """Return batches over the end of a session."""
    return decision_case.items(ROWS, batch_rows, None, BEFORE_CLOSE)


def inside(items, params):
    """Return the records of a desk with its venue inside."""
    stage = Decisions(params)
    book = stage.fresh()
    return decision_case.streams([answer for item in items for answer in stage.step(book, item)])


class Apart:
    """A desk and a venue that hear of each other and of the market in a random order, and start again now and then."""

    def __init__(self, params, for_desk, for_venue, seed):
        self.random = random.Random(seed)
        self.desk, self.venue = Decisions(replace(params, remote_venue=True)), VenueStage(params)
        self.book, self.floor = self.desk.fresh(), self.venue.fresh()
        self.desk_hears = [deque(for_desk), deque(), deque()]
        self.venue_hears = [deque(for_venue), deque(), deque()]
        self.decided, self.waits = [], Counter()

    def run(self):
        while any((*self.desk_hears, *self.venue_hears)):
            heard = self.random.choice([queue for queue in (*self.desk_hears, *self.venue_hears) if queue])
            if self.random.random() < 0.03:
                self.book, self.floor = pickle.loads(pickle.dumps((self.book, self.floor)))
            if any(heard is queue for queue in self.desk_hears):
                self.decide(heard.popleft())
            else:
                self.answer(heard.popleft())
        return decision_case.streams(self.decided)

    def decide(self, item):
        for decided in self.desk.step(self.book, item):
            self.decided.append(decided)
            asked = sorted((*decided.orders, *decided.cancels), key=lambda each: each.sequence)
            self.venue_hears[1].extend(asked)
            self.venue_hears[2].extend([decided.progress] if decided.progress else [])
        self.waits[bool(self.book.walks)] += 1

    def answer(self, item):
        for answered in self.venue.step(self.floor, item):
            self.desk_hears[1].extend(answered.executions)
            self.desk_hears[2].extend([answered.promise] if answered.promise else [])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("items", "splits"),
    [(whole, (SPLIT,)), (whole, (IN_FLIGHT,)), (ended_early, ()), (before_close, ())],
    ids=["split", "split with orders on their way", "ended early", "end of session"],
)
def test_every_record_is_the_same_wherever_the_venue_is(items, splits, seed):
    params = decision_case.desk_params(splits)
    sizes = random.Random(seed)

    apart = Apart(params, items(sizes.choice((7, 64, 512))), items(sizes.choice((13, 64, 999))), seed)
    found = apart.run()

    assert found == inside(items(64), params)
    assert len(found["oms.executions"]) > 50
    assert apart.waits[True] > 10
    assert apart.floor.ended
    assert not apart.book.walks


def test_orders_end_with_the_session_and_with_the_input():
    closed = inside(before_close(64), decision_case.desk_params())
    ended = inside(ended_early(64), decision_case.desk_params())

    for records in (closed, ended):
        assert ExecType.EXPIRED in {report.exec_type for report in records["oms.executions"]}


def over_a_night(batch_rows):
    """Return batches over the end of a session and the beginning of the next one."""
    evening = decision_case.items(ROWS, batch_rows, None, BEFORE_CLOSE)
    morning = decision_case.items(ROWS, batch_rows, None, MORNING)
    return [*(item._replace(watermark=min(item.watermark, NIGHT)) for item in evening), *morning]


@pytest.mark.parametrize("market_first", [True, False])
def test_an_order_of_the_morning_outlives_a_session_whose_end_the_venue_has_yet_to_see(market_first):
    stage = VenueStage(decision_case.desk_params())
    floor, sent_at = stage.fresh(), MORNING + 60 * SECOND
    sent = msgspec.structs.replace(order(), symbol="A", transact_time=sent_at, known_at=sent_at)
    market = over_a_night(64)
    shown = [*market, sent] if market_first else [market[0], sent, *market[1:]]
    answers = [answer for item in shown for answer in stage.step(floor, item)]
    answers += stage.step(floor, Progress(requests=1, decided_until=END))
    said = [(each.order_id, each.exec_type) for answer in answers for each in answer.executions]

    assert said[0] == (sent.order_id, ExecType.NEW)


def test_a_desk_does_not_pass_the_arrival_of_an_order_that_nobody_has_spoken_of():
    line = RemoteVenue(RemoteState(), PARAMS)

    line.send(order(), 0, Decimal("0.01"), 1_000)

    assert line.quiet_until() == 1_000 + PARAMS.latency_nanoseconds


def test_a_promise_counts_once_every_report_that_it_speaks_of_is_there():
    state = RemoteState()
    line = RemoteVenue(state, PARAMS)
    sent = order()
    line.send(sent, 0, Decimal("0.01"), 1_000)
    venue = Venue()
    venue.send(sent, 1_000)
    (report,) = venue.arrive()

    line.hear(Promise(requests=1, executions=1, quiet_until=9_000))
    before = line.quiet_until()
    line.hear(report)

    assert (before, line.quiet_until()) == (1_500, 9_000)
    assert line.next_due() == report.transact_time


def test_what_is_said_again_after_a_restart_changes_nothing():
    state = RemoteState()
    line = RemoteVenue(state, PARAMS)
    line.send(order(), 0, Decimal("0.01"), 1_000)
    venue = Venue().rest(order())
    (report,) = venue.arrive() or [None]
    line.hear(Promise(requests=1, executions=0, quiet_until=9_000))

    line.hear(NOTHING_PROMISED)
    line.hear(Promise(requests=1, executions=0, quiet_until=4_000))

    assert report is None
    assert line.quiet_until() == 9_000


def test_a_desk_that_begins_anew_hears_of_requests_that_it_has_yet_to_make_again():
    line = RemoteVenue(RemoteState(), PARAMS)
    line.hear(Promise(requests=1, executions=0, quiet_until=9_000))

    line.send(order(), 0, Decimal("0.01"), 1_000)
    again = line.quiet_until()
    line.send(msgspec.structs.replace(order("o2"), sequence=2), 0, Decimal("0.01"), 2_000)
    before = line.quiet_until()
    line.hear(Promise(requests=2, executions=0, quiet_until=8_000))

    assert (again, before, line.quiet_until()) == (9_000, 2_000 + PARAMS.latency_nanoseconds, 8_000)


def test_a_report_that_is_missing_stops_the_desk():
    line = RemoteVenue(RemoteState(), PARAMS)
    venue = Venue()
    venue.send(order("a"), 0)
    venue.send(order("b"), 0)
    _, second = venue.arrive()

    with pytest.raises(ReportLost, match="report 2 came after 0"):
        line.hear(second)


def test_a_venue_elsewhere_needs_a_latency():
    params = replace(decision_case.desk_params(), venue=VenueParams(latency_nanoseconds=0))

    with pytest.raises(ValueError, match="needs a latency of at least 1 ns"):
        replace(params, remote_venue=True)


@pytest.mark.parametrize("kind", ["merger", "cash_dividend", "delisting"])
def test_actions_that_are_told_on_the_way_find_every_record_the_same_wherever_the_venue_is(kind):
    told = action(kind, "B", IN_FLIGHT_AT, known_at=decision_case.OPEN + 100 * SECOND, amount="1")
    params = decision_case.desk_params()

    def items(batch_rows):
        made, given = [], False
        for item in whole(batch_rows):
            now = not given and item.watermark > told.known_at
            made.append(item._replace(actions=(told,)) if now else item)
            given = given or now
        return made

    apart = Apart(params, items(64), items(13), 3)
    found = apart.run()

    assert found == inside(items(999), params)
    assert {p.cause for p in found["positions"]} & {
        "merger 1 a share",
        "cash dividend 1 a share",
        "delisting 1 a share",
    }


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["split", "cash_dividend", "rename"])
def test_an_order_of_the_next_day_is_none_of_the_day_that_the_venue_is_still_on(kind, seed):
    params, items = decision_case.desk_params(), ordered(Days(kind, raw=True))

    apart = Apart(params, items(1_800, 64, None), items(1_800, 999, None), seed)
    found = apart.run()

    assert found == inside(items(1_800, 64, None), params)
    assert len(found["oms.executions"]) > 50
