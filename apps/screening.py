"""A file of names screened against published lists: who is listed, by which name, and how near."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from analytics.names import folded
from analytics.screening import Hit, NameIndex, digest
from connectors.files.name_lists import BadLine, NameList, read_lists, read_names
from domain.sanctions import Listed

UNREADABLE = "was not screened: it has no Latin, Cyrillic or Greek letter and no digit; transliterate it"


class Result(NamedTuple):
    """What was found of one name."""

    line: int
    name: str
    hits: tuple[Hit, ...]


class Screening(NamedTuple):
    """A file of names as screened: the lists by file, their digest, a result for each name, and lines without one."""

    threshold: float
    lists: tuple[NameList, ...]
    digest: str
    results: tuple[Result, ...]
    bad: tuple[BadLine, ...]


def screened(names: Path, lists: Sequence[Path], threshold: float, most: int) -> Screening:
    """Screen a file of names against lists; raises NameFileError."""
    read = tuple(each for path in lists for each in read_lists(path))
    given, bad = read_names(names)
    wanted = [one for one in given if folded(one.name)]
    bad += [BadLine(one.line, f"{one.name!r} {UNREADABLE}") for one in given if not folded(one.name)]
    listed: list[Listed] = [one for each in read for one in each.listed]
    index = NameIndex(listed)
    results = tuple(
        Result(one.line, one.name, tuple(index.search(one.name, threshold, most))) for one in wanted
    )
    return Screening(threshold, read, digest(listed), results, tuple(bad))


def told(screening: Screening) -> dict[str, Any]:
    """Return a screening as plain values."""
    return {
        "threshold": screening.threshold,
        "lists": [
            {"file": each.path.name, "names": len(each.listed), "bad": [line._asdict() for line in each.bad]}
            for each in screening.lists
        ],
        "list_digest": screening.digest,
        "screened": len(screening.results),
        "hits": sum(bool(each.hits) for each in screening.results),
        "bad": [line._asdict() for line in screening.bad],
        "results": [
            {
                "line": each.line,
                "name": each.name,
                "hit": bool(each.hits),
                "score": each.hits[0].score if each.hits else 0.0,
                "matches": [_match(hit) for hit in each.hits],
            }
            for each in screening.results
        ],
    }


def _match(hit: Hit) -> dict[str, Any]:
    listed = hit.listed
    return {
        "list": listed.list_name,
        "entry_id": listed.entry_id,
        "name": listed.name,
        "kind": listed.kind,
        "type": listed.party_type,
        "programs": listed.programs,
        "score": hit.score,
        "how": hit.how,
    }
