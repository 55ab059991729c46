"""Limits on measures of risk as events: warned, breached, cured, each once, with hysteresis (standards.md 2.6).

Rows are versions of limits, as people wrote them; `watch` compares what was measured with those that hold at an instant
and returns what has changed since it was last asked. The same measures at the same instants give the same events.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import msgspec

from domain.envelope import record_id

ANY = "*"
FOREVER = 2**63 - 1
STEPS = (0.5, 0.75, 0.9, 1.0)
HYSTERESIS = 0.05
"""A step or level that was reached is left when utilisation is so far below it."""
SEVERE = 1.1
QUIET_NANOSECONDS = 60 * 1_000_000_000
"""A step of utilisation is told at most so often for one limit and scope; breaches and cures always."""


class Level(IntEnum):
    """How far a limit is gone: what follows is `ACTIONS`."""

    NONE = 0
    SOFT = 1
    HARD = 2
    SEVERE = 3
    FIRM = 4


ACTIONS = {
    Level.NONE: "none",
    Level.SOFT: "warn",
    Level.HARD: "reduce_only",
    Level.SEVERE: "cancel_all",
    Level.FIRM: "kill",
}


class RiskMeasure(NamedTuple):
    """What may be limited: its unit, whether it is a loss, and whether it is the low values that are bad."""

    unit: str
    is_loss: bool = False
    low_is_bad: bool = False


RISK_MEASURES = {
    **dict.fromkeys(
        ("gross", "net", "long", "short", "beta_adjusted", "var", "es", "component_var", "stress_worst"),
        RiskMeasure("currency"),
    ),
    **dict.fromkeys(("sector", "country", "currency", "factor", "issuer", "venue"), RiskMeasure("currency")),
    **dict.fromkeys(("open_orders", "turnover", "credit"), RiskMeasure("currency")),
    **dict.fromkeys(("leverage_gross", "leverage_net", "margin"), RiskMeasure("ratio")),
    **dict.fromkeys(("hhi", "ownership", "adv_share"), RiskMeasure("ratio")),
    "days_to_liquidate": RiskMeasure("days"),
    "reverse_stress_distance": RiskMeasure("deviations", low_is_bad=True),
    "daily_loss": RiskMeasure("percent", is_loss=True),
    "weekly_loss": RiskMeasure("percent", is_loss=True),
    "drawdown": RiskMeasure("percent", is_loss=True),
}
"""The measures of standards.md 2.6 by name. Those of a group (sector, currency, ...) are of its largest net value."""
SCOPES = ("firm", "desk", "trader", "strategy", "account", "instrument")


class RiskLimit(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one limit; `soft` and `hard` in `unit`; instants ns UTC, ends exclusive.

    Raises ValueError where it makes no sense.
    """

    limit_id: str
    measure: str
    scope_type: str
    scope_id: str
    hard: float
    unit: str
    rationale: str
    soft: float | None = None
    valid_from: int = 0
    valid_to: int = FOREVER
    temporary_until: int | None = None
    owner: str = ""
    maker: str = ""
    checker: str = ""
    version: int = 1

    def __post_init__(self) -> None:
        """Refuse a row that makes no sense."""
        measure = RISK_MEASURES.get(self.measure)
        if measure is None:
            raise ValueError(
                f"risk limit {self.limit_id}: unknown measure {self.measure!r}; allowed: {', '.join(RISK_MEASURES)}"
            )
        soft = self.hard if self.soft is None else self.soft
        wrong = (
            (self.scope_type not in SCOPES, f"scope_type is one of {' '.join(SCOPES)}", self.scope_type),
            (self.unit != measure.unit, f"unit of {self.measure} is {measure.unit}", self.unit),
            (not self.hard > 0, "hard is above 0", self.hard),
            (
                soft < self.hard if measure.low_is_bad else soft > self.hard,
                "soft is met before hard",
                self.soft,
            ),
            (self.ends_at <= self.valid_from, "a row ends after valid_from", self.ends_at),
            (
                bool(self.maker) and self.maker == self.checker,
                "maker and checker are two persons",
                self.maker,
            ),
        )
        for failed, rule, given in wrong:
            if failed:
                raise ValueError(f"risk limit {self.limit_id}: {rule}; {given!r} was given")

    @property
    def ends_at(self) -> int:
        """Return the first instant at which the row no longer speaks."""
        return self.valid_to if self.temporary_until is None else min(self.valid_to, self.temporary_until)

    def utilisation(self, measured: float) -> float:
        """Return what part of the hard limit is used; of a measure whose low values are bad, the reciprocal."""
        if RISK_MEASURES[self.measure].low_is_bad:
            return self.hard / measured if measured > 0 else float("inf")
        return measured / self.hard


class LimitEvent(NamedTuple):
    """What changed about one limit in one scope.

    `event` is RiskLimitUtilisation, RiskLimitBreached or RiskLimitCured; `level` the one that was reached or left,
    `remaining` the one that holds now, and `action` what that one asks for. `is_active` says that the change followed
    from a trade of our own, not from the market.
    """

    event: str
    breach_id: str
    limit: RiskLimit
    scope: str
    measured: float
    utilisation: float
    step: float
    level: Level
    remaining: Level
    action: str
    is_active: bool
    first_seen_at: int
    at: int


@dataclass
class Watched:
    """What is remembered of one limit in one scope: the step and level it is at, and since when."""

    step: float = 0.0
    told_at: int = -QUIET_NANOSECONDS
    level: Level = Level.NONE
    breach_id: str = ""
    first_seen_at: int = 0
    day: int = -1
    hard_breaches: int = 0


@dataclass
class LimitWatch:
    """The memory of all limits, one entry for each that was ever used to a half or to its soft limit."""

    watched: dict[tuple[str, str], Watched] = field(default_factory=dict)


class RiskLimits:
    """Rows of limits, found by measure and scope; raises ValueError where two rows are the same version of one."""

    def __init__(self, rows: Iterable[RiskLimit] = ()) -> None:
        self.rows = tuple(rows)
        self.scope_types = frozenset(row.scope_type for row in self.rows)
        self._found: dict[tuple[str, str, str], list[RiskLimit]] = {}
        for row in self.rows:
            same = self._found.setdefault((row.measure, row.scope_type, row.scope_id), [])
            if any(
                each.version == row.version and each.temporary_until == row.temporary_until for each in same
            ):
                raise ValueError(f"risk limit {row.limit_id} has version {row.version} twice")
            same.append(row)
        self._edges = sorted(
            {edge for row in self.rows for edge in (row.valid_from, row.ends_at)} - {0, FOREVER}
        )

    def speaking(self, measure: str, scope: str, now_at: int) -> RiskLimit | None:
        """Return the row that holds for a measure of a scope (TYPE:NAME) at an instant.

        A row of the named scope goes before one of any, a temporary one before a standing one, then the highest
        version.
        """
        kind, _, name = scope.partition(":")
        for wanted in (name, ANY):
            rows = [
                row
                for row in self._found.get((measure, kind, wanted), ())
                if row.valid_from <= now_at < row.ends_at
            ]
            if rows:
                return max(rows, key=lambda row: (row.temporary_until is not None, row.version))
        return None

    def next_change(self, after: int) -> int:
        """Return the first instant after another at which a row begins or ends, the greatest int64 for none."""
        place = bisect_right(self._edges, after)
        return self._edges[place] if place < len(self._edges) else FOREVER


def watch(
    state: LimitWatch,
    limits: RiskLimits,
    measured: Mapping[tuple[str, str], float],
    now_at: int,
    day: int,
    *,
    is_active: bool,
) -> list[LimitEvent]:
    """Return what changed: `measured` maps (scope, measure) to values; NaN, and what has no limit, says nothing.

    Every scope is judged by its own limits, whatever its parents' are, and they by theirs. Two hard breaches of one
    limit on one trading `day` are severe.
    """
    events: list[LimitEvent] = []
    for (scope, measure), value in measured.items():
        limit = limits.speaking(measure, scope, now_at)
        if limit is None or value != value:  # noqa: PLR0124  NaN alone is not itself
            continue
        used = limit.utilisation(value)
        key = scope, measure
        first = STEPS[0] if limit.soft is None else min(STEPS[0], limit.utilisation(limit.soft))
        if used < first and key not in state.watched:
            continue
        watched = state.watched.setdefault(key, Watched())
        if watched.day != day:
            watched.day, watched.hard_breaches = day, 0
        events += _steps(watched, limit, scope, value, now_at, is_active)
        events += _levels(watched, limit, scope, value, now_at, is_active)
    return events


def _steps(
    watched: Watched, limit: RiskLimit, scope: str, value: float, now_at: int, is_active: bool
) -> list[LimitEvent]:
    """Tell a step of utilisation that was reached; one that was left is only forgotten."""
    used = limit.utilisation(value)
    reached = max((step for step in STEPS if used >= step), default=0.0)
    if reached > watched.step:
        if now_at - watched.told_at < QUIET_NANOSECONDS and reached < STEPS[-1]:
            return []
        watched.step, watched.told_at = reached, now_at
        breach_id = record_id("utilisation", limit.limit_id, scope, now_at)
        return [
            LimitEvent(
                "RiskLimitUtilisation",
                breach_id,
                limit,
                scope,
                value,
                used,
                reached,
                watched.level,
                watched.level,
                "event",
                is_active,
                now_at,
                now_at,
            )
        ]
    while watched.step and used < watched.step - HYSTERESIS:
        watched.step = max((step for step in STEPS if step < watched.step), default=0.0)
    return []


def _levels(
    watched: Watched, limit: RiskLimit, scope: str, value: float, now_at: int, is_active: bool
) -> list[LimitEvent]:
    """Tell a level that was reached, or left with hysteresis."""
    before, used = watched.level, limit.utilisation(value)
    level = _level(limit, scope, used, watched.hard_breaches + (before < Level.HARD))
    if level < before:
        level = min(before, _level(limit, scope, used + HYSTERESIS, watched.hard_breaches))
    if level == before:
        return []
    rises = level > before
    if rises and before == Level.NONE:
        watched.breach_id = record_id("risk breach", limit.limit_id, scope, limit.measure, now_at)
        watched.first_seen_at = now_at
    if rises and level >= Level.HARD > before:
        watched.hard_breaches += 1
    watched.level = level
    return [
        LimitEvent(
            "RiskLimitBreached" if rises else "RiskLimitCured",
            watched.breach_id,
            limit,
            scope,
            value,
            used,
            watched.step,
            level if rises else before,
            level,
            ACTIONS[level],
            is_active,
            watched.first_seen_at,
            now_at,
        )
    ]


def _level(limit: RiskLimit, scope: str, used: float, hard_breaches: int) -> Level:
    """Return the level of a utilisation: hard at 1, severe above 1.1, for losses at 1, and at a second hard breach."""
    if used >= 1.0:
        severe = used > SEVERE or RISK_MEASURES[limit.measure].is_loss or hard_breaches >= 2
        if not severe:
            return Level.HARD
        return Level.FIRM if scope.startswith("firm:") else Level.SEVERE
    if limit.soft is not None and used >= limit.utilisation(limit.soft):
        return Level.SOFT
    return Level.NONE
