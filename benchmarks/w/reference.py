"""The floor: work W as one fused compiled pass on one thread, written for speed and nothing else.

What a trade touches is one aligned cache line per instrument, what a bar touches a record of seven; no bar is ever
written out. Prices have two decimals, so the sums under the Bollinger bands are whole cents: exact, and updated
instead of added again.
"""

from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from benchmarks.w.answers import COUNTS, LAST, Answers
from benchmarks.w.tape import batches, open_tape, width

LINE_BYTES = 64
BATCH_ROWS = 65_536
HOT = np.dtype(
    [
        ("trades", np.int64),
        ("open", np.float64),
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("volume", np.int64),
        ("notional", np.float64),
        ("bars", np.int64),
    ]
)
COLD = np.dtype(
    [
        ("close", np.float64),
        ("ema12", np.float64),
        ("ema26", np.float64),
        ("signal", np.float64),
        ("macd", np.float64),
        ("gain", np.float64),
        ("loss", np.float64),
        ("atr", np.float64),
        ("cash", np.float64),
        ("position", np.int32),
        ("pending", np.int32),
        ("place", np.int64),
        ("cents_sum", np.int64),
        ("cents_squares", np.int64),
        ("running", np.float64),
        ("vwap", np.float64),
        ("rsi", np.float64),
        ("bollinger_upper", np.float64),
        ("bollinger_lower", np.float64),
        ("rv", np.float64),
        ("pnl", np.float64),
        ("spare", np.int64, (4,)),
        ("cents", np.int32, (20,)),
        ("squares", np.float64, (20,)),
        ("pad", np.int64, (2,)),
    ]
)

_compiled = njit(cache=True, nogil=True, error_model="numpy")


def aligned(rows: int, kind: "np.dtype[np.void]") -> NDArray[np.void]:
    """Return zeroed records that begin on a cache line."""
    room = np.zeros(rows * kind.itemsize + LINE_BYTES, np.uint8)
    begin = -room.ctypes.data % LINE_BYTES
    return room[begin : begin + rows * kind.itemsize].view(kind)


@_compiled
def _close(hot, cold, counts, i):  # type: ignore[no-untyped-def]
    """Take the open bar of instrument i through indicators, signal, checks and profit."""
    n = hot["bars"][i]
    hot["bars"][i] = n + 1
    hot["trades"][i] = 0
    high, low, close = hot["high"][i], hot["low"][i], hot["close"][i]
    cold["vwap"][i] = hot["notional"][i] / hot["volume"][i]
    before = cold["close"][i]
    ema12, ema26 = cold["ema12"][i], cold["ema26"][i]
    if n == 0:
        before = ema12 = ema26 = close
        reach = high - low
    else:
        ema12 += 2.0 / 13.0 * (close - ema12)
        ema26 += 2.0 / 27.0 * (close - ema26)
        reach = max(high, before) - min(low, before)
    change = close - before
    rise, fall = max(change, 0.0), max(-change, 0.0)
    gain, loss, atr = cold["gain"][i], cold["loss"][i], cold["atr"][i]
    if n > 14:
        gain = (13.0 * gain + rise) / 14.0
        loss = (13.0 * loss + fall) / 14.0
    else:
        gain += rise
        loss += fall
        if n == 14:
            gain /= 14.0
            loss /= 14.0
    if n > 13:
        atr = (13.0 * atr + reach) / 14.0
    else:
        atr += reach
        if n == 13:
            atr /= 14.0
    rsi = 50.0 if gain == loss else 100.0 - 100.0 / (1.0 + gain / loss)
    cold["close"][i], cold["ema12"][i], cold["ema26"][i] = close, ema12, ema26
    cold["gain"][i], cold["loss"][i], cold["atr"][i], cold["rsi"][i] = gain, loss, atr, rsi
    _windows(cold, i, close, before)
    _trade(cold, counts, i, n, hot["open"][i], close, ema12 - ema26, rsi)


@_compiled
def _windows(cold, i, close, before):  # type: ignore[no-untyped-def]
    """Bollinger bands from exact sums of cents; realised volatility from block sums, which do not drift."""
    place = cold["place"][i]
    cents = np.int64(close * 100.0 + 0.5)
    oldest = np.int64(cold["cents"][i, place])
    cold["cents"][i, place] = cents
    total = cold["cents_sum"][i] + cents - oldest
    squares = cold["cents_squares"][i] + cents * cents - oldest * oldest
    cold["cents_sum"][i], cold["cents_squares"][i] = total, squares
    middle = total / 2000.0
    reach = 2.0 * np.sqrt(np.float64(20 * squares - total * total)) / 2000.0
    cold["bollinger_upper"][i], cold["bollinger_lower"][i] = middle + reach, middle - reach
    moved = np.log(close / before)
    square = moved * moved
    running = cold["running"][i] + square
    if place < 19:
        cold["rv"][i] = np.sqrt(running + cold["squares"][i, place + 1])
        cold["squares"][i, place] = square
        cold["running"][i] = running
        cold["place"][i] = place + 1
        return
    cold["rv"][i] = np.sqrt(running)
    tail = 0.0
    cold["squares"][i, 19] = square
    for j in range(19, -1, -1):
        tail += cold["squares"][i, j]
        cold["squares"][i, j] = tail
    cold["running"][i] = 0.0
    cold["place"][i] = 0


@_compiled
def _trade(cold, counts, i, n, opened, close, macd, rsi):  # type: ignore[no-untyped-def]
    """Fill, signal, check and value one bar."""
    position, cash, pending = cold["position"][i], cold["cash"][i], cold["pending"][i]
    if pending != 0:
        position += pending * 100
        cash -= pending * 100 * opened
        counts[7] += 1
        pending = np.int32(0)
    macd_before, signal_before = cold["macd"][i], cold["signal"][i]
    signal = signal_before + 0.2 * (macd - signal_before)
    cold["macd"][i], cold["signal"][i] = macd, signal
    side = 0
    if n >= 34:
        if macd_before <= signal_before and macd > signal and rsi < 60.0:
            side = 1
        elif macd_before >= signal_before and macd < signal and rsi > 40.0:
            side = -1
    if side != 0:
        counts[2] += 1
        if i % 20 == 7:
            counts[4] += 1
        elif 100.0 * close > 30000.0:
            counts[5] += 1
        elif abs(position + side * 100) > 100:
            counts[6] += 1
        else:
            counts[3] += 1
            pending = np.int32(side)
    cold["position"][i], cold["cash"][i], cold["pending"][i] = position, cash, pending
    cold["pnl"][i] = cash + position * close


@_compiled
def fused(ts_ns, sym, price, size, hot, cold, counts, clock):  # type: ignore[no-untyped-def]
    """Take rows in; a row of the next second closes every open bar, in the order in which memory holds them."""
    trades, opened, highs, lows = hot["trades"], hot["open"], hot["high"], hot["low"]
    closes, volumes, notionals = hot["close"], hot["volume"], hot["notional"]
    ends_at = clock[0]
    counts[0] += len(ts_ns)
    for row in range(len(ts_ns)):
        if ts_ns[row] >= ends_at:
            ends_at = (ts_ns[row] // 1_000_000_000 + 1) * 1_000_000_000
            for closing in range(len(trades)):
                if trades[closing] > 0:
                    _close(hot, cold, counts, closing)
        i = np.int64(sym[row])
        at, quantity = price[row], np.int64(size[row])
        if trades[i] > 0:
            highs[i] = max(highs[i], at)
            lows[i] = min(lows[i], at)
            volumes[i] += quantity
            notionals[i] += at * quantity
        else:
            opened[i] = highs[i] = lows[i] = at
            volumes[i], notionals[i] = quantity, at * quantity
        trades[i] += 1
        closes[i] = at
    clock[0] = ends_at


@_compiled
def finish(hot, cold, counts, last):  # type: ignore[no-untyped-def]
    """Close the bars that are open and write the last state of each instrument that traded; return how many."""
    made = 0
    for i in range(len(hot)):
        if hot["trades"][i] > 0:
            _close(hot, cold, counts, i)
        n = hot["bars"][i]
        if n == 0:
            continue
        counts[1] += n
        row = last[made]
        row.sym, row.bars, row.close, row.vwap = i, n, cold["close"][i], cold["vwap"][i]
        row.ema12, row.ema26, row.macd, row.signal = (
            cold["ema12"][i],
            cold["ema26"][i],
            cold["macd"][i],
            cold["signal"][i],
        )
        row.rsi = cold["rsi"][i] if n > 14 else np.nan
        row.atr = cold["atr"][i] if n > 13 else np.nan
        row.bollinger_upper = cold["bollinger_upper"][i] if n > 19 else np.nan
        row.bollinger_lower = cold["bollinger_lower"][i] if n > 19 else np.nan
        row.rv = cold["rv"][i] if n > 20 else np.nan
        row.position, row.pnl = cold["position"][i], cold["pnl"][i]
        made += 1
    return made


def run(path: Path, batch_rows: int = BATCH_ROWS) -> Answers:
    """Run work W over a tape, decoding on the same thread."""
    tape = open_tape(path)
    instruments = width(tape)
    hot, cold = aligned(instruments, HOT), aligned(instruments, COLD)
    counts = np.zeros(len(COUNTS), np.int64)
    clock = np.zeros(1, np.int64)
    for trades in batches(tape, batch_rows):
        fused(trades.ts_ns, trades.sym, trades.price, trades.size, hot, cold, counts, clock)
    last = np.zeros(instruments, LAST)
    made = finish(hot, cold, counts, last)
    return Answers(counts, last[:made].copy())
