"""Screening of names against lists of sanctioned and denied parties: an index of list names, and who is near a name."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from heapq import nlargest, nsmallest
from math import log
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import OSA

from analytics.names import PARTICLES, Name, comparable, folded, sound
from domain.sanctions import Listed

Key = TypeVar("Key")
THRESHOLD = 0.83
"""A score at or above it is a hit where the caller names no other."""
_WORD_SIMILAR = 0.74
_SOUND_SHARE = 0.97
_PARTICLE_WEIGHT, _FORM_WEIGHT, _INITIAL_WEIGHT = 0.15, 0.08, 0.25
_WITHIN_SHARE = 0.5
_JOINED_SIMILAR, _JOINED_BEST, _JOINED_LETTERS = 0.88, 0.99, 6
_CANDIDATES = 60
_SIMILAR_WORDS_MAX = 200
_WORDS_REMEMBERED = 100_000


class Hit(NamedTuple):
    """A listed name near a screened one: `how` is exact, alternative or fuzzy, `score` from 0 to 1."""

    listed: Listed
    score: float
    how: str


class _ByLength(Generic[Key]):
    """Texts in the order of their lengths, so that only those that can be near one are compared with it."""

    def __init__(self, texts: Iterable[tuple[str, Key]]) -> None:
        pairs = sorted(texts, key=lambda pair: len(pair[0]))
        self._texts = [text for text, _ in pairs]
        self._keys = [key for _, key in pairs]
        self._lengths = [len(text) for text in self._texts]

    def near(self, text: str, similar: float) -> list[tuple[Key, float]]:
        """Return the keys of the texts whose OSA similarity is `similar` or more, and how similar each is."""
        begin = bisect_left(self._lengths, len(text) * similar)
        end = bisect_right(self._lengths, len(text) / similar)
        alike = process.cdist(
            [text], self._texts[begin:end], scorer=OSA.normalized_similarity, score_cutoff=similar
        )[0]
        return [(self._keys[begin + at], float(alike[at])) for at in np.flatnonzero(alike)]


class NameIndex:
    """Listed names by their words; immutable once made, so that a newer list is a newer index.

    How near two names are: their words are paired one to one, best pairs first, a pair counting what the words have in
    common by spelling (OSA distance) or by sound, if at least three quarters; a word weighs by how rare it is on the
    list, articles, initials and legal forms little. The share of paired weight in both names, and half of the way
    from there to the share in the shorter one of several words, is the score; names that are the same without spaces
    but for a few letters count by these. 1 is the same words in any order. A weak alias, and the one word of a vessel
    or an aircraft, counts only where it is the same. Source: Cohen, Ravikumar and Fienberg (2003), soft TF-IDF; the
    numbers are our own, see benchmarks/screening.py.
    """

    def __init__(self, listed: Iterable[Listed]) -> None:
        self.listed: tuple[Listed, ...] = tuple(listed)
        self._names: list[Name] = [comparable(each.name) for each in self.listed]
        self._exact: dict[str, list[int]] = defaultdict(list)
        self._plain = [_plain(name) for name in self._names]
        holders: dict[str, set[int]] = defaultdict(set)
        for number, name in enumerate(self._names):
            self._exact[self._plain[number]].append(number)
            for word in name.words:
                holders[word].add(number)
        self._words = _ByLength((word, word) for word in sorted(holders))
        self._sounds = _ByLength((sound(word), word) for word in sorted(holders))
        self._holders = {word: tuple(sorted(numbers)) for word, numbers in holders.items()}
        self._top = log(1 + len(self.listed)) or 1.0
        self._joined = _ByLength(
            (joined, number)
            for number, name in enumerate(self._names)
            for joined in dict.fromkeys((name.joined, name.turned))
        )
        self.similar = lru_cache(maxsize=_WORDS_REMEMBERED)(self._similar)

    def search(self, name: str, threshold: float = THRESHOLD, most: int = 10) -> list[Hit]:
        """Return the listed names that score `threshold` or more, best first: one an entry, at most `most`."""
        wanted = comparable(name)
        if not wanted.words:
            return []
        plain = _plain(wanted)
        best: dict[tuple[str, str], Hit] = {}
        for number in {*self._exact.get(plain, ()), *self._near(wanted)}:
            listed, exact = self.listed[number], self._plain[number] == plain
            score = 1.0 if exact else self._score(wanted, number)
            if score < threshold or (score < 1.0 and self._only_exact(number)):
                continue
            how = "fuzzy" if not exact else "exact" if listed.kind == "primary" else "alternative"
            key = (listed.list_name, listed.entry_id)
            if key not in best or (score, how == "exact") > (best[key].score, best[key].how == "exact"):
                best[key] = Hit(listed, round(score, 4), how)
        return sorted(best.values(), key=lambda hit: (-hit.score, hit.listed))[:most]

    def _only_exact(self, number: int) -> bool:
        """Is a listed name too little to be near others: a weak alias, or a vessel or an aircraft of one word?"""
        listed = self.listed[number]
        return listed.kind == "weak" or (
            listed.party_type in ("vessel", "aircraft") and len(self._names[number].words) == 1
        )

    def _similar(self, word: str) -> dict[str, float]:
        """Return the list's words that are like a word, and how like."""
        if len(word) == 1:
            return {word: 1.0} if word in self._holders else {}
        found = dict(self._sounds.near(sound(word), _WORD_SIMILAR / _SOUND_SHARE))
        likeness = {like: _SOUND_SHARE * alike for like, alike in found.items()}
        for like, alike in self._words.near(word, _WORD_SIMILAR):
            likeness[like] = max(alike, likeness.get(like, 0.0))
        if len(likeness) > _SIMILAR_WORDS_MAX:
            return dict(nsmallest(_SIMILAR_WORDS_MAX, likeness.items(), key=lambda pair: (-pair[1], pair[0])))
        return likeness

    def _weight(self, word: str) -> float:
        """Return how much a word says: 1 for one that is on the list once, or not at all."""
        if word in PARTICLES:
            return _PARTICLE_WEIGHT
        if len(word) == 1:
            return _INITIAL_WEIGHT
        holders = self._holders.get(word)
        return (
            1.0
            if holders is None
            else max(log(1 + len(self.listed) / len(holders)) / self._top, _PARTICLE_WEIGHT)
        )

    def _near(self, wanted: Name) -> list[int]:
        """Return the numbers of the listed names that may score well: those that share most by weight."""
        shared: dict[int, float] = defaultdict(float)
        for word in set(wanted.words):
            if word in PARTICLES and len(wanted.words) > 1:
                continue
            for like, likeness in self.similar(word).items():
                gain = likeness * min(self._weight(like), self._weight(word))
                for number in self._holders[like]:
                    shared[number] += gain
        by_share = nlargest(
            _CANDIDATES, shared, key=lambda at: (shared[at] / (0.5 + len(self._names[at].words)), -at)
        )
        by_weight = nlargest(_CANDIDATES, shared, key=lambda at: (shared[at], -at))
        return [*by_share, *by_weight, *self._joined_alike(wanted)]

    def _joined_alike(self, wanted: Name) -> list[int]:
        if len(wanted.joined) < _JOINED_LETTERS:
            return []
        return [number for number, _ in self._joined.near(wanted.joined, _JOINED_SIMILAR)]

    def _score(self, wanted: Name, number: int) -> float:
        listed = self._names[number]
        pairs = self._paired(wanted.words, listed.words)
        mine = [self._weight(word) for word in wanted.words]
        theirs = [self._weight(word) for word in listed.words]
        shared = sum(likeness**1.5 * (mine[one] + theirs[other]) for likeness, one, other in pairs)
        all_mine, all_theirs = sum(mine), sum(theirs)
        both = shared / (all_mine + all_theirs)
        score = both
        if len(pairs) > 1 and sum(theirs[other] >= _INITIAL_WEIGHT for _, _, other in pairs) > 1:
            within = shared / 2 / min(all_mine, all_theirs)
            score = both + _WITHIN_SHARE * max(min(within, 1.0) - both, 0.0)
        score = max(score, self._joined_score(wanted, listed))
        apart = len(set(wanted.forms) ^ set(listed.forms)) / 2
        return float(max(score - _FORM_WEIGHT * min(apart, 1.0) / (1 + all_mine), 0.0))

    def _paired(self, mine: Sequence[str], theirs: Sequence[str]) -> list[tuple[float, int, int]]:
        """Pair words one to one, the most alike first: likeness and both places."""
        likely = []
        for one, word in enumerate(mine):
            similar = self.similar(word)
            for other, their_word in enumerate(theirs):
                likeness = similar.get(their_word, 0.0)
                if not likeness and word[0] == their_word[0] and 1 in (len(word), len(their_word)):
                    likeness = _WORD_SIMILAR
                if likeness:
                    likely.append((likeness, one, other))
        likely.sort(key=lambda pair: (-pair[0], pair[1], pair[2]))
        pairs, mine_taken, theirs_taken = [], set(), set()
        for likeness, one, other in likely:
            if one not in mine_taken and other not in theirs_taken:
                pairs.append((likeness, one, other))
                mine_taken.add(one)
                theirs_taken.add(other)
        return pairs

    @staticmethod
    def _joined_score(wanted: Name, listed: Name) -> float:
        if min(len(wanted.joined), len(listed.joined)) < _JOINED_LETTERS:
            return 0.0
        alike = max(OSA.normalized_similarity(wanted.joined, each) for each in (listed.joined, listed.turned))
        return min(alike, _JOINED_BEST) if alike >= _JOINED_SIMILAR else 0.0


def _plain(name: Name) -> str:
    """Return what two names share that have the same words: in any order, since lists have surnames first."""
    return " ".join((*sorted(name.words), *sorted(name.forms)))


def digest(listed: Iterable[Listed]) -> str:
    """Return what names a list by all it says (SHA-256, hexadecimal): the same for the same names in any order."""
    lines = sorted(
        "\t".join((each.list_name, each.entry_id, each.kind, folded(each.name))) for each in listed
    )
    return sha256("\n".join(lines).encode()).hexdigest()
