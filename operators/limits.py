"""The limit table: which number bounds what, for whom, since when, and who said so (standards.md 2.6, 1.3).

A row is one version of one limit. A row is found by measure, scope, instrument and window; of the rows that
fit, the most specific one that is valid at the instant speaks: a named scope before `*`, then a named
instrument before `*`. Of versions of the same row a temporary one speaks until it reverts
(`temporary_until`), then the highest `version`. An `instrument` scope stands in for the `tier` scope; every
other scope is checked beside its parents, never instead of them. `sheet` gathers everything that bounds one
intent, and what is missing although it is mandatory (PT-03).
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain.envelope import record_id
from domain.market import SECOND

ANY = "*"
PRODUCT_SCOPES = ("instrument", "tier")
BOOK_SCOPES = ("account", "strategy", "desk", "firm")
ACTIONS = (2, 9, 10)
FAR_FUTURE = 2**63 - 1
_SHEETS_MAX = 50_000


class Measure(NamedTuple):
    """What a limit may bound: its unit and scopes; does it have windows, whole values, a soft zone?"""

    name: str
    unit: str
    scopes: tuple[str, ...]
    windowed: bool = False
    whole: bool = False
    soft: bool = False


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("price_collar", "percent", PRODUCT_SCOPES),
        Measure("order_quantity", "units", (*PRODUCT_SCOPES, "account", "strategy"), whole=True),
        Measure("order_notional", "currency", (*PRODUCT_SCOPES, "account", "strategy")),
        Measure("window_quantity", "units", ("account", "strategy"), windowed=True, whole=True),
        Measure("window_notional", "currency", ("account", "strategy", "firm"), windowed=True),
        Measure(
            "message_rate", "messages/second", ("account", "strategy", "firm", *PRODUCT_SCOPES), whole=True
        ),
        Measure("position_long", "units", BOOK_SCOPES, whole=True),
        Measure("position_short", "units", BOOK_SCOPES, whole=True),
        Measure("open_notional", "currency", BOOK_SCOPES),
        Measure("gross_exposure", "currency", BOOK_SCOPES),
        Measure("net_exposure", "currency", BOOK_SCOPES),
        Measure("daily_loss", "percent", BOOK_SCOPES, soft=True),
        Measure("drawdown", "percent", BOOK_SCOPES, soft=True),
        Measure("consecutive_losses", "count", BOOK_SCOPES, whole=True, soft=True),
        Measure("dynamic_collar", "sigmas", PRODUCT_SCOPES),
        Measure("price_drift", "percent", PRODUCT_SCOPES, soft=True),
        Measure("spread", "multiple", PRODUCT_SCOPES),
        Measure("adv_share_warn", "percent", PRODUCT_SCOPES),
        Measure("adv_share", "percent", PRODUCT_SCOPES, soft=True),
        Measure("impact", "basis points", PRODUCT_SCOPES, soft=True),
        Measure("repeat_executions", "count", ("strategy",), whole=True),
        Measure("order_to_trade", "ratio", ("account", "firm"), soft=True),
        Measure("consecutive_rejects", "count", ("strategy",), whole=True),
        Measure("beta_exposure", "currency", BOOK_SCOPES),
        Measure("credit", "currency", ("account", "firm")),
        Measure("margin_buffer", "currency", ("account", "firm")),
        Measure("issuer_concentration", "percent", ("account", "firm"), soft=True),
        Measure("days_to_liquidate", "days", BOOK_SCOPES, soft=True),
        Measure("ownership", "percent", ("account", "firm")),
        Measure("sector_exposure", "percent", ("account", "firm"), soft=True),
        Measure("country_exposure", "percent", ("account", "firm"), soft=True),
        Measure("currency_exposure", "percent", ("account", "firm"), soft=True),
        Measure("factor_exposure", "percent", ("account", "firm"), soft=True),
        Measure("value_at_risk", "currency", BOOK_SCOPES, soft=True),
        Measure("expected_shortfall", "currency", BOOK_SCOPES, soft=True),
        Measure("stress_loss", "currency", BOOK_SCOPES, soft=True),
    )
}

WINDOW_SECONDS = (1, 10, 60)
MANDATORY: tuple[tuple[str, str, int], ...] = (
    ("price_collar", "tier", 0),
    *(
        (measure, scope, 0)
        for measure in ("order_quantity", "order_notional")
        for scope in ("tier", "account")
    ),
    *(
        ("window_notional", scope, window)
        for scope in ("account", "strategy", "firm")
        for window in WINDOW_SECONDS
    ),
    *(("window_quantity", scope, window) for scope in ("account", "strategy") for window in WINDOW_SECONDS),
    *(("message_rate", scope, 0) for scope in ("account", "strategy", "firm")),
    ("position_long", "account", 0),
    ("position_short", "account", 0),
    *(
        (measure, scope, 0)
        for measure in ("open_notional", "gross_exposure", "net_exposure", "daily_loss", "drawdown")
        for scope in ("account", "firm")
    ),
    *((measure, "tier", 0) for measure in ("dynamic_collar", "price_drift", "spread", "adv_share", "impact")),
    *((measure, "strategy", 0) for measure in ("repeat_executions", "consecutive_rejects")),
    ("order_to_trade", "account", 0),
    *((measure, scope, 0) for measure in ("credit", "margin_buffer") for scope in ("account", "firm")),
    *(
        (measure, "firm", 0)
        for measure in (
            "beta_exposure",
            "issuer_concentration",
            "days_to_liquidate",
            "ownership",
            "sector_exposure",
            "country_exposure",
            "currency_exposure",
            "factor_exposure",
            "value_at_risk",
            "stress_loss",
        )
    ),
)
"""PT-03: (measure, scope type, window seconds) of rows that must exist; standards.md 1.3, scopes."""


class LimitError(ValueError):
    """A limit row is wrong; the message says which, what was given, and what is allowed."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one limit; `soft` and `hard` in `unit`, `window_seconds` 0 for no window.

    Valid from `valid_from` (inclusive) to `valid_to` and `temporary_until` (both exclusive), ns UTC. `action`
    is FIX RiskLimitAction(1767): 2 reject, 9 suspend, 10 halt trading; a warning alone is no control and is
    not allowed.
    """

    limit_id: str
    measure: str
    scope_type: str
    scope_id: str
    hard: Decimal
    unit: str
    rationale: str
    instrument: str = ANY
    soft: Decimal | None = None
    window_seconds: int = 0
    action: int = 2
    valid_from: int = 0
    valid_to: int = FAR_FUTURE
    temporary_until: int | None = None
    owner: str = ""
    maker: str = ""
    checker: str = ""
    version: int = 1

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """Return what a row is found by: measure, scope type, scope, instrument, window in seconds."""
        return self.measure, self.scope_type, self.scope_id, self.instrument, self.window_seconds

    @property
    def ends_at(self) -> int:
        """Return the first instant (ns UTC) at which the row no longer speaks."""
        return self.valid_to if self.temporary_until is None else min(self.valid_to, self.temporary_until)


class Bound(msgspec.Struct, frozen=True):
    """A limit as it meets one intent: `scope` names whose it is (`account:main`), `level` its scope type.

    `limit` is `hard` as a float, `divisor` what a share of it is taken by (1 where it is 0), `window` a span
    in ns, 0 for none. `count` is `hard` without its fraction, 0 where it has no end. `start` is soft where there is
    one and hard else, `start_limit` that as a float. `named` says that the row names the instrument, `since` when it
    began to be valid (ns UTC).
    """

    scope: str
    level: str
    hard: Decimal
    soft: Decimal | None
    limit: float
    divisor: Decimal
    window: int
    start: Decimal = Decimal(0)
    start_limit: float = 0.0
    named: bool = False
    since: int = 0
    count: int = 0


class Window(NamedTuple):
    """What bounds one rolling sum: `sum_key` names it (scope, instrument or `*` for the firm, span in ns)."""

    sum_key: tuple[str, str, int]
    notional: Bound | None
    quantity: Bound | None


class Missing(NamedTuple):
    """A mandatory row that the table lacks."""

    measure: str
    scope: str
    window_seconds: int


class Scopes(NamedTuple):
    """The names under which one intent is bounded, each `type:id`."""

    account: str
    strategy: str
    desk: str
    firm: str


class Sheet(NamedTuple):
    """All that bounds one intent: by measure, in the order of `Measure.scopes`; what is missing.

    `windows` are the bounds of window_notional and window_quantity once more, by the sum that they look at.
    """

    scopes: Scopes
    bounds: dict[str, tuple[Bound, ...]]
    windows: tuple[Window, ...]
    missing: tuple[Missing, ...]


class LimitTable:
    """Rows that were checked and indexed; immutable but for a memo of sheets, which is not pickled."""

    def __init__(self, rows: Iterable[Limit], firm: str = "firm") -> None:
        self.rows = tuple(rows)
        self.firm = firm
        self.version = record_id(*(msgspec.json.encode(row) for row in self.rows))
        by_key: dict[tuple[str, str, str, str, int], list[Limit]] = {}
        for row in self.rows:
            by_key.setdefault(row.key, []).append(row)
        for key, versions in by_key.items():
            numbers = [row.version for row in versions]
            if len(set(numbers)) != len(numbers):
                raise LimitError(
                    f"limit {versions[0].limit_id} has two rows of one version for {'/'.join(map(str, key))}"
                )
            versions.sort(key=lambda row: (row.temporary_until is None, -row.version))
        self._by_key = by_key
        self._edges = sorted({edge for row in self.rows for edge in (row.valid_from, row.ends_at)})
        self._sheets: dict[tuple[str, str, str, str, str, int], Sheet] = {}

    def __getstate__(self) -> tuple[tuple[Limit, ...], str]:
        """Return the rows and the firm; the rest is made from them."""
        return self.rows, self.firm

    def __setstate__(self, state: tuple[tuple[Limit, ...], str]) -> None:
        """Index the rows again."""
        self.__init__(*state)  # type: ignore[misc]

    def find(
        self,
        measure: str,
        scope_type: str,
        scope_id: str,
        now_at: int,
        instrument: str = ANY,
        window_seconds: int = 0,
    ) -> Limit | None:
        """Return the most specific row that speaks at `now_at` (ns UTC), or None."""
        for named in (scope_id, ANY):
            for product in (instrument, ANY):
                for row in self._by_key.get((measure, scope_type, named, product, window_seconds), ()):
                    if row.valid_from <= now_at < row.ends_at:
                        return row
        return None

    def sheet(self, account: str, strategy: str, desk: str, instrument: str, tier: str, now_at: int) -> Sheet:
        """Return all that bounds an intent at `now_at` (ns UTC); kept until a row begins or ends to speak."""
        key = (account, strategy, desk, instrument, tier, bisect_right(self._edges, now_at))
        known = self._sheets.get(key)
        if known is None:
            if len(self._sheets) >= _SHEETS_MAX:
                self._sheets.clear()
            known = self._sheets[key] = self._make_sheet(key, now_at)
        return known

    def _make_sheet(self, key: tuple[str, str, str, str, str, int], now_at: int) -> Sheet:
        account, strategy, desk, instrument, tier, _ = key
        names = {"account": account, "strategy": strategy, "desk": desk, "firm": self.firm}
        names |= {"instrument": instrument, "tier": tier}
        bounds = {
            measure.name: tuple(
                _bound(row, scope_type, names[scope_type])
                for scope_type in measure.scopes
                for window in (WINDOW_SECONDS if measure.windowed else (0,))
                if (row := self.find(measure.name, scope_type, names[scope_type], now_at, instrument, window))
            )
            for measure in MEASURES.values()
        }
        for name, found in bounds.items():
            if any(bound.level == "instrument" for bound in found):
                bounds[name] = tuple(bound for bound in found if bound.level != "tier")
        missing = tuple(
            Missing(measure, f"{scope_type}:{names[scope_type]}", window)
            for measure, scope_type, window in MANDATORY
            if not any(_meets(bound, scope_type, window) for bound in bounds[measure])
        )
        scopes = Scopes(f"account:{account}", f"strategy:{strategy}", f"desk:{desk}", f"firm:{self.firm}")
        return Sheet(scopes, bounds, _windows(bounds, instrument), missing)


def _bound(row: Limit, scope_type: str, name: str) -> Bound:
    span = row.window_seconds * SECOND
    scope, divisor = f"{scope_type}:{name}", row.hard or Decimal(1)
    start = row.hard if row.soft is None else row.soft
    own = scope_type == "instrument" or row.instrument != ANY
    return Bound(
        scope,
        scope_type,
        row.hard,
        row.soft,
        float(row.hard),
        divisor,
        span,
        start,
        float(start),
        own,
        row.valid_from,
        int(row.hard) if row.hard.is_finite() else 0,
    )


def in_units(sheet: Sheet, splits: Sequence[tuple[int, Decimal]]) -> Sheet:
    """Return a sheet whose limits in units of this one instrument are in those of after its splits (at, ratio).

    A row that began to be valid after a split was written in its units. Rows for any instrument stay: they bound
    orders, not this company's shares.
    """

    def restated(bound: Bound) -> Bound:
        ratio = Decimal(1)
        for effective_at, each in splits:
            ratio *= each if bound.named and effective_at > bound.since else 1
        hard, start = bound.hard * ratio, bound.start * ratio
        return msgspec.structs.replace(
            bound,
            hard=hard,
            count=int(hard) if hard.is_finite() else 0,
            soft=None if bound.soft is None else bound.soft * ratio,
            limit=float(hard),
            divisor=hard or Decimal(1),
            start=start,
            start_limit=float(start),
        )

    bounds = {
        name: tuple(map(restated, found)) if MEASURES[name].unit == "units" else found
        for name, found in sheet.bounds.items()
    }
    windows = tuple(
        window._replace(quantity=None if window.quantity is None else restated(window.quantity))
        for window in sheet.windows
    )
    return sheet._replace(bounds=bounds, windows=windows)


def _windows(bounds: dict[str, tuple[Bound, ...]], instrument: str) -> tuple[Window, ...]:
    """Return which sums are bounded, by what; the firm is summed over all instruments, others by each."""
    found: dict[tuple[str, str, int], dict[str, Bound]] = {}
    for measure in ("window_notional", "window_quantity"):
        for bound in bounds[measure]:
            key = (bound.scope, ANY if bound.level == "firm" else instrument, bound.window)
            found.setdefault(key, {})[measure] = bound
    return tuple(
        Window(key, both.get("window_notional"), both.get("window_quantity")) for key, both in found.items()
    )


def _meets(bound: Bound, scope_type: str, window_seconds: int) -> bool:
    level = "tier" if bound.level == "instrument" else bound.level
    return level == scope_type and bound.window == window_seconds * SECOND
