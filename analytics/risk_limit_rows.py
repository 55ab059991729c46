"""Limits on measures of risk as people wrote them: versions of rows, and which of them holds at an instant.

Source: standards.md 2.6. Rows are never changed: a new version is one more row.
"""

from bisect import bisect_right
from collections.abc import Iterable, Set
from typing import NamedTuple

import msgspec

ANY = "*"
FOREVER = 2**63 - 1


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
UNMEASURED = {
    "instrument": frozenset(
        ("credit", "turnover", "daily_loss", "weekly_loss", "drawdown", "leverage_gross", "leverage_net")
    ),
    "strategy": frozenset(("credit",)),
}
"""What is not kept of a type of scope: P&L is kept by strategy, cash by account."""


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
                self.measure in UNMEASURED.get(self.scope_type, ()),
                f"{self.measure} is not measured of scope_type {self.scope_type}; it is of an account",
                self.scope_type,
            ),
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


class RiskLimits:
    """Rows of limits, found by measure and scope; raises ValueError where two rows are the same version of one."""

    def __init__(self, rows: Iterable[RiskLimit] = ()) -> None:
        self.rows = tuple(rows)
        self.scope_types = frozenset(row.scope_type for row in self.rows)
        self._measures: dict[str, set[str]] = {}
        for row in self.rows:
            self._measures.setdefault(row.scope_type, set()).add(row.measure)
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
        self._stretch = -1
        self._spoke: dict[tuple[str, str], RiskLimit | None] = {}

    def speaking(self, measure: str, scope: str, now_at: int) -> RiskLimit | None:
        """Return the row that holds for a measure of a scope (TYPE:NAME) at an instant, from 0 (ns UTC) on.

        A row of the named scope goes before one of any, a temporary one before a standing one, then the highest
        version. What was found is remembered until a row begins or ends.
        """
        stretch = bisect_right(self._edges, now_at)
        if stretch != self._stretch:
            self._stretch = stretch
            self._spoke.clear()
        key = measure, scope
        if key not in self._spoke:
            self._spoke[key] = self._found_at(measure, scope, now_at)
        return self._spoke[key]

    def _found_at(self, measure: str, scope: str, now_at: int) -> RiskLimit | None:
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

    def measures_of(self, scope_type: str) -> Set[str]:
        """Return what is limited of a type of scope."""
        return self._measures.get(scope_type, frozenset())

    def next_change(self, after: int) -> int:
        """Return the first instant after another at which a row begins or ends, the greatest int64 for none."""
        place = bisect_right(self._edges, after)
        return self._edges[place] if place < len(self._edges) else FOREVER
