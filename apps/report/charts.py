"""Drawings of the report: an instrument's price with what was decided on it, and an account's equity and drawdown."""

from collections.abc import Iterator
from html import escape

import numpy as np

from apps.local_time import clock, stamp
from apps.report.axes import TimeAxis, ValueAxis, runs, thinned
from apps.report.readings import Curve, Span, Story
from domain.market import MINUTE, Float64, Int64

WIDTH, LEFT, RIGHT = 960, 78, 936
TOP, BOTTOM = 14, 250
LANE, LANE_GAP = 12, 6
COLUMNS = 150
HOVERS = 40
MARKERS_MAX = 160
BREAK = 5 * MINUTE
STANDS = {1: "long", -1: "short"}
SIDES = {1: "buy", -1: "sell"}


def price_chart(story: Story, spans: tuple[Span, ...]) -> str:
    """Return the drawing of an instrument over the trading days: closes, fills, halts, splits and stands."""
    axis = TimeAxis(spans, LEFT, RIGHT)
    lanes = BOTTOM + 14
    height = lanes + len(story.stands) * (LANE + LANE_GAP) + 22
    parts = [*_clock(axis, height - 6), *_halts(axis, story)]
    for group in _scales(axis, story):
        scale, close_at, close = group
        parts += [*_levels(axis, scale, close_at), *_line(axis, scale, close_at, close, "line")]
        parts += _hovers(axis, close_at, close, BOTTOM, "{:,.2f}")
        parts += _fills(axis, scale, story, int(close_at[0]), int(close_at[-1]))
    parts += [*_splits(axis, story), *_lanes(axis, story, lanes)]
    return svg(height, f"price of {story.name} with signals and fills", parts)


def equity_chart(curve: Curve, spans: tuple[Span, ...]) -> str:
    """Return the drawing of an account: equity above, drawdown in percent below."""
    axis = TimeAxis(spans, LEFT, RIGHT)
    inside = np.array([axis.span_of(at) is not None for at in curve.at.tolist()], np.bool_)
    at, equity, drawdown = curve.at[inside], curve.equity[inside], -100 * curve.drawdown[inside]
    if not len(at):
        return '<p class="none">no snapshot was taken within trading hours</p>'
    upper = ValueAxis(equity, 180, TOP)
    lower = ValueAxis(np.append(drawdown, 0.0), 290, 206)
    parts = [*_clock(axis, 314)]
    for scale, form in ((upper, "{:,.0f}"), (lower, "{:.3g} %")):
        parts += _levels(axis, scale, at, form)
    parts += _line(axis, upper, at, equity, "line")
    parts += _areas(axis, lower, at, drawdown)
    parts += _hovers(axis, at, equity, 290, "{:,.2f}")
    return svg(320, f"equity and drawdown of account {curve.account}", parts)


def svg(height: float, words: str, parts: list[str]) -> str:
    """Return a drawing of a height that says in words what it shows."""
    inside = "".join(parts)
    return (
        f'<div class="scroll"><svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(words)}">'
        f"{inside}</svg></div>"
    )


def _clock(axis: TimeAxis, y: float) -> Iterator[str]:
    for number, span in enumerate(axis.spans):
        start, end = axis.edges(number)
        yield f'<rect class="day" x="{start:.1f}" y="{TOP}" width="{end - start:.1f}" height="{y - TOP - 14:.1f}"/>'
        if len(axis.spans) <= 6:
            yield f'<text x="{start + 2:.1f}" y="{TOP - 3}">{escape(span.words)}</text>'
    for place, words in axis.ticks():
        yield f'<text class="middle" x="{place:.1f}" y="{y:.1f}">{words}</text>'


def _scales(axis: TimeAxis, story: Story) -> Iterator[tuple[ValueAxis, Int64, Float64]]:
    """Yield a scale with the bars that it is for: a new one after each split, for one would show neither side of it."""
    inside = np.array([axis.span_of(at) is not None for at in story.close_at.tolist()], np.bool_)
    close_at, close = story.close_at[inside], story.close[inside]
    cuts = np.searchsorted(close_at, [split.last_at for split in story.splits]).tolist()
    for start, end in zip([0, *cuts], [*cuts, len(close)], strict=True):
        if end > start:
            yield ValueAxis(close[start:end], BOTTOM, TOP), close_at[start:end], close[start:end]


def _levels(axis: TimeAxis, scale: ValueAxis, at: Int64, form: str = "{:g}") -> Iterator[str]:
    """Yield the grid of a scale, from the stretch of its first value to that of its last, named at its left."""
    first, last = axis.span_of(int(at[0])), axis.span_of(int(at[-1]))
    if first is None or last is None:
        return
    left, right = axis.edges(first)[0], axis.edges(last)[1]
    place, anchor = (left - 5, "end") if first == 0 else (left + 3, "inside")
    for value in scale.ticks():
        y = scale.y(value)
        yield f'<line class="grid" x1="{left:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="{anchor}" x="{place:.1f}" y="{y + 4:.1f}">{form.format(round(value, 6))}</text>'


def _parts(axis: TimeAxis, scale: ValueAxis, at: Int64, values: Float64) -> Iterator[tuple[Float64, Float64]]:
    """Yield the points of each unbroken piece of a line: it breaks between stretches and where nothing traded."""
    for number, span in enumerate(axis.spans):
        rows = slice(*np.searchsorted(at, [span.first_at, span.last_at + 1]).tolist())
        for run in runs(at[rows], BREAK):
            places, heights = axis.places(at[rows][run], number), values[rows][run]
            share = max(8, COLUMNS * len(places) // max(1, len(at)))
            kept = thinned(places, heights, share)
            yield places[kept], scale.places(heights[kept])


def _line(axis: TimeAxis, scale: ValueAxis, at: Int64, values: Float64, name: str) -> Iterator[str]:
    for x, y in _parts(axis, scale, at, values):
        if len(x) == 1:
            yield f'<circle class="dot" cx="{x[0]:.1f}" cy="{y[0]:.1f}" r="1.6"/>'
        else:
            yield f'<polyline class="{name}" points="{_points(x, y)}"/>'


def _areas(axis: TimeAxis, scale: ValueAxis, at: Int64, values: Float64) -> Iterator[str]:
    zero = scale.y(0.0)
    for x, y in _parts(axis, scale, at, values):
        yield f'<polygon class="loss" points="{x[0]:.1f},{zero:.1f} {_points(x, y)} {x[-1]:.1f},{zero:.1f}"/>'


def _points(x: Float64, y: Float64) -> str:
    return " ".join(f"{left:.1f},{up:.1f}" for left, up in zip(x.tolist(), y.tolist(), strict=True))


def _hovers(axis: TimeAxis, at: Int64, values: Float64, bottom: float, form: str) -> Iterator[str]:
    """Yield strips that cannot be seen and say the value under the pointer."""
    for number, span in enumerate(axis.spans):
        rows = slice(*np.searchsorted(at, [span.first_at, span.last_at + 1]).tolist())
        count = min(HOVERS // len(axis.spans) + 1, len(at[rows]))
        for own in np.array_split(np.arange(len(at[rows])), count) if count else []:
            first, last = axis.places(at[rows][own[[0, -1]]], number).tolist()
            when, part = int(at[rows][own[-1]]), values[rows][own]
            words = f"{clock(when)}  {form.format(part[-1])}"
            if len(own) > 1:
                words += f" (from {form.format(part.min())} to {form.format(part.max())})"
            yield (
                f'<rect class="hover" x="{first - 1:.1f}" y="{TOP}" width="{last - first + 2:.1f}" '
                f'height="{bottom - TOP:g}"><title>{words}</title></rect>'
            )


def _fills(axis: TimeAxis, scale: ValueAxis, story: Story, first_at: int, last_at: int) -> Iterator[str]:
    shown = [fill for fill in story.fills if first_at - BREAK <= fill.at <= last_at + BREAK][-MARKERS_MAX:]
    for fill in shown:
        x = axis.x(fill.at)
        if x is None:
            continue
        y = min(max(scale.y(fill.price), TOP), BOTTOM)
        tip, foot = (y + 2, y + 11) if fill.sign > 0 else (y - 2, y - 11)
        words = (
            f"{SIDES[fill.sign]} {fill.quantity:,} at {fill.price:.4f}, {fill.strategy}, {stamp(fill.at)}, "
            f"order {fill.cl_ord_id}"
        )
        yield (
            f'<polygon class="{SIDES[fill.sign]}" points="{x:.1f},{tip:.1f} {x - 5:.1f},{foot:.1f} '
            f'{x + 5:.1f},{foot:.1f}"><title>{escape(words)}</title></polygon>'
        )


def _halts(axis: TimeAxis, story: Story) -> Iterator[str]:
    for halt in story.halts:
        for start, end in axis.pieces(halt.first_at, halt.last_at):
            ended = clock(halt.last_at) if axis.span_of(halt.last_at) is not None else "the end"
            words = f"{halt.words}, {clock(halt.first_at)} to {ended}"
            yield (
                f'<rect class="halt" x="{start:.1f}" y="{TOP}" width="{end - start:.1f}" height="{BOTTOM - TOP}">'
                f"<title>{words}</title></rect>"
                f'<text class="middle" x="{(start + end) / 2:.1f}" y="{TOP + 12}">halt</text>'
            )


def _splits(axis: TimeAxis, story: Story) -> Iterator[str]:
    for split in story.splits:
        later = (number for number, span in enumerate(axis.spans) if span.last_at >= split.last_at)
        number = next(later, None)
        if number is None:
            continue
        x = axis.edges(number)[0] - (4 if number else 0)
        yield f'<line class="split" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{BOTTOM}"/>'
        yield f'<text class="end" x="{x - 4:.1f}" y="{BOTTOM - 4}">{escape(split.words)}</text>'


def _lanes(axis: TimeAxis, story: Story, top: float) -> Iterator[str]:
    """Yield a lane for each strategy that shows where it stood: a bar above the middle is long, below it short."""
    for place, (strategy, stands) in enumerate(story.stands.items()):
        y = top + place * (LANE + LANE_GAP)
        yield f'<text class="end" x="{LEFT - 5}" y="{y + LANE - 2:.1f}">{escape(strategy[:9])}</text>'
        yield f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y + LANE / 2:.1f}" y2="{y + LANE / 2:.1f}"/>'
        until = [stand.at for stand in stands[1:]] + [axis.spans[-1].last_at]
        for stand, end_at in zip(stands, until, strict=True):
            if not stand.direction:
                continue
            words = (
                f"{strategy} {STANDS[stand.direction]} from {clock(stand.at)} to {clock(end_at)}, "
                f"score {stand.score:+.2f}, {stand.reason.replace('_', ' ')}"
            )
            up = y if stand.direction > 0 else y + LANE / 2
            for start, end in axis.pieces(stand.at, end_at):
                yield (
                    f'<rect class="{STANDS[stand.direction]}" x="{start:.1f}" y="{up:.1f}" '
                    f'width="{max(end - start, 1):.1f}" height="{LANE / 2}"><title>{escape(words)}</title></rect>'
                )
