"""What the books are to hold of an order: its fills that stand, in the units that the books are in."""

from decimal import Decimal

from domain.corporate_actions import RATIOS
from domain.envelope import record_id
from domain.money import SMALLEST
from operators.order_rules import BREAKS, Applied
from operators.orders import Booking, Fill, OrderState
from operators.restatements import in_units

_ZERO = Decimal(0)


def bookings(state: OrderState) -> dict[str, Booking]:
    """Return what the books are to hold of an order, by ExecID; what was imputed has one of our own making.

    The books have gone through the order's corporate actions: what was filled before them is booked in today's units.
    """
    made = {exec_id: _booking(state, fill) for exec_id, fill in state.fills.items() if not fill.amended_by}
    if state.imputed_qty:
        price = (state.imputed_value / state.imputed_qty).quantize(SMALLEST)
        name = record_id("synthetic", state.order.order_id, state.filled_qty, state.imputed_qty, price)
        made[name] = Booking(state.imputed_qty, price, _ZERO)
    return made


def _booking(state: OrderState, fill: Fill) -> Booking:
    quantity, price = fill.quantity, fill.price
    for action, _ in state.restatements[fill.restated :]:
        if action.kind in RATIOS:
            quantity, price = in_units(quantity, action.ratio), (price / action.ratio).quantize(SMALLEST)
    return Booking(quantity, price, fill.commission)


def breaks_of(state: OrderState) -> dict[str, Applied]:
    """Return the reports of an order that do not fit, by name."""
    return {name: answer for name, answer in state.answers.items() if answer in BREAKS}
