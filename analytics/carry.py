"""Carry: what cash, borrowed shares and perpetuals earn or cost while they are held, by rates that hold from a day on.

Every amount is a Decimal in its own currency, received above 0 and paid below, to a hundred-millionth.

* Interest: the account's whole balance of a currency earns `credit` a year above 0 and pays `debit` below. The part of
  every owner bears the rate of the whole, so that the interest of all owners adds up to the account's.
* Borrow: what the account is short altogether costs `rate` a year of its value; each strategy that is short bears its
  share of the shorts, and the last of them what a division leaves over.
* Funding: at each whole multiple of `hours` since 1970 UTC, `rate` of the value passes from long to short.

A night is from one calendar day to the next: `rate / days in a year`, actual/360 or actual/365 by the currency's money
market. A currency, instrument or day without a row has no rate.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, TypeVar

from domain.market import END, MINUTE
from domain.money import SMALLEST, ZERO

ANY = "*"
HOUR = 60 * MINUTE
YEAR_OF_365 = frozenset(
    (
        "AUD",
        "CAD",
        "GBP",
        "HKD",
        "ILS",
        "INR",
        "JPY",
        "KRW",
        "MYR",
        "NZD",
        "PLN",
        "SGD",
        "THB",
        "TRY",
        "TWD",
        "ZAR",
    )
)
"""Currencies whose money market counts actual/365; all others count actual/360."""


class CarryPart(StrEnum):
    """Which leg of carry an amount belongs to."""

    FINANCING = "financing"
    BORROW = "borrow"
    FUNDING = "funding"


class CashRate(NamedTuple):
    """What a currency earns and costs a year from a day (since 1970-01-01) on; fractions."""

    currency: str
    valid_from: int
    credit: Decimal
    debit: Decimal


class BorrowRate(NamedTuple):
    """What a borrowed instrument costs a year from a day (since 1970-01-01) on; `*` is every one without a row."""

    instrument: str
    valid_from: int
    rate: Decimal


class FundingRate(NamedTuple):
    """What part of its value a perpetual's long pays its short each `hours`, from an instant (ns UTC) on."""

    instrument: str
    valid_from: int
    rate: Decimal
    hours: int


Row = TypeVar("Row", CashRate, BorrowRate, FundingRate)


@dataclass(frozen=True)
class CarryRates:
    """All rates; `days_in_year` by currency where another day count is meant than the currency's own."""

    cash: tuple[CashRate, ...] = ()
    borrow: tuple[BorrowRate, ...] = ()
    funding: tuple[FundingRate, ...] = ()
    days_in_year: Mapping[str, int] = field(default_factory=dict)

    def year(self, currency: str) -> int:
        """Return how many days a year has for a currency's interest."""
        return self.days_in_year.get(currency, 365 if currency in YEAR_OF_365 else 360)

    def cash_at(self, currency: str, day: int) -> CashRate | None:
        """Return the interest that holds on a day."""
        return _latest([row for row in self.cash if row.currency == currency], day)

    def borrow_at(self, instrument: str, day: int) -> Decimal:
        """Return the borrow fee that holds on a day: the instrument's own, else that of all, else 0."""
        for name in (instrument, ANY):
            row = _latest([row for row in self.borrow if row.instrument == name], day)
            if row is not None:
                return row.rate
        return ZERO

    def funding_at(self, instrument: str, at: int) -> FundingRate | None:
        """Return the funding that holds at an instant (ns UTC)."""
        return _latest([row for row in self.funding if row.instrument == instrument], at)

    def next_funding(self, after: int) -> int:
        """Return the first instant after another (ns UTC) at which anything may be funded; the last int64 if none."""
        steps = [(row.hours * HOUR, max(after + 1, row.valid_from)) for row in self.funding]
        return min((-(-first // step) * step for step, first in steps), default=END)


class Holding(NamedTuple):
    """What an owner holds of an instrument: units (below 0 if short), and what one is worth in the currency."""

    owner: str
    instrument: str
    currency: str
    quantity: int
    unit_value: Decimal


class Posting(NamedTuple):
    """An amount that an owner received, or paid if below 0."""

    owner: str
    currency: str
    amount: Decimal
    part: CarryPart


def interest(
    balances: Mapping[tuple[str, str], Decimal], rates: CarryRates, first_day: int, last_day: int
) -> list[Posting]:
    """Return the interest on balances by (owner, currency) for the nights from a day to another (since 1970)."""
    whole: dict[str, Decimal] = {}
    for (_, currency), balance in balances.items():
        whole[currency] = whole.get(currency, ZERO) + balance
    made = []
    for (owner, currency), balance in balances.items():
        rate = ZERO
        for day in range(first_day, last_day):
            row = rates.cash_at(currency, day)
            if row is not None:
                rate += row.credit if whole[currency] > 0 else row.debit
        made.append(Posting(owner, currency, _exact(balance * rate, rates, currency), CarryPart.FINANCING))
    return _told(made)


def borrow_fees(
    holdings: Iterable[Holding], rates: CarryRates, first_day: int, last_day: int
) -> list[Posting]:
    """Return the fees on what is short altogether for the nights from a day to another (since 1970)."""
    made = []
    for instrument, held in _by_instrument(holdings).items():
        short = -sum(each.quantity for each in held)
        rate = sum((rates.borrow_at(instrument, day) for day in range(first_day, last_day)), ZERO)
        if short <= 0 or not rate:
            continue
        currency, owners = held[0].currency, [each for each in held if each.quantity < 0]
        left = fee = _exact(short * held[0].unit_value * rate, rates, currency)
        shorts = sum(-each.quantity for each in owners)
        for each in owners[:-1]:
            share = (fee * -each.quantity / shorts).quantize(SMALLEST)
            made.append(Posting(each.owner, currency, -share, CarryPart.BORROW))
            left -= share
        made.append(Posting(owners[-1].owner, currency, -left, CarryPart.BORROW))
    return _told(made)


def funding(holdings: Iterable[Holding], rates: CarryRates, at: int) -> list[Posting]:
    """Return what perpetuals pay and receive at an instant (ns UTC)."""
    made = []
    for instrument, held in _by_instrument(holdings).items():
        row = rates.funding_at(instrument, at)
        if row is None or at % (row.hours * HOUR):
            continue
        for each in held:
            amount = (-each.quantity * each.unit_value * row.rate).quantize(SMALLEST)
            made.append(Posting(each.owner, each.currency, amount, CarryPart.FUNDING))
    return _told(made)


def _latest(rows: Sequence[Row], at: int) -> Row | None:
    return max((row for row in rows if row.valid_from <= at), key=lambda row: row.valid_from, default=None)


def _exact(yearly: Decimal, rates: CarryRates, currency: str) -> Decimal:
    return (yearly / rates.year(currency)).quantize(SMALLEST)


def _by_instrument(holdings: Iterable[Holding]) -> dict[str, list[Holding]]:
    found: dict[str, list[Holding]] = {}
    for each in holdings:
        if each.quantity:
            found.setdefault(each.instrument, []).append(each)
    return found


def _told(made: list[Posting]) -> list[Posting]:
    return [posting for posting in made if posting.amount]
