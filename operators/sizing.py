"""Sizing: how many units should a strategy hold, given where it wants to stand and how much the instrument moves?

Key     strategy and instrument
In      direction, score's volatility, price, equity
Out     Sizing: target, change, and in words why there is no change
State   none
Time    none
Silence never: every question has an answer, also "nothing"
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from domain.instruments import Instrument


@dataclass(frozen=True)
class SizingParams:
    """Volatility target sizing.

    A full position takes `capital_fraction` of equity, scaled by `volatility_target` over the instrument's annualised
    volatility (at least `volatility_floor`), and at most `notional_max` in base currency. A change smaller than
    `no_trade_band` times the target is not worth its cost; one of exactly the band is made.
    """

    volatility_target: float = 0.10
    volatility_floor: float = 0.05
    capital_fraction: float = 0.05
    notional_max: Decimal = Decimal(400_000)
    no_trade_band: float = 0.10

    def __post_init__(self) -> None:
        """Refuse sizes that are no sizes."""
        volatilities = (self.volatility_target, self.volatility_floor)
        if not all(0 < value < math.inf for value in (*volatilities, self.notional_max)):
            raise ValueError(
                f"sizing needs volatility_target, volatility_floor and notional_max above 0 and finite; "
                f"{volatilities[0]}, {volatilities[1]} and {self.notional_max} were given"
            )
        if not 0 < self.capital_fraction <= 1 or not 0 <= self.no_trade_band < 1:
            raise ValueError(
                f"sizing needs capital_fraction in (0, 1] and no_trade_band in [0, 1); "
                f"{self.capital_fraction} and {self.no_trade_band} were given"
            )


class Sizing(NamedTuple):
    """What should be held and what has to change for it, in units; `reason` says why nothing has to."""

    target: int
    change: int
    reason: str = ""


def size_position(
    params: SizingParams,
    instrument: Instrument,
    direction: int,
    volatility: float,
    price: Decimal | None,
    equity: Decimal,
    position: int,
) -> Sizing:
    """Return the target position in units (signed) and the change that leads to it.

    `direction` is -1, 0 or 1, `volatility` annualised (fraction), `price` in the instrument's currency, `equity` in
    base currency. A position whose sign is wrong is closed first, whatever else is missing: the change never crosses
    zero, and the target is 0 until the position is. Raises ValueError for another direction.
    """
    if direction not in (-1, 0, 1):
        raise ValueError(f"a direction is -1, 0 or 1; {direction} was given")
    if direction == 0 or position * direction < 0:
        return Sizing(0, -position, "" if position else "flat already")
    if price is None or price <= 0:
        return Sizing(position, 0, "no price to size with")
    if not math.isfinite(volatility) or volatility < 0:
        return Sizing(position, 0, "volatility is missing")
    if equity <= 0:
        return Sizing(position, 0, f"no equity to size with: {equity}")
    target = direction * _units(params, instrument, volatility, price, equity)
    if target == 0:
        return Sizing(0, -position, "" if position else "a full position is less than one lot")
    change = target - position
    if change == 0:
        return Sizing(target, 0, "on target already")
    if abs(change) < Decimal(repr(params.no_trade_band)) * abs(target):
        return Sizing(target, 0, f"inside the no-trade band: target {target}, position {position}")
    return Sizing(target, change)


def _units(
    params: SizingParams, instrument: Instrument, volatility: float, price: Decimal, equity: Decimal
) -> int:
    """Return the size of a full position in whole lots."""
    scale = params.volatility_target / max(volatility, params.volatility_floor)
    notional = min(equity * Decimal(repr(params.capital_fraction * scale)), params.notional_max)
    lots = notional / (price * instrument.unit_multiplier * instrument.lot_size)
    return int(lots) * instrument.lot_size
