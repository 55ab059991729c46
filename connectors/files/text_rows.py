"""Rows of a small table of text from a person or a vendor: packed or not, in its encoding, by its separator."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

SEPARATORS = (",", "\t", ";", "|")
BYTE_ORDERS = (b"\xff\xfe", b"\xfe\xff")


class UnreadableFile(ValueError):
    """A file that is not there, may not be read, or is packed and damaged; says which and why."""


def unpacked(path: Path) -> bytes:
    """Return the bytes of a file, gzipped or not; raises UnreadableFile."""
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadableFile(f"{path} cannot be read: {reason}") from error


def text_of(path: Path) -> str:
    """Return the text of a file, gzipped or not, in UTF-16 by its mark, else in UTF-8 or, if it is none, cp1252.

    Raises UnreadableFile.
    """
    raw = unpacked(path)
    try:
        return raw.decode("utf-16" if raw[:2] in BYTE_ORDERS else "utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def rows_of(text: str) -> Iterator[tuple[int, list[str]]]:
    """Give the rows that are not empty, with the line that each begins in; raises ValueError with the line."""
    lines = text.replace("\x1a", "").splitlines()
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    reader = csv.reader(lines, delimiter=max(SEPARATORS, key=first.count))
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error
