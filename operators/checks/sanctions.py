"""Sanctions (PT-43): is anybody of the order on a list, by its own word or by a name that is the same or similar?

Issuer, account and venue are asked for: in the rows of input `sanctions`, and in the lists of names that hold
(`operators.party_screening`). The names were compared when the list was loaded; here they are looked up.
"""

from domain.decisions import Check, Outcome
from domain.instruments import Instrument
from domain.orders import Intent, OrderTerms
from operators.checks.answers import Answers, Rule, failed, passed
from operators.compliance_view import View

SANCTION = Rule("PT-43", "SANCTION", 0, "not permitted")
_CLEAR = (passed(SANCTION, "clear", "clear"),)


def sanctions(intent: Intent, view: View) -> Answers:
    """PT-43: nobody of the order is listed, and every list that has to hold does."""
    instrument = view.market.instrument
    issuer = instrument.issuer if instrument is not None else ""
    sanctioned = view.params.facts.sanctioned
    listed = bool(sanctioned) and any(
        row.holds(view.market.now_at)
        for name in (issuer, f"account:{intent.account}")
        for row in sanctioned.get(name, ())
    )
    answers = [failed(SANCTION, "listed", "clear")] if listed else []
    if view.state.name_lists or view.params.tolerances.name_lists_required:
        answers += _by_name(parties(intent, instrument), view)
    return tuple(answers) or _CLEAR


def parties(order: OrderTerms, instrument: Instrument | None) -> tuple[str, ...]:
    """Return whom an order is in, for and with, as lists know them."""
    issuer = instrument.issuer if instrument is not None else ""
    return f"issuer:{issuer}", f"account:{order.account}", f"venue:{order.ex_destination}"


def _by_name(asked: tuple[str, ...], view: View) -> list[Check]:
    """Answer by the lists of names: the same name refuses, a similar one does what `name_match_action` says."""
    lists, action = view.state.name_lists, view.params.tolerances.name_match_action
    answers = [
        failed(SANCTION, "not loaded", "loaded", f"list:{name}", text="a list that has to hold is not loaded")
        for name in view.params.tolerances.name_lists_required
        if name not in lists
    ]
    for name, held in lists.items():
        for party in asked:
            for found in held.found.get(party, ()):
                if view.params.facts.is_cleared(party, name, found.entry_id, view.market.now_at):
                    continue
                certain = found.certain or action == "reject"
                measured = f"{found.how} {found.score:.2f} {name} {found.entry_id}"
                outcome = Outcome.REJECT if certain else Outcome.HOLD
                answers.append(failed(SANCTION, measured, "clear", party, outcome))
    return answers
