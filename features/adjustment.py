"""Back-adjustment of bars for corporate actions: one factor for prices and one for volumes, of each day.

The factor of the last bar is 1. Going back, a factor changes before each ex-date that lies within the bars
(standards.md 6.1). Splits and stock dividends divide prices and multiply volumes by their ratio; all others touch
prices only:

* `previous`  1 - D/P of the close before, by the shares as they are on the ex-date (the usual back-adjustment);
* `ex_close`  P/(P + D) of the close on the ex-date (CRSP's factor to adjust price; the WIKI columns).

Spin-offs and rights are worth P/(P + V) of the ex-date's close in both (CRSP: FACPR = V/P).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.corporate_actions import AMOUNTS, RATIOS, ActionKind, CorporateAction

CONVENTIONS = ("previous", "ex_close")


class Factors(NamedTuple):
    """What raw prices and volumes of each bar are multiplied by; `applied` says which actions lie within the bars."""

    price: NDArray[np.float64]
    volume: NDArray[np.float64]
    applied: tuple[CorporateAction, ...]


def adjustment_factors(
    days: NDArray[np.int32],
    close: NDArray[np.float64],
    actions: Sequence[CorporateAction],
    convention: str = "previous",
) -> Factors:
    """Return the factors of bars in order of day.

    `days` (int32, days since 1970-01-01, not falling) and `close` (float64, raw) are of the bars; `actions` are as
    known, in order of ex-date. An action whose ex-date is not after the first bar, or is after the last, changes
    nothing. Raises ValueError where a dividend is not below the close before it, or there is no such convention.
    """
    if convention not in CONVENTIONS:
        raise ValueError(f"a convention is one of {', '.join(CONVENTIONS)}; {convention!r} was given")
    price, volume = np.ones(len(days)), np.ones(len(days))
    if not len(days):
        return Factors(price, volume, ())
    applied = [
        action for action in actions if days[0] < action.ex_on <= days[-1] and action.kind in AMOUNTS | RATIOS
    ]
    places = {ex_on: int(np.searchsorted(days, ex_on)) for ex_on in {action.ex_on for action in applied}}
    for place in sorted(set(places.values())):
        gap = [
            [action for action in applied if action.ex_on == ex_on]
            for ex_on in sorted(places)
            if places[ex_on] == place
        ]
        left, ratio = _over_gap(gap, close[place - 1], close[place], convention)
        price[:place] *= left
        volume[:place] *= ratio
    return Factors(price, volume, tuple(applied))


def _over_gap(
    gap: Sequence[Sequence[CorporateAction]], before: float, after: float, convention: str
) -> tuple[float, float]:
    """Return the factors of price and volume over the ex-dates, one after the other, that lie between two bars.

    What a day pays is by the shares of that day: `before` follows it through the splits, and `after` goes back through
    those that come later.
    """
    ratios = [float(np.prod([action.ratio for action in of_day if action.kind in RATIOS])) for of_day in gap]
    left, later = 1.0, float(np.prod(ratios))
    for of_day, ratio in zip(gap, ratios, strict=True):
        before, later = before / ratio, later / ratio
        share = _share(of_day, before, after * later, convention)
        before *= share
        left *= share / ratio
    return left, float(np.prod(ratios))


def _share(of_day: Sequence[CorporateAction], before: float, after: float, convention: str) -> float:
    """Return what the actions of a day that pay leave of a price; `before` is by the shares of the ex-date."""
    parted = (ActionKind.SPIN_OFF, ActionKind.RIGHTS)
    paid = sum(action.amount for action in of_day if action.kind in AMOUNTS and action.kind not in parted)
    worth = sum(action.amount for action in of_day if action.kind in parted)
    if not (before > 0.0 and after > 0.0):
        raise ValueError(f"prices around an action are above 0; {before:g} and {after:g} were given")
    if paid >= before:
        raise ValueError(f"a dividend of {paid:g} is not below the close before it, {before:g}")
    share = 1.0 - paid / before if convention == "previous" else after / (after + paid)
    return share * (after / (after + worth)) if worth else share
