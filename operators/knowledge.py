"""What the desk knows, and up to when: the watermarks of positions, orders, prices, limits and profit (PT-02).

What the venue has not told is not known: an order whose answer is owed, since it was asked; a position, since a report
spoke of fills that have not come; both, since the line was cut under working orders, or since the venue's topic fell
behind (a Control STALE of scope `venue`). Profit is known as far as positions are, and as the oldest mark of what is
held; a mark ages in the session that it is looked at in, and not while the instrument is halted.
"""

from domain.market import SECOND
from operators.compliance_view import Watermarks
from operators.desk_state import DeskParams, DeskState
from operators.marks import marked_at
from operators.order_ledger import owing
from operators.venue_line import cut_since


def watermarks(params: DeskParams, state: DeskState, now_at: int, opened_at: int) -> Watermarks:
    """Return up to when (ns UTC) each input of a decision is known; the present session began at `opened_at`."""
    orders_at = positions_at = state.controls.venue_at(now_at)
    if params.venue.line is not None:
        orders_at, positions_at = _told(params, state, orders_at, now_at)
    marked = _oldest_mark(params, state, now_at, opened_at)
    return Watermarks(
        positions_at,
        orders_at,
        int(state.marks_at[0]),
        state.controls.limits_at(now_at),
        min(positions_at, marked),
    )


def _told(params: DeskParams, state: DeskState, known_at: int, now_at: int) -> tuple[int, int]:
    """Return up to when a venue that lies has told of orders, and of what they have filled."""
    cut_at = cut_since(params.venue, now_at)
    if cut_at is not None and state.working:
        known_at = min(known_at, cut_at)
    orders_at = positions_at = known_at
    for each, waits in owing(state.ledger):
        orders_at = min(orders_at, waits.since)
        if each.gap or each.orphans:
            positions_at = min(positions_at, waits.since)
    return orders_at, positions_at


def _oldest_mark(params: DeskParams, state: DeskState, now_at: int, opened_at: int) -> int:
    """Return when the instrument among those held that was marked longest ago was; looked up once a second."""
    looked_at, oldest = state.oldest_mark
    if now_at - looked_at < SECOND:
        return min(now_at, oldest)
    oldest = now_at
    for symbol in {symbol for (_, symbol), held in state.positions.holdings.items() if held.quantity}:
        mark = state.marks[params.universe.index(symbol)]
        if not mark["halted"]:
            oldest = min(oldest, max(opened_at, marked_at(mark)))
    state.oldest_mark = (now_at, oldest)
    return oldest
