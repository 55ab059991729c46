"""What the desk pays and receives for holding: interest and borrow fees overnight, funding of perpetuals at its hours.

Interest of the starting cash is the account's own and no strategy's: its owner in the ledger is `TREASURY`.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from analytics.attribution import TREASURY
from analytics.carry import Holding, Posting, borrow_fees, funding, interest
from domain.money import ZERO
from operators import positions
from operators.agenda import Living, lives

if TYPE_CHECKING:
    from operators.desk import Desk

LIVES = lives(Living.UNTOUCHED)
"""What is carried is worked out of holdings and marks as they are at that instant."""


def begin(desk: "Desk", first_at: int) -> None:
    """Set the timer of funding at the first row (ns UTC), or where a version before knew of none."""
    desk.state.funding_at = desk.params.carry.next_funding(first_at)


def carry_overnight(desk: "Desk", now_at: int) -> None:
    """Charge the nights from the session that ends now (ns UTC) to the next one; none in a lunch break."""
    rates, sessions = desk.params.carry, desk.params.sessions
    if not rates.cash and not rates.borrow:
        return
    first, last = sessions.day_at(now_at - 1), sessions.day_at(sessions.regular(now_at)[0])
    ledger = desk.state.risk.ledger
    own = TREASURY, ledger.base
    balances = {**ledger.cash, own: ledger.cash.get(own, ZERO) + desk.params.starting_cash}
    _post(desk, interest(balances, rates, first, last))
    _post(desk, borrow_fees(_holdings(desk), rates, first, last))


def fund(desk: "Desk", now_at: int) -> None:
    """Pay and receive the funding that is due at an instant (ns UTC), and set the next."""
    _post(desk, funding(_holdings(desk), desk.params.carry, now_at))
    desk.state.funding_at = desk.params.carry.next_funding(now_at)


def _holdings(desk: "Desk") -> list[Holding]:
    return [
        Holding(strategy, symbol, leg.currency, leg.quantity, leg.price * leg.multiplier)
        for strategy, symbol, leg in desk.state.risk.ledger.held()
    ]


def _post(desk: "Desk", postings: Iterable[Posting]) -> None:
    """Book amounts in the risk ledger by owner and leg, and in the account's cash in base currency."""
    ledger = desk.state.risk.ledger
    for owner, currency, amount, part in postings:
        ledger.carry(owner, currency, amount, part)
        positions.carry(desk.state.positions, amount * ledger.rate(currency))
