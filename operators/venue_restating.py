"""How the simulated venue takes its orders over a corporate action, and says so where it answers in full reports."""

from decimal import Decimal
from math import ceil

import msgspec

from domain.action_records import ActionRecord
from domain.corporate_actions import RATIOS
from domain.order_messages import GT_CORPORATE_ACTION, OrderRequest, Report
from domain.orders import ExecType
from operators.agenda import Living, lives
from operators.restatements import in_units, restate
from operators.venue_line import say
from operators.venue_params import VenueParams
from operators.venue_state import Filled, Resting, VenueState, report

LIVES = lives(Living.ADJUSTS)


def adjust(state: VenueState, params: VenueParams, instrument: int, action: ActionRecord) -> None:
    """Restate a venue's orders of an instrument, those that have ended too; what ends waits for the desk's cancel.

    Nothing has been taken of what is shown in the new units. A venue that answers in full reports says of each resting
    order that it is another one now (ExecType RESTATED, ExecRestatementReason 0), by its line.
    """
    made: list[Report] = []
    for held in (*state.orders.values(), *state.done.values(), *state.past.values()):
        if held.instrument != instrument:
            continue
        for name, request in held.pending.items():
            held.pending[name] = _restated_request(held, request, action)
        changed = restate_held(held, action)
        if changed and params.line is not None and held.reports and held.order.order_id in state.orders:
            made.append(_told(state, params, held, action))
    for name, request in state.requests.items():
        known = state.known(request.order_id)
        if known is not None and known.instrument == instrument:
            state.requests[name] = known.pending.get(name) or _restated_request(known, request, action)
    for sign in (1, -1):
        state.taken.pop((instrument, sign), None)
    if params.line is not None:
        say(state.line, params, made)


def _told(state: VenueState, params: VenueParams, held: Resting, action: ActionRecord) -> Report:
    return report(
        state,
        params,
        held,
        ExecType.RESTATED,
        action.effective_at,
        text=action.kind.replace("_", " "),
        exec_restatement_reason=GT_CORPORATE_ACTION,
    )


def restate_held(held: Resting, action: ActionRecord) -> bool:
    """Restate an order at the venue; say whether its terms are others now."""
    in_force = msgspec.structs.replace(held.order, order_qty=held.order_qty, price=held.price)
    made = restate(in_force, held.cum_qty, action, held.tick_size)
    if made.order is in_force:
        return False
    held.order, held.cum_qty = made.order, made.cum_qty
    held.order_qty, held.price = made.order.order_qty, made.order.price
    if action.kind in RATIOS:
        held.ahead = None if held.ahead is None else ceil(held.ahead * action.ratio)
        held.shown = min(max(1, in_units(held.shown, action.ratio)), held.leaves_qty) if held.shown else 0
        held.fills = {name: _restated_fill(fill, action.ratio) for name, fill in held.fills.items()}
    return True


def _restated_fill(fill: Filled, ratio: Decimal) -> Filled:
    """Return a fill in the units of after a split, worth what it was; one that comes to no unit is left as it is."""
    quantity = in_units(fill.quantity, ratio)
    return Filled(quantity, fill.quantity * fill.price / quantity) if quantity else fill


def _restated_request(held: Resting, request: OrderRequest, action: ActionRecord) -> OrderRequest:
    """Return a request with its terms in the units of after an action."""
    asked = msgspec.structs.replace(held.order, order_qty=request.order_qty, price=request.price)
    made = restate(asked, 0, action, held.tick_size).order
    return msgspec.structs.replace(request, order_qty=made.order_qty, price=made.price)
