"""Means to ask a simulated venue: orders, shown markets, and one way to send, arrive, quote and trade."""

import math
from collections import defaultdict
from decimal import Decimal
from typing import Any

from domain.orders import ExecType, Order, OrdType, Side, TimeInForce
from operators.venue import arrivals, on_quote, on_trade, submit
from operators.venue_params import VenueParams
from operators.venue_state import Top, VenueState

NAN = math.nan
TICK = Decimal("0.01")
PARAMS = VenueParams(latency_nanoseconds=500, fee_per_unit=Decimal("0.003"), participation_max=0.2)
UNQUOTED = Top(NAN, 0, NAN, 0, halted=False, open=True)


def top(bid=99.0, bid_size=1000.0, ask=101.0, ask_size=1000.0, *, halted=False, is_open=True):
    return Top(bid, bid_size, ask, ask_size, halted, is_open)


def order(name="o1", quantity=100, price: str | None = "100", side=Side.BUY, *, immediate=False):
    return Order(
        event_at=1,
        known_at=1,
        received_at=1,
        source="decisions",
        sequence=1,
        record_id=name,
        cl_ord_id=f"c-{name}",
        account="main",
        desk="equities",
        trader="ann",
        strategy="trend",
        symbol="AAA",
        side=side,
        order_qty=quantity,
        ord_type=OrdType.MARKET if price is None else OrdType.LIMIT,
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL if immediate else TimeInForce.DAY,
        transact_time=1,
        ex_destination="XSIM",
        price=None if price is None else Decimal(price),
        order_id=name,
        decision_id="d",
    )


class Venue:
    """A venue with one way of being asked; `params`, `state` and the market of each instrument."""

    def __init__(self, params: VenueParams = PARAMS, market: Top = UNQUOTED) -> None:
        self.params, self.state = params, VenueState()
        self.market: dict[int, Top] = defaultdict(lambda: market)

    def send(self, sent: Order, now_at: int = 0, instrument: int = 0) -> None:
        submit(self.state, self.params, sent, instrument, TICK, now_at)

    def arrive(self, now_at: int = 10**9) -> list[Any]:
        return arrivals(self.state, self.params, self.market.__getitem__, now_at)

    def rest(self, *sent: Order) -> "Venue":
        """Let orders arrive where nothing is quoted, so that they rest."""
        for each in sent:
            self.send(each)
        self.arrive()
        return self

    def quote(self, shown: Top, now_at: int = 2 * 10**9, instrument: int = 0) -> list[Any]:
        self.market[instrument] = shown
        return on_quote(self.state, self.params, instrument, shown, now_at)

    def trade(
        self, price: float, size: float, shown: Top, now_at: int = 2 * 10**9, instrument: int = 0
    ) -> list[Any]:
        return on_trade(self.state, self.params, instrument, price, size, shown, now_at)


def told(reports):
    """Return what reports say: order, kind, status, quantity and price."""
    return [(r.order_id, r.exec_type.name, r.ord_status.name, r.last_qty, r.last_px) for r in reports]


def filled(reports):
    return [(r.order_id, r.last_qty, r.last_px) for r in reports if r.exec_type is ExecType.TRADE]
