"""Sizing: how many units should a strategy hold, given where it wants to stand and how much the instrument moves?

Key     strategy and instrument
In      direction, score, weight, volatility, price, equity, what was traded today
Out     Sizing: target, change, and in words why there is no change
State   none
Time    none
Silence never: every question has an answer, also "nothing"
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from domain.instruments import Instrument

DAYS_A_YEAR = 252


class Rule(StrEnum):
    """How a full position is found; see `SizingParams`."""

    FIXED = "fixed"
    VOLATILITY_TARGET = "volatility_target"
    KELLY = "kelly"
    RISK_BUDGET = "risk_budget"


@dataclass(frozen=True)
class SizingParams:
    """The rule that sizes a full position, and what bounds it.

    With sigma the instrument's annualised volatility (at least `volatility_floor`) and E the equity, a full position is

    * `fixed`              `notional_fixed`
    * `volatility_target`  E * `capital_fraction` * `volatility_target` / sigma
    * `kelly`              E * min(`kelly_cap`, `kelly_fraction` * |score| * `kelly_edge` / sigma^2), where `kelly_edge`
      is the annual excess return that a score of 1 stands for
    * `risk_budget`        E * `risk_budget` * sqrt(252) / sigma: a day of one sigma costs `risk_budget` of equity

    times the weight of the row, and at most `notional_max`; notionals are in base currency. A change smaller than
    `no_trade_band` times the target is not worth its cost; one of exactly the band is made. A strategy trades at most
    `turnover_max` times equity a day (0: no bound); what reduces a position is always let through.

    Source: Kelly 1956 in the form of Thorp 2006 for small returns.
    """

    volatility_target: float = 0.10
    volatility_floor: float = 0.05
    capital_fraction: float = 0.05
    notional_max: Decimal = Decimal(400_000)
    no_trade_band: float = 0.10
    rule: Rule = Rule.VOLATILITY_TARGET
    notional_fixed: Decimal = Decimal(100_000)
    kelly_fraction: float = 0.25
    kelly_edge: float = 0.05
    kelly_cap: float = 0.10
    risk_budget: float = 0.0005
    turnover_max: float = 0.0

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
        shares = {name: getattr(self, name) for name in ("kelly_fraction", "kelly_cap", "risk_budget")}
        for name, share in shares.items():
            if not 0 < share <= 1:
                raise ValueError(f"sizing needs {name} in (0, 1]; {share} was given")
        for name, value in (("notional_fixed", self.notional_fixed), ("kelly_edge", self.kelly_edge)):
            if not 0 < value < math.inf:
                raise ValueError(f"sizing needs {name} above 0 and finite; {value} was given")
        if not 0 <= self.turnover_max < math.inf:
            raise ValueError(
                f"sizing needs turnover_max of at least 0 and finite; {self.turnover_max} was given"
            )


class Wanted(NamedTuple):
    """What a strategy wants: -1, 0 or 1, how strongly (score in [-1, 1]), and the weight of this position among others.

    `traded` is what the strategy has traded today, in base currency.
    """

    direction: int
    score: float = 1.0
    weight: float = 1.0
    traded: Decimal = Decimal(0)


class Sizing(NamedTuple):
    """What should be held and what has to change for it, in units; `reason` says why nothing has to."""

    target: int
    change: int
    reason: str = ""


def size_position(
    params: SizingParams,
    instrument: Instrument,
    wanted: Wanted,
    volatility: float,
    price: Decimal | None,
    equity: Decimal,
    position: int,
) -> Sizing:
    """Return the target position in units (signed) and the change that leads to it.

    `volatility` is annualised (fraction), `price` in the instrument's currency, `equity` in base currency. A position
    whose sign is wrong is closed first, whatever else is missing: the change never crosses zero, and the target is 0
    until the position is. Raises ValueError for another direction than -1, 0 or 1.
    """
    direction = wanted.direction
    if direction not in {-1, 0, 1}:
        raise ValueError(f"a direction is -1, 0 or 1; {direction} was given")
    if direction == 0 or position * direction < 0:
        return Sizing(0, -position, "" if position else "flat already")
    if price is None or price <= 0:
        return Sizing(position, 0, "no price to size with")
    if not math.isfinite(volatility) or volatility < 0:
        return Sizing(position, 0, "volatility is missing")
    if equity <= 0:
        return Sizing(position, 0, f"no equity to size with: {equity}")
    lot = price * instrument.unit_multiplier * instrument.lot_size
    target = direction * int(_notional(params, wanted, volatility, equity) / lot) * instrument.lot_size
    if target == 0:
        return Sizing(0, -position, "" if position else "a full position is less than one lot")
    return _changed(params, wanted, target, position, equity, lot / instrument.lot_size, instrument.lot_size)


def _changed(
    params: SizingParams,
    wanted: Wanted,
    target: int,
    position: int,
    equity: Decimal,
    unit: Decimal,
    lot_size: int,
) -> Sizing:
    """Return the change to a target, as far as the no-trade band and the day's turnover let it; `unit` costs one."""
    change = target - position
    if change == 0:
        return Sizing(target, 0, "on target already")
    if abs(change) < Decimal(repr(params.no_trade_band)) * abs(target):
        return Sizing(target, 0, f"inside the no-trade band: target {target}, position {position}")
    if not params.turnover_max or change * target < 0:
        return Sizing(target, change)
    left = max(equity * Decimal(repr(params.turnover_max)) - wanted.traded, Decimal(0))
    allowed = int(left / (unit * lot_size)) * lot_size
    if allowed == 0:
        return Sizing(position, 0, f"the day's turnover is used up: {wanted.traded} of {equity} equity")
    if allowed >= abs(change):
        return Sizing(target, change)
    change = allowed if change > 0 else -allowed
    return Sizing(position + change, change)


def _notional(params: SizingParams, wanted: Wanted, volatility: float, equity: Decimal) -> Decimal:
    """Return the notional of a full position, in base currency."""
    sigma = max(volatility, params.volatility_floor)
    match params.rule:
        case Rule.FIXED:
            notional = params.notional_fixed
        case Rule.KELLY:
            fraction = params.kelly_fraction * abs(wanted.score) * params.kelly_edge / sigma**2
            notional = equity * Decimal(repr(min(params.kelly_cap, fraction)))
        case Rule.RISK_BUDGET:
            notional = equity * Decimal(repr(params.risk_budget * math.sqrt(DAYS_A_YEAR) / sigma))
        case _:
            scale = params.volatility_target / sigma
            notional = equity * Decimal(repr(params.capital_fraction * scale))
    if wanted.weight != 1.0:
        notional *= Decimal(repr(wanted.weight))
    return min(notional, params.notional_max)
