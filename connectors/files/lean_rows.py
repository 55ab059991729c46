"""Rows of Lean's tick files from bytes, in one compiled pass that also finds the rows that are none.

A field is a decimal number, a hexadecimal number, or one letter. Source of the layout: QuantConnect/Lean
`Common/Data/Market/Tick.cs` (times in ms since midnight, prices times 10,000, both may have decimals).
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

NUMBER, HEXADECIMAL, LETTER = 0, 1, 2
REASONS = (
    "",
    "wrong_column_count",
    "not_a_number",
    "not_hexadecimal",
    "not_a_venue",
    "number_too_large",
    "time_out_of_day",
)
GOOD, WRONG_COUNT, NOT_A_NUMBER, NOT_HEXADECIMAL, NOT_A_VENUE, TOO_LARGE, OUT_OF_DAY = range(7)

MILLION = 1_000_000
DAY_MILLIONTHS = 86_400_000 * MILLION
_LARGEST = 9_000_000_000_000

TRADE_FIELDS = np.array([NUMBER, NUMBER, NUMBER, LETTER, HEXADECIMAL, NUMBER], np.uint8)
QUOTE_FIELDS = np.array([NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, LETTER, HEXADECIMAL, NUMBER], np.uint8)


class ParsedRows(NamedTuple):
    """Every line of a file: `values` of shape (fields, lines), `status` an index of REASONS, `starts` its first byte.

    Numbers are in millionths, so that a time in ms comes out in ns; hexadecimal numbers and letters are themselves.
    """

    values: NDArray[np.int64]
    status: NDArray[np.uint8]
    starts: NDArray[np.int64]


@njit(cache=True, nogil=True)
def _number(data, start, stop):  # type: ignore[no-untyped-def]
    """Return a decimal number in millionths, and its status; digits after the sixth decimal are cut."""
    at = start
    negative = at < stop and data[at] == 45
    if negative:
        at += 1
    whole, fraction, unit, digits = np.int64(0), np.int64(0), np.int64(MILLION), 0
    decimals = False
    while at < stop:
        digit = np.int64(data[at]) - 48
        if digit == -2 and not decimals:
            decimals = True
        elif digit < 0 or digit > 9:
            return np.int64(0), NOT_A_NUMBER
        elif decimals:
            unit //= 10
            fraction += digit * unit
            digits += 1
        else:
            whole = whole * 10 + digit
            digits += 1
            if whole > _LARGEST:
                return np.int64(0), TOO_LARGE
        at += 1
    if digits == 0:
        return np.int64(0), NOT_A_NUMBER
    value = whole * MILLION + fraction
    return (-value if negative else value), GOOD


@njit(cache=True, nogil=True)
def _hexadecimal(data, start, stop):  # type: ignore[no-untyped-def]
    """Return an unsigned hexadecimal number of up to 32 bits, and its status; nothing is 0."""
    value = np.int64(0)
    if stop - start > 8:
        return value, NOT_HEXADECIMAL
    for at in range(start, stop):
        code = np.int64(data[at])
        if 48 <= code <= 57:
            value = value * 16 + code - 48
        elif 97 <= code <= 102:
            value = value * 16 + code - 87
        elif 65 <= code <= 70:
            value = value * 16 + code - 55
        else:
            return np.int64(0), NOT_HEXADECIMAL
    return value, GOOD


@njit(cache=True, nogil=True)
def _field(data, start, stop, what):  # type: ignore[no-untyped-def]
    """Return the value of one field and its status."""
    if what == NUMBER:
        return _number(data, start, stop)
    if what == HEXADECIMAL:
        return _hexadecimal(data, start, stop)
    if stop == start:
        return np.int64(0), GOOD
    code = np.int64(data[start])
    if stop - start == 1 and (65 <= code <= 90 or 97 <= code <= 122):
        return code & 0xDF, GOOD
    return np.int64(0), NOT_A_VENUE


@njit(cache=True, nogil=True)
def _parse(data, fields, values, status, starts):  # type: ignore[no-untyped-def]
    """Fill in values, status and starts of every line; return how many lines there are."""
    count, size = len(fields), len(data)
    line, at = 0, 0
    while at < size:
        starts[line] = at
        field, state, begin = 0, GOOD, at
        while True:
            ended = at == size or data[at] == 10
            if ended or data[at] == 44:
                stop = at - 1 if ended and at > begin and data[at - 1] == 13 else at
                if field < count:
                    value, fault = _field(data, begin, stop, fields[field])
                    values[field, line] = value
                    if state == GOOD:
                        state = fault
                field += 1
                begin = at + 1
                if ended:
                    break
            at += 1
        at += 1
        if field != count:
            state = WRONG_COUNT
        elif state == GOOD and not (0 <= values[0, line] < DAY_MILLIONTHS):
            state = OUT_OF_DAY
        status[line] = state
        line += 1
    return line


def parse_rows(content: bytes, fields: NDArray[np.uint8]) -> ParsedRows:
    """Return every line of a file, good or not; the first field is the time in ms since midnight."""
    data = np.frombuffer(content, np.uint8)
    lines = content.count(b"\n") + 1
    values = np.empty((len(fields), lines), np.int64)
    status = np.empty(lines, np.uint8)
    starts = np.empty(lines, np.int64)
    count = int(_parse(data, fields, values, status, starts))
    return ParsedRows(values[:, :count], status[:count], starts[:count])


def raw_line(content: bytes, start: int) -> str:
    """Return the text of the line that begins at a byte, without its end; what is not UTF-8 is escaped."""
    stop = content.find(b"\n", start)
    return content[start : stop if stop >= 0 else None].rstrip(b"\r").decode("utf-8", "backslashreplace")
