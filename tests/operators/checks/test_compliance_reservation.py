"""Reservations: used + reserved stays within the limit, and each order gives back what it holds once."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.decisions import VerdictKind
from domain.orders import ExecType, OrdStatus, Side
from operators.compliance_state import Exposure, Settled, release, set_mark, set_position, settle

LONGEST, SHORTEST, OPEN, GROSS, NET = 500, 300, 40_000, 60_000, 35_000
SCOPES = ("account:main", "strategy:trend", "desk:equities", "firm:firm")
ENDS = (OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED)


def nothing_open(desk):
    return not desk.state.reservations and all(
        holding.open_buys == holding.open_sells == 0 for holding in desk.state.holdings.values()
    )


def holdings(desk, symbol="ACME"):
    held = {scope: desk.state.holdings[scope, symbol] for scope in SCOPES}
    return {scope: (h.position, h.open_buys, h.open_sells) for scope, h in held.items()}


def test_an_approved_order_is_reserved_at_all_four_scopes_at_once(desk):
    desk.decide()

    assert holdings(desk) == dict.fromkeys(SCOPES, (0, 100, 0))
    assert desk.state.exposures == dict.fromkeys(
        SCOPES,
        Exposure(gross=Decimal(10_000), high=Decimal(10_000), low=Decimal(0), open_notional=Decimal(10_000)),
    )


def test_a_fill_turns_reserved_into_held_and_a_cancel_gives_the_rest_back(desk):
    intent = desk.intent()
    desk.decide(intent)

    filled = settle(desk.state, desk.execution(intent, 30, OrdStatus.PARTIALLY_FILLED))
    after_fill = holdings(desk)
    cancelled = settle(desk.state, desk.execution(intent, 30, OrdStatus.CANCELED, leaves_qty=0))

    assert (filled, cancelled) == (Settled.CONVERTED, Settled.RELEASED)
    assert after_fill == dict.fromkeys(SCOPES, (30, 70, 0))
    assert holdings(desk) == dict.fromkeys(SCOPES, (30, 0, 0))
    assert {exposure.open_notional for exposure in desk.state.exposures.values()} == {0}


def test_an_acknowledgement_changes_nothing(desk):
    intent = desk.intent()
    desk.decide(intent)

    answer = settle(desk.state, desk.execution(intent, 0, OrdStatus.NEW))

    assert (answer, holdings(desk)["firm:firm"]) == (Settled.NOTHING, (0, 100, 0))


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_an_order_is_taken_once(desk, end):
    intent = desk.intent(side=Side.SELL_SHORT)
    desk.decide(intent)

    answers = [settle(desk.state, desk.execution(intent, 0, end)) for _ in range(3)]

    assert answers == [Settled.RELEASED, Settled.REPEATED, Settled.REPEATED]
    assert nothing_open(desk)


def test_a_release_by_hand_is_taken_once(desk):
    desk.decide()

    answers = [release(desk.state, "C1"), release(desk.state, "C1"), release(desk.state, "never")]

    assert answers == [Settled.RELEASED, Settled.REPEATED, Settled.UNKNOWN]


def test_a_cancel_that_overtakes_a_fill_brings_the_fill_with_it(desk):
    intent = desk.intent()
    desk.decide(intent)

    first = settle(desk.state, desk.execution(intent, 40, OrdStatus.CANCELED))
    second = settle(desk.state, desk.execution(intent, 40, OrdStatus.PARTIALLY_FILLED))

    assert (first, second) == (Settled.CONVERTED, Settled.REPEATED)
    assert holdings(desk) == dict.fromkeys(SCOPES, (40, 0, 0))


def test_a_fill_after_the_end_moves_the_position_and_is_a_break(desk):
    intent = desk.intent()
    desk.decide(intent)
    settle(desk.state, desk.execution(intent, 0, OrdStatus.CANCELED))

    answer = settle(desk.state, desk.execution(intent, 40, OrdStatus.PARTIALLY_FILLED))

    assert (answer, holdings(desk)["account:main"]) == (Settled.LATE_FILL, (40, 0, 0))


def test_an_over_fill_moves_the_whole_position_and_is_a_break(desk):
    intent = desk.intent()
    desk.decide(intent)

    answer = settle(desk.state, desk.execution(intent, 120, OrdStatus.FILLED))

    assert (answer, holdings(desk)["account:main"]) == (Settled.OVERFILLED, (120, 0, 0))
    assert nothing_open(desk)


def test_an_execution_of_an_order_nobody_approved_is_a_break(desk):
    answer = settle(desk.state, desk.execution(desk.intent(), 10, OrdStatus.FILLED))

    assert (answer, desk.state.holdings) == (Settled.UNKNOWN, {})


def test_the_second_of_two_orders_that_fit_only_alone_is_refused(desk):
    desk.limit("position_long", "firm", 150)
    kinds = [
        desk.decide(desk.intent(cl_ord_id=name, order_qty=quantity)).kind
        for name, quantity in (("A", 100), ("B", 51))
    ]

    release(desk.state, "A")
    again = desk.decide(desk.intent(cl_ord_id="C", order_qty=52)).kind

    assert kinds == [VerdictKind.APPROVED, VerdictKind.REFUSED]
    assert again is VerdictKind.APPROVED


ACTIONS = st.lists(
    st.one_of(
        st.tuples(
            st.just("ask"),
            st.sampled_from(["ACME", "OTHER"]),
            st.sampled_from([Side.BUY, Side.SELL_SHORT]),
            st.integers(1, 250),
        ),
        st.tuples(st.just("fill"), st.integers(0, 30), st.integers(1, 250), st.booleans()),
        st.tuples(st.just("end"), st.integers(0, 30), st.sampled_from(ENDS), st.booleans()),
        st.tuples(st.just("again"), st.integers(0, 200)),
    ),
    min_size=5,
    max_size=40,
)


class Interleaving:
    """Orders asked for, filled and ended in any order, with reports delivered again at any time."""

    def __init__(self, desk):
        self.desk, self.truth, self.orders, self.reports, self.ended = desk, {}, [], [], set()
        for symbol in ("ACME", "OTHER"):
            set_mark(desk.state, symbol, Decimal(100))
        for scope_type in ("account", "firm"):
            desk.limit("position_long", scope_type, LONGEST)
            desk.limit("position_short", scope_type, SHORTEST)
            desk.limit("open_notional", scope_type, OPEN)
            desk.limit("gross_exposure", scope_type, GROSS)
            desk.limit("net_exposure", scope_type, NET)
        self.params = desk.params

    def act(self, number, action):
        kind, *rest = action
        if kind == "ask":
            self.ask(number, *rest)
        elif kind == "again" and self.reports:
            settle(self.desk.state, self.reports[rest[0] % len(self.reports)])
        elif kind in ("fill", "end") and self.orders:
            intent, filled = self.orders[rest[0] % len(self.orders)]
            if intent.cl_ord_id not in self.ended:
                self.report(rest[0] % len(self.orders), intent, filled, kind, rest[1])

    def ask(self, number, symbol, side, quantity):
        at = self.desk.now + number * 2 * 10**9
        intent = self.desk.intent(
            cl_ord_id=f"C{number}",
            symbol=symbol,
            side=side,
            order_qty=quantity,
            transact_time=at,
            signal_at=at,
        )
        market = self.desk.market(now_at=at, instrument=self.desk.instrument(name=symbol))
        if self.desk.decide(intent, market).kind is VerdictKind.APPROVED:
            self.orders.append((intent, 0))

    def report(self, index, intent, filled, kind, what):
        if kind == "fill":
            filled = min(intent.order_qty, filled + what)
            status = OrdStatus.FILLED if filled == intent.order_qty else OrdStatus.PARTIALLY_FILLED
            before = self.orders[index][1]
            self.truth[intent.symbol] = (
                self.truth.get(intent.symbol, 0) + (filled - before) * intent.side.sign
            )
            self.orders[index] = (intent, filled)
        else:
            status = what
        if status in (*ENDS, OrdStatus.FILLED):
            self.ended.add(intent.cl_ord_id)
        self.reports.append(self.desk.execution(intent, filled, status))
        settle(self.desk.state, self.reports[-1])

    def hold(self):
        """Check the invariants against what is known from outside."""
        state = self.desk.state
        for symbol in ("ACME", "OTHER"):
            live = [(i, f) for i, f in self.orders if i.symbol == symbol and i.cl_ord_id not in self.ended]
            buys = sum(i.order_qty - f for i, f in live if i.side is Side.BUY)
            sells = sum(i.order_qty - f for i, f in live if i.side is Side.SELL_SHORT)
            position = self.truth.get(symbol, 0)
            for scope in SCOPES:
                held = state.holdings.get((scope, symbol))
                found = (held.position, held.open_buys, held.open_sells) if held else (0, 0, 0)
                assert found == (position, buys, sells)
            assert position + buys <= LONGEST
            assert sells - position <= SHORTEST
        for exposure in state.exposures.values():
            assert exposure.open_notional == sum(
                (i.order_qty - f) * 100 for i, f in self.orders if i.cl_ord_id not in self.ended
            )
            assert 0 <= exposure.open_notional <= OPEN
            assert exposure.gross <= GROSS
            assert max(abs(exposure.high), abs(exposure.low)) <= NET


@settings(max_examples=60, deadline=None)
@given(actions=ACTIONS)
def test_used_and_reserved_stay_within_the_limit_however_orders_interleave(fresh_desk, actions):
    run = Interleaving(fresh_desk())

    for number, action in enumerate(actions):
        run.act(number, action)
        run.hold()
    for index, (intent, filled) in enumerate(list(run.orders)):
        if intent.cl_ord_id not in run.ended:
            run.report(index, intent, filled, "end", OrdStatus.CANCELED)

    assert nothing_open(run.desk)
    assert {exposure.open_notional for exposure in run.desk.state.exposures.values()} <= {0}


@settings(max_examples=60, deadline=None)
@given(fills=st.lists(st.integers(1, 40), min_size=1, max_size=6), data=st.data())
def test_reports_delivered_in_any_order_and_more_than_once_end_in_the_same_place(fresh_desk, fills, data):
    desk = fresh_desk()
    intent = desk.intent(order_qty=sum(fills) + 10)
    desk.decide(intent)
    totals = [sum(fills[: n + 1]) for n in range(len(fills))]
    reports = [desk.execution(intent, total, OrdStatus.PARTIALLY_FILLED) for total in totals]
    reports.append(desk.execution(intent, totals[-1], OrdStatus.CANCELED, exec_type=ExecType.CANCELED))

    for report in data.draw(st.permutations(reports * 2)):
        settle(desk.state, report)

    assert holdings(desk) == dict.fromkeys(SCOPES, (totals[-1], 0, 0))
    assert nothing_open(desk)


def test_a_position_that_is_set_moves_every_scope_by_the_difference(desk):
    set_position(desk.state, "main", "trend", "equities", "ACME", 100)
    set_position(desk.state, "main", "other", "equities", "ACME", -30)

    set_position(desk.state, "main", "trend", "equities", "ACME", 200)

    positions = {scope: holding.position for (scope, _), holding in desk.state.holdings.items()}
    assert positions == {
        "account:main": 170,
        "strategy:trend": 200,
        "strategy:other": -30,
        "desk:equities": 170,
        "firm:firm": 170,
    }
