"""What the desk does when a corporate action takes effect: orders, the venue, marks, positions, risk, then limits.

Every answer is a stage's own `adjust`; here they are called in their order.
"""

from decimal import Decimal
from typing import TYPE_CHECKING

from domain.action_records import ENDS, ActionRecord
from domain.corporate_actions import RATIOS, ActionKind
from domain.money import ZERO
from domain.orders import FINAL
from operators import compliance_actions, holds, mark_volatility, marks, order_ledger, positions, risk
from operators.agenda import Agenda, Living, lives, planned
from operators.compliance_state import set_mark, set_position
from operators.decision_records import action_words, restated_of
from operators.desk_holds import refuse
from operators.desk_orders import cancel

if TYPE_CHECKING:
    from operators.desk import Desk

LIVES = lives(Living.ADJUSTS)


def agenda(desk: "Desk") -> Agenda:
    """Return the actions to come."""
    if desk.state.agenda is None:
        desk.state.agenda = planned(desk.params.splits, desk.state.splits_done)
    return desk.state.agenda


def apply_action(desk: "Desk", action: ActionRecord, now_at: int) -> None:
    """Let an action take effect on everything that knows of its instrument."""
    if action.instrument not in desk.params.universe.names:
        return
    state, which = desk.state, desk.params.universe.index(action.instrument)
    if action.kind is not ActionKind.RENAME:
        for held in holds.adjust(state.holds, action):
            refuse(desk, held, now_at, f"it was asked for before the {action_words(action)}")
    _restate_orders(desk, action, now_at)
    desk.venue.adjust(which, action)
    mark_volatility.adjust(state.volatility, which, marks.adjust(state.marks, which, action))
    compliance_actions.adjust(state.compliance, action)
    _adjust_positions(desk, action, now_at)
    if action.kind in RATIOS:
        state.splits = (*state.splits, (action.instrument, action.effective_at, action.ratio))
    if action.kind in ENDS:
        state.ended |= {action.instrument}


def _restate_orders(desk: "Desk", action: ActionRecord, now_at: int) -> None:
    """Bring open orders over an action, or ask for their cancel where nothing is left to trade."""
    state, tick_size = desk.state, desk.params.universe.of(action.instrument).tick_size
    before = {
        order_id: (each.order_qty, each.price, each.cum_qty) for order_id, each in state.ledger.orders.items()
    }
    ratio = action.ratio if action.kind in RATIOS else Decimal(1)
    goes_on = order_ledger.adjust(state.ledger, action, tick_size)
    for order_id in goes_on:
        each = state.ledger.orders[order_id]
        if (each.order_qty, each.price, each.cum_qty) == before[order_id]:
            continue
        compliance_actions.restate(state.compliance, each.in_force, each.cum_qty, ratio)
        if each.status not in FINAL:
            number = desk.next_number("restatements")
            desk.decided.restated.append(restated_of(each, action, now_at, number))
    for working in list(state.working.values()):
        order = working.state.order
        if order.symbol == action.instrument and not goes_on[order.order_id] and not working.cancelled:
            cancel(desk, working, f"nothing is left of it after the {action_words(action)}", now_at)


def _adjust_positions(desk: "Desk", action: ActionRecord, now_at: int) -> None:
    """Let an action happen to what is held, to its risk and to what compliance counts, and record what changed."""
    state, universe = desk.state, desk.params.universe
    book = state.positions
    touched = {action.instrument, action.into} & set(universe.names)
    paid_before = {leaf: positions.paid(held) for leaf, held in book.holdings.items() if leaf[1] in touched}
    changed = positions.adjust(book, action, _child(desk, action))
    if action.kind in RATIOS:
        state.risk.ledger.split(action.instrument, action.ratio, book.marks.get(action.instrument))
    elif action.kind is not ActionKind.RENAME:
        own = [leaf for leaf in book.holdings if leaf[1] == action.instrument]
        for strategy, symbol in dict.fromkeys([*own, *changed]):
            held = book.holdings[strategy, symbol]
            paid = positions.paid(held) - paid_before.get((strategy, symbol), ZERO)
            leg = risk.Held(held.quantity, book.marks[symbol], paid)
            risk.adjust(state.risk, (strategy, universe.of(symbol)), leg, action)
    for strategy, symbol in changed:
        held = book.holdings[strategy, symbol]
        worth = state.risk.ledger.rate(universe.of(symbol).currency)
        set_mark(state.compliance, symbol, book.marks[symbol] * held.multiplier * worth)
        set_position(state.compliance, desk.params.account, strategy, desk.params.desk, symbol, held.quantity)
        desk.position(strategy, symbol, now_at, action_words(action))


def _child(desk: "Desk", action: ActionRecord) -> positions.Child | None:
    """Return the instrument that holders get shares of; None where the run has no such instrument."""
    universe, state = desk.params.universe, desk.state
    if action.into not in universe.names:
        return None
    instrument = universe.of(action.into)
    mark = marks.exact_mark(state.marks[universe.index(action.into)], instrument)
    return positions.Child(
        action.into, instrument.unit_multiplier, mark or state.positions.marks.get(action.into)
    )
