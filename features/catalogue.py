"""The catalogue: every feature that the desk computes by default, one line each, and the families that compute them."""

import difflib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from features.family import Family, Feature
from features.microstructure import quote_measures
from features.momentum import commodity_channel, rates_of_change, relative_strength, stochastic
from features.moving_averages import exponential_averages, simple_averages
from features.realised import average_volatility, realised_variance, realised_volatility
from features.trend_strength import directional
from features.volatility import bollinger, close_score, range_volatility, true_range
from features.volume import illiquidity, money_flow, on_balance, session_distance
from features.volume_profile import volume_profile


def default_families() -> tuple[Family, ...]:
    """Return the families of the desk, in the order of their columns."""
    return (
        simple_averages(),
        exponential_averages(),
        relative_strength(),
        stochastic(),
        commodity_channel(),
        rates_of_change(),
        directional(),
        true_range(),
        bollinger(),
        close_score(),
        range_volatility(),
        realised_volatility(),
        realised_variance(),
        average_volatility(),
        on_balance(),
        money_flow(),
        session_distance(),
        volume_profile(),
        illiquidity(),
        quote_measures(),
    )


def lines(families: Iterable[Family]) -> tuple[Feature, ...]:
    """Return the features of `families` in the order of their columns.

    Raises ValueError where two have one name.
    """
    features = tuple(feature for family in families for feature in family.features)
    names = [feature.name for feature in features]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"a feature has one name of its own; {twice[0]!r} was given twice")
    return features


CATALOGUE: tuple[Feature, ...] = lines(default_families())


def columns(families: Iterable[Family]) -> tuple[str, ...]:
    """Return the names of the columns that `evaluate.run` makes of `families`, in order."""
    return tuple(feature.name for feature in lines(families))


def price_columns(families: Iterable[Family]) -> NDArray[np.intp]:
    """Return which columns of `families` are prices and have to be divided by a split's factor to become raw."""
    return np.flatnonzero([feature.unit == "price" for feature in lines(families)])


def share_columns(families: Iterable[Family]) -> NDArray[np.intp]:
    """Return which columns of `families` count shares and have to be multiplied by a split's factor to be today's."""
    return np.flatnonzero([feature.unit in {"volume", "signed volume"} for feature in lines(families)])


def feature(name: str, features: Sequence[Feature] = CATALOGUE) -> Feature:
    """Return the line of a feature.

    Raises ValueError where there is none of that name, with the nearest one.
    """
    for line in features:
        if line.name == name:
            return line
    known = [line.name for line in features]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    hint = f"; the nearest is {near[0]!r}" if near else ""
    raise ValueError(f"no feature is named {name!r}{hint}; the catalogue has {len(known)}")


def families_of(names: Iterable[str], families: Sequence[Family]) -> tuple[Family, ...]:
    """Return those of `families` that make the named features, in their order.

    Raises ValueError where no family makes one of them, with the nearest name.
    """
    wanted = {feature(name, lines(families)).name for name in names}
    return tuple(family for family in families if wanted & {line.name for line in family.features})
