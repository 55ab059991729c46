"""Instruments and the universe of a run: what may be traded, in which steps, in which money."""

import difflib
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One tradable instrument: `tick_size` in its currency, `lot_size` in units, `tier` names its collar.

    `sector` is what it is compared within; an empty one is not known. `beta` is against the index that the desk has
    chosen. Quantities of orders and positions are whole numbers of units, so that they are exact. A unit is one share
    or contract, or the step in which a coin is traded: with a `unit` of 0.00001, 1.5 BTC are 150,000 units.
    """

    name: str
    issuer: str = ""
    tick_size: Decimal = Decimal("0.01")
    lot_size: int = 1
    multiplier: int = 1
    unit: Decimal = Decimal(1)
    currency: str = "USD"
    calendar: str = "XNYS"
    tier: str = "liquid"
    tradable: bool = True
    sector: str = ""
    beta: float = 1.0

    def __post_init__(self) -> None:
        """Refuse an instrument that could not be priced or sized."""
        if not self.name:
            raise ValueError("an instrument needs a name; an empty one was given")
        if self.tick_size <= 0 or self.lot_size < 1 or self.multiplier < 1:
            raise ValueError(f"{self.name} needs tick_size, lot_size and multiplier above 0")
        if not (self.unit.is_finite() and self.unit > 0):
            raise ValueError(f"{self.name} needs a unit above 0; {self.unit} was given")

    @property
    def unit_multiplier(self) -> int | Decimal:
        """Return what one unit is worth where the price is 1, in the instrument's currency."""
        return self.multiplier if self.unit == 1 else self.multiplier * self.unit

    def amount(self, quantity: int) -> Decimal:
        """Return how much of the instrument so many units are: shares, contracts or coins."""
        return quantity * self.unit

    def units(self, amount: Decimal) -> int:
        """Return how many whole units an amount holds; raises ValueError where that is not exact.

        An order from elsewhere, written in coins, comes in by this door.
        """
        whole, rest = divmod(amount, self.unit)
        if rest:
            raise ValueError(f"{self.name} is traded in steps of {self.unit}; {amount} was given")
        return int(whole)


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """A share split: at `effective_at` (ns UTC) each share becomes `ratio` shares."""

    instrument: str
    effective_at: int
    known_at: int
    ratio: Decimal

    def __post_init__(self) -> None:
        """Refuse a ratio that would wipe a position out, and knowledge after the fact."""
        if self.ratio <= 0:
            raise ValueError(f"a split ratio is above 0; {self.ratio} was given for {self.instrument}")
        if self.known_at > self.effective_at:
            raise ValueError(f"the split of {self.instrument} must be known when it takes effect")


class UnknownInstrument(ValueError):
    """An instrument was named that the universe does not hold."""


class Universe:
    """The instruments of a run, sorted by name; an index stands for a name in every column.

    Raises ValueError where a name is given twice.
    """

    def __init__(self, instruments: tuple[Instrument, ...]) -> None:
        self.instruments = tuple(sorted(instruments, key=lambda instrument: instrument.name))
        self.names = tuple(instrument.name for instrument in self.instruments)
        self._index = {name: index for index, name in enumerate(self.names)}
        if len(self._index) != len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise ValueError(f"an instrument may be listed once; {twice} is listed twice")

    def __len__(self) -> int:
        """Return the number of instruments."""
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        """Say whether the universe holds an instrument of that name."""
        return name in self._index

    def index(self, name: str) -> int:
        """Return the index that stands for `name`; raises UnknownInstrument with the nearest names."""
        if name in self._index:
            return self._index[name]
        near = difflib.get_close_matches(name, self.names, 3) or list(self.names[:5])
        raise UnknownInstrument(
            f"unknown instrument {name!r}; the nearest known: {', '.join(near) or 'none'}"
        )

    def indices(self) -> dict[str, int]:
        """Return the index that stands for each name."""
        return dict(self._index)

    def of(self, name: str) -> Instrument:
        """Return the instrument of that name; raises UnknownInstrument."""
        return self.instruments[self.index(name)]

    def tick_sizes(self) -> NDArray[np.float64]:
        """Return the tick size of each instrument, in its currency, in index order."""
        return np.array([float(instrument.tick_size) for instrument in self.instruments])

    def sectors(self) -> NDArray[np.int32]:
        """Return a number for the sector of each instrument, in index order; -1 where it has none."""
        names = sorted({instrument.sector for instrument in self.instruments} - {""})
        number = {name: at for at, name in enumerate(names)} | {"": -1}
        return np.array([number[instrument.sector] for instrument in self.instruments], np.int32)
