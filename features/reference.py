"""A feature by name and version: `ema_12`, `RSI(14)@1`, `MACD(12,26,9).signal`, `rank(roc_10)`.

What stands behind `@` is the version that is meant, 1 where nothing does; a feature whose version is another is another
feature, and is refused.
"""

import difflib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from features.catalogue import CATALOGUE, default_families, feature, lines
from features.family import Family, Feature
from features.garch import garch, is_garch
from features.indicators.catalogue import asked_for, indicators
from features.indicators.line import UnknownIndicator
from features.indicators.live import indicator_family

NAMES = frozenset(line.name for line in CATALOGUE)
COMPARING = ("rank", "z_score", "rank_in_sector", "z_score_in_sector", "sector_neutral", "spread")
"""What compares instruments; see features/comparison.py."""


class UnknownFeature(ValueError):
    """A feature was named that nothing makes, or of a version that is not made; says which is nearest."""


class Reference(NamedTuple):
    """A feature that is read: the name of its column, its version, and the indicator that makes it, if one does."""

    name: str
    version: int = 1
    indicator: str = ""


def versioned(text: str) -> tuple[str, int]:
    """Return the name and the version that a text asks for; raises UnknownFeature where the version is no number."""
    name, at, version = text.strip().rpartition("@")
    if not at:
        return text.strip(), 1
    if not version.isdecimal() or int(version) < 1:
        raise UnknownFeature(
            f"a feature is written NAME or NAME@VERSION, a whole number from 1 on; {text!r} was given"
        )
    return name.strip(), int(version)


@cache
def reference(text: str) -> Reference:
    """Return the feature of an instrument's own bars that a text names, by its column.

    Raises UnknownFeature where there is none, with the nearest names.
    """
    name, version = versioned(text)
    if name in NAMES:
        return Reference(name, version)
    if is_garch(name):
        try:
            return Reference(garch(name).name, version)
        except ValueError as error:
            raise UnknownFeature(str(error)) from error
    asked, dot, output = _parts(name)
    if asked.partition("(")[0].strip().upper() not in indicators():
        raise unknown(name)
    try:
        (found,) = asked_for([asked])
    except UnknownIndicator as error:
        raise UnknownFeature(str(error)) from error
    column = f"{found.title}.{output}" if dot else found.title
    if column not in found.columns:
        raise UnknownFeature(
            f"{found.title} has the columns {', '.join(found.columns)}; {text.strip()!r} was given"
        )
    return Reference(column, version, found.title)


def unknown(name: str) -> UnknownFeature:
    """Return what is said of a name that nothing makes."""
    known = {each.lower(): each for each in (*sorted(NAMES), *indicators(), "garch", *COMPARING)}
    near = difflib.get_close_matches(name.partition("(")[0].strip().lower(), known, 3, 0.0)
    nearest = ", ".join(known[each] for each in near)
    return UnknownFeature(
        f"no feature is named {name!r}; the nearest are {nearest}; see ita features list and ita indicators list"
    )


def _parts(name: str) -> tuple[str, str, str]:
    """Return the indicator of a name and its output, `MACD(12,26,9)`, `.` and `signal`."""
    end = name.rfind(")") + 1
    before, dot, output = name[end:].partition(".")
    return name[:end] + before, dot, output.strip()


def families_with(names: Iterable[str], indicators_asked: Sequence[str] = ()) -> tuple[Family, ...]:
    """Return the desk's families, after them that of the indicators asked for or named by a column, and those of GARCH.

    `names` are features as they are read, of the desk's own too. Raises UnknownIndicator and UnknownFeature.
    """
    found = [reference(name) for name in names]
    asked = [each.title for each in asked_for(indicators_asked)]
    asked += [each.indicator for each in found if each.indicator]
    processes = dict.fromkeys(each.name for each in found if is_garch(each.name))
    families = (indicator_family(list(dict.fromkeys(asked))),) if asked else ()
    return (*default_families(), *families, *map(garch, processes))


@cache
def line_of(text: str) -> Feature:
    """Return the catalogue line of a feature of an instrument's own bars; raises UnknownFeature."""
    return feature(reference(text).name, lines(families_with([text])))


def check_versions(wanted: Iterable[Reference], made: Iterable[Feature]) -> None:
    """Raise UnknownFeature where a feature that is wanted is made in another version."""
    versions = {line.name: line.version for line in made}
    for each in wanted:
        if each.name in versions and versions[each.name] != each.version:
            raise UnknownFeature(
                f"feature {each.name!r} is made in version {versions[each.name]}; version {each.version} was asked "
                f"for; read {each.name}@{versions[each.name]}, once what reads it suits it"
            )
