"""The whole desk on real ticks, every sink on: ticks a second, against decoding the same files alone.

    python benchmarks/desk.py ../shared/data/equity_ticks

Desk and decoding run in turns in one process, after a turn of each that is not counted and in which everything is
compiled; the ratios are those of the medians: how many times as long the desk takes, on the wall and in processor
time (of all threads; the steadier one on a busy machine). Where the folder is not there, a
simulated day is taken, and the line says so. The shares are of the flow's own thread, in its median turn: the stages,
the source (waiting for the decoder included), the sinks (their snapshots included), the storing of states; `bytewax`
is what is left: hops, the recovery store, and whatever made the thread wait.
"""

import argparse
import gc
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, perf_counter_ns, process_time
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from apps.assembly import assemble
from apps.run_folder import RunPaths
from apps.running import RunOptions, decision_edges, market_edges, run_flow
from config.settings import Settings, read_settings
from connectors.files.open_source import open_source
from connectors.source import TickSource
from connectors.tick_input import Stop
from domain.market import row_count
from flows import desk
from operators.stage import Observer

TICKS = Path(__file__).resolve().parents[2] / "shared" / "data" / "equity_ticks"
SIMULATED = "simulator:days=1,ticks=1000000"
QUICK = "simulator:days=1,ticks=60000,instruments=8"


class Shares(Observer):
    """Adds up where the flow's thread spends its time, in nanoseconds."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()

    def activated(self, step_name: str, nanoseconds: int, items: list[Any], answers: list[Any]) -> None:
        """Count a step's time."""
        self.spent[step_name] += nanoseconds

    def timed(self, name: str, work: Callable[[], Any]) -> Any:
        """Do some work and count its time."""
        began = perf_counter_ns()
        try:
            return work()
        finally:
            self.spent[name] += perf_counter_ns() - began


class TimedSource(FixedPartitionedSource[Any, Any]):
    """A source whose time is counted."""

    def __init__(self, source: FixedPartitionedSource[Any, Any], shares: Shares) -> None:
        self._source, self._shares = source, shares

    def list_parts(self) -> list[str]:
        return self._source.list_parts()

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> "TimedSourcePart":
        return TimedSourcePart(self._source.build_part(step_id, for_part, resume_state), self._shares)


class TimedSourcePart(StatefulSourcePartition[Any, Any]):
    def __init__(self, part: StatefulSourcePartition[Any, Any], shares: Shares) -> None:
        self._part, self._shares = part, shares

    def next_batch(self) -> Any:
        return self._shares.timed("source", self._part.next_batch)

    def next_awake(self) -> datetime | None:
        return self._part.next_awake()

    def snapshot(self) -> Any:
        return self._part.snapshot()

    def close(self) -> None:
        self._part.close()


class TimedSink(FixedPartitionedSink[Any, Any]):
    """A sink whose time is counted."""

    def __init__(self, sink: Any, name: str, shares: Shares) -> None:
        self._sink, self._name, self._shares = sink, name, shares

    def list_parts(self) -> list[str]:
        parts: list[str] = self._sink.list_parts()
        return parts

    def part_fn(self, item_key: str) -> int:
        return int(self._sink.part_fn(item_key))

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> "TimedSinkPart":
        part = self._sink.build_part(step_id, for_part, resume_state)
        return TimedSinkPart(part, self._name, self._shares)


class TimedSinkPart(StatefulSinkPartition[Any, Any]):
    def __init__(self, part: StatefulSinkPartition[Any, Any], name: str, shares: Shares) -> None:
        self._part, self._name, self._shares = part, name, shares

    def write_batch(self, values: list[Any]) -> None:
        self._shares.timed(self._name, lambda: self._part.write_batch(values))

    def snapshot(self) -> Any:
        return self._shares.timed(f"{self._name} snapshot", self._part.snapshot)

    def close(self) -> None:
        self._part.close()


class Turn(NamedTuple):
    """One run of the desk: seconds on the wall, of processor time, and where the flow's thread spent them."""

    seconds: float
    processor_seconds: float
    spent: Counter[str]


def decoded(source: TickSource) -> tuple[float, float, int]:
    """Read every row and let it go; return the seconds, those of processor time, and the rows."""
    names = source.instruments()
    index, owned = {name: at for at, name in enumerate(names)}, np.ones(len(names), np.bool_)
    gc.collect()
    began, worked, rows = perf_counter(), process_time(), 0
    for segment in source.segments():
        for chunk in source.read(segment, index, owned):
            rows += row_count(chunk.ticks)
    return perf_counter() - began, process_time() - worked, rows


def run(settings: Settings, source: TickSource, batch_rows: int) -> Turn:
    """Run the desk over a source into a folder of its own."""
    shares, shards = Shares(), ("0",)
    with TemporaryDirectory(prefix="desk_") as folder:
        paths, options = RunPaths(Path(folder)), RunOptions(batch_rows)
        gc.collect()
        began, worked = perf_counter(), process_time()
        made = assemble(settings, source, shards, shares)
        edges = market_edges(settings, paths, source, made, shards, shards, options, Stop())
        book = decision_edges(settings, paths, options)
        store = edges.feature_store
        flow = desk.build(
            edges._replace(
                ticks=TimedSource(edges.ticks, shares),  # type: ignore[arg-type]  # a partitioned source
                lake=TimedSink(edges.lake, "market_to_lake", shares),
                feature_store=store and TimedSink(store, "to_feature_store", shares),
            ),
            book._replace(
                lake=TimedSink(book.lake, "decisions_to_lake", shares),
                journal=TimedSink(book.journal, "to_journal", shares),
            ),
            made.stages._replace(pages=paths.pages("desk")),
        )
        shares.timed("flow", lambda: run_flow(flow, paths.recovery("desk"), options.epoch_seconds))
        return Turn(perf_counter() - began, process_time() - worked, shares.spent)


def measure(given: str, batch_rows: int, repeat: int) -> tuple[dict[str, Any], str]:
    """Return the line and the table of a source."""
    settings, source = read_settings(None), open_source(given)
    decoded(source)
    run(settings, source, batch_rows)
    load = os.getloadavg()[0]
    turns: list[Turn] = []
    alone: list[tuple[float, float, int]] = []
    for _ in range(repeat):
        alone.append(decoded(source))
        turns.append(run(settings, source, batch_rows))
    seconds, worked = median(turn.seconds for turn in turns), median(turn.processor_seconds for turn in turns)
    alone_seconds, alone_worked = median(one[0] for one in alone), median(one[1] for one in alone)
    rows = alone[0][2]
    middle = min(turns, key=lambda turn: abs(turn.seconds - seconds))
    line = {
        "source": given,
        "ticks": rows,
        "seconds": round(seconds, 3),
        "ticks_per_second": round(rows / seconds),
        "decode_seconds": round(alone_seconds, 3),
        "ratio_to_decoding": round(seconds / alone_seconds, 2),
        "processor_seconds": round(worked, 3),
        "decode_processor_seconds": round(alone_worked, 3),
        "processor_ratio_to_decoding": round(worked / alone_worked, 2),
        "repeat": repeat,
        "batch_rows": batch_rows,
        "load_average": [round(load, 1), round(os.getloadavg()[0], 1)],
    }
    return line, table(middle)


def table(turn: Turn) -> str:
    """Return the share of each part of the flow's own time; what is outside the flow is set-up."""
    spent = dict(turn.spent)
    whole = spent.pop("flow")
    spent["bytewax"] = whole - sum(spent.values())
    lines = [f"{'part':28}{'seconds':>10}{'share':>9}"]
    for name, nanoseconds in sorted(spent.items(), key=lambda entry: -entry[1]):
        lines.append(f"{name:28}{nanoseconds / 1e9:10.3f}{nanoseconds / whole:9.1%}")
    lines.append(f"{'flow':28}{whole / 1e9:10.3f}{1:9.1%}")
    lines.append(f"{'set-up':28}{turn.seconds - whole / 1e9:10.3f}")
    return "\n".join(lines)


def asked(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="desk.py", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="vendor ticks (lean:DIR)")
    parser.add_argument("--batch-rows", type=int, default=16_384, help="most rows of a batch")
    parser.add_argument("--repeat", type=int, default=3, help="turns of each of the two")
    parser.add_argument("--quick", action="store_true", help="a small simulated day, one turn")
    options = parser.parse_args(words)
    if options.folder is not None and not options.folder.is_dir():
        parser.error(f"there is no folder {options.folder}; give one with vendor ticks, or none")
    if min(options.repeat, options.batch_rows) < 1:
        parser.error("--repeat and --batch-rows are at least 1")
    return options


def main(words: list[str]) -> int:
    """Measure, and print one JSON line and a table."""
    options = asked(words)
    folder = options.folder or TICKS
    given = f"lean:{folder}" if folder.is_dir() else SIMULATED
    if options.quick:
        given, options.repeat = (given if options.folder else QUICK), 1
    line, shares = measure(given, options.batch_rows, options.repeat)
    print(json.dumps(line))
    print(shares)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
