"""Where things stand in a drawing: trading time laid end to end, values from bottom to top, and lines thinned out."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from apps.local_time import clock, local
from apps.report.readings import Span
from domain.market import MINUTE, Float64, Int64

GAP = 14.0
LABEL = 34.0
STEPS_MINUTES = (5, 15, 30, 60, 120, 240)


class TimeAxis:
    """Lays stretches of time (ns UTC) side by side between `left` and `right`, with a gap between them.

    Raises ValueError where there is no stretch.
    """

    def __init__(self, spans: Sequence[Span], left: float, right: float) -> None:
        if not spans:
            raise ValueError("a time axis needs at least one stretch of time; none was given")
        self.spans = tuple(spans)
        self.left, self.right = left, right
        gap = min(GAP, (right - left) / (4 * len(spans)))
        whole = sum(span.last_at - span.first_at for span in spans) or 1
        self._scale = (right - left - gap * (len(spans) - 1)) / whole
        starts, at = [], left
        for span in spans:
            starts.append(at)
            at += (span.last_at - span.first_at) * self._scale + gap
        self._starts = starts

    def span_of(self, at: int) -> int | None:
        """Return which stretch an instant lies in, None where in none."""
        inside = (number for number, span in enumerate(self.spans) if span.first_at <= at <= span.last_at)
        return next(inside, None)

    def x(self, at: int) -> float | None:
        """Return where an instant stands, None where it lies in no stretch."""
        number = self.span_of(at)
        return None if number is None else self.places(np.array([at]), number).tolist()[0]

    def places(self, at: Int64, number: int) -> Float64:
        """Return where instants of one stretch stand."""
        since = (at - self.spans[number].first_at).astype(np.float64)
        made: Float64 = self._starts[number] + since * self._scale
        return made

    def edges(self, number: int) -> tuple[float, float]:
        """Return where a stretch begins and ends."""
        start = self._starts[number]
        return start, start + (self.spans[number].last_at - self.spans[number].first_at) * self._scale

    def pieces(self, first_at: int, last_at: int) -> list[tuple[float, float]]:
        """Return where a time from `first_at` to `last_at` is seen, a piece for each stretch that it meets."""
        made = []
        for number, span in enumerate(self.spans):
            begins, ends = max(first_at, span.first_at), min(last_at, span.last_at)
            if begins < ends:
                start, end = self.places(np.array([begins, ends]), number).tolist()
                made.append((start, end))
        return made

    def ticks(self) -> list[tuple[float, str]]:
        """Return (place, New York time) of round times, about ten of them; only dates where there are many days."""
        if len(self.spans) > 6:
            step = math.ceil(len(self.spans) / 10)
            return [
                (self._starts[number], f"{local(span.first_at):%d %b}")
                for number, span in enumerate(self.spans)
                if number % step == 0
            ]
        minutes = sum(span.last_at - span.first_at for span in self.spans) // MINUTE
        step = next((step for step in STEPS_MINUTES if minutes / step <= 16), STEPS_MINUTES[-1]) * MINUTE
        made = []
        for number, span in enumerate(self.spans):
            first = -(-span.first_at // step) * step
            at = np.arange(first, span.last_at + 1, step)
            made += list(zip(self.places(at, number).tolist(), map(clock, at.tolist()), strict=True))
        return [tick for place, tick in enumerate(made) if not place or tick[0] - made[place - 1][0] >= LABEL]


class ValueAxis:
    """Lays values between `bottom` and `top` (drawing units, top above bottom), with some room on either side."""

    def __init__(self, values: Float64, bottom: float, top: float) -> None:
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        room = (high - low) * 0.05 or abs(high) * 0.001 or 1.0
        self.low, self.high = low - room, high + room
        self._bottom, self._top = bottom, top

    def y(self, value: float) -> float:
        """Return where a value stands."""
        return self._bottom - (value - self.low) / (self.high - self.low) * (self._bottom - self._top)

    def places(self, values: Float64) -> Float64:
        """Return where values stand."""
        made: Float64 = self._bottom - (values - self.low) / (self.high - self.low) * (
            self._bottom - self._top
        )
        return made

    def ticks(self, count: int = 4) -> list[float]:
        """Return about `count` round values."""
        step = round_step((self.high - self.low) / count)
        first = math.ceil(self.low / step)
        return [number * step for number in range(first, math.floor(self.high / step) + 1)]


def round_step(least: float) -> float:
    """Return 1, 2 or 5 times a power of ten, the smallest that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def thinned(places: Float64, values: Float64, columns: int) -> NDArray[np.intp]:
    """Return which points of a line to draw: first, last, lowest and highest in each of `columns` columns.

    What is left looks the same: no peak is lost. All points where there are no more than that.
    """
    if len(places) <= 4 * columns:
        return np.arange(len(places))
    edges = np.linspace(places[0], places[-1], columns + 1)[1:-1]
    cuts = np.unique(np.concatenate([[0], np.searchsorted(places, edges), [len(places)]]))
    kept: set[int] = set()
    for start, end in pairwise(cuts.tolist()):
        part = values[start:end]
        kept |= {start, end - 1, start + int(part.argmin()), start + int(part.argmax())}
    return np.array(sorted(kept))


def runs(at: Int64, longest: int) -> list[slice]:
    """Return the stretches of a line that are to be drawn through: it breaks where `longest` (ns) is exceeded."""
    breaks = [0, *(np.flatnonzero(np.diff(at) > longest) + 1).tolist(), len(at)]
    return [slice(start, end) for start, end in pairwise(breaks) if end > start]
