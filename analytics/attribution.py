"""Where a book's P&L comes from: price, carry, fees and currency, which add up to the change of its NAV exactly.

Every amount is a Decimal. NAV = sum over currencies of rate * (cash + quantity * price * multiplier), in base currency.
Each event changes one thing, and its whole effect on NAV belongs to one part: a mark and a fill to price (a fill for
the difference of its price to the mark), a fee to fees, a dividend, interest or funding to carry, a rate to currency.
A split changes nothing; what a spin-off, a merger, a delisting or cash in lieu of a fraction pays, less what it takes,
is price, and so is the fall of a price by its dividend.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import NamedTuple

from analytics.carry import CarryPart
from domain.money import ZERO, cents

FINEST = Decimal("1e-9")
TREASURY = ""
"""Who owns what an account earns and no strategy of it does: the interest of its starting cash."""


class Rate(NamedTuple):
    """What one unit of a currency is worth in base currency, and when that was known (ns UTC)."""

    rate: Decimal
    at: int


@dataclass
class Leg:
    """A strategy's holding of an instrument, at its last mark."""

    quantity: int
    price: Decimal
    multiplier: int | Decimal
    currency: str
    marked_at: int

    @property
    def value(self) -> Decimal:
        """Return the market value in the leg's own currency."""
        return self.quantity * self.price * self.multiplier


@dataclass
class Parts:
    """P&L in base currency by where it came from; of `carry`, what is not in a leg below is dividends."""

    price: Decimal = ZERO
    carry: Decimal = ZERO
    fees: Decimal = ZERO
    currency: Decimal = ZERO
    financing: Decimal = ZERO
    borrow: Decimal = ZERO
    funding: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Return the whole."""
        return self.price + self.carry + self.fees + self.currency

    @property
    def dividends(self) -> Decimal:
        """Return the part of carry that is dividends."""
        return self.carry - self.financing - self.borrow - self.funding

    def __add__(self, other: "Parts") -> "Parts":
        """Return two P&Ls together."""
        return Parts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Parts)))


@dataclass
class Ledger:
    """One account: legs by instrument and strategy, cash by (strategy, currency), rates, and P&L by strategy."""

    base: str = "USD"
    legs: dict[str, dict[str, Leg]] = field(default_factory=dict)
    cash: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    rates: dict[str, Rate] = field(default_factory=dict)
    parts: dict[str, Parts] = field(default_factory=dict)

    def rate(self, currency: str) -> Decimal:
        """Return what a currency is worth; one whose rate nobody has told counts one for one (see `unconverted`)."""
        known = self.rates.get(currency)
        return Decimal(1) if known is None or currency == self.base else known.rate

    def unconverted(self) -> list[str]:
        """Return the currencies that are held and have no rate."""
        held = {currency for _, currency in self.cash} | {leg.currency for _, _, leg in self.held()}
        return sorted(held - {self.base} - set(self.rates))

    def fill(self, strategy: str, symbol: str, quantity: int, price: Decimal, fee: Decimal, leg: Leg) -> None:
        """Take a fill of a signed quantity; `leg` says multiplier, currency and mark where nothing was held yet."""
        held = self.legs.setdefault(symbol, {}).setdefault(strategy, leg)
        rate, parts = self.rate(held.currency), self._parts(strategy)
        paid = quantity * price * held.multiplier
        self._pay(strategy, held.currency, -paid - fee)
        held.quantity += quantity
        parts.price += (quantity * held.price * held.multiplier - paid) * rate
        parts.fees -= fee * rate

    def mark(self, symbol: str, price: Decimal, at: int) -> None:
        """Mark an instrument."""
        for strategy, leg in self.legs.get(symbol, {}).items():
            before = leg.value
            leg.price, leg.marked_at = price, at
            self._parts(strategy).price += (leg.value - before) * self.rate(leg.currency)

    def carry(self, strategy: str, currency: str, amount: Decimal, part: CarryPart | None = None) -> None:
        """Take interest, a borrow fee, funding or a dividend (None): received above 0, paid below."""
        self._pay(strategy, currency, amount)
        parts, worth = self._parts(strategy), amount * self.rate(currency)
        parts.carry += worth
        if part is not None:
            setattr(parts, part.value, getattr(parts, part.value) + worth)

    def set_rate(self, currency: str, rate: Decimal, at: int) -> None:
        """Translate a currency at a new rate from an instant (ns UTC) on.

        Raises ValueError for the base currency, a rate that is not above 0, or one that is older than the last.
        """
        known = self.rates.get(currency)
        if currency == self.base or not rate > 0 or (known is not None and at < known.at):
            raise ValueError(
                f"a rate is of a currency that is not the base, above 0, and not older than the last; {currency} "
                f"{rate} at {at} was given"
            )
        change = rate - self.rate(currency)
        for strategy in self.parts:
            self.parts[strategy].currency += self._held(strategy, currency) * change
        self.rates[currency] = Rate(rate, at)

    def split(self, symbol: str, ratio: Decimal, price: Decimal | None) -> None:
        """Split an instrument: fractions are paid out in cash at the split mark, in whole cents; P&L is price's."""
        for strategy, leg in self.legs.get(symbol, {}).items():
            before = leg.value
            exact = (leg.quantity * ratio).quantize(FINEST)
            leg.price = price if price is not None else leg.price / ratio
            leg.quantity = int(exact)
            paid = cents((exact - leg.quantity) * leg.price * leg.multiplier)
            if paid:
                self._pay(strategy, leg.currency, paid)
            self._parts(strategy).price += (leg.value + paid - before) * self.rate(leg.currency)

    def act(self, strategy: str, symbol: str, leg: Leg, paid: Decimal, carry: Decimal = ZERO) -> None:
        """Let a holding be another one since a corporate action: `leg` as it is now, `paid` in cash for it.

        `carry` is the part of that which is a dividend; the rest is price, with the change of the value.
        """
        held = self.legs.setdefault(symbol, {}).get(strategy)
        before = ZERO if held is None else held.value
        self.legs[symbol][strategy] = leg
        self._pay(strategy, leg.currency, paid)
        rate, parts = self.rate(leg.currency), self._parts(strategy)
        parts.carry += carry * rate
        parts.price += (leg.value - before + paid - carry) * rate

    def held(self) -> Iterator[tuple[str, str, Leg]]:
        """Yield strategy, instrument and leg of everything that was ever held."""
        for symbol, legs in self.legs.items():
            for strategy, leg in legs.items():
                yield strategy, symbol, leg

    def earned(self, strategy: str) -> Decimal:
        """Return what a strategy's cash and holdings come to, in base currency: its P&L, told by what is there."""
        currencies = sorted({currency for _, currency in self.cash})
        whole = ZERO
        for currency in currencies:
            whole += self._held(strategy, currency) * self.rate(currency)
        return whole

    def _held(self, strategy: str, currency: str) -> Decimal:
        """Return cash and market value of a strategy in a currency, in that currency."""
        value = self.cash.get((strategy, currency), ZERO)
        for owner, _, leg in self.held():
            if owner == strategy and leg.currency == currency:
                value += leg.value
        return value

    def _pay(self, strategy: str, currency: str, amount: Decimal) -> None:
        key = strategy, currency
        self.cash[key] = self.cash.get(key, ZERO) + amount

    def _parts(self, strategy: str) -> Parts:
        return self.parts.setdefault(strategy, Parts())
