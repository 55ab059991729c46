"""How what compliance remembers lives through a corporate action: windows, own prices and reservations.

Positions and marks come by `set_position` and `set_mark`; what is counted in money, messages, orders or persons has no
unit of shares, so groups, exposures, traffic, losses, kills, risk figures and links stay.
"""

from decimal import Decimal

from domain.action_records import ActionRecord
from domain.corporate_actions import RATIOS
from domain.money import SMALLEST
from domain.orders import Order
from operators.agenda import Living, lives
from operators.compliance_counters import adjust as adjust_counters
from operators.compliance_state import ComplianceState, open_units

LIVES = lives(Living.ADJUSTS)


def adjust(state: ComplianceState, action: ActionRecord) -> None:
    """Count what was sent of an instrument a moment ago in the units and prices of after an action."""
    adjust_counters(state.counters, action)
    if action.kind in RATIOS:
        for (_, symbol, _), window in state.windows.items():
            if symbol == action.instrument:
                window.restate(action.ratio)


def restate(state: ComplianceState, order: Order, cum_qty: int, ratio: Decimal) -> None:
    """Hold an order's reservation in the units and at the limit that it has now; its value stays as it was reserved."""
    is_open = order.cl_ord_id in state.reservations
    reservation = state.reservations.get(order.cl_ord_id) or state.closed.get(order.cl_ord_id)
    if reservation is None:
        return
    if is_open:
        open_units(state, reservation, reservation.filled - reservation.quantity)
    reservation.quantity, reservation.filled = order.order_qty, cum_qty
    reservation.unit_notional = (reservation.unit_notional / ratio).quantize(SMALLEST)
    if reservation.price is not None:
        reservation.price = order.price
    if is_open:
        open_units(state, reservation, reservation.quantity - reservation.filled)
