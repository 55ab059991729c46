"""The risk of the book beside the desk's decisions: what is told each minute, and what a crossed limit does.

`RiskWatch` hosts `operators.risk` in the decisions step. While a limit is at its soft value orders that increase the
risk of its scope are held for a person; a hard breach lets only reducing orders through, until it is cured; a severe
one stops the scope and has its orders cancelled, until a person releases it (standards.md 2.6).
"""

import json
from decimal import Decimal

from analytics.risk_limits import LimitEvent, acknowledge, waive
from domain.controls import Control, ControlKind
from domain.orders import Order
from operators.compliance_rules import KillMode
from operators.compliance_state import set_kill
from operators.decision_records import Decided
from operators.desk_state import DeskParams, DeskState
from operators.marks import exact_mark, marked_at
from operators.risk import (
    breach_of_event,
    judge,
    measured_at,
    pairs_of,
    seed,
    start_day,
    take_fill,
    take_rates,
)
from operators.risk_limit_table import with_risk_limits
from operators.risk_measures import Beside
from operators.risk_standing import RiskParams

STOPS = {"cancel_all": KillMode.CANCEL_ALL, "kill": KillMode.CANCEL_ALL}
UNTIL_CURED = {"hold": KillMode.HOLD_INCREASING, "reduce_only": KillMode.REDUCE_ONLY}
"""What is lifted by itself when its breach is over, or waived."""
REASON = "risk limit "


class RiskWatch:
    """Keeps the risk of one book as its desk walks; what it tells is added to `decided`."""

    def __init__(self, params: DeskParams, state: DeskState, decided: Decided) -> None:
        self._state, self._decided, self._sessions = state, decided, params.sessions
        self._compliance = params.compliance
        self._params = RiskParams(
            params.universe,
            params.account,
            params.desk,
            state.compliance.firm,
            params.base_currency,
            params.starting_cash,
            with_risk_limits(params.risk_limits, state.controls.risk_limits),
            params.risk_scenarios,
            params.trader,
            params.risk_shocks,
        )
        self._pairs = pairs_of(params.universe, params.base_currency)
        seed(state.risk, self._params, state.positions)

    def next_due(self) -> int:
        """Return when a limit next begins or ends (ns UTC)."""
        return self._state.risk.limits_at(self._params.limits)

    def booked(self, order: Order, quantity: int, price: Decimal, commission: Decimal, now_at: int) -> None:
        """Take a fill into the ledger; `quantity` in the order's direction, below 0 where it is taken back."""
        instrument = self._params.universe.of(order.symbol)
        take_fill(
            self._state.risk, order, (order.side.sign * quantity, price, commission), instrument, now_at
        )

    def start_day(self) -> None:
        """Measure the day's P&L from here on."""
        start_day(self._state.risk, self._params)

    def tell(self, now_at: int) -> None:
        """Tell where every scope stands."""
        self._take_rates()
        sequence = self._state.sequences.get("exposures", 0) + 1
        told = measured_at(self._state.risk, self._params, now_at, sequence)
        self._state.sequences["exposures"] = sequence + len(told) - 1
        self._decided.exposures.extend(told)

    def judge(self, now_at: int, *, is_active: bool) -> list[str]:
        """Compare the book with its limits; return the scopes whose orders are to be cancelled."""
        day = self._sessions.day_at(now_at)
        state, stopped = self._state, []
        beside = Beside(
            state.compliance.reservations.values(), state.turnover, self._compliance, state.splits, now_at
        )
        for event in judge(state.risk, self._params, now_at, day, is_active=is_active, beside=beside):
            self._tell_event(event)
            if self._enforce(event):
                stopped.append(event.scope)
        return stopped

    def answer(self, control: Control) -> None:
        """Take what a person says about a breach; a waiver lets go of what only lets reducing orders through."""
        watched = self._state.risk.watched
        match control.kind:
            case ControlKind.ACKNOWLEDGE:
                event = acknowledge(watched, control.scope, control.known_at)
            case ControlKind.WAIVE:
                until = json.loads(control.details)["until"]
                event = waive(watched, control.scope, until, control.known_at)
                self._restrain(event.scope, event.at)
            case _:
                return
        self._tell_event(event, control.record_id)

    def _tell_event(self, event: LimitEvent, control_id: str = "") -> None:
        sequence = self._state.sequences.get("breaches", 0) + 1
        self._state.sequences["breaches"] = sequence
        told = breach_of_event(self._state.risk, self._params, event, sequence, control_id)
        self._decided.breaches.append(told)

    def _restrain(self, scope: str, now_at: int) -> None:
        """Hold, or let only reducing orders through, as the firmest breach of a scope asks; else let it go.

        What a person has set, or has still to release, stays as it is.
        """
        state = self._state
        before = state.compliance.kills.get(scope)
        if before is not None and (
            before.mode not in UNTIL_CURED.values() or not before.reason.startswith(REASON)
        ):
            return
        actions = state.risk.watched.actions(scope, now_at)
        asked = [(name, UNTIL_CURED[action]) for name, action in actions if action in UNTIL_CURED]
        name, mode = asked[0] if asked else ("", KillMode.NONE)
        if before is None or (before.mode, before.reason) != (mode, REASON + name):
            set_kill(state.compliance, scope, mode, now_at, REASON + name)

    def _enforce(self, event: LimitEvent) -> bool:
        """Set or release what an event asks for; say whether the orders of its scope are to be cancelled."""
        if event.event not in {"RiskLimitBreached", "RiskLimitCured"}:
            return False
        compliance = self._state.compliance
        before = compliance.kills.get(event.scope)
        mode = STOPS.get(event.action) if event.event == "RiskLimitBreached" else None
        if mode is None:
            self._restrain(event.scope, event.at)
            return False
        if before is not None and before.mode not in UNTIL_CURED.values():
            return False
        set_kill(compliance, event.scope, mode, event.at, REASON + event.limit.limit_id)
        return True

    def _take_rates(self) -> None:
        marks = self._state.marks
        known = []
        for name in self._pairs:
            which = self._params.universe.index(name)
            price = exact_mark(marks[which], self._params.universe.of(name))
            if price is not None:
                known.append((name, price, marked_at(marks[which])))
        take_rates(self._state.risk, self._params, known)
