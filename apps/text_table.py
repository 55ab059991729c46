"""A person's own table as text: any usual separator, encoding, line end and compression, and the line of each row."""

import bz2
import csv
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

SEPARATORS = (",", ";", "\t", "|")
BEGINNING = 1 << 16
EXTRA = "\x00beyond"
BYTE_ORDERS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
COMMENT = "#"
SAID = re.compile(r"\"?sep=.?\"?\s*", re.IGNORECASE)
"""A line of Excel's before the titles, which says the separator."""


class TextTableError(ValueError):
    """A file that is no table of text, with what is wrong with it."""


class TextTable(NamedTuple):
    """Rows as they are written (null where a cell is empty), the titles as they are, and the line of each row.

    `titles` may repeat, the names of `rows` do not; `lines` counts from 1; `long` is true of rows that have
    more cells than there are titles, the rest of which is not in `rows`.
    """

    rows: pl.DataFrame
    titles: tuple[str, ...]
    lines: NDArray[np.int64]
    long: NDArray[np.bool_]


class _Header(NamedTuple):
    titles: tuple[str, ...]
    separator: str
    lines: int
    """How many lines are behind one when the header has been read."""


def read_text_table(path: Path) -> TextTable:
    """Read a table of text: gzip, bzip2, xz or zip with one file in it are unpacked, UTF-16 is read by its mark.

    Blank lines are no rows; nor are lines before the header that are blank or begin with #. Raises TextTableError where
    the file cannot be read or has no header.
    """
    source, beginning = _opened(path)
    header = _header(beginning, path)
    names = _distinct(header.titles)
    try:
        rows = pl.read_csv(
            source,
            has_header=False,
            skip_lines=header.lines,
            separator=header.separator,
            schema=dict.fromkeys((*names, EXTRA), pl.String),
            missing_columns="insert",
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
        )
    except pl.exceptions.NoDataError:
        rows = pl.DataFrame(schema=dict.fromkeys((*names, EXTRA), pl.String))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TextTableError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    lines = np.arange(header.lines + 1, header.lines + 1 + rows.height, dtype=np.int64)
    bare = np.flatnonzero(rows.select(pl.all_horizontal(pl.all().is_null()).alias("bare"))["bare"].to_numpy())
    if len(bare):
        blank = _blank(source, lines[bare])
        kept = ~np.isin(lines, blank)
        rows, lines = rows.filter(pl.Series(kept)), lines[kept]
    long = rows[EXTRA].is_not_null().to_numpy()
    return TextTable(rows.drop(EXTRA), header.titles, lines, long)


def titles_of(path: Path) -> tuple[str, ...]:
    """Return the titles of a table of text; raises TextTableError."""
    return _header(_opened(path)[1], path).titles


def _opened(path: Path) -> tuple[Path | bytes, str]:
    """Return what to read, the path itself where it is plain text, and its beginning."""
    try:
        with path.open("rb") as file:
            first = file.read(BEGINNING)
        packed = first[:2] in {b"\x1f\x8b", b"PK", b"BZ"} or first[:6] == b"\xfd7zXZ\x00"
        whole = _unpacked(path, first) if packed else None
    except TextTableError:
        raise
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise TextTableError(f"{path} cannot be read: {reason}") from error
    head = first if whole is None else whole[:BEGINNING]
    encoding = next((name for mark, name in BYTE_ORDERS.items() if head.startswith(mark)), None)
    bare_returns = b"\r" in head and b"\n" not in head
    if encoding == "utf-16" or (encoding is None and bare_returns):
        text = (path.read_bytes() if whole is None else whole).decode(encoding or "utf-8", "replace")
        whole = text.replace("\r\n", "\n").replace("\r", "\n").encode()
        return whole, whole[:BEGINNING].decode("utf-8", "ignore")
    beginning = head.decode("utf-8-sig", "replace")
    return (path if whole is None else whole), beginning


def _unpacked(path: Path, first: bytes) -> bytes | None:
    if first[:2] == b"\x1f\x8b":
        return gzip.decompress(path.read_bytes())
    if first[:3] == b"BZh":
        return bz2.decompress(path.read_bytes())
    if first[:6] == b"\xfd7zXZ\x00":
        return lzma.decompress(path.read_bytes())
    if first[:4] not in {b"PK\x03\x04", b"PK\x05\x06"}:
        return None
    with zipfile.ZipFile(path) as archive:
        members = [each for each in archive.namelist() if not each.endswith("/")]
        if "[Content_Types].xml" in members:
            raise TextTableError(f"{path} is a workbook; save its sheet as CSV")
        if len(members) != 1:
            raise TextTableError(f"{path} holds {len(members)} files; give a zip that holds one")
        return archive.read(members[0])


def _header(beginning: str, path: Path) -> _Header:
    """Find the first line that is neither blank nor a comment, and what separates its titles."""
    for count, line in enumerate(io.StringIO(beginning, newline=None), start=1):
        if not line.strip() or line.startswith(COMMENT) or SAID.fullmatch(line):
            continue
        bare = re.sub(r'"[^"]*"', "", line)
        separator = max(SEPARATORS, key=bare.count)
        titles = next(csv.reader([line.rstrip("\n")], delimiter=separator))
        if len(titles) > 1 and not titles[-1].strip():
            titles.pop()
        return _Header(tuple(each.strip() for each in titles), separator, count)
    raise TextTableError(f"{path} cannot be read: it is empty; a table has a line of titles")


def _distinct(titles: tuple[str, ...]) -> list[str]:
    names: list[str] = []
    for title in titles:
        again = (f"{title}_{count}" for count in range(2, len(titles) + 2))
        names.append(title if title not in names else next(each for each in again if each not in names))
    return names


def _blank(source: Path | bytes, lines: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which of some lines hold nothing at all; a row of separators alone is one."""
    wanted = set(lines.tolist())
    return np.array(
        [
            count
            for count, line in enumerate(_text(source), start=1)
            if count in wanted and not line.strip(b"\r\n ")
        ],
        np.int64,
    )


def _text(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield from io.BytesIO(source)
        return
    with source.open("rb") as file:
        yield from file
