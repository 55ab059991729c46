"""The sink of work W: reads every row that it is handed, counts what it says, and keeps each instrument's last one."""

from typing import Any

import numpy as np
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from numba import njit
from numpy.typing import NDArray

from benchmarks.w.answers import COUNTS, LAST, Answers
from benchmarks.w.trading import MEASURES, Traded


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "nsz"})
def present_sum(measure):  # type: ignore[no-untyped-def]
    """Add up the values that are there, in whatever order is quickest."""
    total = 0.0
    for row in range(len(measure)):
        total += 0.0 if np.isnan(measure[row]) else measure[row]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def take(bars, values, rows, counts, last, places, sums):  # type: ignore[no-untyped-def]
    """Count bars, their trades and what was traded; keep the last row of each instrument; add up every measure.

    `places` is room for the last row of each instrument of the batch; missing values are left out of `sums`.
    """
    instrument, trade_count, closed, vwap = (
        bars["instrument"],
        bars["trade_count"],
        bars["close"],
        bars["vwap"],
    )
    sides, reasons, fills = rows["side"], rows["reason"], rows["filled"]
    counts[1] += len(bars)
    for row in range(len(bars)):
        places[instrument[row]] = row
        counts[0] += trade_count[row]
        counts[7] += fills[row]
        if sides[row] != 0:
            counts[2] += 1
            counts[3 + reasons[row]] += 1
    for row in range(len(bars)):
        i = np.int64(instrument[row])
        kept = last[i]
        kept.bars += 1
        if places[i] != row:
            continue
        kept.sym, kept.close, kept.vwap = i, closed[row], vwap[row]
        kept.ema12, kept.ema26, kept.macd, kept.signal = (
            values[0, row],
            values[1, row],
            values[2, row],
            values[3, row],
        )
        kept.rsi, kept.atr = values[4, row], values[5, row]
        kept.bollinger_upper, kept.bollinger_lower, kept.rv = values[6, row], values[7, row], values[8, row]
        kept.position, kept.pnl = rows["position"][row], rows["pnl"][row]
    for column in range(len(values)):
        sums[column] += present_sum(values[column])


class TallyPartition(StatefulSinkPartition[Traded, bytes]):
    """Everything that was read, in the arrays of its sink."""

    def __init__(self, sink: "TallySink") -> None:
        self._sink = sink
        self._places = np.zeros(len(sink.last), np.int64)

    def write_batch(self, values: list[Traded]) -> None:
        """Read the rows of each batch."""
        sink = self._sink
        for batch, rows in values:
            features: Any = batch.features
            take(features.bars, features.values, rows, sink.counts, sink.last, self._places, sink.sums)

    def snapshot(self) -> bytes:
        """Return what was read so far."""
        return b"".join(part.tobytes() for part in (self._sink.counts, self._sink.sums, self._sink.last))


class TallySink(FixedPartitionedSink[Traded, bytes]):
    """One place that reads all rows; `sums` holds the sum of each measure over all bars."""

    def __init__(self, instruments: int) -> None:
        self.counts: NDArray[np.int64] = np.zeros(len(COUNTS), np.int64)
        self.sums = np.zeros(len(MEASURES))
        self.last: NDArray[np.void] = np.zeros(instruments, LAST)

    def list_parts(self) -> list[str]:
        """Return the one place."""
        return ["tally"]

    def build_part(self, _step_id: str, _for_part: str, _resume_state: bytes | None) -> TallyPartition:
        """Open the one place, empty: a benchmark begins at the beginning."""
        return TallyPartition(self)

    def answers(self) -> Answers:
        """Return what was read."""
        return Answers(self.counts, self.last[self.last["bars"] > 0])
