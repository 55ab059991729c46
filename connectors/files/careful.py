"""The careful way through a CSV file, row by row: for files in which some row cannot be read."""

from typing import NamedTuple

import numpy as np
import polars
from numpy.typing import NDArray

from domain.market import Malformed


class Careful(NamedTuple):
    """The rows that could be read, the line number of each, and the rows that could not."""

    table: polars.DataFrame
    lines: NDArray[np.int64]
    malformed: tuple[Malformed, ...]


def read_carefully(
    text: bytes, names: tuple[str, ...], words: frozenset[str], place: str, known_at: int
) -> Careful:
    """Read headerless CSV whose columns are integers but for the `words`.

    Reasons are `wrong_column_count`, `not_a_number` and `not_text` (bytes that are no UTF-8); `known_at` (ns
    UTC) is given to
    the rows that cannot be read, which say nothing of their own time.
    """
    rows: list[list[int | str]] = []
    lines: list[int] = []
    malformed: list[Malformed] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        cells, reason = _cells(line, names, words)
        if reason:
            raw = line.decode(errors="backslashreplace")
            malformed.append(Malformed(place, f"line {number}", reason, raw, known_at))
        else:
            rows.append(cells)
            lines.append(number)
    kinds = {name: polars.String if name in words else polars.Int64 for name in names}
    return Careful(polars.DataFrame(rows, kinds, orient="row"), np.array(lines, np.int64), tuple(malformed))


def _cells(line: bytes, names: tuple[str, ...], words: frozenset[str]) -> tuple[list[int | str], str]:
    try:
        parts = line.decode().split(",")
    except UnicodeDecodeError:
        return [], "not_text"
    if len(parts) != len(names):
        return [], "wrong_column_count"
    cells: list[int | str] = []
    for name, part in zip(names, parts, strict=True):
        if name in words:
            if name == "condition" and not _hexadecimal(part):
                return [], "not_a_number"
            cells.append(part.strip())
        else:
            try:
                cells.append(int(part))
            except ValueError:
                return [], "not_a_number"
    return cells, ""


def _hexadecimal(text: str) -> bool:
    try:
        int(text, 16)
    except ValueError:
        return False
    return True
