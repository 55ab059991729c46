"""A vendor's history of prices, and a repair of it that is proposed and can be carried out."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PRICES = ("open", "high", "low", "close")
DAY_NANOSECONDS = 86_400_000_000_000


class Repair(NamedTuple):
    """A proposal: rows `first` to `last` (in order of time), times `factor` or set to `value`, and why."""

    rule: str
    first: int
    last: int
    columns: tuple[str, ...]
    factor: float
    evidence: str
    value: float | None = None

    def of(self, values: Floats) -> Floats:
        """Return what values are repaired to."""
        return values * self.factor if self.value is None else np.full_like(values, self.value)


@dataclass
class History:
    """Columns in order of time, rows without a close left out: `instants` in ns, prices, volume, and what is paid.

    Columns that a file lacks are empty arrays, except that payments are then 0.
    """

    instants: NDArray[np.int64]
    prices: dict[str, Floats]
    adjusted: Floats
    volume: Floats
    dividends: Floats
    splits: Floats
    gains: Floats

    def level(self) -> Floats:
        """Return the adjusted close, or the close where there is none."""
        return self.adjusted if len(self.adjusted) else self.prices["close"]

    def apply(self, repair: Repair) -> None:
        """Carry a repair out."""
        rows = slice(repair.first, repair.last + 1)
        for name in repair.columns:
            column = self.column(name)
            column[rows] = repair.of(column[rows])

    def column(self, name: str) -> Floats:
        """Return a column by its name."""
        if name in self.prices:
            return self.prices[name]
        others = {
            "adj_close": self.adjusted,
            "volume": self.volume,
            "dividends": self.dividends,
            "stock_splits": self.splits,
        }
        return others[name]

    def spacing(self) -> float:
        """Return the usual time from one row to the next in days, 0 where there is one row."""
        return float(np.median(np.diff(self.instants))) / DAY_NANOSECONDS if len(self.instants) > 1 else 0.0


def close_to(value: float, target: float, share: float = 0.2) -> bool:
    """Say whether a value is within a share of a target."""
    return abs(value - target) <= share * abs(target)
