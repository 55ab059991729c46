"""Exact money: the one place where a measured price becomes an exact one, and back."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

ZERO = Decimal(0)
SMALLEST = Decimal("0.00000001")
"""The last place to which an amount or a price that a division gives is kept."""
_ROUNDING = {0: ROUND_HALF_EVEN, 1: ROUND_CEILING, -1: ROUND_FLOOR}


def exact_price(measure: float, tick_size: Decimal, direction: int = 0) -> Decimal:
    """Return the multiple of `tick_size` nearest to a measured price.

    `direction` 1 rounds up, -1 down, 0 to the nearest. The measure is first rounded to a millionth of a tick, so
    that binary noise of a price that lies on a tick does not move it to the next one. Raises ValueError where the
    measure is not finite.
    """
    if not math.isfinite(measure):
        raise ValueError(f"a price is finite; {measure} was given")
    steps = (Decimal(measure) / tick_size).quantize(Decimal("0.000001"))
    return steps.to_integral_value(_ROUNDING[direction]) * tick_size


def on_tick(price: Decimal, tick_size: Decimal) -> bool:
    """Say whether an exact price is a whole number of ticks."""
    return price % tick_size == 0


def whole_units(size: float, unit: Decimal) -> int:
    """Return how many whole units a measured size holds; 0 where it is not finite or below 0."""
    if not (math.isfinite(size) and size > 0):
        return 0
    return int(size) if unit == 1 else int(Decimal(repr(size)) // unit)


def cents(amount: Decimal) -> Decimal:
    """Return an amount rounded to whole cents, half to even; fees are charged so."""
    return amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
