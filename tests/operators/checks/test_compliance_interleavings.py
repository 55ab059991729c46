"""Used + reserved stays within every limit, however orders, replaces, fills and ends interleave."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.decisions import VerdictKind
from domain.orders import OrdStatus, Side
from operators.compliance_rules import Rights
from operators.compliance_state import set_weights, settle
from operators.compliance_view import Handling

LOCATED, CREDIT, BETA, ISSUER_PERCENT, EQUITY = 400, 70_000, 40_000, "0.5", 10_000_000
MARGIN_LEFT = EQUITY - 16_000
ENDS = (OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED)
SYMBOLS = ("ACME", "OTHER")
ACTIONS = st.lists(
    st.one_of(
        st.tuples(
            st.just("ask"),
            st.sampled_from(SYMBOLS),
            st.sampled_from([Side.BUY, Side.SELL_SHORT]),
            st.integers(1, 200),
            st.sampled_from(["trend", "other"]),
        ),
        st.tuples(st.just("replace"), st.integers(0, 30), st.integers(1, 250)),
        st.tuples(st.just("fill"), st.integers(0, 30), st.integers(1, 200)),
        st.tuples(st.just("end"), st.integers(0, 30), st.sampled_from(ENDS)),
        st.tuples(st.just("again"), st.integers(0, 200)),
    ),
    min_size=8,
    max_size=40,
)


class Desk:
    """Orders of two strategies on two instruments, with what is open known from outside."""

    def __init__(self, desk):
        self.desk, self.open, self.reports, self.number = desk, {}, [], 0
        desk.rights.strategies["other"] = Rights(signal_ttl_seconds=5.0)
        desk.inputs["algorithms"].append(desk.inputs["algorithms"][0] | {"strategy": "other", "version": "*"})
        desk.inputs["locates"] = [
            {"locate_id": f"L{symbol}", "instrument": symbol, "quantity": LOCATED} for symbol in SYMBOLS
        ]
        desk.rows = {
            key: row | ({"scope_id": "*"} if row["scope_type"] == "strategy" else {})
            for key, row in desk.rows.items()
        }
        desk.limit("credit", "firm", CREDIT)
        desk.limit("beta_exposure", "firm", BETA)
        desk.limit("issuer_concentration", "firm", ISSUER_PERCENT)
        desk.limit("margin_buffer", "account", MARGIN_LEFT)
        self.params = desk.params
        for symbol in SYMBOLS:
            set_weights(desk.state, symbol, self.params.weights_of(self.instrument(symbol), desk.now))

    def instrument(self, symbol):
        return self.desk.instrument(name=symbol, issuer="Acme Corp")

    def act(self, action):
        kind, *rest = action
        if kind == "ask":
            symbol, side, quantity, strategy = rest
            self.ask(symbol, side, quantity, strategy)
        elif kind == "again" and self.reports:
            settle(self.desk.state, self.reports[rest[0] % len(self.reports)])
        elif self.open and kind != "again":
            name = list(self.open)[rest[0] % len(self.open)]
            intent, filled = self.open[name]
            if kind == "replace":
                self.ask(intent.symbol, intent.side, rest[1], intent.strategy, name)
            elif kind == "fill":
                self.report(intent, min(intent.order_qty, filled + rest[1]))
            else:
                self.report(intent, filled, rest[1])

    def ask(self, symbol, side, quantity, strategy, replaces=""):
        self.number += 1
        at = self.desk.now + self.number * 2 * 10**9
        intent = self.desk.intent(
            cl_ord_id=f"C{self.number}",
            symbol=symbol,
            side=side,
            order_qty=quantity,
            strategy=strategy,
            transact_time=at,
            signal_at=at,
            price=Decimal("99.98") if side is Side.BUY else Decimal("100.02"),
        )
        handling = Handling(replaces=replaces, locate_id=f"L{symbol}" if side is Side.SELL_SHORT else "")
        market = self.desk.market(now_at=at, instrument=self.instrument(symbol), handling=handling)
        if self.desk.decide(intent, market).kind is VerdictKind.APPROVED:
            self.open.pop(replaces, None)
            self.open[intent.cl_ord_id] = (intent, 0)

    def report(self, intent, filled, status=None):
        if status is None:
            full = filled == intent.order_qty
            status = OrdStatus.FILLED if full else OrdStatus.PARTIALLY_FILLED
        self.open[intent.cl_ord_id] = (intent, filled)
        if status is not OrdStatus.PARTIALLY_FILLED:
            del self.open[intent.cl_ord_id]
        self.reports.append(self.desk.execution(intent, filled, status))
        settle(self.desk.state, self.reports[-1])

    def hold(self):
        """Check every limit against what is held and open, and sums against what they are the sums of."""
        state = self.desk.state
        assert set(state.reservations) == set(self.open)
        assert {n for names in state.resting.values() for n in names} == set(self.open)
        for locate, used in state.counters.located.items():
            assert 0 <= used <= LOCATED, locate
        exposure = state.exposures.get("firm:firm")
        if exposure is None:
            return
        groups = {name: group for (scope, name), group in state.groups.items() if scope == "firm:firm"}
        held = [holding for (scope, _), holding in state.holdings.items() if scope == "firm:firm"]
        assert groups["issuer:Acme Corp"].gross == exposure.gross == sum(holding.gross for holding in held)
        assert groups["margin"].gross == exposure.gross / 4
        assert groups["beta"].high == exposure.high * Decimal("1.2")
        assert exposure.gross <= CREDIT
        assert exposure.gross * 100 <= Decimal(ISSUER_PERCENT) * EQUITY
        assert max(abs(groups["beta"].high), abs(groups["beta"].low)) <= BETA
        assert EQUITY - groups["margin"].gross >= MARGIN_LEFT


@settings(max_examples=40, deadline=None)
@given(actions=ACTIONS)
def test_no_interleaving_takes_a_book_past_a_limit_or_gives_anything_back_twice(fresh_desk, actions):
    run = Desk(fresh_desk())

    for action in actions:
        run.act(action)
        run.hold()
    for intent, filled in list(run.open.values()):
        run.report(intent, filled, OrdStatus.CANCELED)

    run.hold()
    assert {exposure.open_notional for exposure in run.desk.state.exposures.values()} <= {0}
    sold: dict[str, int] = {}
    for report in run.reports:
        if report.side is not Side.BUY:
            sold[report.cl_ord_id] = max(report.cum_qty, sold.get(report.cl_ord_id, 0))
    assert sum(run.desk.state.counters.located.values()) == sum(sold.values())
