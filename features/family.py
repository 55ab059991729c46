"""What a family of features is: a state per instrument, a compiled step over bars, and a line for each column it makes.

A family's step is `step(params, state, bars, days, quotes, out)`:

* `params`  a NamedTuple of numbers;
* `state`   structured array, one record per instrument; all bytes zero is the fresh state;
* `bars`    `domain.market.BAR` rows of one interval, prices continuous across splits, in order of closing;
* `days`    int32, the trading day of each bar (days since 1970-01-01);
* `quotes`  `domain.market.QUOTE_BAR` rows, row i belongs to bar i (quote_count 0 and NaN sides where there was
  none), or an empty array where the run has no quotes;
* `out`     float64 of shape (columns, bars), written whole: column j of the family is `out[j]`; NaN before a feature
  speaks.

Rows of different instruments are interleaved; a step looks at nothing but its own instrument's state. Splitting the
rows over any number of calls gives the same bits.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Feature(NamedTuple):
    """One line of the catalogue.

    `unit` is one of `price` (currency of the instrument), `ratio`, `percent`, `basis points`, `index`, `volume`,
    `currency`, `variance`, `score`, `signed volume`; `warm_up` is how many bars a feature needs before it speaks (1:
    from the first bar on).
    """

    name: str
    meaning: str
    unit: str
    warm_up: int
    version: int = 1
    source: str = ""


class Family(NamedTuple):
    """Features that are computed together: parameters, layout of the state of one instrument, step, and columns."""

    name: str
    params: Any
    state: np.dtype[np.void]
    step: Callable[..., None]
    features: tuple[Feature, ...]

    def fresh(self, instruments: int) -> NDArray[np.void]:
        """Return the state of `instruments` instruments that have seen nothing."""
        return np.zeros(instruments, self.state)


def check_window(name: str, window: int, least: int) -> None:
    """Raise ValueError where a family's window has fewer than `least` bars."""
    if window < least:
        raise ValueError(f"{name} needs a window of at least {least} bars; {window} was given")
