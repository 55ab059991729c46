"""Numbers as people write them: grouped thousands, decimal commas, a currency before them."""

import re
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

GROUPS = "'\u2019 \u00a0\u202f"
AROUND = " \t'\""
CURRENCY = "[$€£¥]?"
COMMA_IS_DECIMAL = r"^[^,]*,(?:\d{1,2}|\d{4,})$|^[+-]?(?:\d{4,}|0),\d+$|\.\d{3},\d|\.\d{3}\.\d{3}"
POINT_IS_DECIMAL = r"^[^.]*\.(?:\d{1,2}|\d{4,})$|^[+-]?(?:\d{4,}|0)\.\d+$|,\d{3}\.\d|,\d{2,3},\d{3}"
COMMA_IS_EITHER = r"^[+-]?[1-9]\d{0,2},\d{3}$"
DOUBT = ", whose comma may part thousands or decimals, which no number of the file tells; write it without"


def decimal_comma(columns: Sequence[pl.Series]) -> bool:
    """Say whether a table's numbers have a comma before their decimals: those that can be read in one way decide."""
    return bool(told_comma(columns))


def told_comma(columns: Sequence[pl.Series]) -> bool | None:
    """Say the same, and None where cells hold a comma or groups of digits and none tells which of the two it is.

    Asked only where some are no plain numbers; the cells that can be read in one way alone decide, by their majority.
    """
    texts = [column.str.strip_chars(AROUND) for column in columns if column.dtype == pl.String]
    unread = [text.filter(_unread(text, text.cast(pl.Float64, strict=False))) for text in texts]
    if not any(len(text) for text in unread):
        return False
    commas = sum(int(text.str.contains(COMMA_IS_DECIMAL).sum()) for text in texts)
    points = sum(int(text.str.contains(POINT_IS_DECIMAL).sum()) for text in texts)
    if not commas and not points and any(text.str.contains(COMMA_IS_EITHER).any() for text in unread):
        return None
    return commas > points


def numbers_of(column: pl.Series, comma: bool = False) -> NDArray[np.float64]:
    """Return a column's numbers as float64, NaN where there is none; `comma` says what stands before decimals.

    `1,506.70`, `1'506.70`, `1 506.70`, `$1506.7` are read, and with `comma` `1.506,70`; groups have three digits
    (two in India), and what is grouped in another way is no number.
    """
    if column.dtype == pl.String:
        column = plain_texts(column, comma).cast(pl.Float64, strict=False)
    return column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy().copy()


def sure_numbers(
    columns: Sequence[pl.Series], percent: Sequence[bool] | bool = True
) -> list[NDArray[np.float64]]:
    """Return the numbers of columns of text that belong together, NaN where there is none.

    Where `percent` (of all, or of each) 1.5% is 0.015. A comma that may be before decimals or between thousands, and no
    cell of the table tells, makes no number.
    """
    each = [percent] * len(columns) if isinstance(percent, bool) else percent
    texts = [column.str.strip_chars(AROUND) for column in columns]
    bare = [
        text.str.strip_suffix("%") if allowed else text for text, allowed in zip(texts, each, strict=True)
    ]
    comma = told_comma(bare)
    if comma is None:
        bare = [pl.select(pl.when(~text.str.contains(",")).then(text)).to_series() for text in bare]
    numbers = [numbers_of(text, bool(comma)) for text in bare]
    for text, read in zip(texts, numbers, strict=True):
        read[text.str.ends_with("%").to_numpy()] /= 100.0
    return numbers


def doubt_of(cell: str) -> str:
    """Say why a cell like 12,300 is not read where no other tells what its comma is; nothing for other cells."""
    return DOUBT if re.search(COMMA_IS_EITHER, cell.strip(f"{AROUND}%")) else ""


def plain_texts(column: pl.Series, comma: bool = False) -> pl.Series:
    """Return the numbers of a column of text as a program writes them, null where there is none."""
    text = column.str.strip_chars(AROUND)
    read = pl.Series(text.name, [None] * len(text), pl.Float64)
    if not comma:
        read = text.cast(pl.Float64, strict=False)
    odd = _unread(text, read)
    usual = pl.select(pl.when(read.is_not_null()).then(text)).to_series()
    if not odd.any():
        return usual
    return pl.select(pl.when(odd).then(_plain(text, comma)).otherwise(usual)).to_series()


def _unread(text: pl.Series, read: pl.Series) -> pl.Series:
    """Return where there is something that holds a digit and is no plain number."""
    return read.is_null() & text.str.contains(r"\d").fill_null(value=False)


def _plain(text: pl.Series, comma: bool) -> pl.Series:
    """Return as plain ones the numbers of cells in one way of writing them, null where a cell is written in none."""
    point, group = (",", ".") if comma else (".", ",")
    gap = f"[{GROUPS}{group}]"
    shape = rf"^[+-]?{CURRENCY}(?:\d+|\d{{1,3}}(?:{gap}\d{{2,3}})*{gap}\d{{3}})?(?:[{point}]\d*)?(?:[eE][+-]?\d+)?$"
    shaped = pl.select(pl.when(text.str.contains(shape)).then(text)).to_series()
    bare = shaped.str.replace_all(rf"[{GROUPS}{group}$€£¥]", "")
    plain = bare.str.replace(",", ".") if comma else bare
    return pl.select(pl.when(plain.cast(pl.Float64, strict=False).is_not_null()).then(plain)).to_series()
