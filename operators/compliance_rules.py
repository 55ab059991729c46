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
from operators.applicability import MEASURED_PARTS, MEASURES_OF, applies, reasons, unconfigured
from operators.compliance_facts import NOTHING_KNOWN, Facts, InstrumentFacts, loadings_of
from operators.group_exposures import ONE, Weights
from operators.limit_rows import instant
from operators.limits import ANY, FAR_FUTURE, LimitTable

_REFERENCE_AGES = {"liquid": 5.0, "mid": 15.0, "illiquid": 60.0}
_CHOICES: dict[str, tuple[Any, ...]] = {
    "band_action": ("reject", "clip"),
    "protected_action": ("reject", "clip"),
    "short_sale_action": ("reject", "clip"),
    "trading_ahead_action": ("hold", "reject"),
    "name_match_action": ("reject", "hold"),
    "self_trade_instruction": (1, 2, 3),
    "self_trade_group": ("account", "firm"),
    "aggregation_unit": ("strategy", "account", "firm"),
}
_OVERRIDABLE = frozenset(f"PT-{number}" for number in (11, 14, 15, 19, 20, 21, 22, 25, 32, 33, 34))
_SESSIONS = {"0": frozenset({"regular"}), "3": frozenset({"regular"})}


class ComplianceError(ValueError):
    """A compliance row is wrong; the message says which, what was given, and what is allowed."""


class KillMode(StrEnum):
    """What a kill switch lets through (PT-01), the mildest first; cancels always pass."""

    NONE = "none"
    HOLD_INCREASING = "hold_increasing"
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


class Approver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may release what is held and authorise overrides (PT-44, PT-45): of which checks, up to which value.

    `checks` are ids, `*` for all; `notional_max` in base currency.
    """

    active: bool = True
    checks: frozenset[str] = frozenset()
    notional_max: Decimal = Decimal(0)

    def may(self, checks: Iterable[str], notional: Decimal) -> bool:
        """Say whether all of the checks, and so much value, are theirs to decide on."""
        covered = ANY in self.checks or set(checks) <= self.checks
        return self.active and covered and notional <= self.notional_max


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

    `profit_lag_seconds` is how old the oldest mark of what is held may be, `state_lag_seconds` all else of PT-02.
    `reference_age_seconds` by tier: a tier that is not named has no reference that is young enough.
    `sessions` says in which sessions a TimeInForce(59) may enter. `loss_kill_mode` is what PT-35 sets in the
    hard zone, `throttle_kill_mode` what PT-15, PT-24 and PT-26 set. An `*_action` chooses between the results that
    the catalogue allows; `self_trade_instruction` is FIX 2964. `overridable` are the checks that PT-45 may pass over.
    """

    state_lag_seconds: float = 2.0
    profit_lag_seconds: float = 900.0
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
    environment: str = "simulation"
    base_currency: str = "USD"
    sigma_floor_percent: float = 0.1
    drift_window_seconds: float = 60.0
    band_action: str = "reject"
    protected_action: str = "reject"
    short_sale_action: str = "clip"
    trading_ahead_action: str = "hold"
    self_trade_instruction: int = 1
    self_trade_group: str = "account"
    aggregation_unit: str = "strategy"
    repeat_window_seconds: float = 10.0
    throttle_kill_mode: KillMode = KillMode.BLOCK_NEW
    liquidation_share_percent: float = 20.0
    risk_age_seconds: float = 120.0
    heartbeats_missed_max: int = 3
    heartbeat_seconds: float = 1.0
    hold_seconds: float = 60.0
    holds_max: int = 1000
    name_match_action: str = "reject"
    name_lists_required: tuple[str, ...] = ()
    overridable: frozenset[str] = _OVERRIDABLE

    def __post_init__(self) -> None:
        """Refuse tolerances that would switch a check off or name a session that does not exist."""
        for name in (
            "state_lag_seconds",
            "profit_lag_seconds",
            "order_age_seconds",
            "clock_skew_seconds",
            "duplicate_window_seconds",
            "drift_window_seconds",
            "repeat_window_seconds",
            "risk_age_seconds",
            "hold_seconds",
            "heartbeat_seconds",
            "sigma_floor_percent",
            "liquidation_share_percent",
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
        for name in ("loss_kill_mode", "throttle_kill_mode"):
            if getattr(self, name) in {KillMode.NONE, KillMode.HOLD_INCREASING}:
                raise ComplianceError(
                    f"{name} is one of reduce_only, block_new, cancel_all; "
                    f"{getattr(self, name).value!r} was given"
                )
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ComplianceError(
                    f"{name} is one of {', '.join(map(str, allowed))}; {getattr(self, name)!r} was given"
                )
        if self.heartbeats_missed_max < 0 or self.holds_max < 1:
            raise ComplianceError("heartbeats_missed_max is at least 0, holds_max at least 1")
        unknown = {name for names in self.sessions.values() for name in names} - {
            s.name.lower() for s in Session
        }
        if unknown:
            raise ComplianceError(f"unknown session {min(unknown)!r}; allowed: pre, regular, post")


class ComplianceParams:
    """All that the checks are judged by: limits, rights, lists, tolerances, facts. Treat as frozen.

    `not_applicable` says which checks do not apply, and why; `deployed` is the version of each strategy that runs;
    `approvers` may release holds; `plan` is a memo of `checks.registry.plan_of`, `entitled` one of the names that
    passed PT-04 (account, trader, strategy, venue, instrument), which reads nothing but them and `rights`. Instants are
    kept in ns and the lists by instrument and issuer, so that a check looks up and compares.
    """

    def __init__(
        self,
        limits: LimitTable,
        rights: RightsTable,
        listed: Iterable[Restriction] = (),
        tolerances: Tolerances | None = None,
        facts: Facts = NOTHING_KNOWN,
        not_applicable: Mapping[str, str] | None = None,
        deployed: Mapping[str, str] | None = None,
        approvers: Mapping[str, Approver] | None = None,
    ) -> None:
        self.limits = limits
        self.rights = rights
        self.listed = tuple(listed)
        self.tolerances = tolerances or Tolerances()
        self.facts = facts
        self.not_applicable = reasons(not_applicable or {})
        self.deployed = dict(deployed or {})
        self.approvers = dict(approvers or {})
        every = {*MEASURED_PARTS, *(f"PT-{number:02}" for number in range(1, 47))}
        self.applying = frozenset(what for what in every if applies(self.not_applicable, what))
        self.excused = frozenset(
            measure for measure, what in MEASURES_OF.items() if not applies(self.not_applicable, what)
        )
        self.unconfigured = unconfigured(self.not_applicable, facts.given)
        self.drift_window = nanoseconds(self.tolerances.drift_window_seconds)
        self.repeat_window = nanoseconds(self.tolerances.repeat_window_seconds)
        self.risk_age = nanoseconds(self.tolerances.risk_age_seconds)
        self.heartbeat = nanoseconds(self.tolerances.heartbeat_seconds)
        self.hold_time = nanoseconds(self.tolerances.hold_seconds)
        self.sigma_floor = Decimal(repr(self.tolerances.sigma_floor_percent)) / 100
        self.liquidation_share = Decimal(repr(self.tolerances.liquidation_share_percent)) / 100
        self.plan: Any = None
        self.entitled: set[tuple[str, str, str, str, str]] = set()
        self.state_lag = nanoseconds(self.tolerances.state_lag_seconds)
        self.profit_lag = nanoseconds(self.tolerances.profit_lag_seconds)
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

    def __reduce__(self) -> tuple[Any, ...]:
        """Be made again from what it was made of."""
        return _made_again, (dict(self._parts()),)

    def _parts(self) -> Iterable[tuple[str, Any]]:
        names = (
            "limits",
            "rights",
            "listed",
            "tolerances",
            "facts",
            "not_applicable",
            "deployed",
            "approvers",
        )
        return ((name, getattr(self, name)) for name in names)

    def replaced(self, **changes: Any) -> "ComplianceParams":
        """Return the same with other limits, rights, lists, tolerances, or facts."""
        return ComplianceParams(**{**dict(self._parts()), **changes})

    def applies(self, what: str) -> bool:
        """Say whether a check, or one of its measures (`PT-32 DTL`), applies."""
        return what in self.applying

    def known(self, symbol: str, now_at: int) -> InstrumentFacts | None:
        """Return what is known of an instrument at an instant (ns UTC)."""
        row: InstrumentFacts | None = self.facts.instruments.at(symbol, now_at)
        return row if row is not None and now_at < row.valid_to else None

    def weights_of(self, instrument: Instrument, now_at: int) -> Weights:
        """Return the groups that an instrument counts in (PT-29 beta, PT-31, PT-32, PT-33), with its weights."""
        made = [(f"issuer:{instrument.issuer or instrument.name}", ONE)]
        if instrument.currency != self.tolerances.base_currency:
            made.append((f"currency:{instrument.currency}", ONE))
        rate = self.facts.margin_rates.at(instrument.tier, now_at)
        if rate is not None:
            made.append(("margin", rate.rate_percent / 100))
        known = self.known(instrument.name, now_at)
        if known is not None:
            if known.beta is not None:
                made.append(("beta", known.beta))
            made += [(f"sector:{known.sector}", ONE)] if known.sector else []
            made += [(f"country:{known.country}", ONE)] if known.country else []
            made += [(f"factor:{name}", loading) for name, loading in loadings_of(known.factors)]
        return tuple(made)

    def listed_for(self, symbol: str, issuer: str) -> tuple[Restriction, ...]:
        """Return the list entries of an instrument and of its issuer, valid or not."""
        if not self._by_name:
            return ()
        found = self._by_name.get(f"instrument:{symbol}", [])
        return (*found, *self._by_name.get(f"issuer:{issuer}", [])) if issuer else tuple(found)


def _made_again(parts: dict[str, Any]) -> ComplianceParams:
    return ComplianceParams(**parts)


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


def approvers_table(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Approver]:
    """Return who may approve, made of plain mappings; raises ComplianceError."""
    try:
        return msgspec.convert(rows, dict[str, Approver], strict=False)
    except msgspec.ValidationError as error:
        raise ComplianceError(f"approvers: {error}") from error


def tolerances(row: Mapping[str, Any]) -> Tolerances:
    """Return tolerances made of a plain mapping; raises ComplianceError where a name or a type is wrong."""
    try:
        return msgspec.convert(row, Tolerances)
    except msgspec.ValidationError as error:
        raise ComplianceError(f"tolerances: {error}") from error
