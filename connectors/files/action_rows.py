"""Corporate actions from files of people and vendors: one's own rows, columns beside bars, Lean's factors, Databento.

A line that cannot be read is told with its number; nothing is guessed.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.files.action_vendor_lines import vendor_actions
from connectors.files.text_rows import UnreadableFile, rows_of, text_of
from domain.corporate_actions import AMOUNTS, RATIOS, ActionKind, CorporateAction

DATE = ("ex_date", "exdate", "date", "ex")
KIND = ("type", "kind", "action", "event", "action_type", "event_type")
CASH = ("value", "amount", "dividend", "cash", "price")
TIMES = ("value", "ratio", "factor", "split_ratio", "amount")
KNOWN = ("known_at", "known")
ANNOUNCED = (
    "announced_at", "announced", "announced_on", "announcement", "announcement_date", "declared", "declaration_date",
)  # fmt: skip
NAME = ("instrument", "symbol", "ticker")
INTO = ("into", "new_symbol", "new_ticker", "child", "acquirer")
SHARES = ("shares", "shares_each", "stock_ratio", "ratio")
CLOSING = frozenset({ActionKind.MERGER, ActionKind.DELISTING})
DIVIDENDS = ("dividends", "ex_dividend", "dividend")
SPLITS = ("stock_splits", "split_ratio", "splits", "split")
WORDS: dict[str, tuple[ActionKind, bool]] = {
    "dividend": (ActionKind.CASH_DIVIDEND, False),
    "div": (ActionKind.CASH_DIVIDEND, False),
    "cash": (ActionKind.CASH_DIVIDEND, False),
    "cash_dividend": (ActionKind.CASH_DIVIDEND, False),
    "special_dividend": (ActionKind.SPECIAL_DIVIDEND, False),
    "special": (ActionKind.SPECIAL_DIVIDEND, False),
    "split": (ActionKind.SPLIT, False),
    "stock_split": (ActionKind.SPLIT, False),
    "reverse_split": (ActionKind.SPLIT, True),
    "consolidation": (ActionKind.SPLIT, True),
    "stock_dividend": (ActionKind.STOCK_DIVIDEND, False),
    "bonus": (ActionKind.STOCK_DIVIDEND, False),
    "spin_off": (ActionKind.SPIN_OFF, False),
    "spinoff": (ActionKind.SPIN_OFF, False),
    "rights": (ActionKind.RIGHTS, False),
    "rights_issue": (ActionKind.RIGHTS, False),
    "merger": (ActionKind.MERGER, False),
    "rename": (ActionKind.RENAME, False),
    "symbol_change": (ActionKind.RENAME, False),
    "delisting": (ActionKind.DELISTING, False),
    "cancel": (ActionKind.CANCEL, False),
}
RATIO = re.compile(r"\s*([0-9.]+)\s*(?::|/|-?\s*for\s*-?|\s+to\s+)\s*([0-9.]+)\s*", re.IGNORECASE)
LEAN_LINE = re.compile(r"\d{8},[0-9.eE+-]+,[0-9.eE+-]+(,.*)?")
DECIMAL_COMMA = re.compile(r"\s*[+-]?(?:\d+,(?:\d{1,2}|\d{4,})|0?,\d+)\s*")
SHOWN = 12
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_NANOSECONDS = 86_400_000_000_000


class ActionFileError(ValueError):
    """A file of corporate actions that cannot be read, with its line."""


class LeanFactors(NamedTuple):
    """Lean's factors: `price` times `split` is for days up to and including `until` (days since 1970-01-01)."""

    until: NDArray[np.int32]
    price: NDArray[np.float64]
    split: NDArray[np.float64]

    def of(self, days: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what prices, and what volumes, of each day are multiplied by."""
        rows = np.minimum(np.searchsorted(self.until, days), len(self.until) - 1)
        return self.price[rows] * self.split[rows], 1.0 / self.split[rows]


def read_actions(path: Path, instrument: str | None = None) -> tuple[CorporateAction, ...] | LeanFactors:
    """Read corporate actions of a file.

    * Lean's factor file: date, price factor, split factor, reference price, without a header.
    * Rows with a column of kinds: ex-date, kind, value, and if they are there known_at, id, corrects, instrument.
    * Columns of dividends and splits beside bars (yfinance, WIKI): rows without either are no action.
    * Databento's corporate actions or adjustment factors: lines of JSON.

    Where rows name instruments, those of `instrument` are taken. Raises ActionFileError.
    """
    told = _told(path)
    if isinstance(told, LeanFactors):
        return told
    found = [action for _, action in told]
    if instrument is None:
        named = sorted({action.instrument for action in found if action.instrument})
        if len(named) > 1:
            raise ActionFileError(
                f"{path} has actions of {', '.join(named[:5])}; say which are meant with --instrument"
            )
        return tuple(found)
    return tuple(action for action in found if action.instrument in {"", instrument})


def read_all_actions(path: Path) -> tuple[CorporateAction, ...]:
    """Read the actions of all instruments of a file of rows that name them; raises ActionFileError."""
    told = _told(path)
    if isinstance(told, LeanFactors):
        raise ActionFileError(
            f"{path} is a factor file of one instrument; give the folder that has Lean's factor_files and map_files"
        )
    for number, action in told:
        if not action.instrument and action.kind != ActionKind.CANCEL:
            raise ActionFileError(
                f"{path}, line {number}: a row names its instrument; a {action.kind} names none"
            )
        if action.kind == ActionKind.MERGER and not (action.amount or action.into):
            raise ActionFileError(
                f"{path}, line {number}: a merger has a value, into, or both; neither was given"
            )
    return tuple(action for _, action in told)


def _told(path: Path) -> list[tuple[int, CorporateAction]] | LeanFactors:
    """Return the actions of a file, each with its line, or Lean's factors."""
    try:
        text = text_of(path)
    except UnreadableFile as error:
        raise ActionFileError(str(error)) from error
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return []
    if LEAN_LINE.fullmatch(lines[0].strip()):
        return _lean(path, lines)
    if lines[0].lstrip().startswith("{"):
        try:
            told = vendor_actions(text.splitlines(), instant_of)
        except ValueError as error:
            raise ActionFileError(f"{path}, {error}") from error
    else:
        told = _table(path, text)
    _check_names(path, told)
    return told


def _table(path: Path, text: str) -> list[tuple[int, CorporateAction]]:
    """Return the actions of a file with a header, each with its line."""
    try:
        rows = list(rows_of(text))
    except ValueError as error:
        raise ActionFileError(f"{path}, {error}") from error
    while rows and rows[0][1][0].lower().startswith(("#", "sep=")):
        rows.pop(0)
    if not rows:
        raise ActionFileError(f"{path} has no line of titles, such as ex_date,kind,value")
    header = rows[0][1]
    names = {plain(name): place for place, name in enumerate(header)}
    if "date" not in names and "datetime" in names:
        names["date"] = names["datetime"]
    shown = ", ".join(header[:SHOWN]) + (", ..." if len(header) > SHOWN else "")
    if not any(name in names for name in DATE):
        raise ActionFileError(f"{path} has no column of ex-dates; it has {shown}, ex_date is needed")
    kinds = any(name in names for name in KIND)
    if not kinds and not any(name in names for name in (*DIVIDENDS, *SPLITS)):
        raise ActionFileError(f"{path} has no column of kinds, dividends or splits; it has {shown}")
    found: list[tuple[int, CorporateAction]] = []
    for number, row in rows[1:]:
        try:
            found += [(number, each) for each in (_row(names, row) if kinds else _beside_bars(names, row))]
        except ValueError as error:
            raise ActionFileError(f"{path}, line {number}: {error}") from error
    return found


def _check_names(path: Path, told: list[tuple[int, CorporateAction]]) -> None:
    """Refuse an id that is given twice, and a correction of what is not there: either would count an action wrongly."""
    lines: dict[str, int] = {}
    for number, action in told:
        if action.action_id and action.action_id in lines:
            raise ActionFileError(
                f"{path}, line {number}: an id is given once; {action.action_id!r} is in line "
                f"{lines[action.action_id]}, too; give a new id, and corrects with the old one"
            )
        lines[action.action_id] = number
    for number, action in told:
        if action.corrects and (action.corrects not in lines or action.corrects == action.action_id):
            raise ActionFileError(
                f"{path}, line {number}: corrects names the id of another row; {action.corrects!r} was given"
            )


def plain(name: str) -> str:
    """Return a column's name in lower case with underscores."""
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def day_of(text: str) -> int:
    """Return the days since 1970-01-01 of a date; raises ValueError."""
    return int(instant_of(text) // DAY_NANOSECONDS)


def instant_of(text: str) -> int:
    """Return a date's midnight, or a time, in ns UTC; the local day where an offset is given with midnight."""
    text = text.strip()
    for pattern in ("%Y%m%d", "%m/%d/%Y", "%d.%m.%Y"):
        try:
            read = datetime.strptime(text, pattern).replace(tzinfo=UTC)
            break
        except ValueError:
            continue
    else:
        try:
            read = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(f"a date is written 2024-01-31; {text!r} was given") from error
        local_day = read.tzinfo is not None and (read.hour, read.minute, read.second) == (0, 0, 0)
        if read.tzinfo is None or local_day:
            read = read.replace(tzinfo=UTC)
    since = read.astimezone(UTC) - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def ratio_of(text: str) -> float:
    """Return a number, or what `2:1`, `2/1` and `2-for-1` say; raises ValueError.

    A comma is read where it can only be before decimals: 0,125 and 1,25, and not 1,250.
    """
    match = RATIO.fullmatch(text)
    if match:
        return float(match[1]) / float(match[2])
    plain_text = text.replace(",", ".") if DECIMAL_COMMA.fullmatch(text) else text
    try:
        return float(plain_text)
    except ValueError as error:
        raise ValueError(f"a value is a number or a ratio as 2:1; {text!r} was given") from error


def _cell(names: dict[str, int], row: list[str], among: tuple[str, ...]) -> str:
    """Return the first column of several that is there and filled."""
    cells = (row[names[name]].strip() for name in among if name in names and names[name] < len(row))
    return next((cell for cell in cells if cell), "")


def _row(names: dict[str, int], row: list[str]) -> Iterator[CorporateAction]:
    word = plain(_cell(names, row, KIND))
    if word not in WORDS:
        raise ValueError(f"a kind is one of {', '.join(WORDS)}; {word!r} was given")
    kind, reverse = WORDS[word]
    needs = kind in AMOUNTS | RATIOS
    text = _cell(names, row, TIMES if kind in RATIOS else CASH)
    if needs and not text:
        raise ValueError(f"a {word} needs a value; none was given")
    value = ratio_of(text) if needs else 0.0
    ratio = 1.0
    if kind in RATIOS:
        ratio = 1.0 + value if kind == ActionKind.STOCK_DIVIDEND and not RATIO.fullmatch(text) else value
        ratio = 1.0 / ratio if reverse and ratio > 1.0 else ratio
    if kind in CLOSING and text:
        value = ratio_of(text)
        ratio = 0.0 if kind == ActionKind.DELISTING and value == 0.0 else ratio
    shares = _cell(names, row, SHARES)
    if shares and kind not in RATIOS:
        ratio = ratio_of(shares)
        if not 0.0 < ratio < float("inf"):
            raise ValueError(f"shares for each share are above 0; {shares!r} was given")
    ex_text, said = _cell(names, row, DATE), _cell(names, row, ANNOUNCED)
    known = _cell(names, row, KNOWN) or said
    yield CorporateAction(
        kind=kind,
        ex_on=day_of(ex_text),
        amount=value if kind in AMOUNTS | CLOSING else 0.0,
        ratio=ratio,
        known_at=instant_of(known or ex_text),
        instrument=_cell(names, row, NAME),
        action_id=_cell(names, row, ("id", "action_id", "event_id")),
        corrects=_cell(names, row, ("corrects", "replaces")),
        into=_cell(names, row, INTO),
        announced_at=instant_of(said) if said else 0,
    )


def _beside_bars(names: dict[str, int], row: list[str]) -> Iterator[CorporateAction]:
    text = _cell(names, row, DATE)
    paid = _cell(names, row, DIVIDENDS)
    split = _cell(names, row, SPLITS)
    if paid and ratio_of(paid) != 0.0:
        yield CorporateAction(
            kind=ActionKind.CASH_DIVIDEND,
            ex_on=day_of(text),
            amount=ratio_of(paid),
            known_at=instant_of(text),
        )
    if split and ratio_of(split) not in {0.0, 1.0}:
        yield CorporateAction(
            kind=ActionKind.SPLIT, ex_on=day_of(text), ratio=ratio_of(split), known_at=instant_of(text)
        )


def _lean(path: Path, lines: list[str]) -> LeanFactors:
    rows = []
    for number, line in enumerate(lines, 1):
        cells = line.strip().split(",")
        try:
            day, price, split = day_of(cells[0]), float(cells[1]), float(cells[2])
        except (ValueError, IndexError) as error:
            raise ActionFileError(
                f"{path}, line {number}: a factor line is date, price factor, split factor, reference price; "
                f"{line!r} was given"
            ) from error
        if not (price > 0.0 and split > 0.0):
            raise ActionFileError(f"{path}, line {number}: factors are above 0; {line!r} was given")
        rows.append((day, price, split))
    rows.sort()
    until, prices, splits = zip(*rows, strict=True)
    return LeanFactors(np.array(until, np.int32), np.array(prices), np.array(splits))
