"""Exposures by what instruments have in common: issuer, sector, country, currency, factor, beta, margin.

A group is named `sector:tech`, `beta`, `margin`; an instrument counts in it with a weight. As with the exposures of a
scope, `high` and `low` are the values (base currency) once all buys or all sells have filled, `gross` the sum of the
larger magnitudes.
"""

from decimal import Decimal

import msgspec

from operators.agenda import Living, lives

LIVES = lives(Living.UNTOUCHED)
"""What is in a group is a value: it moves with the positions and marks that an action changes, by `set_mark`."""
ZERO, ONE = Decimal(0), Decimal(1)
Weights = tuple[tuple[str, Decimal], ...]


class GroupExposure(msgspec.Struct):
    """What a scope has in a group."""

    gross: Decimal = ZERO
    high: Decimal = ZERO
    low: Decimal = ZERO


Groups = dict[tuple[str, str], GroupExposure]


def shift_groups(
    groups: Groups, weights: Weights, scope: str, gross: Decimal, high: Decimal, low: Decimal
) -> None:
    """Carry the change of a holding's values into the groups of its instrument."""
    for name, weight in weights:
        held = groups.get((scope, name))
        if held is None:
            held = groups[scope, name] = GroupExposure()
        if weight == ONE:
            held.gross += gross
            held.high += high
            held.low += low
        else:
            more, less = weighted(weight, high, low)
            held.gross += abs(weight) * gross
            held.high += more
            held.low += less


def weighted(weight: Decimal, high: Decimal, low: Decimal) -> tuple[Decimal, Decimal]:
    """Return the upper and lower value of a holding in a group; a negative weight turns them round."""
    return (weight * high, weight * low) if weight >= 0 else (weight * low, weight * high)
