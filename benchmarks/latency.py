"""Latency of the live desk: from a tick's arrival in the source to the desk's answer, and to the verdict at the sink.

    python benchmarks/latency.py --seconds 60 --rate 10000 --instruments 100

An hour of sparse history warms kernels and features up; then ticks come due one by one, at an even pace, on the
machine's clock, and the first five seconds of them are not counted. A tick's arrival is the instant at which it came
due, whether or not the flow was ready to look: what a stall keeps waiting is counted in full. `ticks` end with the
answer of the decisions step; `verdicts` end when the journal has committed them. Recovery is on, with an epoch of a
second unless another is asked, and every sink.

The ratio is the p99 of ticks to that of the same flow, recovery on, with sinks that do nothing, measured before it in
the same process. `--speed 60` runs event time 60 times as fast at the same rate of ticks: a minute closes each second.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from bytewax.outputs import DynamicSink, FixedPartitionedSink, StatefulSinkPartition, StatelessSinkPartition
from numpy.typing import NDArray

from apps.assembly import assemble
from apps.run_folder import RunPaths
from apps.running import RunOptions, decision_edges, market_edges, run_flow
from benchmarks.served_latency import served
from benchmarks.steady_market import OPENS_AT, SteadyMarket
from config.settings import read_settings
from connectors.sqlite.sink import JournalItem, JournalSink
from connectors.tick_input import Pace, Stop
from domain.decisions import Verdict
from domain.market import END
from flows import desk
from operators.stage import Observer

BATCH_ROWS = 4_096
HISTORY_SECONDS = 3_594
SETTLE_SECONDS = 5.0


class Meter(Observer):
    """Holds the clock until history is through, then notes when what came due was answered."""

    def __init__(self, market: SteadyMarket, speed: float) -> None:
        self._speed = speed
        self._live_at = market.live_at
        self._counted_at = market.live_at + int(SETTLE_SECONDS * speed * 1e9)
        self._held = (market.live_at - 1 - OPENS_AT) // speed
        self._history_at = OPENS_AT + int(self._held * speed)
        self._asked = False
        self._began = 0
        self._waiting: dict[str, int] = {}
        self.ticks: list[NDArray[np.float64]] = []
        self.verdicts: list[float] = []
        self.busy: dict[str, list[int]] = {}
        self.state_bytes: dict[str, int] = {}

    def clock(self) -> int:
        """Return nanoseconds since the open, by the machine's clock once history is through."""
        if not self._asked:
            self._asked = True
            return 0
        return int(self._held) + (perf_counter_ns() - self._began if self._began else 0)

    def _due(self, known_at: Any) -> Any:
        """Return when rows came due, on the machine's clock."""
        return self._began + (known_at - self._live_at + 1) / self._speed

    def activated(self, step_name: str, nanoseconds: int, items: list[Any], answers: list[Any]) -> None:
        """Note what the decisions answered."""
        now = perf_counter_ns()
        if self._began:
            self.busy.setdefault(step_name, []).append(nanoseconds)
        if step_name != "decisions":
            return
        for item in items:
            known_at = item.ticks.known_at
            if len(known_at) and known_at[-1] >= self._counted_at:
                self.ticks.append(now - self._due(known_at[known_at >= self._counted_at]))
        for decided in answers:
            if self._began and self._counted_at <= decided.watermark < END:
                self._waiting.update((verdict.record_id, decided.arrived) for verdict in decided.verdicts)
            if not self._began and decided.watermark >= self._history_at:
                self._began = now

    def stored(self, step_name: str, size: int) -> None:
        """Note the largest state."""
        self.state_bytes[step_name] = max(self.state_bytes.get(step_name, 0), size)

    def kept(self, records: Sequence[Any]) -> None:
        """Note that records are at the sink."""
        now = perf_counter_ns()
        for record in records:
            if isinstance(record, Verdict) and record.record_id in self._waiting:
                self.verdicts.append(now - self._waiting.pop(record.record_id))


class WatchedJournal(FixedPartitionedSink[JournalItem, int]):
    """A journal, or none, that tells the meter what it has kept."""

    def __init__(self, journal: JournalSink | None, meter: Meter) -> None:
        self._journal, self._meter = journal, meter

    def list_parts(self) -> list[str]:
        return ["journal"]

    def part_fn(self, _item_key: str) -> int:
        return 0

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> "WatchedPartition":
        part = self._journal.build_part(step_id, for_part, resume_state) if self._journal else None
        return WatchedPartition(part, self._meter)


class WatchedPartition(StatefulSinkPartition[JournalItem, int]):
    def __init__(self, part: StatefulSinkPartition[JournalItem, int] | None, meter: Meter) -> None:
        self._part, self._meter = part, meter

    def write_batch(self, values: list[JournalItem]) -> None:
        if self._part is not None:
            self._part.write_batch(values)
        for value in values:
            self._meter.kept(value if isinstance(value, (list, tuple)) else (value,))

    def snapshot(self) -> int:
        return self._part.snapshot() if self._part is not None else 0

    def close(self) -> None:
        if self._part is not None:
            self._part.close()


class Nothing(DynamicSink[Any], StatelessSinkPartition[Any]):
    """A sink that keeps nothing."""

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> "Nothing":
        return self

    def write_batch(self, items: list[Any]) -> None:
        """Let them go."""


def live(market: SteadyMarket, speed: float, epoch_seconds: float, folder: Path, *, sinks: bool) -> Meter:
    """Run the desk live over the market and return what the meter saw."""
    settings, paths, shards = read_settings(None), RunPaths(folder), ("0",)
    meter = Meter(market, speed)
    made = assemble(settings, market, shards, meter)
    options = RunOptions(BATCH_ROWS, epoch_seconds, Pace(speed, meter.clock), raw=True)
    edges = market_edges(settings, paths, market, made, shards, shards, options, Stop())
    book = decision_edges(settings, paths, options)
    if sinks:
        book = book._replace(journal=WatchedJournal(JournalSink(paths.journal), meter))
    else:
        edges = edges._replace(lake=Nothing(), feature_store=Nothing())
        book = book._replace(lake=Nothing(), journal=WatchedJournal(None, meter))
    flow = desk.build(edges, book, made.stages._replace(pages=paths.pages("desk")))
    run_flow(flow, paths.recovery("desk"), epoch_seconds, live=True)
    return meter


def spread(nanoseconds: NDArray[np.float64]) -> dict[str, float | int]:
    """Return count, p50, p99, p99.9 and the largest, in microseconds."""
    if not len(nanoseconds):
        return {"count": 0}
    points = np.percentile(nanoseconds, [50, 99, 99.9, 100]) / 1e3
    names = ("p50", "p99", "p99.9", "max")
    return {
        "count": len(nanoseconds),
        **{name: round(float(at)) for name, at in zip(names, points, strict=True)},
    }


def measured(meter: Meter) -> dict[str, Any]:
    """Return what a run came to."""
    ticks = np.concatenate(meter.ticks) if meter.ticks else np.empty(0)
    return {
        "ticks": spread(ticks),
        "within_1_ms": round(float((ticks < 1e6).mean()), 5) if len(ticks) else None,
        "verdicts": spread(np.array(meter.verdicts)),
    }


def table(meter: Meter) -> str:
    """Return each step's time an activation, in microseconds, and its largest state."""
    lines = [f"{'step':14}{'calls':>8}{'p50':>8}{'p99':>8}{'p99.9':>8}{'max':>9}{'state bytes':>13}"]
    for name, times in meter.busy.items():
        seen = spread(np.array(times, np.float64))
        state = meter.state_bytes.get(name, 0)
        lines.append(
            f"{name:14}{seen['count']:8}{seen['p50']:8}{seen['p99']:8}{seen['p99.9']:8}{seen['max']:9}{state:13}"
        )
    return "\n".join(lines)


def asked(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="latency.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long ticks come")
    parser.add_argument("--rate", type=float, default=10_000.0, help="ticks a second of the machine's clock")
    parser.add_argument("--instruments", type=int, default=100)
    parser.add_argument("--epoch-seconds", type=float, default=1.0, help="between two snapshots")
    parser.add_argument("--speed", type=float, default=1.0, help="event time runs so many times as fast")
    parser.add_argument(
        "--served", action="store_true", help="over Kafka, with each worker a process (served_latency.py)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="eight seconds, 2,000 ticks a second, 20 instruments"
    )
    options = parser.parse_args(words)
    if options.quick:
        options.seconds, options.rate, options.instruments = 8.0, 2_000.0, 20
    if options.seconds <= SETTLE_SECONDS:
        parser.error(
            f"--seconds is above {SETTLE_SECONDS}, which are not counted; {options.seconds} was given"
        )
    return options


def steady(options: argparse.Namespace, seconds: float) -> SteadyMarket:
    """Return the market that was asked for."""
    return SteadyMarket(
        options.instruments, HISTORY_SECONDS, seconds * options.speed, options.rate / options.speed
    )


def described(options: argparse.Namespace, load: float) -> dict[str, Any]:
    """Return what was asked for, and how busy the machine was."""
    names = ("seconds", "rate", "instruments", "speed", "epoch_seconds")
    asked_for = {name: getattr(options, name) for name in names}
    return {**asked_for, "load_average": [round(load, 1), round(os.getloadavg()[0], 1)]}


def main(words: list[str]) -> int:
    """Measure, and print one JSON line and a table."""
    options = asked(words)
    load = os.getloadavg()[0]
    if options.served:
        market = steady(options, options.seconds)
        found_hops = served(market, options.speed, SETTLE_SECONDS)
        line = {name: spread(times) for name, times in found_hops.items()}
        ratio = round(line["tick_to_verdict"]["p99"] / line["tick_to_scored"]["p99"], 2)
        print(json.dumps({"microseconds": line, "ratio_p99": ratio, **described(options, load)}))
        return 0
    found: dict[str, Meter] = {}
    for name, seconds in (("bare", max(options.seconds / 3, SETTLE_SECONDS + 3)), ("desk", options.seconds)):
        market = steady(options, seconds)
        with TemporaryDirectory(prefix="latency_") as folder:
            found[name] = live(
                market, options.speed, options.epoch_seconds, Path(folder), sinks=name == "desk"
            )
    line, bare = measured(found["desk"]), measured(found["bare"])
    ratio = round(line["ticks"]["p99"] / bare["ticks"]["p99"], 2)
    print(
        json.dumps(
            {"microseconds": line, "without_sinks": bare, "ratio_p99": ratio, **described(options, load)}
        )
    )
    print(table(found["desk"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
