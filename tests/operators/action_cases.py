"""Corporate actions for the tests of operators: one record of each kind, with terms that a hand can work."""

from decimal import Decimal

from domain.action_records import ActionRecord
from domain.corporate_actions import ActionKind
from domain.envelope import record_id

DAY = 86_400_000_000_000


def action(
    kind, instrument="A", at=0, known_at=None, amount="0", ratio="1", into="", action_id="", corrects=""
):
    """Return a record that takes effect at an instant (ns UTC), known an hour before it unless said."""
    name = action_id or f"{instrument}-{kind}-{at}"
    known_at = at - 3_600_000_000_000 if known_at is None else known_at
    return ActionRecord(
        event_at=known_at,
        known_at=known_at,
        received_at=known_at,
        source="actions",
        sequence=0,
        record_id=record_id("action", name),
        action_id=name,
        kind=ActionKind(kind),
        instrument=instrument,
        ex_on=at // DAY,
        effective_at=at,
        announced_at=known_at,
        amount=Decimal(amount),
        ratio=Decimal(ratio),
        into=into,
        corrects=corrects,
    )


def one_of_each(instrument, into, at):
    """Return an action of each kind; amounts are powers of two, so that factors are exact where prices are."""
    terms = {
        "cash_dividend": {"amount": "0.5"},
        "special_dividend": {"amount": "4"},
        "split": {"ratio": "2"},
        "stock_dividend": {"ratio": "1.25"},
        "spin_off": {"amount": "8", "ratio": "0.5", "into": into},
        "rights": {"amount": "2"},
        "merger": {"amount": "10", "ratio": "0.5", "into": into},
        "rename": {"into": "NEW"},
        "delisting": {},
    }
    return {kind: action(kind, instrument, at, **each) for kind, each in terms.items()}
