"""Work W as a Bytewax flow of the desk's own stages: tape, bars, feature rows, trading, tally."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main
from numba import njit
from numpy.typing import NDArray

from benchmarks.w.answers import Answers
from benchmarks.w.tally import TallySink
from benchmarks.w.tape import batches, open_tape, width
from benchmarks.w.trading import Trading, families
from connectors.tick_input import Stop, TickInput
from domain.instruments import Instrument, Split
from domain.market import Chunk, Ticks
from operators.bars import BarParams, Bars
from operators.feature_rows import FeatureParams, FeatureStage
from operators.stage import UNOBSERVED, Observer, hang

EPOCH = timedelta(seconds=1)


@njit(cache=True, nogil=True, error_model="numpy")
def owned_rows(ts_ns, sym, price, size, owned):  # type: ignore[no-untyped-def]
    """Return the rows whose instrument is owned, column by column."""
    room = len(ts_ns)
    kept_ts_ns, kept_sym = np.empty(room, np.int64), np.empty(room, np.int32)
    kept_price, kept_size = np.empty(room, np.float64), np.empty(room, np.int32)
    kept = 0
    for row in range(room):
        kept_ts_ns[kept], kept_sym[kept] = ts_ns[row], sym[row]
        kept_price[kept], kept_size[kept] = price[row], size[row]
        kept += owned[sym[row]]
    return kept_ts_ns[:kept], kept_sym[:kept], kept_price[:kept], kept_size[:kept]


class TapeSource:
    """A tape of work W as a source of ticks; an instrument's name is its number, written so that order stays."""

    name = "tape"

    def __init__(self, path: Path, batch_rows: int) -> None:
        self._tape = open_tape(path)
        self._batch_rows = batch_rows
        self._names = tuple(f"{which:08d}" for which in range(width(self._tape)))

    def instruments(self) -> tuple[str, ...]:
        """Return the names of the instruments."""
        return self._names

    def reference(self) -> tuple[Instrument, ...]:
        """Return nothing: a tape knows numbers only."""
        return ()

    def splits(self) -> tuple[Split, ...]:
        """Return nothing: a tape has no splits."""
        return ()

    def segments(self) -> tuple[str, ...]:
        """Return the one segment: a tape is read whole."""
        return ("tape",)

    def read(self, _segment: str, _index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield the rows of the owned instruments; the columns are Arrow's own memory where all are owned."""
        whole = bool(owned.all())
        for trades in batches(self._tape, self._batch_rows):
            ts_ns, sym, price, size = trades if whole else owned_rows(*trades, owned)
            yield Chunk(Ticks(ts_ns, ts_ns, sym, price, cast(Any, size)))


def build(source: TickInput, sink: TallySink, instruments: int, observer: Observer = UNOBSERVED) -> Dataflow:
    """Return the flow of work W."""
    flow = Dataflow("work_w")
    bar_params = BarParams(instruments, None, intervals_seconds=(1,), revision_horizon_seconds=0)
    feature_params = FeatureParams(
        instruments, (), families(), None, interval_seconds=1, revisable_seconds=0, quotes=False
    )

    ticks = op.input("ticks", flow, source)
    bars = hang("bars", ticks, Bars(bar_params), observer)
    features = hang("feature_rows", bars, FeatureStage(feature_params), observer)
    traded = hang("trading", features, Trading(instruments), observer)
    op.output("tally", traded, sink)
    return flow


@contextmanager
def ready(
    path: Path, batch_rows: int, shards: int = 1, mine: int = 0, observer: Observer = UNOBSERVED
) -> Iterator[Callable[[], Answers]]:
    """Make an empty recovery store, as a desk finds its own, and give what runs work W once for one of `shards`."""
    with TemporaryDirectory(prefix="work_w_") as folder:
        init_db_dir(Path(folder), 1)
        recovery = RecoveryConfig(Path(folder))
        yield lambda: run(path, batch_rows, recovery, shards, mine, observer)


def run(
    path: Path, batch_rows: int, recovery: RecoveryConfig, shards: int, mine: int, observer: Observer
) -> Answers:
    """Run work W over a tape with an epoch of one second, from opening the file to the answers."""
    source = TapeSource(path, batch_rows)
    names = source.instruments()
    index = {name: which for which, name in enumerate(names)}
    every = [str(shard) for shard in range(shards)]
    sink = TallySink(len(names))
    ticks = TickInput(source, index, every, [every[mine]], batch_rows, Stop())
    run_main(build(ticks, sink, len(names), observer), epoch_interval=EPOCH, recovery_config=recovery)
    return sink.answers()
