"""Limits on measures of risk as events: warned, breached, cured, each once, with hysteresis (standards.md 2.6).

`watch` compares what was measured with the limits that hold at an instant and returns what has changed since it was
last asked. The same measures at the same instants give the same events.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from analytics.risk_limit_rows import FOREVER, RISK_MEASURES, RiskLimit, RiskLimits
from domain.envelope import record_id

STEPS = (0.5, 0.75, 0.9, 1.0)
HYSTERESIS = 0.05
"""A step or level that was reached is left when utilisation is so far below it."""
SEVERE = 1.1
DAY = 86_400 * 1_000_000_000
WAIVER = 7 * DAY
"""The longest that a breach may be waived for."""
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
    Level.SOFT: "hold",
    Level.HARD: "reduce_only",
    Level.SEVERE: "cancel_all",
    Level.FIRM: "kill",
}


class Answerer(NamedTuple):
    """Who has to answer a breach, and within what time (ns) of being told; 0 where nobody comes after them."""

    people: str
    within: int


MINUTE = 60 * 1_000_000_000
ANSWERERS = {
    Level.SOFT: Answerer("trader and desk head", 15 * MINUTE),
    Level.HARD: Answerer("risk officer", 5 * MINUTE),
    Level.SEVERE: Answerer("cro and compliance", MINUTE),
    Level.FIRM: Answerer("cro and coo", 0),
}
"""Who acknowledges or waives a breach of a level; when their time is over it goes to those of the next one."""


class LimitEvent(NamedTuple):
    """What changed about one limit in one scope.

    `event` is RiskLimitUtilisation, RiskLimitBreached, RiskLimitEscalated or RiskLimitCured; `level` the one that was
    reached or left, `remaining` the one that holds now, and `action` what that one asks for. Of an escalation `level`
    is the one whose people have to answer now, and `action` says so; what is stopped does not change by it.
    `is_active` says that the change followed from a trade of our own, not from the market. `state` is where the breach
    stands: open, acked, waived, cured (nobody has acknowledged it yet) or closed; `until` is when a waiver ends (ns
    UTC), 0 where there is none.
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
    state: str = ""
    until: int = 0


@dataclass
class Watched:
    """What is remembered of one limit in one scope: the step and level it is at, and since when.

    A person has `acked` the breach, or it is waived up to `waived_level` until an instant (ns UTC). `limit` and
    `measured` are what the last change followed from. The people of level `asked` have to answer before `due_at` (ns
    UTC, 0 for no more deadline).
    """

    step: float = 0.0
    told_at: int = -QUIET_NANOSECONDS
    level: Level = Level.NONE
    breach_id: str = ""
    first_seen_at: int = 0
    day: int = -1
    hard_breaches: int = 0
    acked: bool = False
    waived_until: int = 0
    waived_level: Level = Level.NONE
    limit: RiskLimit | None = None
    measured: float = 0.0
    asked: Level = Level.NONE
    due_at: int = 0

    def ask(self, level: Level, at: int) -> None:
        """Let the people of a level have to answer from an instant (ns UTC) on; of no level, nobody."""
        answerer = ANSWERERS.get(level)
        self.asked, self.due_at = level, at + answerer.within if answerer and answerer.within else 0

    def state(self, now_at: int) -> str:
        """Return where the breach stands."""
        if self.level == Level.NONE:
            return "closed" if self.acked else "cured"
        if now_at < self.waived_until:
            return "waived"
        return "acked" if self.acked else "open"

    def action(self, now_at: int) -> str:
        """Return what the level asks for; a waiver takes it back up to the level that was waived."""
        waived = now_at < self.waived_until and self.level <= self.waived_level
        return "none" if waived else ACTIONS[self.level]


@dataclass
class LimitWatch:
    """The memory of all limits, one entry for each that was ever used to a half or to its soft limit."""

    watched: dict[tuple[str, str], Watched] = field(default_factory=dict)

    def names(self, scope_type: str) -> list[str]:
        """Return the scopes of a type that are remembered."""
        found = (scope.partition(":") for scope, _ in self.watched)
        return [name for kind, _, name in found if kind == scope_type]

    def waiver_ends(self, after: int) -> int:
        """Return when a waiver next ends after an instant (ns UTC), the greatest int64 for none."""
        ends = (each.waived_until for each in self.watched.values() if each.waived_until > after)
        return min(ends, default=FOREVER)

    def deadline(self, after: int) -> int:
        """Return when the time to answer a breach is next over, after an instant; as `waiver_ends`."""
        return min((each.due_at for each in self.watched.values() if each.due_at > after), default=FOREVER)

    def actions(self, scope: str, now_at: int) -> list[tuple[str, str]]:
        """Return limit_id and action of each breach of a scope that asks for something, the firmest first."""
        found = [
            (each.level, each.limit.limit_id, each.action(now_at))
            for (name, _), each in self.watched.items()
            if name == scope and each.limit is not None and each.level > Level.NONE
        ]
        found.sort(key=lambda row: (-row[0], row[1]))
        return [(name, action) for _, name, action in found if action != ACTIONS[Level.NONE]]

    def breach(self, breach_id: str) -> tuple[str, Watched, RiskLimit]:
        """Return scope, memory and limit of a breach; raises ValueError for one that there is none of."""
        for (scope, _), each in self.watched.items():
            if each.breach_id == breach_id and each.limit is not None:
                return scope, each, each.limit
        open_now = [each.breach_id for each in self.watched.values() if each.level > Level.NONE]
        raise ValueError(f"no breach {breach_id!r}; open are: {', '.join(open_now) or 'none'}")


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
        key = scope, measure
        if limit is None or value != value:  # noqa: PLR0124  NaN alone is not itself
            continue
        used = limit.utilisation(value)
        first = STEPS[0] if limit.soft is None else min(STEPS[0], limit.utilisation(limit.soft))
        if used < first and key not in state.watched:
            continue
        watched = state.watched.setdefault(key, Watched())
        if watched.day != day:
            watched.day, watched.hard_breaches = day, 0
        events += _steps(watched, limit, scope, value, now_at, is_active)
        events += _levels(watched, limit, scope, value, now_at, is_active)
        if watched.waived_until and now_at >= watched.waived_until:
            watched.waived_until, watched.waived_level, watched.acked = 0, Level.NONE, False
            watched.ask(watched.level, now_at)
            events.append(_event(watched, "RiskLimitBreached", scope, now_at, is_active=False))
    events += _ended(state, limits, now_at)
    return events + _escalated(state, now_at)


def _escalated(state: LimitWatch, now_at: int) -> list[LimitEvent]:
    """Tell the breaches that nobody has answered in time, and let the people of the next level have to."""
    events = []
    for (scope, _), watched in state.watched.items():
        while 0 < watched.due_at <= now_at:
            watched.ask(Level(watched.asked + 1), watched.due_at)
            told = _event(watched, "RiskLimitEscalated", scope, now_at, is_active=False)
            events.append(
                told._replace(level=watched.asked, action=f"call {ANSWERERS[watched.asked].people}")
            )
    return events


def _ended(state: LimitWatch, limits: RiskLimits, now_at: int) -> list[LimitEvent]:
    """Tell the breaches of limits that no longer speak: nothing is crossed any more."""
    events = []
    for (scope, measure), watched in state.watched.items():
        if watched.level == Level.NONE or limits.speaking(measure, scope, now_at) is not None:
            continue
        left, watched.level, watched.step = watched.level, Level.NONE, 0.0
        watched.ask(Level.NONE, now_at)
        watched.waived_until, watched.waived_level = 0, Level.NONE
        if watched.limit is not None:
            events.append(
                _event(watched, "RiskLimitCured", scope, now_at, is_active=False)._replace(level=left)
            )
    return events


def answerable(state: LimitWatch, breach_id: str, now_at: int, until: int | None = None) -> None:
    """Raise ValueError for a breach that cannot be acknowledged, or be waived until an instant (ns UTC).

    It is not there, was acknowledged before, is cured, or the instant is over or further off than `WAIVER`.
    """
    _, watched, _ = state.breach(breach_id)
    stands = watched.state(now_at)
    if until is None:
        if watched.acked:
            raise ValueError(f"breach {breach_id} is {stands}; it was acknowledged before")
        return
    if watched.level == Level.NONE:
        raise ValueError(f"breach {breach_id} is {stands}; there is nothing to waive")
    if not now_at < until <= now_at + WAIVER:
        raise ValueError(
            f"a waiver ends after now, and within {WAIVER // DAY} days; {until} was given at {now_at}"
        )


def acknowledge(state: LimitWatch, breach_id: str, now_at: int) -> LimitEvent:
    """Let a person have seen a breach that is `answerable`."""
    scope, watched, _ = state.breach(breach_id)
    watched.acked = True
    watched.ask(Level.NONE, now_at)
    return _event(watched, "RiskLimitAcknowledged", scope, now_at, is_active=False)


def waive(state: LimitWatch, breach_id: str, until: int, now_at: int) -> LimitEvent:
    """Let a breach that is `answerable` ask for nothing until an instant (ns UTC), as long as it gets no worse."""
    scope, watched, _ = state.breach(breach_id)
    watched.acked, watched.waived_until, watched.waived_level = True, until, watched.level
    watched.ask(Level.NONE, now_at)
    return _event(watched, "RiskLimitWaived", scope, now_at, is_active=False)


def _event(watched: Watched, event: str, scope: str, now_at: int, *, is_active: bool) -> LimitEvent:
    """Return an event of a breach as it stands, by what it last followed from."""
    limit = watched.limit
    assert limit is not None  # noqa: S101  a breach is only ever begun with its limit
    return LimitEvent(
        event,
        watched.breach_id,
        limit,
        scope,
        watched.measured,
        limit.utilisation(watched.measured),
        watched.step,
        watched.level,
        watched.level,
        watched.action(now_at),
        is_active,
        watched.first_seen_at,
        now_at,
        watched.state(now_at),
        watched.waived_until,
    )


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
    watched.limit, watched.measured = (limit, value) if level > Level.NONE else (watched.limit, value)
    if level == before:
        return []
    rises = level > before
    if rises and before == Level.NONE:
        watched.breach_id = record_id("risk breach", limit.limit_id, scope, limit.measure, now_at)
        watched.first_seen_at, watched.acked = now_at, False
    if rises and level > watched.waived_level:
        watched.waived_until, watched.acked = 0, False
        watched.ask(level, now_at)
    if rises and level >= Level.HARD > before:
        watched.hard_breaches += 1
    watched.level, watched.limit = level, limit
    told = _event(
        watched, "RiskLimitBreached" if rises else "RiskLimitCured", scope, now_at, is_active=is_active
    )
    if level == Level.NONE:
        watched.waived_until, watched.waived_level = 0, Level.NONE
        watched.ask(Level.NONE, now_at)
    return [told if rises else told._replace(level=before)]


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
