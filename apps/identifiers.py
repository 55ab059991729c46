"""Identifiers of orders and intents as a person gives them: whole, cut short, or with a slip."""

import difflib
import heapq
from collections.abc import Iterable, Mapping

LEAST = 4
MOST_TOLD = 5


class Unidentified(ValueError):
    """None is meant by what was given, or more than one; says which are like it."""


def identified(given: str, known: Mapping[str, str], what: str) -> str:
    """Return the one of `known` (its names to what they name) that is given, whole or as the first LEAST characters.

    Raises Unidentified, with the ones that were meant or are the most similar; `what` is the noun of its message.
    """
    if given in known:
        return known[given]
    if not known:
        raise Unidentified(f"unknown {what} {given!r}; there is none")
    begun = [name for name in known if given and name.startswith(given)]
    named = {known[name] for name in begun}
    if len(named) > 1:
        raise Unidentified(
            f"{len(named)} {what}s begin with {given!r}; give more of it: {closest(given, begun)}"
        )
    if len(given) < LEAST:
        raise Unidentified(
            f"{given!r} is too short; give at least the first {LEAST} characters of the {what}"
        )
    if named:
        return named.pop()
    raise Unidentified(f"unknown {what} {given!r}; the most similar: {closest(given, known)}")


def closest(given: str, known: Iterable[str]) -> str:
    """Return up to MOST_TOLD identifiers, the most similar first, for an error message.

    Each is compared over the length that was given, so that one that was cut short and mistyped is found, too.
    """
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(given)

    def likeness(name: str) -> float:
        matcher.set_seq1(name[: len(given)])
        return matcher.ratio()

    return ", ".join(heapq.nlargest(MOST_TOLD, sorted(known), key=likeness))
