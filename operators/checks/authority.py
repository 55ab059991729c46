"""Authority (PT-04, PT-06): may they, and is the order's name new?"""

from domain.decisions import Check
from domain.orders import Intent
from operators.checks.answers import MALFORMED, Answers, Rule, failed, passed
from operators.compliance_rules import Rights
from operators.compliance_view import View
from operators.limits import ANY

UNKNOWN = Rule("PT-04", "UNKNOWN_ACCOUNT", 15, "the account is not known or not active")
NOT_ENTITLED = Rule("PT-04", "NOT_ENTITLED", 33, "not entitled")
DUPLICATE = Rule("PT-06", "DUP_CLORDID", 6, "the ClOrdID was used before on this trading day")
_ENTITLED = (passed(UNKNOWN, "entitled", "entitled"),)
_UNIQUE = (passed(DUPLICATE, "new", "new"),)
_ASKED_MAX = 50_000


def entitlements(intent: Intent, view: View) -> Answers:
    """PT-04: account, trader, strategy are known, active, and entitled to account, venue, instrument."""
    if not view.identified:
        return (failed(NOT_ENTITLED, MALFORMED, "entitled"),)
    rights, entitled = view.params.rights, view.params.entitled
    asked = (intent.account, intent.trader, intent.strategy, intent.ex_destination, intent.symbol)
    if asked in entitled:
        return _ENTITLED
    failures: list[Check] = []
    account = rights.accounts.get(intent.account)
    if account is None or not account.active:
        standing = "unknown" if account is None else "inactive"
        failures.append(failed(UNKNOWN, standing, "active", f"account:{intent.account}"))
    for kind, name, held in (
        ("trader", intent.trader, rights.traders.get(intent.trader)),
        ("strategy", intent.strategy, rights.strategies.get(intent.strategy)),
    ):
        if held is None or not held.active:
            standing = "unknown" if held is None else "inactive"
            failures.append(failed(NOT_ENTITLED, standing, "active", f"{kind}:{name}"))
        elif lacking := _lacking(held, intent):
            failures.append(
                failed(NOT_ENTITLED, lacking, "entitled", f"{kind}:{name}", text=f"not entitled to {lacking}")
            )
    if account is not None and account.active and (lacking := _lacking(account, intent)):
        failures.append(
            failed(
                NOT_ENTITLED,
                lacking,
                "entitled",
                f"account:{intent.account}",
                text=f"not entitled to {lacking}",
            )
        )
    if failures:
        return tuple(failures)
    if len(entitled) >= _ASKED_MAX:
        entitled.clear()
    entitled.add(asked)
    return _ENTITLED


def _lacking(rights: Rights, intent: Intent) -> str:
    """Return what rights do not cover, or an empty text."""
    for allowed, wanted in (
        (rights.accounts, intent.account),
        (rights.venues, intent.ex_destination),
        (rights.instruments, intent.symbol),
    ):
        if ANY not in allowed and wanted not in allowed:
            return wanted or "no venue"
    return ""


def unique_identifier(intent: Intent, view: View) -> Answers:
    """PT-06: the ClOrdID was not used on this trading day; a memory that is full refuses."""
    if not view.identified:
        return (failed(DUPLICATE, MALFORMED, "new"),)
    seen, state = view.state.seen, view.state
    if intent.cl_ord_id in state.reservations or intent.cl_ord_id in state.closed:
        return (failed(DUPLICATE, intent.cl_ord_id, "new"),)
    if view.market.trading_day > state.trading_day or view.market.again:
        return _UNIQUE
    if intent.cl_ord_id in seen:
        return (failed(DUPLICATE, intent.cl_ord_id, "new"),)
    most = view.params.tolerances.identifiers_max
    if len(seen) >= most:
        return (
            failed(
                DUPLICATE, float(len(seen)), float(most), text="no room to remember another ClOrdID today"
            ),
        )
    return _UNIQUE
