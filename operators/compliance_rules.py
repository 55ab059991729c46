"""What compliance has laid down: who may trade what, restricted and watch lists, and tolerances.

Plain frozen values; a change of any of them is a new `ComplianceParams`. `restrictions`, `rights_table` and
`tolerances` make them from plain rows, as YAML gives them, with errors that name the row.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from domain.instruments import Instrument
from domain.market import DAY_SECONDS, SECOND, Session
from operators.limit_rows import instant
from operators.limits import ANY, FAR_FUTURE, LimitTable

_REFERENCE_AGES = {"liquid": 5.0, "mid": 15.0, "illiquid": 60.0}
_SESSIONS = {"0": frozenset({"regular"}), "3": frozenset({"regular"})}


class ComplianceError(ValueError):
    """A compliance row is wrong; the message says which, what was given, and what is allowed."""


class KillMode(StrEnum):
    """What a kill switch lets through (PT-01); cancels always pass."""

    NONE = "none"
    REDUCE_ONLY = "reduce_only"
    BLOCK_NEW = "block_new"
    CANCEL_ALL = "cancel_all"


class Rights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an account, trader or strategy may do (PT-04); `*` in a set allows all.

    `signal_ttl_seconds` is for strategies: how old a signal may be when its order is decided (PT-09).
    """

    active: bool = True
    accounts: frozenset[str] = frozenset({ANY})
    venues: frozenset[str] = frozenset({ANY})
    instruments: frozenset[str] = frozenset({ANY})
    signal_ttl_seconds: float = 0.0


class RightsTable(NamedTuple):
    """The rights of everyone who is known, by name."""

    accounts: Mapping[str, Rights]
    traders: Mapping[str, Rights]
    strategies: Mapping[str, Rights]


class Restriction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of a list (PT-36), `kind` restricted or watch, of an issuer or of one instrument.

    `holder` names whom it binds: `firm`, `account:NAME` or `trader:NAME`. Valid from `valid_from` (inclusive)
    to `valid_to` (exclusive), ns UTC.
    """

    entry_id: str
    kind: str
    issuer: str = ""
    instrument: str = ""
    holder: str = "firm"
    valid_from: int = 0
    valid_to: int = FAR_FUTURE


class Tolerances(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of the checks that are no limits; defaults are the start values of standards.md 1.3.

    `reference_age_seconds` by tier: a tier that is not named has no reference that is young enough.
    `sessions` says in which sessions a TimeInForce(59) may enter. `loss_kill_mode` is what PT-35 sets in the
    hard zone.
    """

    state_lag_seconds: float = 2.0
    order_age_seconds: float = 2.0
    clock_skew_seconds: float = 0.05
    duplicate_window_seconds: float = 1.0
    duplicates_allowed: int = 1
    reference_age_seconds: dict[str, float] = msgspec.field(default_factory=lambda: dict(_REFERENCE_AGES))
    prior_close_allowed: bool = False
    cutoff_seconds: float = 0.0
    sessions: dict[str, frozenset[str]] = msgspec.field(default_factory=lambda: dict(_SESSIONS))
    loss_kill_mode: KillMode = KillMode.CANCEL_ALL
    identifiers_max: int = 500_000

    def __post_init__(self) -> None:
        """Refuse tolerances that would switch a check off or name a session that does not exist."""
        for name in (
            "state_lag_seconds",
            "order_age_seconds",
            "clock_skew_seconds",
            "duplicate_window_seconds",
        ):
            if not 0 < getattr(self, name) < DAY_SECONDS:
                raise ComplianceError(f"{name} is above 0 and under a day; {getattr(self, name)} was given")
        for tier, age in self.reference_age_seconds.items():
            if not 0 < age < DAY_SECONDS:
                raise ComplianceError(
                    f"reference age of tier {tier} is above 0 and under a day; {age} was given"
                )
        if self.duplicates_allowed < 0 or self.cutoff_seconds < 0 or self.identifiers_max < 1:
            raise ComplianceError(
                "duplicates_allowed and cutoff_seconds are at least 0, identifiers_max at least 1"
            )
        if self.loss_kill_mode is KillMode.NONE:
            raise ComplianceError(
                "loss_kill_mode is one of reduce_only, block_new, cancel_all; 'none' was given"
            )
        unknown = {name for names in self.sessions.values() for name in names} - {
            s.name.lower() for s in Session
        }
        if unknown:
            raise ComplianceError(f"unknown session {min(unknown)!r}; allowed: pre, regular, post")


class ComplianceParams:
    """All that the checks are judged by: limits, rights, lists, tolerances. Treat as frozen.

    Instants are kept in ns and the lists by instrument and issuer, so that a check looks up and compares.
    """

    def __init__(
        self,
        limits: LimitTable,
        rights: RightsTable,
        listed: Iterable[Restriction] = (),
        tolerances: Tolerances | None = None,
    ) -> None:
        self.limits = limits
        self.rights = rights
        self.listed = tuple(listed)
        self.tolerances = tolerances or Tolerances()
        self.state_lag = nanoseconds(self.tolerances.state_lag_seconds)
        self.order_age = nanoseconds(self.tolerances.order_age_seconds)
        self.clock_skew = nanoseconds(self.tolerances.clock_skew_seconds)
        self.duplicate_window = nanoseconds(self.tolerances.duplicate_window_seconds)
        self.cutoff = nanoseconds(self.tolerances.cutoff_seconds)
        self.reference_age = {t: nanoseconds(s) for t, s in self.tolerances.reference_age_seconds.items()}
        self.signal_ttl = {n: nanoseconds(r.signal_ttl_seconds) for n, r in rights.strategies.items()}
        self._by_name: dict[str, list[Restriction]] = {}
        for entry in self.listed:
            name = f"issuer:{entry.issuer}" if entry.issuer else f"instrument:{entry.instrument}"
            self._by_name.setdefault(name, []).append(entry)

    def listed_for(self, symbol: str, issuer: str) -> tuple[Restriction, ...]:
        """Return the list entries of an instrument and of its issuer, valid or not."""
        if not self._by_name:
            return ()
        found = self._by_name.get(f"instrument:{symbol}", [])
        return (*found, *self._by_name.get(f"issuer:{issuer}", [])) if issuer else tuple(found)


def nanoseconds(seconds: float) -> int:
    """Return seconds as whole nanoseconds."""
    return int(Decimal(repr(float(seconds))) * SECOND)


def restrictions(
    rows: Iterable[Mapping[str, Any]], instruments: Iterable[Instrument]
) -> tuple[Restriction, ...]:
    """Return list entries made of plain rows.

    An entry of an instrument that has an issuer is widened to all of the issuer's. A row with
    `only_instrument: true` is not widened. Raises ComplianceError with the entry and what is allowed.
    """
    issuer_of = {instrument.name: instrument.issuer for instrument in instruments}
    return tuple(_restriction(row, issuer_of) for row in rows)


def _restriction(row: Mapping[str, Any], issuer_of: Mapping[str, str]) -> Restriction:
    values = dict(row)
    name = values.get("entry_id", "without entry_id")
    narrow = values.pop("only_instrument", False)
    for field in ("valid_from", "valid_to"):
        if field in values:
            values[field] = instant(f"list entry {name}: {field}", values[field])
    try:
        entry = msgspec.convert(values, Restriction)
    except msgspec.ValidationError as error:
        raise ComplianceError(f"list entry {name}: {error}") from error
    if entry.kind not in ("restricted", "watch"):
        raise ComplianceError(f"list entry {name}: kind is restricted or watch; {entry.kind!r} was given")
    if bool(entry.issuer) == bool(entry.instrument):
        raise ComplianceError(f"list entry {name}: exactly one of issuer and instrument is needed")
    if entry.holder != "firm" and entry.holder.partition(":")[0] not in ("account", "trader"):
        raise ComplianceError(
            f"list entry {name}: holder is firm, account:NAME or trader:NAME; {entry.holder!r} was given"
        )
    if entry.valid_to <= entry.valid_from:
        raise ComplianceError(f"list entry {name}: valid_to is after valid_from; {entry.valid_to} was given")
    issuer = "" if narrow else issuer_of.get(entry.instrument, "")
    return msgspec.structs.replace(entry, issuer=issuer, instrument="") if issuer else entry


def rights_table(rows: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> RightsTable:
    """Return rights made of plain mappings `accounts`, `traders`, `strategies`; raises ComplianceError."""
    unknown = sorted(set(rows) - set(RightsTable._fields))
    if unknown:
        raise ComplianceError(f"unknown rights {unknown[0]!r}; allowed: {', '.join(RightsTable._fields)}")
    try:
        return RightsTable(
            *(msgspec.convert(rows.get(kind, {}), dict[str, Rights]) for kind in RightsTable._fields)
        )
    except msgspec.ValidationError as error:
        raise ComplianceError(f"rights: {error}") from error


def tolerances(row: Mapping[str, Any]) -> Tolerances:
    """Return tolerances made of a plain mapping; raises ComplianceError where a name or a type is wrong."""
    try:
        return msgspec.convert(row, Tolerances)
    except msgspec.ValidationError as error:
        raise ComplianceError(f"tolerances: {error}") from error
