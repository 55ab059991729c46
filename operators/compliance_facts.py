"""What the checks read that is neither market data, order nor limit: rows of files, with the instants they are true.

Every kind of row is an input with a name (`INPUTS`); `docs/pre-trade.md` says where each comes from. `facts_of` makes
them from plain rows, as YAML and CSV give them. An instant is ns UTC; `valid_from` is inclusive, `valid_to` exclusive.
"""

import difflib
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec

from domain.envelope import record_id
from operators.limit_rows import instant
from operators.limits import ANY, FAR_FUTURE, LimitError

ZERO = Decimal(0)
PARTY_KINDS = ("issuer", "account", "venue")
T = TypeVar("T")


class FactError(ValueError):
    """A row of an input is wrong; the message says which, what was given, and what is allowed."""


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row that is true for a time."""

    valid_from: int = 0
    valid_to: int = FAR_FUTURE

    def holds(self, now_at: int) -> bool:
        """Say whether the row is true at an instant."""
        return self.valid_from <= now_at < self.valid_to


class Algorithm(Row, frozen=True, kw_only=True):
    """PT-05: a version of a strategy that is approved in an environment, and how far it may go in a day.

    `position_max` in units of one instrument; `*` in `version` approves any. Source: RTS 6 Art. 5(2), 8.
    """

    strategy: str
    version: str
    environment: str = "simulation"
    instruments_max: int
    venues_max: int
    orders_max: int
    position_max: int


class InstrumentFacts(Row, frozen=True, kw_only=True):
    """What is known of an instrument beyond its terms; what is left out is not known, and its check refuses.

    `adv20` units a day, `sigma_daily_percent`, `spread_median` in currency, `factors` as `value:0.4 size:-1.2`.
    """

    instrument: str
    adv20: Decimal | None = None
    sigma_daily_percent: Decimal | None = None
    beta: Decimal | None = None
    sector: str = ""
    country: str = ""
    shares_outstanding: Decimal | None = None
    spread_median: Decimal | None = None
    factors: str = ""


def facts_in_units(known: InstrumentFacts, splits: Iterable[tuple[int, Decimal]]) -> InstrumentFacts:
    """Return what is known of an instrument in the units of after its splits (at in ns UTC, ratio).

    A row that began to be true after a split was written in its units.
    """
    ratio = Decimal(1)
    for effective_at, each in splits:
        ratio *= each if effective_at > known.valid_from else 1
    if ratio == 1:
        return known
    return msgspec.structs.replace(
        known,
        adv20=None if known.adv20 is None else known.adv20 * ratio,
        shares_outstanding=None if known.shares_outstanding is None else known.shares_outstanding * ratio,
        spread_median=None if known.spread_median is None else known.spread_median / ratio,
    )


class MarginRate(Row, frozen=True, kw_only=True):
    """PT-31: what must be covered of a position of a tier, percent of its value."""

    tier: str
    rate_percent: Decimal


class Mandate(Row, frozen=True, kw_only=True):
    """PT-43: what the owner of an account allows; lists are separated by blanks, and empty ones forbid nothing."""

    account: str
    short_allowed: bool = True
    instruments_forbidden: str = ""
    sectors_forbidden: str = ""
    countries_forbidden: str = ""
    currencies_allowed: str = ANY
    tiers_allowed: str = ANY


class Sanction(Row, frozen=True, kw_only=True):
    """PT-43: an issuer or an account that nothing may be done with or for."""

    entry_id: str
    issuer: str = ""
    account: str = ""


class Party(Row, frozen=True, kw_only=True):
    """PT-43: by which name an issuer, an account or a venue (`issuer:ACME`) is compared with lists of names.

    Several rows of a party are its names; an issuer without a row is compared by what the instrument says of it.
    """

    party: str
    name: str


class ClearedName(Row, frozen=True, kw_only=True):
    """PT-43: compliance has found that a party is another than the entry of a list that has a similar name."""

    party: str
    list: str
    entry_id: str


class Locate(Row, frozen=True, kw_only=True):
    """PT-38: shares that were found to be borrowed; `kind` is locate, pre_borrow or easy_to_borrow (any quantity)."""

    locate_id: str
    instrument: str
    account: str = ANY
    quantity: int = 0
    kind: str = "locate"

    def counts(self, splits: Iterable[tuple[int, Decimal]]) -> bool:
        """Say whether the quantity is in today's shares, or is any; `splits` as (at in ns UTC, ratio)."""
        return self.kind == "easy_to_borrow" or all(at <= self.valid_from for at, _ in splits)


class PreBorrow(Row, frozen=True, kw_only=True):
    """PT-40: an instrument that may be sold short only with shares that are borrowed already; `account` whose fails."""

    instrument: str
    account: str = ANY
    cause: str = "threshold_list"


class ShortSaleRestriction(Row, frozen=True, kw_only=True):
    """PT-39: Rule 201 is active in an instrument, as its listing market says."""

    instrument: str


class Band(Row, frozen=True, kw_only=True):
    """PT-16: the price band of an instrument as the SIP publishes it, from `valid_from` until the next one."""

    instrument: str
    lower: Decimal
    upper: Decimal


class ProtectedQuote(Row, frozen=True, kw_only=True):
    """PT-18: the protected quote of a venue, from `valid_from` until its next one; a side that is left out is none."""

    instrument: str
    venue: str
    bid: Decimal | None = None
    ask: Decimal | None = None


class Breaker(Row, frozen=True, kw_only=True):
    """PT-16: a market-wide circuit breaker, from its trigger to the end of the halt."""

    level: int


class ClientOrder(Row, frozen=True, kw_only=True):
    """PT-42: an order that is held for a client; `price` None at the market; `related` names other instruments."""

    order_id: str
    instrument: str
    side: str
    quantity: int
    price: Decimal | None = None
    related: str = ""


class Credit(Row, frozen=True, kw_only=True):
    """PT-30: what a customer or the firm has used elsewhere, base currency, from `valid_from` until the next row."""

    scope: str
    used: Decimal


INPUTS: dict[str, type[Row]] = {
    "algorithms": Algorithm,
    "instruments": InstrumentFacts,
    "margin_rates": MarginRate,
    "mandates": Mandate,
    "sanctions": Sanction,
    "parties": Party,
    "cleared_names": ClearedName,
    "locates": Locate,
    "pre_borrow": PreBorrow,
    "short_sale_restrictions": ShortSaleRestriction,
    "bands": Band,
    "breakers": Breaker,
    "protected_quotes": ProtectedQuote,
    "client_orders": ClientOrder,
    "credit": Credit,
}
"""Each input by its name, and what a row of it holds."""


@lru_cache(maxsize=65_536)
def loadings_of(factors: str) -> tuple[tuple[str, Decimal], ...]:
    """Return the factor loadings by name; raises ArithmeticError where one is no number."""
    parts = (part.partition(":") for part in factors.split())
    return tuple((name, Decimal(loading)) for name, _, loading in parts)


class Dated(Generic[T]):
    """Values by key, each true from an instant on until the next one of its key."""

    def __init__(self, rows: Iterable[tuple[Hashable, int, T]]) -> None:
        by_key: dict[Hashable, list[tuple[int, T]]] = {}
        for key, at, value in rows:
            by_key.setdefault(key, []).append((at, value))
        self._by_key = {
            key: ([at for at, _ in ordered], [value for _, value in ordered])
            for key, many in by_key.items()
            for ordered in [sorted(many, key=lambda each: each[0])]
        }

    def at(self, key: Hashable, now_at: int) -> T | None:
        """Return what is true of a key at an instant (ns UTC), None before the first."""
        found = self._by_key.get(key)
        if found is None:
            return None
        place = bisect_right(found[0], now_at)
        return found[1][place - 1] if place else None


class Facts:
    """The inputs of a run, by what the checks look up; `given` names those that are configured. Treat as frozen."""

    def __init__(self, rows: Mapping[str, tuple[Row, ...]] | None = None) -> None:
        self.rows = dict(rows or {})
        self.given = frozenset(self.rows)
        self.version = record_id(
            *(msgspec.json.encode((name, self.rows[name])) for name in sorted(self.rows))
        )
        self.algorithms = self._by("algorithms", lambda row: row.strategy)
        self.mandates = self._by("mandates", lambda row: row.account)
        self.locates = self._by("locates", lambda row: row.instrument)
        self.pre_borrow = self._by("pre_borrow", lambda row: row.instrument)
        self.restrictions = self._by("short_sale_restrictions", lambda row: row.instrument)
        self.sanctioned = self._by("sanctions", lambda row: row.issuer or f"account:{row.account}")
        self.cleared = self._by("cleared_names", lambda row: (row.party, row.list, row.entry_id))
        self.client_orders = self._by_related("client_orders")
        self.instruments = self._dated("instruments", lambda row: row.instrument)
        self.margin_rates = self._dated("margin_rates", lambda row: row.tier)
        self.bands = self._dated("bands", lambda row: row.instrument)
        self.protected = self._dated("protected_quotes", lambda row: (row.instrument, row.venue))
        shown = {(row.instrument, row.venue): None for row in self._all("protected_quotes")}
        self.protected_venues = {name: tuple(v for n, v in shown if n == name) for name, _ in shown}
        self.credit = self._dated("credit", lambda row: row.scope)
        self.breakers = self._all("breakers")

    def __getstate__(self) -> dict[str, tuple[Row, ...]]:
        """Return the rows; the rest is made from them."""
        return self.rows

    def __setstate__(self, rows: dict[str, tuple[Row, ...]]) -> None:
        """Index the rows again."""
        self.__init__(rows)  # type: ignore[misc]

    def is_cleared(self, party: str, list_name: str, entry_id: str, now_at: int) -> bool:
        """Say whether compliance has found that a party is another than an entry of a list (PT-43)."""
        return any(row.holds(now_at) for row in self.cleared.get((party, list_name, entry_id), ()))

    def _all(self, name: str) -> tuple[Any, ...]:
        return self.rows.get(name, ())

    def _by(self, name: str, key: Any) -> dict[Any, tuple[Any, ...]]:
        found: dict[Any, list[Any]] = {}
        for row in self._all(name):
            found.setdefault(key(row), []).append(row)
        return {each: tuple(rows) for each, rows in found.items()}

    def _by_related(self, name: str) -> dict[str, tuple[Any, ...]]:
        found: dict[str, list[Any]] = {}
        for row in self._all(name):
            for instrument in dict.fromkeys((row.instrument, *row.related.split())):
                found.setdefault(instrument, []).append(row)
        return {each: tuple(rows) for each, rows in found.items()}

    def _dated(self, name: str, key: Any) -> Dated[Any]:
        return Dated((key(row), row.valid_from, row) for row in self._all(name))


NOTHING_KNOWN = Facts()


def facts_of(given: Mapping[str, Iterable[Mapping[str, Any]]]) -> Facts:
    """Return facts made of plain rows by the name of their input; raises FactError that names the row."""
    made: dict[str, tuple[Row, ...]] = {}
    for name, rows in given.items():
        kind = INPUTS.get(name)
        if kind is None:
            near = difflib.get_close_matches(name, INPUTS, 1, 0.0)[0]
            raise FactError(f"unknown input {name!r}; the nearest is {near!r} of {', '.join(INPUTS)}")
        made[name] = tuple(_row(name, number, kind, row) for number, row in enumerate(rows, start=1))
    return Facts(made)


def _row(name: str, number: int, kind: type[Row], given: Mapping[str, Any]) -> Row:
    """Return one row; text from a CSV becomes what the row holds, and empty cells are left out."""
    values = {field: value for field, value in given.items() if value not in (None, "")}
    for field in ("valid_from", "valid_to"):
        if field in values:
            text = values[field]
            whole = int(text) if isinstance(text, str) and text.lstrip("-").isdigit() else text
            try:
                values[field] = instant(f"input {name}, row {number}: {field}", whole)
            except LimitError as error:
                raise FactError(str(error)) from error
    for field, value in values.items():
        if isinstance(value, float):
            values[field] = str(value)
    try:
        row = msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise FactError(
            f"input {name}, row {number}: {error}; fields: {', '.join(kind.__struct_fields__)}"
        ) from error
    _refuse_nonsense(name, number, row)
    return row


def _refuse_nonsense(name: str, number: int, row: Row) -> None:
    """Raise FactError where the fields of a row do not make sense together."""
    for failed, rule in _rules(row):
        if failed:
            raise FactError(f"input {name}, row {number}: {rule}; {msgspec.to_builtins(row)!r} was given")


def _rules(row: Row) -> Iterator[tuple[bool, str]]:
    """Yield each rule that a row must keep, and whether it does not; the numbers come first."""
    values = [getattr(row, field) for field in row.__struct_fields__]
    infinite = any(isinstance(value, Decimal) and not value.is_finite() for value in values)
    yield infinite, "numbers are finite"
    yield row.valid_to <= row.valid_from, "valid_to is after valid_from"
    for field in ("adv20", "shares_outstanding", "spread_median"):
        value = getattr(row, field, None)
        yield value is not None and value <= 0, f"{field} is above 0"
    match row:
        case Locate():
            yield not row.locate_id.strip(), "a locate has an identifier; blanks are none"
            kinds = ("locate", "pre_borrow", "easy_to_borrow")
            yield row.kind not in kinds, f"kind is one of {', '.join(kinds)}"
        case Band():
            yield not ZERO <= row.lower <= row.upper, "lower is at least 0 and at most upper"
        case ProtectedQuote():
            sides = [price for price in (row.bid, row.ask) if price is not None]
            yield any(price <= 0 for price in sides), "bid and ask are above 0 where they are shown"
        case Sanction():
            yield bool(row.issuer) == bool(row.account), "exactly one of issuer and account is needed"
        case Party():
            kind, _, name = row.party.partition(":")
            yield (
                kind not in PARTY_KINDS or not name,
                f"party is TYPE:NAME, TYPE one of {', '.join(PARTY_KINDS)}",
            )
            yield not row.name.strip(), "a party has a name; blanks are none"
        case ClientOrder():
            yield row.side not in ("1", "2", "5"), "side is 1, 2 or 5 (FIX 54)"
        case InstrumentFacts():
            yield not _loadings_are_finite(row), "factors are written NAME:LOADING, with blanks between them"


def _loadings_are_finite(row: InstrumentFacts) -> bool:
    try:
        return all(loading.is_finite() for _, loading in loadings_of(row.factors))
    except ArithmeticError:
        return False
