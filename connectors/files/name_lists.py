"""Lists of sanctioned and denied parties, and names to screen, read from files."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from connectors.files.text_rows import UnreadableFile, rows_of, text_of
from domain.sanctions import Listed

NULL = "-0-"
SDN_CELLS, ALTERNATIVE_CELLS = 12, 5
WEAK_NAME = re.compile(r"[afn]\.k\.a\.,? '(.+?)'(?=[;.]|$)")
PARTY_TYPES = {NULL: "entity", "": "entity"}
NAME_COLUMNS = ("name", "full_name", "company", "company_name", "issuer", "counterparty", "entity")
MEMBERS = {"sdn": "alt", "cons_prim": "cons_alt"}
"""OFAC publishes a list in files beside each other: names, and alternative names by the same entry id."""


class NameFileError(ValueError):
    """A file of names that cannot be read as a whole."""


class BadLine(NamedTuple):
    """A line that is not taken: its number, and why."""

    line: int
    reason: str


class NameList(NamedTuple):
    """What one file says: its listed names, and its lines that say nothing."""

    path: Path
    listed: tuple[Listed, ...]
    bad: tuple[BadLine, ...]


class Screened(NamedTuple):
    """A name to be screened and the line that it stands in."""

    line: int
    name: str


def read_lists(path: Path) -> list[NameList]:
    """Read a list, and OFAC's alternative names where they lie beside it (alt.csv beside sdn.csv).

    Taken are OFAC's SDN and consolidated files (no header, 12 cells, -0- for nothing) and their alternative names (5
    cells), the consolidated screening list of trade.gov (header with source, name and alt_names), the denied persons
    list of BIS (tab-separated, header), and rows of one's own with a column `name` and, if wanted, id, type, programs
    and alt_names (parted by ;). A file may be gzipped. Raises NameFileError.
    """
    rows = list(_rows(path))
    if not rows:
        raise NameFileError(f"{path} holds no names; a list of names was expected")
    first = [cell.strip() for cell in rows[0][1]]
    if len(first) == SDN_CELLS and first[0].isdigit():
        found = [_prefixed(path, rows, SDN_CELLS)]
        beside = _alternatives(path)
        return [*found, _alternative_names(beside, found[0])] if beside else found
    if len(first) == ALTERNATIVE_CELLS and first[0].isdigit():
        return [_alternative_names(path, None)]
    return [_headed(path, rows)]


def read_names(path: Path) -> tuple[list[Screened], list[BadLine]]:
    """Read the names to screen: the column `name` (or company, issuer, counterparty ...), or the only column there is.

    Raises NameFileError.
    """
    rows = list(_rows(path))
    if not rows:
        raise NameFileError(f"{path} holds no names to screen")
    header = [cell.strip().lower() for cell in rows[0][1]]
    at = next((header.index(name) for name in NAME_COLUMNS if name in header), None)
    if at is None and max(len(cells) for _, cells in rows) > 1:
        raise NameFileError(
            f"{path} has no column of names; it has {', '.join(header)}; call one of them name"
        )
    names: list[Screened] = []
    bad: list[BadLine] = []
    for line, cells in rows[0 if at is None else 1 :]:
        name = cells[at or 0].strip() if len(cells) > (at or 0) else ""
        if name:
            names.append(Screened(line, name))
        else:
            bad.append(BadLine(line, "there is no name in it"))
    return names, bad


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Give the rows of a file that are not empty, with the line that each begins in."""
    try:
        text = text_of(path)
    except UnreadableFile as error:
        raise NameFileError(str(error)) from error
    try:
        yield from rows_of(text)
    except ValueError as error:
        raise NameFileError(f"{path}, {error}") from error


def _prefixed(path: Path, rows: Iterable[tuple[int, list[str]]], cells_expected: int) -> NameList:
    listed: list[Listed] = []
    bad: list[BadLine] = []
    for line, cells in rows:
        entry, name = cells[0].strip(), cells[1].strip() if len(cells) > 1 else ""
        if len(cells) != cells_expected or not entry.isdigit() or not name or name == NULL:
            bad.append(
                BadLine(
                    line, f"{cells_expected} cells with an id and a name were expected, not {cells!r:.80}"
                )
            )
            continue
        party = PARTY_TYPES.get(cells[2].strip(), cells[2].strip())
        programs = cells[3].strip()
        listed.append(Listed("SDN", entry, name, "primary", party, programs))
        listed += [
            Listed("SDN", entry, weak, "weak", party, programs) for weak in WEAK_NAME.findall(cells[11])
        ]
    return NameList(path, tuple(listed), tuple(bad))


def _alternatives(path: Path) -> Path | None:
    stem, _, endings = path.name.partition(".")
    wanted = MEMBERS.get(stem.lower())
    names = (f"{wanted}.{endings}", f"{wanted}.csv", f"{wanted}.csv.gz") if wanted else ()
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)


def _alternative_names(path: Path, of: NameList | None) -> NameList:
    """Read alternative names; of a list that was read, they are of its entries, else they stand alone."""
    known: Mapping[str, Listed] = (
        {each.entry_id: each for each in of.listed if each.kind == "primary"} if of else {}
    )
    listed: list[Listed] = []
    bad: list[BadLine] = []
    for line, cells in _rows(path):
        if len(cells) != ALTERNATIVE_CELLS or not cells[3].strip() or cells[3].strip() == NULL:
            bad.append(
                BadLine(line, f"{ALTERNATIVE_CELLS} cells with a name were expected, not {cells!r:.80}")
            )
            continue
        entry, kind, name = cells[0].strip(), cells[2].strip().lower(), cells[3].strip()
        owner = known.get(entry)
        party, programs = (owner.party_type, owner.programs) if owner else ("entity", "")
        listed.append(Listed("SDN", entry, name, kind, party, programs))
    return NameList(path, tuple(listed), tuple(bad))


def _headed(path: Path, rows: list[tuple[int, list[str]]]) -> NameList:
    header = [cell.strip().lower() for cell in rows[0][1]]
    if "name" not in header:
        raise NameFileError(
            f"{path} is no list that is known: it has neither OFAC's cells nor a column 'name'; "
            f"its first line is {rows[0][1]!r:.100}"
        )
    listed: list[Listed] = []
    bad: list[BadLine] = []
    for line, cells in rows[1:]:
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        name = row.get("name", "")
        if not name:
            bad.append(BadLine(line, "there is no name in it"))
            continue
        source = row.get("source", "") or (
            "DPL" if "standard_order" in header else path.name.partition(".")[0]
        )
        source = found[1] if (found := re.search(r"\(([A-Z]{2,5})\)", source)) else source
        entry = row.get("entity_number") or row.get("id") or f"{source}:{line}"
        party, programs = row.get("type", "").lower() or "entity", row.get("programs", "")
        listed.append(Listed(source, entry, name, "primary", party, programs))
        listed += [
            Listed(source, entry, other.strip(), "aka", party, programs)
            for other in row.get("alt_names", "").split(";")
            if other.strip()
        ]
    return NameList(path, tuple(listed), tuple(bad))
