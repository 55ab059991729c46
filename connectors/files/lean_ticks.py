"""Ticks of QuantConnect Lean's US equity layout: `.../tick/<symbol>/<YYYYMMDD>_trade.zip` and `_quote.zip`.

A day of the owned instruments is decoded at once, at about fifty bytes a row, and merged from there a chunk at a time.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from connectors.files.lean_archive import DecodedFile, LeanFile, check_archive, decode_file
from connectors.source import CHUNK_ROWS, SourceError, selected_days, selected_names
from domain.instruments import Instrument, Split
from domain.market import Chunk, Kind, Malformed, Ticks, complete_ticks, empty_ticks, row_count

_NAME = re.compile(r"(\d{4})(\d{2})(\d{2})_(trade|quote)\.zip", re.IGNORECASE)
_KINDS = {"trade": Kind.TRADE, "quote": Kind.QUOTE}


class LeanTicks:
    """Trades and quotes of every symbol and day below a folder; the upper-cased symbol is the instrument's name.

    `instruments` and the ISO dates `first` and `last` (inclusive) narrow what is held. Raises SourceError where
    the folder holds no such file, two files of one symbol, day and kind, a file that is no zip archive, or
    nothing that is asked for.
    """

    name = "lean"

    def __init__(
        self,
        folder: Path,
        instruments: tuple[str, ...] | None = None,
        first: str | None = None,
        last: str | None = None,
    ) -> None:
        files = find_files(folder)
        names = selected_names((file.instrument for file in files.values()), instruments)
        held = [file for file in files.values() if file.instrument in names]
        days = selected_days((file.day for file in held), first, last, folder)
        self._files = {
            day: sorted(
                (file for file in held if file.day == day), key=lambda file: (file.kind, file.instrument)
            )
            for day in days
        }
        self._names = tuple(sorted({file.instrument for files in self._files.values() for file in files}))
        for day in days:
            for file in self._files[day]:
                check_archive(file.path)

    def instruments(self) -> tuple[str, ...]:
        """Return the symbols of the files, upper-cased and sorted."""
        return self._names

    def reference(self) -> tuple[Instrument, ...]:
        """Return nothing: tick files know only names."""
        return ()

    def splits(self) -> tuple[Split, ...]:
        """Return nothing: tick files know of no split."""
        return ()

    def segments(self) -> tuple[str, ...]:
        """Return the days of the files' names."""
        return tuple(self._files)

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield the day's rows of the owned instruments in canonical order; raises SourceError."""
        mine = [
            file
            for file in self._files[segment]
            if file.instrument in index and owned[index[file.instrument]]
        ]
        mine.sort(key=lambda file: (file.kind, index[file.instrument]))
        parts = [(index[file.instrument], decode_file(file)) for file in mine]
        yield from _merged(parts)


def find_files(folder: Path) -> dict[tuple[str, str, Kind], LeanFile]:
    """Return every tick file below a folder by instrument, day and kind; raises SourceError."""
    found: dict[tuple[str, str, Kind], LeanFile] = {}
    for path in sorted(folder.resolve().rglob("*.zip")):
        match = _NAME.fullmatch(path.name)
        if match is None or path.parent.parent.name.lower() != "tick":
            continue
        year, month, day, word = match.groups()
        file = LeanFile(path.parent.name.upper(), f"{year}-{month}-{day}", _KINDS[word.lower()], path)
        before = found.setdefault(file[:3], file)
        if before is not file:
            raise SourceError(f"{before.path} and {path} hold the same symbol, day and kind; take one away")
    if not found:
        raise SourceError(
            f"{folder} holds no tick file of Lean; files are named tick/<symbol>/<YYYYMMDD>_trade.zip or _quote.zip"
        )
    return found


def _merged(parts: Sequence[tuple[int, DecodedFile]]) -> Iterator[Chunk]:
    """Yield the rows of decoded files, given in order of kind and instrument, merged in time."""
    taken = [0] * len(parts)
    refused = sorted(
        (row for _, part in parts for row in part.malformed), key=lambda row: (row.known_at, row.place)
    )
    while True:
        stops = _stops(parts, taken)
        chunk = _gathered(parts, taken, stops)
        taken = stops
        count = row_count(chunk)
        if count and any(stop < len(part.known_at) for stop, (_, part) in zip(stops, parts, strict=True)):
            passed, refused = _split(refused, int(chunk.known_at[-1]))
            yield Chunk(chunk, passed)
            continue
        if count or refused:
            yield Chunk(chunk, tuple(refused))
        return


def _split(refused: list[Malformed], known_at: int) -> tuple[tuple[Malformed, ...], list[Malformed]]:
    """Return the malformed rows up to an instant, and the later ones."""
    passed = sum(row.known_at <= known_at for row in refused)
    return tuple(refused[:passed]), refused[passed:]


def _stops(parts: Sequence[tuple[int, DecodedFile]], taken: list[int]) -> list[int]:
    """Return up to where each file is read next: about a chunk of rows, ending between two instants."""
    known = [part.known_at[start:] for (_, part), start in zip(parts, taken, strict=True)]
    if sum(map(len, known)) <= CHUNK_ROWS:
        return [start + len(instants) for start, instants in zip(taken, known, strict=True)]
    low = min(int(instants[0]) for instants in known if len(instants)) + 1
    high = max(int(instants[-1]) for instants in known if len(instants)) + 1
    while low < high:
        middle = (low + high + 1) // 2
        if sum(int(np.searchsorted(instants, middle)) for instants in known) <= CHUNK_ROWS:
            low = middle
        else:
            high = middle - 1
    return [start + int(np.searchsorted(instants, low)) for start, instants in zip(taken, known, strict=True)]


def _gathered(parts: Sequence[tuple[int, DecodedFile]], starts: list[int], stops: list[int]) -> Ticks:
    """Return the named rows of all files in canonical order.

    The files stand in order of kind and instrument and each is in order of known_at and sequence, so one stable sort
    by known_at is enough.
    """
    pieces = [
        (which, part, slice(start, stop))
        for (which, part), start, stop in zip(parts, starts, stops, strict=True)
        if stop > start
    ]
    if not pieces:
        return empty_ticks()
    known_at = np.concatenate([part.known_at[rows] for _, part, rows in pieces])
    order = np.argsort(known_at, kind="stable")
    counts = [rows.stop - rows.start for _, _, rows in pieces]
    trades = sum(rows.stop - rows.start for _, part, rows in pieces if part.kind is Kind.TRADE)
    columns: dict[str, NDArray[np.generic]] = {
        name: np.concatenate([getattr(part, name)[rows] for _, part, rows in pieces])[order]
        for name in ("event_at", "sequence", "venue", "conditions", "flags")
    }
    first = np.concatenate([part.first[rows] for _, part, rows in pieces])
    first_size = np.concatenate([part.first_size[rows] for _, part, rows in pieces])
    second = _joined([part.second[rows] for _, part, rows in pieces if part.second is not None])
    second_size = _joined(
        [part.second_size[rows] for _, part, rows in pieces if part.second_size is not None]
    )
    columns |= {
        "known_at": known_at[order],
        "instrument": np.repeat(np.array([which for which, _, _ in pieces], np.int32), counts)[order],
        "kind": np.repeat(np.array([part.kind for _, part, _ in pieces], np.uint8), counts)[order],
        "price": _padded(first[:trades], 0, len(order), np.nan)[order],
        "size": _padded(first_size[:trades], 0, len(order), 0.0)[order],
        "bid": _padded(first[trades:], trades, len(order), np.nan)[order],
        "bid_size": _padded(first_size[trades:], trades, len(order), 0.0)[order],
        "ask": _padded(second, trades, len(order), np.nan)[order],
        "ask_size": _padded(second_size, trades, len(order), 0.0)[order],
    }
    return complete_ticks(columns)


def _joined(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate(parts) if parts else np.empty(0)


def _padded(values: NDArray[np.float64], start: int, count: int, filler: float) -> NDArray[np.float64]:
    """Return `count` values: `filler`, with the given ones from `start` on."""
    padded = np.full(count, filler)
    padded[start : start + len(values)] = values
    return padded
