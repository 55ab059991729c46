"""Bars of every kind made row by row in plain Python, from what docs/bars.md says and from nothing else."""

from typing import NamedTuple

EDGES = (240, 570, 960, 1200)
"""Minutes of New York at which a session begins or ends: pre-market, regular, post-market, closed."""


class Row(NamedTuple):
    """A trade that may move everything, or a quote as mid and quoted size; `minute` is of the day, with its part."""

    at: int
    minute: float
    price: float
    size: float


class Closed(NamedTuple):
    """What a bar says."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    trade_count: int


def measured(rows):
    prices = [row.price for row in rows]
    return Closed(prices[0], max(prices), min(prices), prices[-1], sum(row.size for row in rows), len(rows))


def session_of(row):
    return sum(row.minute >= edge for edge in EDGES)


def sides(rows):
    """Return the side of each row by the tick rule: that of the last change of price, 0 before there is one."""
    found, side, last = [], 0, None
    for row in rows:
        if last is not None and row.price != last:
            side = 1 if row.price > last else -1
        last = row.price
        found.append(side)
    return found


def sessions(rows):
    """Yield the rows of each session, with their sides."""
    part = []
    for row, side in zip(rows, sides(rows), strict=True):
        if part and session_of(part[-1][0]) != session_of(row):
            yield part
            part = []
        part.append((row, side))
    if part:
        yield part


def time_bars(rows, minutes):
    made = []
    for part in sessions(rows):
        begins = EDGES[session_of(part[0][0]) - 1]
        groups = {}
        for row, _ in part:
            groups.setdefault(int((row.minute - begins) // minutes), []).append(row)
        made += [measured(groups[place]) for place in sorted(groups)]
    return made


def filled_bars(rows, kind, size):
    """Return tick, volume, notional and range bars."""
    made = []
    for part in sessions(rows):
        held, total, low, high = [], 0.0, float("inf"), 0.0
        for row, _ in part:
            held.append(row)
            low, high = min(low, row.price), max(high, row.price)
            total += {"tick": 1.0, "volume": row.size, "notional": row.price * row.size}.get(kind, 0.0)
            spread = (
                max(each.price for each in held) - min(each.price for each in held) if kind == "range" else 0
            )
            if max(total, spread) >= size * (1 - 1e-9):
                made.append(measured(held))
                held, total = [], 0.0
        if held:
            made.append(measured(held))
    return made


class _Mean:
    """An exponentially weighted mean of a span; the first value stands for itself."""

    def __init__(self, span):
        self.value, self.gain = None, 2.0 / (span + 1.0)

    def take(self, value):
        self.value = value if self.value is None else self.value + self.gain * (value - self.value)


def surprise_bars(rows, kind, size, span, limit):
    """Return imbalance and runs bars (AFML 2.3.2): kind is e.g. volume_runs."""
    weight = {
        "tick": lambda _: 1.0,
        "volume": lambda row: row.size,
        "notional": lambda row: row.price * row.size,
    }
    weigh, runs = weight[kind.partition("_")[0]], kind.endswith("runs")
    length, signed = _Mean(span), _Mean(span * size)
    share, bought_each, sold_each = _Mean(span), _Mean(span), _Mean(span)
    expected_signed, made = None, []
    for part in sessions(rows):
        held, bought, sold, buys, sells = [], 0.0, 0.0, 0, 0
        for row, side in part:
            value = weigh(row)
            signed.take(side * value)
            held.append(row)
            if side > 0:
                bought, buys = bought + value, buys + 1
            elif side < 0:
                sold, sells = sold + value, sells + 1
            if length.value is None:
                done = len(held) >= size
            elif limit and len(held) * limit < size:
                done = False
            elif limit and len(held) >= size * limit:
                done = True
            elif not runs:
                done = abs(bought - sold) >= length.value * abs(expected_signed)
            elif share.value is None:
                done = len(held) >= size
            else:
                expected = max(
                    share.value * (bought_each.value or 0), (1 - share.value) * (sold_each.value or 0)
                )
                done = max(bought, sold) >= length.value * expected
            if done:
                made.append(measured(held))
                length.take(float(len(held)))
                expected_signed = signed.value
                if buys + sells:
                    share.take(buys / (buys + sells))
                if buys:
                    bought_each.take(bought / buys)
                if sells:
                    sold_each.take(sold / sells)
                held, bought, sold, buys, sells = [], 0.0, 0.0, 0, 0
        if held:
            made.append(measured(held))
    return made


def bricks(rows, parts):
    """Return bricks of a height of 1/parts: open and close in heights, volume and count."""
    made, held, low, high = [], [], None, None
    for row in rows:
        held.append(row)
        level = row.price * parts
        if low is None:
            low = high = int(level + 1e-9)
            continue
        volume, count = sum(each.size for each in held), len(held)
        while int(level + 1e-9) > high:
            made.append((high, high + 1, volume, count))
            low, high, volume, count, held = high, high + 1, 0.0, 0, []
        while -int(-level + 1e-9) < low and level < low:
            down = low - 1
            if level > down + 1e-9:
                break
            made.append((low, down, volume, count))
            low, high, volume, count, held = down, low, 0.0, 0, []
    return made
