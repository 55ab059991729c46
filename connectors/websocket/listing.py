"""A venue's list of instruments: in which steps of price and of quantity each is traded."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from connectors.source import SourceError
from domain.instruments import Instrument


class Steps(NamedTuple):
    """The steps of an instrument: `tick_size` in its quote currency, `unit` in coins, None where that is not said."""

    tick_size: Decimal
    unit: Decimal | None = None


def values_at(value: Any, path: str) -> Iterator[Any]:
    """Yield what stands at a path of decoded JSON: `a.b` is `b` in `a`, `*` every element, and "" the value itself."""
    head, _, rest = path.partition(".")
    if not head:
        yield value
    elif head == "*":
        for inner in value.values() if isinstance(value, dict) else value:
            yield from values_at(inner, rest)
    elif isinstance(value, dict) and head in value:
        yield from values_at(value[head], rest)


FINEST = Decimal("0.00000001")
SMALL_UNIT = Decimal("0.00001")
"""The step of quantities of a venue that does not say its own: small beside an order of any coin that we trade."""
ROUND_THE_CLOCK = "24/7"


def instruments_of(
    venue: str, symbols: Mapping[str, str], steps: Mapping[str, Steps] | None
) -> tuple[Instrument, ...]:
    """Return instruments (of which `symbols` names the venue's own names) by what a venue says of their steps.

    Where it says nothing (None) any price is on tick. Raises SourceError where the venue has one of them not.
    """
    made = []
    for name in sorted(symbols):
        if steps is not None and symbols[name] not in steps:
            raise SourceError(f"{venue} has no instrument {name} ({symbols[name]}); name some that it has")
        tick_size, unit = Steps(FINEST) if steps is None else steps[symbols[name]]
        issuer = name.partition("-")[0]
        made.append(
            Instrument(
                name=name,
                issuer=issuer,
                tick_size=tick_size,
                unit=unit or SMALL_UNIT,
                calendar=ROUND_THE_CLOCK,
            )
        )
    return tuple(made)


class Listing(NamedTuple):
    """Where the list of instruments is and how it is written: paths of rows, and in a row of symbol and steps.

    The first step that a row has counts. With `places` steps are written as a number of decimal places.
    """

    path: str
    rows: str
    symbol: str
    tick_size: str
    unit: str
    places: bool = False

    def steps(self, body: bytes) -> dict[str, Steps]:
        """Return the steps of each symbol; raises ValueError or ArithmeticError for what is no such list."""
        made = {}
        for row in values_at(msgspec.json.decode(body), self.rows):
            tick_size, unit = (self._step(row, path) for path in (self.tick_size, self.unit))
            for symbol in values_at(row, self.symbol):
                if tick_size is not None:
                    made[str(symbol)] = Steps(tick_size, unit)
        if not made:
            raise ValueError(
                f"a list of instruments has {self.tick_size} for each {self.symbol}; none was found"
            )
        return made

    def _step(self, row: Any, path: str) -> Decimal | None:
        for value in values_at(row, path):
            step = Decimal(1).scaleb(-int(value)) if self.places else Decimal(str(value))
            return step.normalize() if step > 0 else None
        return None
