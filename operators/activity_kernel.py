"""The compiled heart of activity bars: one pass over rows, one open bar for each instrument, closed by what has traded.

A rule is `(kind, size, span, limit)`: a number of `BarKind`, the size of its name, and for imbalance and runs bars the
bars over which expectations are averaged and how far a bar may be from the expected length (0: any). Sources of the
definitions: Lopez de Prado, Advances in Financial Machine Learning, 2.3.1 (tick, volume, dollar), 2.3.2 (imbalance and
runs); the rules of range, renko and session ends are stated in docs/bars.md.
"""

import numpy as np
from numba import njit

from domain.bar_kinds import BarKind, Mark
from domain.market import END, Condition
from operators.bar_rules import move

OPEN = np.dtype(
    [
        ("open", np.float64),
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("only", np.float64),
        ("volume", np.float64),
        ("notional", np.float64),
        ("bought", np.float64),
        ("sold", np.float64),
        ("average", np.float64),
        ("expected_value", np.float64),
        ("expected_ticks", np.float64),
        ("buy_share", np.float64),
        ("buy_value", np.float64),
        ("sell_value", np.float64),
        ("open_at", np.int64),
        ("last_at", np.int64),
        ("closed_at", np.int64),
        ("session_end", np.int64),
        ("number", np.int64),
        ("below", np.int64),
        ("above", np.int64),
        ("ticks", np.int64),
        ("buys", np.int64),
        ("sells", np.int64),
        ("session", np.int8),
        ("held", np.int8),
        ("warm", np.int8),
        ("seen", np.int8),
    ],
    align=True,
)
"""The open bar of an instrument and what is expected of it.

`only` is the last price that counts if there is no other; `bought` and `sold` add what buys and sells weigh, `ticks`,
`buys` and `sells` count them; `average` runs over signed weights; `below` and `above` are the last brick in sizes.
`closed_at` is the end of the last closed bar, `session_end` the edge at which the open one is cut (0: none seen yet).
"""

BRICKS_MAX = 65_536
NEAR = 1e-9
"""What a sum or a difference may lack of its size, as a share: sums of decimal fractions are not exact."""

_TICK, _VOLUME, _NOTIONAL = int(BarKind.TICK), int(BarKind.VOLUME), int(BarKind.NOTIONAL)
_RANGE, _RENKO = int(BarKind.RANGE), int(BarKind.RENKO)
_IMBALANCE, _RUNS = int(BarKind.TICK_IMBALANCE), int(BarKind.TICK_RUNS)
_CUT, _WARM_UP = int(Mark.CUT), int(Mark.WARM_UP)
COUNTS, MOVES = int(Condition.COUNTS_VOLUME), int(Condition.MOVES_OPEN_CLOSE)
IF_ONLY = int(Condition.LAST_IF_ONLY)

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _begin(one, at):  # type: ignore[no-untyped-def]
    """Open a bar."""
    one.open = one.close = one.only = np.nan
    one.high, one.low = -np.inf, np.inf
    one.volume = one.notional = one.bought = one.sold = 0.0
    one.ticks = one.buys = one.sells = 0
    one.open_at = one.last_at = at
    one.held = 1


@_compiled
def _weight(kind, price, size):  # type: ignore[no-untyped-def]
    """Return v_t of AFML 2.3.2: 1, the size, or the money of a trade."""
    which = (kind - _IMBALANCE) % 3
    if which == 0:
        return 1.0
    return size if which == 1 else price * size


@_compiled
def take(one, kind, at, price, size, bits, side):  # type: ignore[no-untyped-def]
    """Take a row into an open bar."""
    one.open_at, one.last_at = min(one.open_at, at), max(one.last_at, at)
    move(one, price, bits)
    if bits & COUNTS:
        one.volume += size
        one.notional += price * size
        one.ticks += 1
        if kind >= _IMBALANCE and side > 0:
            one.bought += _weight(kind, price, size)
            one.buys += 1
        elif kind >= _IMBALANCE and side < 0:
            one.sold += _weight(kind, price, size)
            one.sells += 1


@_compiled
def _averaged(before, value, span):  # type: ignore[no-untyped-def]
    """Return the exponentially weighted mean of a span with one more value; the first value stands for itself."""
    return value if np.isnan(before) else before + (value - before) * 2.0 / (span + 1.0)


@_compiled
def _reached(one, kind, size, limit):  # type: ignore[no-untyped-def]
    """Say whether the open bar is done."""
    if kind == _TICK:
        return one.ticks >= size
    if kind == _VOLUME:
        return one.volume >= size * (1.0 - NEAR)
    if kind == _NOTIONAL:
        return one.notional >= size * (1.0 - NEAR)
    if kind == _RANGE:
        return one.high - one.low >= size * (1.0 - NEAR)
    return one.ticks >= size if one.warm == 0 else _surprised(one, kind, size, limit)


@_compiled
def _surprised(one, kind, size, limit):  # type: ignore[no-untyped-def]
    """Say whether an imbalance or a run is as great as was expected (AFML 2.3.2), or the bar as long as it may be."""
    if limit > 0 and (one.ticks * limit < size or one.ticks >= size * limit):
        return one.ticks >= size
    if kind < _RUNS:
        return abs(one.bought - one.sold) >= one.expected_ticks * abs(one.expected_value)
    share = one.buy_share
    if np.isnan(share):
        return one.ticks >= size
    expected = 0.0 if np.isnan(one.buy_value) else share * one.buy_value
    if not np.isnan(one.sell_value):
        expected = max(expected, (1.0 - share) * one.sell_value)
    return max(one.bought, one.sold) >= one.expected_ticks * expected


@_compiled
def _expect(one, kind, span):  # type: ignore[no-untyped-def]
    """Renew what is expected of the next bar, from the one that has closed (AFML 2.3.2)."""
    if kind < _IMBALANCE:
        return
    one.expected_ticks = _averaged(one.expected_ticks, float(one.ticks), span)
    one.expected_value = one.average
    sided = one.buys + one.sells
    if sided > 0:
        one.buy_share = _averaged(one.buy_share, one.buys / sided, span)
    if one.buys > 0:
        one.buy_value = _averaged(one.buy_value, one.bought / one.buys, span)
    if one.sells > 0:
        one.sell_value = _averaged(one.sell_value, one.sold / one.sells, span)
    one.warm = 1


@_compiled
def write(bar, one, instrument, spec, close_at, known_at, marks):  # type: ignore[no-untyped-def]
    """Write the open bar of an instrument as a closed one."""
    opened, closed = one.open, one.close
    if np.isnan(opened):
        opened = closed = one.only
    high, low = one.high, one.low
    if high < low:
        high = low = opened
    bar.open, bar.high, bar.low, bar.close = opened, high, low, closed
    bar.volume, bar.trade_count = one.volume, one.ticks
    bar.vwap = one.notional / one.volume if one.volume > 0.0 else np.nan
    bar.open_at, bar.close_at, bar.known_at = one.open_at, close_at, known_at
    bar.number, bar.instrument, bar.spec, bar.version = one.number, instrument, spec, 0
    bar.session, bar.marks = one.session, marks


@_compiled
def _cut(one, instrument, spec, kind, edge, known_at, out, made):  # type: ignore[no-untyped-def]
    """Close what is open at the end of a session; a brick waits for its price however long that takes."""
    if kind == _RENKO:
        return made
    if one.held:
        write(
            out[made], one, instrument, spec, edge, known_at, _CUT | (_WARM_UP if _warming(one, kind) else 0)
        )
        made += 1
        one.held = 0
        one.number += 1
    one.closed_at = max(one.closed_at, edge)
    return made


@_compiled
def _warming(one, kind):  # type: ignore[no-untyped-def]
    return kind >= _IMBALANCE and one.warm == 0


@_compiled
def _bricks(one, size, price):  # type: ignore[no-untyped-def]
    """Return how many bricks a price makes, below 0 for falling ones."""
    level = price / size
    if one.seen == 0:
        return 0
    up = np.int64(np.floor(level + NEAR)) - one.above
    if up > 0:
        return up
    down = one.below - np.int64(np.ceil(level - NEAR))
    return -down if down > 0 else 0


@_compiled
def _price(level, size):  # type: ignore[no-untyped-def]
    """Return so many sizes as a price; where a size is a whole part of 1 the nearest number to the decimal one."""
    parts = np.rint(1.0 / size)
    return level / parts if abs(parts * size - 1.0) < 1e-12 else level * size


@_compiled
def _lay(one, instrument, spec, size, count, known_at, out, made):  # type: ignore[no-untyped-def]
    """Write bricks: the first has what traded since the one before, those of a gap have nothing but their prices.

    Of a gap of more than `BRICKS_MAX` those after the first are left out that the price has left furthest behind.
    """
    step = 1 if count > 0 else -1
    at = one.last_at
    for place in range(min(abs(count), BRICKS_MAX)):
        begun = one.above if step > 0 else one.below
        if place == 1:
            begun += step * (abs(count) - min(abs(count), BRICKS_MAX))
        one.above, one.below = max(begun, begun + step), min(begun, begun + step)
        bar = out[made]
        write(bar, one, instrument, spec, at, known_at, 0)
        bar.open, bar.close = _price(begun, size), _price(begun + step, size)
        bar.high, bar.low = _price(one.above, size), _price(one.below, size)
        made += 1
        one.number += 1
        _begin(one, at)
    one.held = 0
    one.closed_at = max(one.closed_at, at)
    return made


@_compiled
def _new_session(one, at, edges, labels):  # type: ignore[no-untyped-def]
    segment = np.searchsorted(edges, at, side="right")
    one.session_end, one.session = edges[segment], labels[segment]


@_compiled
def _pass_edges(until, rule, spec, state, passed, edges, lateness, out, made):  # type: ignore[no-untyped-def]
    """Cut what is open at each edge that `until` (ns UTC) has passed; return rows in `out`, -1 - rows where full."""
    while edges[passed[0]] < END - lateness and until >= edges[passed[0]] + lateness:
        if made + len(state) > len(out):
            return -1 - made
        edge = edges[passed[0]]
        for which in range(len(state)):
            one = state[which]
            if 0 < one.session_end <= edge:
                made = _cut(one, which, spec, rule[0], one.session_end, one.session_end + lateness, out, made)
        passed[0] += 1
    return made


@_compiled
def sample(  # type: ignore[no-untyped-def]
    rule,
    spec,
    event_at,
    known_at,
    instrument,
    price,
    size,
    effect,
    sign,
    start,
    stop,
    state,
    passed,
    edges,
    labels,
    lateness,
    out,
    member,
    late,
):
    """Take rows into the open bars, closing those that are done; return the row it came to and the rows in `out`.

    It stops early where `out` may be too short for what a row makes. `member` gets the number of the bar that a row
    went into; a row that happened before the last closed bar ended goes into none, and `late` gets one more than the
    number of the bar that was open then. `passed` is the place of the next edge.
    """
    kind, width, span, limit = rule
    made = 0
    for row in range(start, stop):
        if known_at[row] >= edges[passed[0]] + lateness and edges[passed[0]] < END - lateness:
            made = _pass_edges(known_at[row], rule, spec, state, passed, edges, lateness, out, made)
            if made < 0:
                return row, -1 - made
        bits = effect[row]
        if bits == 0:
            continue
        which = np.int64(instrument[row])
        one, at = state[which], event_at[row]
        over = passed[0] > 0 and at < edges[passed[0] - 1]
        if at < one.closed_at or (over and kind != _RENKO):
            late[row] = one.number + 1
            continue
        bricks = 0
        if kind == _RENKO and bits & MOVES:
            bricks = _bricks(one, width, price[row])
        if made + 2 + min(abs(bricks), BRICKS_MAX) > len(out):
            return row, made
        if at >= one.session_end:
            if one.session_end > 0:
                made = _cut(one, which, spec, kind, one.session_end, known_at[row], out, made)
            _new_session(one, at, edges, labels)
        if one.held == 0:
            _begin(one, at)
        take(one, kind, at, price[row], size[row], bits, sign[row])
        member[row] = one.number
        if kind == _RENKO:
            if bricks:
                made = _lay(one, which, spec, width, bricks, known_at[row], out, made)
            elif one.seen == 0 and bits & MOVES:
                one.above = one.below = np.int64(np.floor(price[row] / width + NEAR))
                one.seen = 1
            continue
        if kind >= _IMBALANCE and bits & COUNTS:
            one.average = _averaged(
                one.average, sign[row] * _weight(kind, price[row], size[row]), span * width
            )
        if (bits & COUNTS or kind == _RANGE) and _reached(one, kind, width, limit):
            write(
                out[made],
                one,
                which,
                spec,
                one.last_at,
                known_at[row],
                _WARM_UP if _warming(one, kind) else 0,
            )
            made += 1
            _expect(one, kind, span)
            one.number += 1
            one.held = 0
            one.closed_at = max(one.closed_at, one.last_at)
    return stop, made


@_compiled
def close_sessions(watermark, rule, spec, state, passed, edges, lateness, out):  # type: ignore[no-untyped-def]
    """Cut what is open at every edge that the watermark (ns UTC) has passed, all of it at `END`.

    Returns how many rows `out` holds, which has room for a bar of each instrument at each edge that is passed.
    """
    made = _pass_edges(watermark, rule, spec, state, passed, edges, lateness, out, 0)
    if watermark == END:
        for which in range(len(state)):
            one = state[which]
            if one.session_end > 0:
                known_at = one.session_end + lateness if one.session_end < END - lateness else END
                made = _cut(one, which, spec, rule[0], one.session_end, known_at, out, made)
    return made
