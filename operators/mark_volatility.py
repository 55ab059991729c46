"""Volatility of marks: how far does an instrument's price move in a minute (PT-14)?

Exponentially weighted over the minutes of a session, decay 0.94 (RiskMetrics 1996, section 5): v' = 0.94 v + 0.06 r^2,
the first move making the first variance. A night is no minute: each session begins with a price and no move.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from domain.action_records import Step
from operators.agenda import PRICED

LIVES = PRICED
DECAY = 0.94
DIGITS = Decimal("1E-9")
MINUTES_PER_YEAR = 252 * 390
"""Minutes of regular sessions in a year."""


def minute_volatility(annual: float) -> Decimal | None:
    """Return the volatility of a minute (fraction) for that of a year, None where that is no number above 0."""
    if not 0 < annual < np.inf:
        return None
    return Decimal((annual**2 / MINUTES_PER_YEAR) ** 0.5).quantize(DIGITS)


@dataclass
class MarkVolatility:
    """The last price of each instrument, NaN for none, and the variance of its moves (fraction squared)."""

    prices: NDArray[np.float64]
    variances: NDArray[np.float64]

    def observe(self, marks: NDArray[np.void]) -> None:
        """Take the marks of another minute in: mid of a quote that is not crossed, else the last trade."""
        bid, ask = marks["bid"], marks["ask"]
        quoted = (bid > 0) & (ask >= bid)
        now = np.where(quoted, (bid + ask) / 2, np.where(marks["last"] > 0, marks["last"], np.nan))
        move = now / self.prices - 1
        known, first = np.isfinite(move), np.isnan(self.variances)
        blended = DECAY * self.variances + (1 - DECAY) * move * move
        self.variances = np.where(known, np.where(first, move * move, blended), self.variances)
        self.prices = np.where(np.isfinite(now), now, self.prices)

    def sigma(self, which: int) -> Decimal | None:
        """Return the volatility of a minute (fraction), None before two minutes were seen."""
        variance = float(self.variances[which])
        return None if np.isnan(variance) else Decimal(variance**0.5).quantize(DIGITS)

    def end_session(self) -> None:
        """Begin the next session without a price."""
        self.prices[:] = np.nan


def adjust(volatility: MarkVolatility, which: int, step: Step) -> None:
    """Bring the last price of an instrument over an action by the step of its mark; moves are fractions and stay."""
    volatility.prices[which] /= step.price


def fresh_volatility(instruments: int) -> MarkVolatility:
    """Return the volatility of instruments that nobody has seen move."""
    return MarkVolatility(np.full(instruments, np.nan), np.full(instruments, np.nan))
