"""A desk on which every check passes, and the means to change one thing at a time."""

from decimal import Decimal
from typing import Any

import pytest

from domain.decisions import Check, Outcome
from domain.instruments import Instrument
from domain.market import SECOND, Session
from domain.orders import ExecType, Execution, Intent, OrderTerms, OrdStatus, OrdType, Side, TimeInForce
from operators.checks.registry import CHECKS
from operators.compliance import Assessment, decide, evaluate
from operators.compliance_counters import RiskFigures
from operators.compliance_facts import facts_of
from operators.compliance_rules import (
    ComplianceParams,
    Restriction,
    Rights,
    RightsTable,
    Tolerances,
    approvers_table,
)
from operators.compliance_state import ComplianceState, Standing, hear, set_risk, set_standing
from operators.compliance_view import Market, Protected, Reference, Watermarks, view_of
from operators.limit_rows import limit_table
from operators.limits import MANDATORY, MEASURES

NOW = 1_700_000_000 * SECOND
DAY = 19_675
IDS = {"tier": "liquid", "account": "main", "strategy": "trend", "desk": "equities", "firm": "firm"}


class Desk:
    """One account, desk, trader and strategy, one instrument at 100, and limits far away."""

    now = NOW

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str, int], dict[str, Any]] = {}
        for measure, scope_type, window in MANDATORY:
            far = 50 if MEASURES[measure].unit == "percent" else 10**9
            self.limit(measure, scope_type, 0 if measure == "margin_buffer" else far, window=window)
        self.rights = RightsTable(
            {"main": Rights()},
            {"ann": Rights()},
            {"trend": Rights(signal_ttl_seconds=5.0)},
        )
        self.listed: tuple[Restriction, ...] = ()
        self.tolerances = Tolerances()
        self.inputs: dict[str, list[dict[str, Any]]] = {
            "algorithms": [
                {
                    "strategy": "trend",
                    "version": "7",
                    "instruments_max": 9,
                    "venues_max": 9,
                    "orders_max": 10**9,
                    "position_max": 10**12,
                }
            ],
            "instruments": [
                {
                    "instrument": name,
                    "adv20": 10**12,
                    "sigma_daily_percent": 2,
                    "beta": "1.2",
                    "sector": "tech",
                    "country": "US",
                    "shares_outstanding": 10**12,
                    "spread_median": "0.02",
                    "factors": "value:0.5 size:-1",
                }
                for name in ("ACME", "OTHER")
            ],
            "margin_rates": [{"tier": tier, "rate_percent": 25} for tier in ("liquid", "odd")],
            "mandates": [{"account": "main"}],
            "locates": [
                {"locate_id": "ETB", "instrument": n, "kind": "easy_to_borrow"} for n in ("ACME", "OTHER")
            ],
            "bands": [{"instrument": name, "lower": 1, "upper": 1000} for name in ("ACME", "OTHER")],
            **{
                name: []
                for name in (
                    "sanctions",
                    "pre_borrow",
                    "short_sale_restrictions",
                    "breakers",
                    "client_orders",
                    "credit",
                )
            },
        }
        self.not_applicable: dict[str, str] = {}
        self.approvers: dict[str, Any] = {}
        self.state = ComplianceState()
        nothing = {"ACME": Decimal(0), "OTHER": Decimal(0)}
        figures = RiskFigures(
            NOW, Decimal(0), Decimal(0), nothing, nothing, {"1987": Decimal(0)}, {"1987": nothing}
        )
        set_risk(self.state, "firm:firm", figures)
        hear(self.state, "XNAS", NOW, 3600 * SECOND)
        for scope in ("account:main", "firm:firm", "strategy:trend", "desk:equities"):
            set_standing(self.state, scope, Standing(Decimal(10_000_000), Decimal(0), Decimal(0)))

    def limit(
        self,
        measure: str,
        scope_type: str,
        hard: Any,
        soft: Any = None,
        window: int = 0,
        instrument: str = "*",
    ) -> None:
        """Set a limit for the scope of that type on this desk."""
        scope_id = instrument if scope_type == "instrument" else IDS[scope_type]
        self.rows[measure, scope_type, instrument, window] = {
            "limit_id": f"{measure}-{scope_type}-{instrument}-{window}",
            "measure": measure,
            "scope_type": scope_type,
            "scope_id": scope_id,
            "instrument": "*" if scope_type == "instrument" else instrument,
            "hard": hard,
            "soft": hard if soft is None and MEASURES[measure].soft else soft,
            "unit": MEASURES[measure].unit,
            "window_seconds": window,
            "rationale": "a test",
        }

    def drop(self, measure: str, scope_type: str, window: int = 0) -> None:
        """Take a limit away."""
        del self.rows[measure, scope_type, "*", window]

    @property
    def params(self) -> ComplianceParams:
        """Return the rules as they are now."""
        return ComplianceParams(
            limit_table(self.rows.values()),
            self.rights,
            self.listed,
            self.tolerances,
            facts=facts_of(self.inputs),
            not_applicable=self.not_applicable,
            deployed={"trend": "7"},
            approvers=approvers_table(self.approvers),
        )

    def instrument(self, **changes: Any) -> Instrument:
        """Return the instrument that is traded."""
        return Instrument(**{"name": "ACME", "issuer": "Acme Corp"} | changes)

    def intent(self, **changes: Any) -> Intent:
        """Return a buy of 100 at 100."""
        fields: dict[str, Any] = {
            "event_at": NOW,
            "known_at": NOW,
            "received_at": NOW,
            "source": "sizing",
            "sequence": 1,
            "record_id": "r",
            "cl_ord_id": "C1",
            "account": "main",
            "desk": "equities",
            "trader": "ann",
            "strategy": "trend",
            "symbol": "ACME",
            "side": Side.BUY,
            "order_qty": 100,
            "ord_type": OrdType.LIMIT,
            "time_in_force": TimeInForce.DAY,
            "transact_time": NOW,
            "ex_destination": "XNAS",
            "price": Decimal(100),
            "signal_id": "s",
            "signal_at": NOW,
            "position_before": 0,
            "target_position": 100,
        }
        return Intent(**fields | changes)

    def market(self, **changes: Any) -> Market:
        """Return an open market with a fresh reference of 100."""
        fields: dict[str, Any] = {
            "now_at": NOW,
            "trading_day": DAY,
            "instrument": self.instrument(),
            "session": Session.REGULAR,
            "halted": False,
            "reference": Reference(Decimal(100), "mid", changes.get("now_at", NOW)),
            "watermarks": Watermarks(*[changes.get("now_at", NOW)] * 5),
            "bid": Decimal("99.99"),
            "ask": Decimal("100.01"),
            "sigma": Decimal("0.001"),
            "protected": (Protected("XNAS", Decimal("99.99"), Decimal("100.01")),),
        }
        return Market(**fields | changes)

    def later(self, nanoseconds: int, **changes: Any) -> tuple[Intent, Market]:
        """Return an intent and a market of an instant so many ns after the first."""
        at = NOW + nanoseconds
        return self.intent(transact_time=at, signal_at=at, **changes), self.market(now_at=at)

    def check(
        self, name: str, intent: Intent | None = None, market: Market | None = None
    ) -> tuple[Check, ...]:
        """Return what one check answers."""
        intent, market = intent or self.intent(), market or self.market()
        return dict(CHECKS)[name](intent, view_of(self.state, self.params, intent, market))

    def failures(self, name: str, intent: Intent | None = None, market: Market | None = None) -> list[str]:
        """Return `outcome code scope` of what one check does not pass."""
        return [
            f"{check.outcome.value} {check.code} {check.scope}".strip()
            for check in self.check(name, intent, market)
            if check.outcome is not Outcome.PASS
        ]

    def evaluate(self, intent: Intent | None = None, market: Market | None = None) -> Assessment:
        """Return what all checks say."""
        return evaluate(self.state, self.params, intent or self.intent(), market or self.market())

    def decide(self, intent: Intent | None = None, market: Market | None = None) -> Assessment:
        """Return what all checks say, and remember it."""
        return decide(self.state, self.params, intent or self.intent(), market or self.market())

    def execution(self, terms: OrderTerms, cum_qty: int, status: OrdStatus, **changes: Any) -> Execution:
        """Return an execution report on an order."""
        kinds = {OrdStatus.FILLED: ExecType.TRADE, OrdStatus.PARTIALLY_FILLED: ExecType.TRADE}
        fields: dict[str, Any] = {
            "event_at": NOW,
            "known_at": NOW,
            "received_at": NOW,
            "source": "venue",
            "sequence": 1,
            "record_id": "x",
            "exec_id": f"{terms.cl_ord_id}-{cum_qty}-{status}",
            "order_id": "O",
            "cl_ord_id": terms.cl_ord_id,
            "account": terms.account,
            "strategy": terms.strategy,
            "symbol": terms.symbol,
            "side": terms.side,
            "exec_type": kinds.get(status) or ExecType(status.value),
            "ord_status": status,
            "order_qty": terms.order_qty,
            "leaves_qty": terms.order_qty - cum_qty,
            "cum_qty": cum_qty,
            "avg_px": Decimal(100),
            "transact_time": NOW,
        }
        return Execution(**fields | changes)


@pytest.fixture
def desk() -> Desk:
    """Return a desk on which the plain intent passes."""
    return Desk()


@pytest.fixture(scope="session")
def fresh_desk() -> type[Desk]:
    """Return the means to make a desk for every example of a property test."""
    return Desk
