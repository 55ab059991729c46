"""What strategies read in the end: features by name and version, and of each other.

A strategy may read `score(NAME)`, the score of another one on the same row: 0 where the other may not enter, missing
where it is not ready. What the other reads is then read, too.
"""

import difflib
import re
from collections.abc import Iterable, Mapping

from features.comparison import Comparison, asked_comparison, comparison, is_comparison
from features.reference import Reference, reference
from operators.strategy import Strategy

SCORE_OF = re.compile(r"score\((.+)\)")


class UnreadableStrategy(ValueError):
    """A strategy reads the score of one that is not there, or its own."""


def member(text: str) -> str:
    """Return the strategy whose score a text names; empty where it names a feature."""
    found = SCORE_OF.fullmatch(text.strip())
    return found[1].strip() if found else ""


def named(strategies: Iterable[Strategy]) -> dict[str, Strategy]:
    """Return strategies by their names."""
    return {strategy.name: strategy for strategy in strategies}


def members(
    strategy: Strategy, known: Mapping[str, Strategy], above: tuple[str, ...] = ()
) -> tuple[Strategy, ...]:
    """Return a strategy and all whose scores it reads, each once.

    Raises UnreadableStrategy where one is not known, or reads its own score in the end.
    """
    found = {strategy.name: strategy}
    chain = (*above, strategy.name)
    for name in filter(None, map(member, strategy.features())):
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.0)
            raise UnreadableStrategy(
                f"{strategy.name} reads the score of {name!r}, which is no strategy; the nearest is {near[0]!r}"
            )
        if name in chain:
            raise UnreadableStrategy(f"a strategy reads its own score: {' reads '.join((*chain, name))}")
        found |= named(members(known[name], known, chain))
    return tuple(found.values())


def features_read(strategy: Strategy, known: Mapping[str, Strategy]) -> tuple[str, ...]:
    """Return every feature that a strategy needs, as it is written, those of its members too."""
    read = [text for each in members(strategy, known) for text in each.features() if not member(text)]
    return tuple(dict.fromkeys(read))


def compares(strategy: Strategy, known: Mapping[str, Strategy]) -> bool:
    """Say whether a strategy needs to see several instruments at once."""
    return any(is_comparison(text) for text in features_read(strategy, known))


def column(text: str) -> Reference:
    """Return the column that a feature is read from; raises UnknownFeature."""
    return comparison(text)[1] if is_comparison(text) else reference(text)


def own_columns(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of an instrument's own that features are made of, each once; raises UnknownFeature."""
    found = [comparison(text)[0].reads if is_comparison(text) else reference(text).name for text in texts]
    return tuple(dict.fromkeys(filter(None, found)))


def comparisons_of(texts: Iterable[str], asked: Iterable[str] = ()) -> tuple[Comparison, ...]:
    """Return the comparisons that are asked for, and those among features, each once; raises UnknownFeature."""
    wanted = [asked_comparison(text) for text in asked]
    wanted += [comparison(text)[0] for text in texts if is_comparison(text)]
    return tuple({each.title: each for each in wanted}.values())
