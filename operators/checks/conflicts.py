"""Conflicts (PT-41, PT-42, PT-43): with ourselves, a client who was first, or what owner or law forbids."""

from domain.decisions import Check, Outcome
from domain.instruments import Instrument
from domain.orders import Intent, Side
from operators.checks.answers import MALFORMED, Answers, Rule, failed, passed
from operators.checks.sanctions import sanctions
from operators.compliance_facts import ClientOrder, Mandate
from operators.compliance_view import View
from operators.limits import ANY

SELF_TRADE = Rule("PT-41", "SELF_TRADE", 12, "it could trade with an order of our own")
AHEAD = Rule("PT-42", "TRADING_AHEAD", 12, "a client's order on the same side comes first")
MANDATE = Rule("PT-43", "MANDATE", 0, "the account's mandate does not allow it")
_NO_OWN = (passed(SELF_TRADE, "no own order opposite", None),)
_AGENCY = (passed(AHEAD, "an agency order", None),)
_CLEAR = (passed(AHEAD, "no client order", None),)
_ALLOWED = passed(MANDATE, "allowed", "allowed")


def crossing(intent: Intent, view: View) -> tuple[str, ...]:
    """Return the ClOrdIDs of own resting orders that the order could trade with, in the order they were sent.

    Own are those of the same account, or of the firm, as `self_trade_group` says.
    """
    opposite = view.state.resting.get((intent.symbol, -view.sign))
    if not opposite:
        return ()
    whole = view.params.tolerances.self_trade_group == "firm"
    price, sign, replaced = view.price, view.sign, view.market.handling.replaces
    return tuple(
        name
        for name, resting in opposite.items()
        if (whole or resting.account == intent.account)
        and name != replaced
        and (price is None or resting.price is None or (price - resting.price) * sign >= 0)
    )


def self_trade(intent: Intent, view: View) -> Answers:
    """PT-41: it would not match an own resting order at a crossing price; what happens else is FIX 2964.

    1 and 3 cancel the aggressive order: it is rejected (and with 3 the resting ones are cancelled). 2 cancels the
    resting ones: it is let through, and they are cancelled before it is sent.
    """
    if not view.sane or not view.identified:
        return (failed(SELF_TRADE, MALFORMED, None),)
    names = crossing(intent, view)
    if not names:
        return _NO_OWN
    first = view.state.reservations[names[0]]
    price, resting = (None if each is None else float(each) for each in (view.price, first.price))
    outcome = Outcome.CLIP if view.params.tolerances.self_trade_instruction == 2 else Outcome.REJECT
    return (failed(SELF_TRADE, price, resting, f"order:{names[0]}", outcome),)


def trading_ahead(intent: Intent, view: View) -> Answers:
    """PT-42: no client order on the same side, in the instrument or a related one, is held and marketable.

    Only principal orders can be ahead. Source: FINRA 5320, 5270.
    """
    if not view.sane or not view.identified:
        return (failed(AHEAD, MALFORMED, None),)
    if not view.market.handling.principal:
        return _AGENCY
    held = view.params.facts.client_orders.get(intent.symbol)
    if held is None:
        return _CLEAR
    now_at = view.market.now_at
    first = [
        row
        for row in held
        if row.holds(now_at) and (row.side == "1") is (view.sign > 0) and _marketable(row, intent, view)
    ]
    if not first:
        return _CLEAR
    outcome = Outcome.HOLD if view.params.tolerances.trading_ahead_action == "hold" else Outcome.REJECT
    return (failed(AHEAD, float(first[0].quantity), 0.0, f"client order:{first[0].order_id}", outcome),)


def _marketable(row: ClientOrder, intent: Intent, view: View) -> bool:
    """Say whether a client order could trade now; one in a related instrument counts as if it could."""
    if row.price is None or row.instrument != intent.symbol:
        return True
    opposite = view.market.ask if view.sign > 0 else view.market.bid
    return opposite is not None and (row.price - opposite) * view.sign >= 0


def mandates(intent: Intent, view: View) -> Answers:
    """PT-43: the account has a mandate that allows the order, and neither account nor issuer is under sanctions."""
    instrument, params, now_at = view.market.instrument, view.params, view.market.now_at
    if not view.identified or instrument is None:
        return (failed(MANDATE, MALFORMED if instrument else "unknown instrument", "allowed"),)
    answers: list[Check] = []
    if "PT-43 MANDATE" in params.applying:
        rows = [row for row in params.facts.mandates.get(intent.account, ()) if row.holds(now_at)]
        forbidden = _forbidden(rows[-1], intent, instrument, view) if rows else "no mandate"
        answers.append(
            failed(MANDATE, forbidden, "allowed", f"account:{intent.account}") if forbidden else _ALLOWED
        )
    if "PT-43 SANCTION" in params.applying:
        answers += sanctions(intent, view)
    return tuple(answers)


def _forbidden(mandate: Mandate, intent: Intent, instrument: Instrument, view: View) -> str:
    """Return what a mandate forbids about the order, or an empty text."""
    if not mandate.short_allowed and intent.side in (Side.SELL_SHORT, Side.SELL_SHORT_EXEMPT):
        return "short sales"
    if intent.symbol in mandate.instruments_forbidden.split():
        return f"instrument {intent.symbol}"
    for what, given, allowed in (
        ("currency", instrument.currency, mandate.currencies_allowed),
        ("tier", instrument.tier, mandate.tiers_allowed),
    ):
        if allowed != ANY and given not in allowed.split():
            return f"{what} {given}"
    if not (mandate.sectors_forbidden or mandate.countries_forbidden):
        return ""
    known = view.known()
    for what, given, forbidden in (
        ("sector", known.sector if known else "", mandate.sectors_forbidden),
        ("country", known.country if known else "", mandate.countries_forbidden),
    ):
        if forbidden and (not given or given in forbidden.split()):
            return f"{what} {given or 'unknown'}"
    return ""
