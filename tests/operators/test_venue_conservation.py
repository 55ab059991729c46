"""The simulated venue on random days: nothing is filled twice, beyond what is there, or worse than asked."""

import pickle
from collections import defaultdict
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.orders import FINAL, Order, OrdStatus, Side
from operators.order_rules import Applied
from operators.orders import OrderState, apply_report
from operators.venue import cancel, end_of_session, wants
from operators.venue_params import VenueParams
from operators.venue_state import Top
from tests.operators.venue_asking import NAN, Venue, order

ticks = st.integers(9_900, 10_100).map(lambda cents: cents / 100)
sizes = st.integers(0, 300).map(float)
limits = st.one_of(st.none(), st.integers(9_900, 10_100).map(lambda cents: str(Decimal(cents) / 100)))
events = st.one_of(
    st.tuples(
        st.just("send"), st.integers(1, 200), limits, st.sampled_from([Side.BUY, Side.SELL]), st.booleans()
    ),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(
        st.just("quote"), ticks, sizes, ticks, sizes, st.sampled_from([None, "halted", "no ask", "no bid"])
    ),
    st.tuples(st.just("trade"), ticks, sizes),
)


class Day:
    """Walks a venue through events, and keeps what was shown for each fill."""

    def __init__(self) -> None:
        self.venue = Venue(VenueParams(latency_nanoseconds=2, participation_max=0.3))
        self.sent: list[Order] = []
        self.reports: list[Any] = []
        self.groups: list[tuple[str, float, list[Any]]] = []

    def walk(self, happened: list[Any], first_at: int = 0) -> "Day":
        """Go on from an instant; one event a nanosecond."""
        for now_at, event in enumerate(happened, first_at):
            self.note(self.venue.arrive(now_at), "arrival", 0.0)
            getattr(self, event[0])(now_at, *event[1:])
        return self

    def note(self, reports: list[Any], kind: str, size: float) -> None:
        self.reports += reports
        self.groups.append((kind, size, reports))

    def send(self, now_at: int, quantity: int, limit: str | None, side: Side, immediate: bool) -> None:
        self.sent.append(order(f"o{len(self.sent)}", quantity, limit, side, immediate=immediate))
        self.venue.send(self.sent[-1], now_at)

    def cancel(self, now_at: int, number: int) -> None:
        cancel(self.venue.state, self.venue.params, f"o{number}", now_at)

    def quote(
        self, now_at: int, bid: float, bid_size: float, ask: float, ask_size: float, odd: str | None
    ) -> None:
        shown = Top(
            NAN if odd == "no bid" else bid,
            bid_size,
            NAN if odd == "no ask" else ask,
            ask_size,
            odd == "halted",
            True,
        )
        self.note(self.venue.quote(shown, now_at), "quote", 0.0)

    def trade(self, now_at: int, price: float, size: float) -> None:
        shown = self.venue.market[0]
        self.note(self.venue.trade(price, size, shown, now_at), "trade", size)

    def end(self, now_at: int) -> "Day":
        self.note(end_of_session(self.venue.state, self.venue.params, now_at), "end", 0.0)
        return self


@settings(max_examples=150)
@given(st.lists(events, max_size=60))
def test_every_order_ends_once_by_legal_reports_and_is_never_filled_beyond_its_quantity_or_limit(happened):
    day = Day().walk(happened).end(1000)

    states = {sent.order_id: OrderState(sent) for sent in day.sent}
    answers = {apply_report(states[report.order_id], report) for report in day.reports}

    assert answers <= {Applied.APPLIED}
    assert all(state.status in FINAL for state in states.values())
    assert all(
        (state.status is OrdStatus.FILLED) == (state.cum_qty == state.order.order_qty)
        for state in states.values()
    )
    for report in day.reports:
        limit = states[report.order_id].order.price
        assert report.last_px is None or limit is None or report.side.sign * (report.last_px - limit) <= 0
    assert [report.sequence for report in day.reports] == list(range(1, len(day.reports) + 1))
    assert len({report.exec_id for report in day.reports}) == len(day.reports)


@settings(max_examples=150)
@given(st.lists(events, max_size=60))
def test_no_trade_fills_more_than_its_size_and_no_quote_more_than_it_shows_while_it_stands(happened):
    day = Day()
    taken: dict[int, int] = defaultdict(int)
    standing: dict[int, tuple[float, float]] = {}

    for now_at, event in enumerate(happened):
        before = len(day.groups)
        day.walk([event], now_at)
        for kind, size, reports in day.groups[before:]:
            quantity = sum(report.last_qty for report in reports)
            if kind == "trade":
                assert quantity <= size
                continue
            if kind == "quote":
                for sign in (1, -1):
                    if standing.get(sign) != day.venue.market[0].opposite(sign):
                        taken[sign] = 0
                        standing[sign] = day.venue.market[0].opposite(sign)
            for report in reports:
                taken[report.side.sign] += report.last_qty
            for sign in (1, -1):
                assert taken[sign] <= standing.get(sign, (NAN, 0.0))[1]


@settings(max_examples=60)
@given(st.lists(events, min_size=1, max_size=40), st.data())
def test_a_venue_cut_anywhere_and_resumed_from_its_pickle_says_the_same(happened, data):
    cut = data.draw(st.integers(0, len(happened)))
    whole = Day().walk(happened).end(1000).reports

    day = Day().walk(happened[:cut])
    day.venue.state = pickle.loads(pickle.dumps(day.venue.state))

    assert day.walk(happened[cut:], cut).end(1000).reports == whole


@settings(max_examples=60)
@given(st.lists(events, max_size=60))
def test_the_venue_remembers_nothing_of_orders_that_are_final(happened):
    day = Day().walk(happened)

    ended = {report.order_id for report in day.reports if report.ord_status in FINAL}
    state = day.venue.state
    resting = [name for names in state.resting.values() for name in names]

    assert set(state.orders) == {sent.order_id for sent in day.sent} - ended
    assert set(resting) <= set(state.orders)
    assert wants(state) == ({0} if resting else frozenset())

    end = day.end(1000).venue.state
    assert (end.orders, end.resting, end.coming, end.taken) == ({}, {}, [], {})
