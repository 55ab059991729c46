"""What a list of names that begins to hold does to orders that work: those of who is listed are cancelled."""

from typing import TYPE_CHECKING

from operators.checks.sanctions import parties
from operators.desk_orders import cancel

if TYPE_CHECKING:
    from operators.desk import Desk


def cancel_listed(desk: "Desk", now_at: int) -> None:
    """Ask the venue to cancel the orders that work for somebody, in somebody or with somebody who is listed now.

    A similar name that would only be held does so too: its order waits for a person no longer, and can be asked for
    again when it is cleared.
    """
    if not desk.compliance.applies("PT-43 SANCTION"):
        return
    lists, facts = desk.state.compliance.name_lists, desk.compliance.facts
    for working in list(desk.state.working.values()):
        order = working.state.order
        asked = parties(order, desk.params.universe.of(order.symbol))
        found = [
            each
            for name, held in lists.items()
            for party in asked
            for each in held.found.get(party, ())
            if not facts.is_cleared(party, name, each.entry_id, now_at)
        ]
        if found and not working.cancelled:
            cancel(desk, working, f"{found[0].party} is on a list of names", now_at)
