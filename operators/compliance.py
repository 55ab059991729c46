"""Pre-trade risk and compliance (standards.md 1.2 to 1.5): may this intent become an order?

Key     book
In      Intent, with the `Market` as the desk knows it at that instant
Out     Assessment: approved, held or refused, with every check, measured value and limit
State   ComplianceState (`compliance_state.py`): reservations, exposures, short windows, kills, identifiers
Time    `market.now_at`, the event time of the decision; no clock is read
Silence never: every intent is answered, whatever it holds

How the host of this stage uses it, in the order of events:

* once: `params = ComplianceParams(limits, rights, listed, tolerances)` (`compliance_rules.py`) from
  `limit_table(rows, defaults)` (`limit_rows.py`), `rights_table`, `restrictions`, `tolerances`; a new limit
  or list makes new params. `state = ComplianceState(firm=params.limits.firm)`. Positions that exist:
  `set_position`.
* before an intent: `set_standing(state, scope, Standing(equity, day_pnl, drawdown))` for `account:NAME` and
  `firm:NAME` (PT-35 refuses without it); `set_mark(state, symbol, unit_value)` when marks move (the
  instrument of the intent is valued at its reference price in any case).
* each intent: `assessment = decide(state, params, intent, market)`. It evaluates, remembers, reserves what is
  approved and sets the kill switches that a check asks for, all in one go. The order that follows has
  **`assessment.order_qty`** units, fewer than asked where a check clipped it. `assessment.kills` become
  `KillSwitchActivated`. `evaluate` does the same without leaving a trace.
* each execution: `settle(state, execution)` (fills convert, ends release, each once; its last three answers
  are breaks). An order that was approved but never sent: `release(state, cl_ord_id)`.
* each cancel that is sent: `count_message(state, params, order, tier, now_at)`; cancels are counted, never
  blocked.
* kill topic: `set_kill(state, scope, mode, at, reason)`. Splits: `set_position` per account, strategy and
  desk.

`visible(checks)` is what a trader may see: the watch list is silent. `evaluate` only drops entries of short
windows that no longer count, which no answer can tell.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from domain.decisions import Check, Outcome, VerdictKind
from domain.orders import Intent, OrderTerms
from operators.checks.losses import reducing_quantity
from operators.checks.registry import CHECKS
from operators.checks.regulatory import RESTRICTED, SILENT
from operators.checks.sanity import fingerprint
from operators.compliance_rules import ComplianceParams, KillMode
from operators.compliance_state import ComplianceState, Reservation, hold, set_kill, set_mark, start_day
from operators.compliance_view import Market, View, view_of
from operators.short_windows import MessageBucket, RollingSum

ZERO = Decimal(0)
SEVERITY = {
    Outcome.PASS: 0,
    Outcome.WARN: 1,
    Outcome.CLIP: 2,
    Outcome.HOLD: 3,
    Outcome.REJECT: 4,
    Outcome.KILL: 4,
}
_KINDS = (
    VerdictKind.APPROVED,
    VerdictKind.APPROVED,
    VerdictKind.APPROVED,
    VerdictKind.HELD,
    VerdictKind.REFUSED,
)


class KillRequest(NamedTuple):
    """A kill switch that a check asks for: scope, mode, and the code of the check."""

    scope: str
    mode: KillMode
    code: str


class Assessment(NamedTuple):
    """What compliance says of one intent; the parts of a `domain.decisions.Verdict`.

    `checks` in order of evaluation, all of them, with the silent ones (`visible` leaves those out); `codes`
    of all that did not pass and may be seen; `ord_rej_reason` (103) and `text` of the first failure of the
    worst severity; `order_qty` what may be sent (0 unless approved) and `reserved_notional` what that
    reserves, in base currency.
    """

    kind: VerdictKind
    checks: tuple[Check, ...]
    codes: tuple[str, ...]
    ord_rej_reason: int | None
    text: str
    order_qty: int
    reserved_notional: Decimal
    limits_version: str
    kills: tuple[KillRequest, ...] = ()


def evaluate(state: ComplianceState, params: ComplianceParams, intent: Intent, market: Market) -> Assessment:
    """Answer an intent by all checks; the worst severity decides (kill, reject; hold; clip; warn)."""
    return _assess(view_of(state, params, intent, market), intent)


def decide(state: ComplianceState, params: ComplianceParams, intent: Intent, market: Market) -> Assessment:
    """Answer an intent, remember it, and where it is approved reserve it at all its scopes at once."""
    start_day(state, market.trading_day)
    view = view_of(state, params, intent, market)
    assessment = _assess(view, intent)
    if view.identified and len(state.seen) < params.tolerances.identifiers_max:
        state.seen.add(intent.cl_ord_id)
    for request in assessment.kills:
        set_kill(state, request.scope, request.mode, market.now_at, request.code)
    if assessment.kind is not VerdictKind.REFUSED:
        state.recent.see(fingerprint(intent), market.now_at)
    if assessment.kind is VerdictKind.APPROVED:
        reserve(view, intent, assessment.order_qty)
    return assessment


def reserve(view: View, intent: Intent, order_qty: int) -> None:
    """Hold `order_qty` units of an approved intent at its scopes; count it in the windows and buckets.

    Raises ValueError where the view has no price to reserve at or the ClOrdID is reserved already.
    """
    state, now_at, unit_notional = view.state, view.market.now_at, view.unit_notional
    if unit_notional is None or view.unit_value is None:
        raise ValueError(
            f"order {intent.cl_ord_id} has no reference price; only what is priced can be reserved"
        )
    reservation = Reservation(
        intent.account,
        intent.strategy,
        intent.desk,
        view.sheet.scopes,
        intent.symbol,
        view.sign,
        order_qty,
        0,
        unit_notional,
    )
    set_mark(state, intent.symbol, view.unit_value)
    hold(state, intent.cl_ord_id, reservation)
    for key, _, _ in view.sheet.windows:
        window = state.windows.get(key)
        if window is None:
            window = state.windows[key] = RollingSum(key[2])
        window.add(now_at, unit_notional * order_qty, order_qty)
    _spend(
        view.state, view.params, intent, view.market.instrument.tier if view.market.instrument else "", now_at
    )


def count_message(
    state: ComplianceState, params: ComplianceParams, terms: OrderTerms, tier: str, now_at: int
) -> None:
    """Count a cancel of an order in the message buckets of its account, strategy and firm (PT-23)."""
    _spend(state, params, terms, tier, now_at)


def visible(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the checks as a trader may see them: a silent one reads as passed (PT-36)."""
    return tuple(
        Check(check=RESTRICTED.check, code="", outcome=Outcome.PASS, measured="clear", limit="clear")
        if check.scope == SILENT
        else check
        for check in checks
    )


def _assess(view: View, intent: Intent) -> Assessment:
    checks: list[Check] = []
    for _, answers_of in CHECKS:
        checks += answers_of(intent, view)
    passing = Outcome.PASS
    noted = [check for check in checks if check.outcome is not passing]
    severity, decisive = 0, None
    for check in noted:
        if SEVERITY[check.outcome] > severity:
            severity, decisive = SEVERITY[check.outcome], check
    kind = _KINDS[severity]
    order_qty = 0
    if kind is VerdictKind.APPROVED:
        order_qty = view.quantity
        for check in noted:
            if check.outcome is Outcome.CLIP:
                order_qty = min(order_qty, reducing_quantity(intent, view, check.scope))
    spoken = [check for check in noted if check.scope != SILENT]
    return Assessment(
        kind,
        tuple(checks),
        tuple(dict.fromkeys(check.code for check in spoken)),
        decisive.ord_rej_reason if decisive is not None and severity >= SEVERITY[Outcome.HOLD] else None,
        "; ".join(_words(check) for check in spoken),
        order_qty,
        view.unit_notional * order_qty if order_qty and view.unit_notional is not None else ZERO,
        view.params.limits.version,
        _kills_asked(view, noted),
    )


def _kills_asked(view: View, noted: list[Check]) -> tuple[KillRequest, ...]:
    """Return the kill switches that checks ask for and that are not set as firmly already."""
    if not noted:
        return ()
    mode = view.params.tolerances.loss_kill_mode
    asked = {
        check.scope: KillRequest(check.scope, mode, check.code)
        for check in noted
        if check.outcome is Outcome.KILL
    }
    firmness = list(KillMode)
    return tuple(
        request
        for scope, request in asked.items()
        if (kill := view.state.kills.get(scope)) is None or firmness.index(kill.mode) < firmness.index(mode)
    )


def _words(check: Check) -> str:
    """Return one failure in words; a restricted instrument says no more than that it is not permitted."""
    if check.code == RESTRICTED.code:
        return check.text
    whose = f" ({check.scope})" if check.scope else ""
    return f"{check.code}{whose}: {check.text}; measured {check.measured}, limit {check.limit}"


def _spend(
    state: ComplianceState, params: ComplianceParams, terms: OrderTerms, tier: str, now_at: int
) -> None:
    sheet = params.limits.sheet(terms.account, terms.strategy, terms.desk, terms.symbol, tier, now_at)
    for bound in sheet.bounds["message_rate"]:
        bucket = state.buckets.get(bound.scope)
        if bucket is None:
            bucket = state.buckets[bound.scope] = MessageBucket()
        bucket.spend(now_at, int(bound.hard))
