"""Features that compare instruments at one close: how they are written, what they read, and what they come to.

`rank(roc_10)`, `z_score(RSI(14))`, `sector_neutral(roc_10)`, `rank_in_sector(...)`, `z_score_in_sector(...)` compare a
feature across the universe (`features/cross_section.py`). `spread(A,B)` compares two instruments: the Engle-Granger
regression of their log prices over `window` closes, fitted again each `refit` closes by the clock. Its columns are

* `.z`          for A the distance of the spread from its mean in deviations, for B the same with the sign of -beta;
* `.statistic`  of the unit root test (features/cointegration.py), the same for both;
* `.weight`     the notional of each leg, the larger one 1: A 1/max(1, |beta|), B |beta|/max(1, |beta|).

A row that is there is NaN where its value is missing. An instrument without a bar at a close has no row; it counts for
the others with its last value where `carry` allows.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.cointegration import OBSERVATIONS_MIN, engle_granger
from features.cross_section import rank, rank_in_sector, sector_neutral, z_score, z_score_in_sector
from features.family import Feature
from features.reference import COMPARING, Reference, UnknownFeature, line_of, reference, unknown, versioned

Floats = NDArray[np.float64]
SPREAD = "spread"
SPREAD_COLUMNS = ("z", "statistic", "weight")
WINDOW, REFIT = 240, 60
WINDOW_MAX = 5000
DEVIATION_MIN = 1e-9
"""Log prices whose spread deviates less are one price: there is no distance to speak of."""
ACROSS: dict[str, Callable[[Floats, NDArray[np.int32]], Floats]] = {
    "rank": lambda values, _: rank(values),
    "z_score": lambda values, _: z_score(values),
    "rank_in_sector": rank_in_sector,
    "z_score_in_sector": z_score_in_sector,
    "sector_neutral": sector_neutral,
}
MEANINGS = {
    "rank": "percentile rank across the universe, 0 to 1, of",
    "z_score": "distance to the universe's mean in its deviations, of",
    "rank_in_sector": "percentile rank within the sector, 0 to 1, of",
    "z_score_in_sector": "distance to the sector's mean in its deviations, of",
    "sector_neutral": "distance to the sector's mean, of",
}


class Comparison(NamedTuple):
    """One comparison: `reads` is the column of an instrument's own that it compares, "" for the close.

    `pair` names the two instruments of a spread, `window` and `refit` are its closes.
    """

    kind: str
    title: str
    columns: tuple[str, ...]
    reads: str = ""
    version: int = 1
    pair: tuple[str, ...] = ()
    window: int = 0
    refit: int = 0


def is_comparison(text: str) -> bool:
    """Say whether a text names a feature that compares instruments."""
    return text.partition("(")[0].strip() in COMPARING


@cache
def comparison(text: str) -> tuple[Comparison, Reference]:
    """Return the comparison that a text names, and the column of it that is read.

    Raises UnknownFeature with what is allowed.
    """
    name, version = versioned(text)
    kind, _, rest = name.partition("(")
    kind, end = kind.strip(), rest.rfind(")")
    if kind not in COMPARING or end < 0:
        raise unknown(name)
    inner, output = rest[:end].strip(), rest[end + 1 :].strip().removeprefix(".")
    if kind == SPREAD:
        made = _spread(text, inner)
        column = f"{made.title}.{output}"
    else:
        read = reference(inner)
        title = f"{kind}({read.name})"
        made = Comparison(kind, title, (title,), read.name)
        column = f"{title}.{output}" if output else title
    if column not in made.columns:
        raise UnknownFeature(
            f"{made.title} has the columns {', '.join(made.columns)}; {text.strip()!r} was given"
        )
    return made, Reference(column, version)


def asked_comparison(text: str) -> Comparison:
    """Return the comparison that a configuration asks for with all its columns; raises UnknownFeature."""
    if not is_comparison(text):
        raise unknown(text)
    kind = text.partition("(")[0].strip()
    return comparison(f"{text.strip()}.{SPREAD_COLUMNS[0]}" if kind == SPREAD else text)[0]


def _spread(text: str, inner: str) -> Comparison:
    """Return the spread of `A,B` or `A,B,WINDOW,REFIT`."""
    parts = [part.strip() for part in inner.split(",")]
    numbers = parts[2:]
    if len(parts) not in {2, 3, 4} or not all(part.isdecimal() for part in numbers) or parts[0] == parts[1]:
        raise UnknownFeature(
            f"a spread is written {SPREAD}(A,B) or {SPREAD}(A,B,WINDOW,REFIT); {text!r} was given"
        )
    window, refit = (*map(int, numbers), *(WINDOW, REFIT)[len(numbers) :])
    if not OBSERVATIONS_MIN <= window <= WINDOW_MAX or not 1 <= refit <= window:
        raise UnknownFeature(
            f"a spread has a window of {OBSERVATIONS_MIN} to {WINDOW_MAX} closes, and 1 to as many from fit to fit; "
            f"{window} and {refit} were given"
        )
    title = f"{SPREAD}({parts[0]},{parts[1]},{window},{refit})"
    columns = tuple(f"{title}.{each}" for each in SPREAD_COLUMNS)
    return Comparison(SPREAD, title, columns, pair=(parts[0], parts[1]), window=window, refit=refit)


def comparison_lines(comparisons: Iterable[Comparison]) -> tuple[Feature, ...]:
    """Return the catalogue lines of comparisons, in the order of their columns."""
    return tuple(line for each in comparisons for line in _lines(each))


def described() -> tuple[Feature, ...]:
    """Return a line for each way of comparing, of a feature F and instruments A and B, for people to read."""
    across = tuple(
        Feature(f"{kind}(F)", f"{MEANINGS[kind]} F", _unit(kind, "that of F"), 1, 1, "standards 6.5")
        for kind in ACROSS
    )
    return across + _lines(asked_comparison(f"{SPREAD}(A,B)"))


def _unit(kind: str, own: str) -> str:
    return own if kind == "sector_neutral" else "score" if "z_score" in kind else "ratio"


def _lines(made: Comparison) -> tuple[Feature, ...]:
    if made.kind == SPREAD:
        first, second = made.pair
        words = (
            (f"distance of the spread of {first} and {second} from its mean, in deviations", "score"),
            (f"Engle-Granger statistic of {first} and {second}", "score"),
            (f"notional of this leg of the spread of {first} and {second}", "ratio"),
        )
        source = "Engle and Granger 1987"
        return tuple(
            Feature(column, meaning, unit, made.window, made.version, source)
            for column, (meaning, unit) in zip(made.columns, words, strict=True)
        )
    line = line_of(made.reads)
    meaning, unit = f"{MEANINGS[made.kind]} {made.reads}", _unit(made.kind, line.unit)
    return (Feature(made.title, meaning, unit, line.warm_up, made.version, "standards 6.5"),)


class Closes(NamedTuple):
    """What is known of the universe at several closes, in their order.

    `close_at` (ns UTC, ascending); `present` bool (closes, instruments): who has a bar; `values` float64 (columns,
    closes, instruments) in the order of `columns`; `prices` float64 (closes, instruments), logarithms of the closes
    made continuous across splits.
    """

    close_at: NDArray[np.int64]
    present: NDArray[np.bool_]
    columns: tuple[str, ...]
    values: Floats
    prices: Floats


class Rules(NamedTuple):
    """How missing values count.

    A comparison across the universe is missing where fewer than `members_min` instruments have a value. One without a
    bar counts with that of its last bar if it closed at most `carry` ns ago. `interval` is that of the bars, ns;
    `sectors` int32, one for each instrument, below 0 where it has none.
    """

    sectors: NDArray[np.int32]
    interval: int
    members_min: int = 2
    carry: int = 0


def compare(made: Comparison, closes: Closes, first: int, rules: Rules, pair: tuple[int, ...]) -> Floats:
    """Return the columns of a comparison at the closes from `first` on, float64 (columns, closes, instruments).

    `pair` are the indices of a spread's instruments.
    """
    if made.kind == SPREAD:
        return _spreads(made, closes, first, rules, pair)
    own = closes.values[closes.columns.index(made.reads)]
    known = np.stack([_carried(closes, own, at, rules.carry) for at in range(first, len(closes.close_at))])
    answer = ACROSS[made.kind](known, rules.sectors)
    answer[np.isfinite(known).sum(axis=1) < rules.members_min] = np.nan
    return answer[None]


def _carried(closes: Closes, own: Floats, at: int, carry: int) -> Floats:
    """Return the values at a close, with the last ones of those that have no bar at it."""
    row = np.where(closes.present[at], own[at], np.nan)
    missing = ~closes.present[at]
    before = at - 1
    while before >= 0 and closes.close_at[at] - closes.close_at[before] <= carry and missing.any():
        found = missing & closes.present[before]
        row[found] = own[before][found]
        missing &= ~found
        before -= 1
    return row


def _spreads(made: Comparison, closes: Closes, first: int, rules: Rules, pair: tuple[int, ...]) -> Floats:
    out = np.full((len(SPREAD_COLUMNS), len(closes.close_at) - first, closes.present.shape[1]), np.nan)
    one, other = pair
    both = closes.present[:, one] & closes.present[:, other]
    y, x = closes.prices[:, one], closes.prices[:, other]
    both &= np.isfinite(y) & np.isfinite(x)
    span = made.refit * rules.interval
    fitted, fit = -1, None
    for at in range(first, len(closes.close_at)):
        end = int(np.searchsorted(closes.close_at, closes.close_at[at] // span * span, side="right"))
        if end != fitted:
            fitted, window = end, slice(max(0, end - made.window), end)
            used = both[window]
            whole = end >= made.window and 2 * int(used.sum()) >= made.window
            fit = engle_granger(y[window][used], x[window][used]) if whole else None
        if fit is None or not fit.deviation > DEVIATION_MIN or not both[at]:
            continue
        z = (y[at] - fit.alpha - fit.beta * x[at]) / fit.deviation
        largest = max(1.0, abs(fit.beta))
        out[:, at - first, one] = z, fit.statistic, 1.0 / largest
        out[:, at - first, other] = -np.sign(fit.beta) * z, fit.statistic, abs(fit.beta) / largest
    return out
