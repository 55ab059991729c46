"""The risk of the book beside the desk's decisions: what is told each minute, and what a crossed limit does.

`RiskWatch` hosts `operators.risk` in the decisions step. A hard breach lets only reducing orders through in its scope,
until it is cured; a severe one stops the scope and has its orders cancelled, until a person releases it (standards.md
2.6).
"""

from decimal import Decimal

import numpy as np

from analytics.risk_limits import Level, LimitEvent
from domain.orders import Order
from operators.compliance_rules import KillMode
from operators.compliance_state import set_kill
from operators.decision_records import Decided
from operators.desk_state import DeskParams, DeskState
from operators.marks import exact_mark, marked_at
from operators.risk import (
    RiskParams,
    breach_of_event,
    judge,
    measured_at,
    pairs_of,
    seed,
    start_day,
    take_fill,
    take_rates,
)

STOPS = {"reduce_only": KillMode.REDUCE_ONLY, "cancel_all": KillMode.CANCEL_ALL, "kill": KillMode.CANCEL_ALL}


class RiskWatch:
    """Keeps the risk of one book as its desk walks; what it tells is added to `decided`."""

    def __init__(self, params: DeskParams, state: DeskState, decided: Decided) -> None:
        self._state, self._decided, self._sessions = state, decided, params.sessions
        self._params = RiskParams(
            params.universe,
            params.account,
            params.desk,
            state.compliance.firm,
            params.base_currency,
            params.starting_cash,
            params.risk_limits,
            params.risk_scenarios,
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
        day = int(self._sessions.days[int(np.searchsorted(self._sessions.edges, now_at, side="right"))])
        stopped = []
        for event in judge(self._state.risk, self._params, now_at, day, is_active=is_active):
            sequence = self._state.sequences.get("breaches", 0) + 1
            self._state.sequences["breaches"] = sequence
            self._decided.breaches.append(breach_of_event(self._state.risk, self._params, event, sequence))
            if self._enforce(event):
                stopped.append(event.scope)
        return stopped

    def _enforce(self, event: LimitEvent) -> bool:
        """Set or release what an event asks for; say whether the orders of its scope are to be cancelled."""
        compliance, reason = self._state.compliance, f"risk limit {event.limit.limit_id}"
        before = compliance.kills.get(event.scope)
        if event.event == "RiskLimitCured":
            ours = before is not None and before.mode is KillMode.REDUCE_ONLY and before.reason == reason
            if ours and event.remaining < Level.HARD:
                set_kill(compliance, event.scope, KillMode.NONE, event.at, reason)
            return False
        mode = STOPS.get(event.action) if event.event == "RiskLimitBreached" else None
        if mode is None or (before is not None and before.mode is not KillMode.REDUCE_ONLY):
            return False
        set_kill(compliance, event.scope, mode, event.at, reason)
        return mode is KillMode.CANCEL_ALL

    def _take_rates(self) -> None:
        marks = self._state.marks
        known = []
        for name in self._pairs:
            which = self._params.universe.index(name)
            price = exact_mark(marks[which], self._params.universe.of(name))
            if price is not None:
                known.append((name, price, marked_at(marks[which])))
        take_rates(self._state.risk, self._params, known)
