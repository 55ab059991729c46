"""What is listed where: instruments by permanent id, with their names and terms, valid over time and as known."""

from decimal import Decimal

from domain.envelope import Record


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
        """Refuse a listing without a name, without a step of its price, or that ends before it begins."""
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

    def says_what(self, before: "Listing") -> bool:
        """Say whether this listing says nothing but what another, that began no later, says already."""
        fields = set(self.__struct_fields__) - set(Record.__struct_fields__) - {"valid_from"}
        return before.valid_from <= self.valid_from and all(
            getattr(before, name) == getattr(self, name) for name in fields
        )
