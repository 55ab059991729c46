"""What an order makes of a scope: its position in the order's instrument, its gross value, and its equity."""

from decimal import Decimal
from typing import NamedTuple

import msgspec

from operators.compliance_state import Exposure, Holding


class Equity(NamedTuple):
    """The equity of a scope (base currency), exact and as a number to divide by."""

    exact: Decimal
    measured: float


class Change(msgspec.Struct, frozen=True, gc=False):
    """What an order makes of a position: `was` as the exposures hold it, then its worst cases, in units and values.

    `high` is position + open buys, `low` position - open sells, `wide` the larger magnitude; `*_after` with the order.
    `value` and `value_after` are `wide` at `unit`, the reference price in base currency. `everything` and `held` are
    the exposures of the scope and what the order's instrument has in them, `gross_after` the gross of the first without
    the second and with the order, `measured` that as a number to report. `equity` is None where it is not known.
    """

    scope: str
    was: Holding
    held: Holding
    everything: Exposure
    high: int
    low: int
    wide: int
    high_after: int
    low_after: int
    wide_after: int
    unit: Decimal
    value_after: Decimal
    gross_after: Decimal
    measured: float
    equity: Equity | None

    @property
    def value(self) -> Decimal:
        """Return what the position is worth at its worst before the order."""
        return self.wide * self.unit
