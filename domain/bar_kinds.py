"""Kinds of bars by name: what closes a bar, `tick:500` or `renko:0.05`, and a row of such a bar.

Definitions of tick, volume, notional (dollar), imbalance and runs bars: M. Lopez de Prado, Advances in Financial
Machine Learning, 2018, chapter 2.3. Docs: docs/bars.md.
"""

import math
import re
from enum import IntEnum, IntFlag, StrEnum
from fractions import Fraction
from typing import NamedTuple

import numpy as np


class BarKind(IntEnum):
    """What closes a bar; the number is the kernel's."""

    TIME = 0
    TICK = 1
    VOLUME = 2
    NOTIONAL = 3
    RANGE = 4
    RENKO = 5
    TICK_IMBALANCE = 6
    VOLUME_IMBALANCE = 7
    NOTIONAL_IMBALANCE = 8
    TICK_RUNS = 9
    VOLUME_RUNS = 10
    NOTIONAL_RUNS = 11


class Empty(StrEnum):
    """What a time bar in which nothing traded becomes: nothing, or the close before it with a volume of zero."""

    SKIP = "skip"
    CARRY = "carry"


class Partial(StrEnum):
    """What becomes of a bar that is not whole: kept, left out, or kept with a mark that says so."""

    KEEP = "keep"
    DROP = "drop"
    MARK = "mark"


class Mark(IntFlag):
    """What is special about a bar.

    The last two are of time bars, for those that are made of them: open and close are of a trade that counts as last
    only if it is the only one; no trade could move high and low.
    """

    FIRST = 1
    CUT = 2
    EMPTY = 4
    WARM_UP = 8
    LAST_ONLY = 16
    NO_RANGE = 32


PARTIAL = int(Mark.FIRST | Mark.CUT)
"""Marks of bars that are not whole: the first one of an instrument, if it does not open with its session; the last
one of a session, which the session's end has cut short."""

BUILT_BAR = np.dtype(
    [
        ("open_at", np.int64),
        ("close_at", np.int64),
        ("known_at", np.int64),
        ("number", np.int64),
        ("open", np.float64),
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("volume", np.float64),
        ("vwap", np.float64),
        ("trade_count", np.int32),
        ("instrument", np.int32),
        ("spec", np.int16),
        ("version", np.int16),
        ("session", np.int8),
        ("marks", np.uint8),
    ],
    align=True,
)
"""One bar of a named kind: `spec` is its place among the run's names, `number` counts the instrument's bars of the name
from 0 (of a time bar it is `close_at`), `version` is 0 at first and one more with each revision, `marks` are bits of
`Mark`. Instants are ns UTC, prices raw; they are NaN where no trade of the bar may move them."""

MARKS = tuple(
    "+".join(mark.name.lower() for mark in Mark if bits & mark and mark.name) for bits in range(2 * max(Mark))
)
"""The words of the marks of a bar, by its bits: `first`, `cut+warm_up`; nothing for none."""

QUOTES = "quotes"
SECONDS = {"ms": Fraction(1, 1000), "s": Fraction(1), "m": Fraction(60), "h": Fraction(3600)}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ms|[smh]?)")
_COUNTED = frozenset(BarKind) - {BarKind.TIME, BarKind.VOLUME, BarKind.NOTIONAL, BarKind.RANGE, BarKind.RENKO}
"""Kinds whose size is a whole number: trades, or trades that a bar is expected to have at first."""


class BarSpec(NamedTuple):
    """A kind of bar and its size: seconds, trades, units, money, or a difference of prices, as the kind says.

    Of imbalance and runs bars it is the number of trades that a bar is expected to have at first. `quotes` says that
    bars are of mid prices and quoted sizes, and not of trades.
    """

    kind: BarKind
    size: float
    quotes: bool = False

    @property
    def name(self) -> str:
        """Return the name, as it stands in `interval_name`: `tick:500`, `range:0.1:quotes`."""
        size = int(self.size) if self.size.is_integer() else self.size
        return f"{self.kind.name.lower()}:{size}{':' + QUOTES if self.quotes else ''}"

    @property
    def nanoseconds(self) -> int:
        """Return the length of a time bar, which is of whole milliseconds."""
        return round(1000 * self.size) * 1_000_000


def bar_spec(text: str) -> BarSpec:
    """Read `KIND:SIZE` or `KIND:SIZE:quotes`; the size of time bars may be written 90, 90s, 5m or 1h.

    Raises ValueError where the text names no kind of bar.
    """
    kind_name, _, rest = text.strip().partition(":")
    size_text, _, of = rest.partition(":")
    kind = next((each for each in BarKind if each.name.lower() == kind_name), None)
    if kind is None or of not in {"", QUOTES, "trades"}:
        kinds = ", ".join(each.name.lower() for each in BarKind)
        raise ValueError(
            f"a bar is KIND:SIZE or KIND:SIZE:quotes with a kind of {kinds}; {text!r} was given, try tick:500"
        )
    size = _size(kind, size_text)
    if size is None:
        wanted = (
            "whole milliseconds, at most a day (250ms, 1.5, 90s, 5m, 1h)"
            if kind == BarKind.TIME
            else "a number above 0"
        )
        if kind in _COUNTED:
            wanted = "a whole number of trades, at least 1"
        raise ValueError(f"the size of {kind_name} bars is {wanted}; {size_text!r} was given")
    if kind == BarKind.TIME and of == QUOTES:
        raise ValueError(
            f"time bars are of trades, what quotes do in a minute is in quote bars; {text!r} was given"
        )
    return BarSpec(kind, size, of == QUOTES)


def _size(kind: BarKind, text: str) -> float | None:
    """Return a size, None for a text that is none."""
    if kind == BarKind.TIME:
        length = _LENGTH.fullmatch(text)
        seconds = Fraction(length[1]) * SECONDS[length[2] or "s"] if length else Fraction(0)
        return float(seconds) if 0 < seconds <= 86_400 and (1000 * seconds).denominator == 1 else None
    try:
        size = float(text)
    except ValueError:
        return None
    if not (math.isfinite(size) and size > 0) or (kind in _COUNTED and not size.is_integer()):
        return None
    return size
