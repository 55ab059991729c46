"""What is listed where: instruments by permanent id, with their names and terms, valid over time and as known."""

import json
import re
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from domain.envelope import Record

ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}\d")
FIGI = re.compile(r"[B-DF-HJ-NP-TV-Z]{2}G[B-DF-HJ-NP-TV-Z0-9]{8}\d")
CURRENCY = re.compile(r"[A-Z0-9]{1,12}")
"""ISO 4217, or what a venue of crypto assets calls its own."""


class Listing(Record, frozen=True, kw_only=True):
    """An instrument at a venue from `valid_from` until before `valid_to` (ns UTC, None for open).

    `instrument_id` is permanent: a new ticker keeps it, and a ticker that is used again has another one. `tick_size`
    is in `currency`, `lot_size` and `multiplier` in units; `tick_bands` is a JSON list of [price from, tick size] where
    the tick depends on the price. What is not known is empty.
    """

    instrument_id: str
    venue: str
    ticker: str
    kind: str
    valid_from: int
    valid_to: int | None = None
    name: str = ""
    figi: str = ""
    isin: str = ""
    currency: str = ""
    sector: str = ""
    calendar: str = ""
    tick_size: Decimal = Decimal("0.01")
    tick_bands: str = ""
    lot_size: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        """Refuse a listing without a name or a step of its price, that ends before it begins, or misspells a code."""
        if not (self.instrument_id and self.venue and self.ticker):
            raise ValueError("a listing needs instrument_id, venue and ticker")
        if min(self.tick_size, self.lot_size, self.multiplier) <= 0:
            raise ValueError(
                f"tick_size, lot_size and multiplier are above 0; {self.tick_size}, {self.lot_size} and "
                f"{self.multiplier} were given"
            )
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError(
                f"a listing is valid until after it begins; {self.valid_from} to {self.valid_to} was given"
            )
        if self.isin and not (ISIN.fullmatch(self.isin) and _isin_digit(self.isin[:-1]) == self.isin[-1]):
            raise ValueError(f"an ISIN has 12 characters, the last a check digit; {self.isin!r} was given")
        if self.figi and not (FIGI.fullmatch(self.figi) and _figi_digit(self.figi[:-1]) == self.figi[-1]):
            raise ValueError(f"a FIGI has 12 characters, the last a check digit; {self.figi!r} was given")
        if self.currency and not CURRENCY.fullmatch(self.currency):
            raise ValueError(f"a currency is a code like USD; {self.currency!r} was given")
        _check_bands(self.tick_bands)

    def says_what(self, before: "Listing") -> bool:
        """Say whether this listing says nothing but what another, that began no later, says already."""
        fields = set(self.__struct_fields__) - set(Record.__struct_fields__) - {"valid_from"}
        return before.valid_from <= self.valid_from and all(
            getattr(before, name) == getattr(self, name) for name in fields
        )


def _values(code: str) -> list[int]:
    return [int(letter, 36) for letter in code]


def _isin_digit(body: str) -> str:
    """Return the check digit of an ISIN (ISO 6166): Luhn over its letters as two digits each."""
    digits = "".join(map(str, _values(body)))
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits))]
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def _figi_digit(body: str) -> str:
    """Return the check digit of a FIGI: every second value doubled, digits added up."""
    doubled = [value * (1 + place % 2) for place, value in enumerate(_values(body))]
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def _check_bands(text: str) -> None:
    """Refuse tick bands that are no rising list of [price from, tick size]."""
    if not text:
        return
    try:
        bands = [(Decimal(str(begin)), Decimal(str(tick))) for begin, tick in json.loads(text)]
    except (ValueError, TypeError, InvalidOperation) as error:
        raise ValueError(
            f"tick_bands is a JSON list of [price from, tick size]; {text!r} was given"
        ) from error
    if any(tick <= 0 for _, tick in bands) or any(
        after <= before for (before, _), (after, _) in pairwise(bands)
    ):
        raise ValueError(f"tick bands rise in price and their ticks are above 0; {text!r} was given")
