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

import msgspec

from domain.decisions import Check, Outcome, VerdictKind
from domain.orders import Intent, OrderTerms, OrdType
from operators.checks.conflicts import SELF_TRADE, crossing
from operators.checks.flow import DISCONNECTED, USED, passed_over
from operators.checks.losses import LOSS, reducing_quantity
from operators.checks.rates import bucket_name
from operators.checks.registry import CHECKS, PRICES, UNTOUCHED, CheckFunction, plan_of
from operators.checks.regulatory import RESTRICTED, SILENT
from operators.checks.sanity import fingerprint
from operators.compliance_counters import Tally
from operators.compliance_rules import ComplianceParams, KillMode
from operators.compliance_state import (
    ComplianceState,
    Reservation,
    hold,
    release,
    set_kill,
    set_mark,
    set_weights,
    start_day,
)
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
    reserves, in base currency. `price` is the limit that it may be sent at where a check has set another one than the
    intent's, and `cancels` names own resting orders that are to be cancelled first (PT-41).
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
    price: Decimal | None = None
    cancels: tuple[str, ...] = ()


def evaluate(state: ComplianceState, params: ComplianceParams, intent: Intent, market: Market) -> Assessment:
    """Answer an intent by all checks; the worst severity decides (kill, reject; hold; clip; warn)."""
    return _priced(view_of(state, params, intent, market), intent)[0]


def decide(state: ComplianceState, params: ComplianceParams, intent: Intent, market: Market) -> Assessment:
    """Answer an intent, remember it, and where it is approved reserve it at all its scopes at once."""
    start_day(state, market.trading_day)
    _weigh(state, params, market)
    first = view_of(state, params, intent, market)
    if first.identified:
        state.counters.note_signal(intent.strategy, intent.symbol, intent.signal_id)
    assessment, view = _priced(first, intent)
    if view.identified and len(state.seen) < params.tolerances.identifiers_max:
        state.seen.add(intent.cl_ord_id)
    for request in assessment.kills:
        set_kill(state, request.scope, request.mode, market.now_at, request.code)
    if market.overrides:
        _count_overrides(state, assessment)
    if assessment.kind is not VerdictKind.REFUSED:
        state.recent.see(fingerprint(intent), market.now_at)
    if assessment.kind is VerdictKind.APPROVED:
        reserve(view, intent, assessment.order_qty)
    return assessment


def _weigh(state: ComplianceState, params: ComplianceParams, market: Market) -> None:
    """Say to which groups the instrument belongs, once a day and whenever the facts are other ones."""
    if market.instrument is None:
        return
    key = (state.trading_day, params.facts.version)
    if state.weighed != key:
        state.weighed = key
        state.fresh_weights.clear()
    name = market.instrument.name
    if name not in state.fresh_weights:
        set_weights(state, name, params.weights_of(market.instrument, market.now_at))
        state.fresh_weights.add(name)


def _count_overrides(state: ComplianceState, assessment: Assessment) -> None:
    counted = state.counters.overridden
    for check in assessment.checks:
        if check.code == USED.code:
            counted[str(check.measured)] = counted.get(str(check.measured), 0) + 1


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
        view.price,
        view.market.handling.locate_id,
    )
    if view.replaced is not None:
        release(state, view.market.handling.replaces)
    set_mark(state, intent.symbol, view.unit_value)
    hold(state, intent.cl_ord_id, reservation)
    for key, _, _ in view.sheet.windows:
        window = state.windows.get(key)
        if window is None:
            window = state.windows[key] = RollingSum(key[2])
        window.add(now_at, unit_notional * order_qty, order_qty)
    _tally(view, intent)
    tier = view.market.instrument.tier if view.market.instrument else ""
    _spend(state, view.params, intent, tier, now_at, 1 if view.replaced is None else 2)


def _tally(view: View, intent: Intent) -> None:
    """Count an order for its algorithm (PT-05) and remember its price (PT-15)."""
    counters = view.state.counters
    tally = counters.tallies.get(intent.strategy)
    if tally is None:
        tally = counters.tallies[intent.strategy] = Tally()
    tally.orders += 1
    tally.instruments.add(intent.symbol)
    tally.venues.add(intent.ex_destination)
    if view.price is not None:
        window = view.params.drift_window
        counters.note_price(intent.strategy, intent.symbol, view.price, view.market.now_at, window)


def count_message(
    state: ComplianceState, params: ComplianceParams, terms: OrderTerms, tier: str, now_at: int
) -> None:
    """Count a cancel of an order in the message buckets of its account, strategy, firm and instrument (PT-23)."""
    _spend(state, params, terms, tier, now_at)


def visible(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the checks as a trader may see them: a silent one reads as passed (PT-36)."""
    return tuple(
        Check(check=RESTRICTED.check, code="", outcome=Outcome.PASS, measured="clear", limit="clear")
        if check.scope == SILENT
        else check
        for check in checks
    )


def _priced(view: View, intent: Intent) -> tuple[Assessment, View]:
    """Answer an intent; where a check sets another price, answer it once more as it would be sent, and by that view."""
    first = _assess(view, intent)
    clips = [check for check in first.checks if check.outcome is Outcome.CLIP and check.check in PRICES]
    if first.kind is not VerdictKind.APPROVED or not clips:
        return first, view
    prices = [price for check in clips if (price := PRICES[check.check](intent, view)) is not None]
    if len(prices) < len(clips):
        return first._replace(kind=VerdictKind.REFUSED, order_qty=0, reserved_notional=ZERO), view
    price = min(prices) if view.sign > 0 else max(prices)
    repriced = msgspec.structs.replace(intent, price=price, ord_type=OrdType.LIMIT)
    again = view_of(view.state, view.params, repriced, view.market)
    second = _assess(again, repriced)
    noted = {check.check for check in clips}
    kept = [check for check in second.checks if check.check not in noted or check.outcome is not Outcome.PASS]
    codes = tuple(dict.fromkeys((*first.codes, *second.codes)))
    text = "; ".join(dict.fromkeys(part for part in (first.text, second.text) if part))
    if any(check.outcome is Outcome.CLIP and check.check in PRICES for check in second.checks):
        second = second._replace(kind=VerdictKind.REFUSED, order_qty=0, reserved_notional=ZERO)
    return second._replace(checks=_merged(clips, kept), codes=codes, text=text, price=price), again


def _merged(clips: list[Check], kept: list[Check]) -> tuple[Check, ...]:
    """Return the checks of an order as it is sent, those that set its price in their places."""
    place = {name: number for number, (name, _) in enumerate(CHECKS)}
    return tuple(sorted((*clips, *kept), key=lambda check: place[check.check]))


def _checks_of(view: View, intent: Intent) -> list[Check]:
    """Return what every check answers, in order of evaluation."""
    params, checks = view.params, list[Check]()
    plan: tuple[tuple[str, CheckFunction], ...] | None = params.plan
    if plan is None:
        plan = params.plan = plan_of(params)
    if view.reduces:
        for name, answers_of in plan:
            checks += UNTOUCHED[name] if name in UNTOUCHED else answers_of(intent, view)
    else:
        for _, answers_of in plan:
            checks += answers_of(intent, view)
    return passed_over(checks, view) if view.market.again else checks


def _assess(view: View, intent: Intent) -> Assessment:
    checks = _checks_of(view, intent)
    passing = Outcome.PASS
    noted = [check for check in checks if check.outcome is not passing]
    severity, decisive = 0, None
    for check in noted:
        if SEVERITY[check.outcome] > severity:
            severity, decisive = SEVERITY[check.outcome], check
    kind = _KINDS[severity]
    order_qty = 0
    cancels: tuple[str, ...] = ()
    if kind is VerdictKind.APPROVED:
        order_qty = _clipped(view, intent, noted)
    if view.params.tolerances.self_trade_instruction != 1 and any(c.code == SELF_TRADE.code for c in noted):
        cancels = crossing(intent, view)
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
        cancels=cancels,
    )


def _clipped(view: View, intent: Intent, noted: list[Check]) -> int:
    """Return how many units may be sent: all, or where the book loses what reduces the position (PT-35)."""
    order_qty = view.quantity
    for check in noted:
        if check.outcome is Outcome.CLIP and check.check == LOSS.check:
            order_qty = min(order_qty, reducing_quantity(intent, view, check.scope))
    return order_qty


def _kills_asked(view: View, noted: list[Check]) -> tuple[KillRequest, ...]:
    """Return the kill switches that checks ask for and that are not set as firmly already."""
    if not noted:
        return ()
    tolerances = view.params.tolerances
    modes = {LOSS.check: tolerances.loss_kill_mode, DISCONNECTED.check: KillMode.CANCEL_ALL}
    asked: dict[str, KillRequest] = {}
    firmness = list(KillMode)
    for check in noted:
        if check.outcome is Outcome.KILL:
            mode, before = modes.get(check.check, tolerances.throttle_kill_mode), asked.get(check.scope)
            if before is None or firmness.index(before.mode) < firmness.index(mode):
                asked[check.scope] = KillRequest(check.scope, mode, check.code)
    return tuple(
        request
        for scope, request in asked.items()
        if (kill := view.state.kills.get(scope)) is None
        or firmness.index(kill.mode) < firmness.index(request.mode)
    )


def _words(check: Check) -> str:
    """Return one failure in words; a restricted instrument says no more than that it is not permitted."""
    if check.code == RESTRICTED.code:
        return check.text
    whose = f" ({check.scope})" if check.scope else ""
    return f"{check.code}{whose}: {check.text}; measured {check.measured}, limit {check.limit}"


def _spend(
    state: ComplianceState,
    params: ComplianceParams,
    terms: OrderTerms,
    tier: str,
    now_at: int,
    weight: int = 1,
) -> None:
    """Count a message in the buckets of PT-23, and with its weight by RTS 9 in the ratios of PT-25."""
    sheet = params.limits.sheet(terms.account, terms.strategy, terms.desk, terms.symbol, tier, now_at)
    for bound in sheet.bounds["message_rate"]:
        name = bucket_name(bound, terms.symbol)
        bucket = state.buckets.get(name)
        if bucket is None:
            bucket = state.buckets[name] = MessageBucket()
        bucket.spend(now_at, bound.count)
    for scope in (sheet.scopes.account, sheet.scopes.firm):
        state.counters.traffic_of(scope, terms.symbol).orders += weight
