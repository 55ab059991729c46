"""Runs a whole served desk for a while at an even pace, and says whether memory, lag and latency drift.

    python -m tests.served.steady --minutes 30 --rate 20000 --plot docs/steady.svg

Servers and desk are as of `tests.served.chaos`, with a tape of its own in place of a day. Every ten seconds each
worker's resident memory is read, and what its metrics say is left to read; ten times a second, how far the
decisions are behind the pace of the tape: the smallest distance of the whole run counts as none. The first fifth is
left out: caches fill. A drift is the slope of a line through the rest, with the half width of its 95 % interval. The
last line is JSON. Exit code 1 where a row is missing in the end, or a worker ended before it.
"""

import argparse
import csv
import json
import shutil
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tests.lake_objects import mirrored
from tests.served.absence import MEGABYTE, PAGE_BYTES
from tests.served.driver import Driver
from tests.served.steady_plot import write_plot
from tests.served.steady_tape import write_tape

SHARDS = ("0-3",)
PORT = 29_200
METRICS = 90
SAMPLE_SECONDS = 10.0
LOOK_SECONDS = 0.1
SETTLING_SHARE = 0.2
WATERMARK = 'ita_watermark_seconds{step="decisions"}'
LAG = "ita_kafka_lag_messages"


class Steady(Driver):
    """A desk whose workers tell their metrics at known ports."""

    def __init__(self, folder, source, base):
        super().__init__("steady", folder, source, speed=1.0, shards=SHARDS, base=base)
        self.desk.metrics = {name: base + METRICS + place for place, name in enumerate(self.desk.commands)}

    def told(self, name):
        """Return what the metrics of a worker say, by line; nothing while it does not answer."""
        address = f"http://127.0.0.1:{self.desk.metrics[name]}/metrics"
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return {}
        return {
            key: float(value) for key, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")
        }

    def resident(self, name):
        """Return the resident memory of a worker in MB, as Linux says."""
        return (
            int(Path(f"/proc/{self.desk.workers[name].pid}/statm").read_text().split()[1])
            * PAGE_BYTES
            / MEGABYTE
        )

    def alive(self):
        """Say whether every worker runs."""
        return all(process.poll() is None for process in self.desk.workers.values())

    def behind(self):
        """Return how far the decisions are behind the machine's clock, in seconds of another clock's zero."""
        reached = self.told("decisions").get(WATERMARK)
        return None if reached is None else time.time() - reached

    def sampled(self, until):
        """Sample until an instant of the monotonic clock; return a row for each ten seconds, and each distance."""
        rows, distances = [], []
        began = time.monotonic()
        while time.monotonic() < until and self.alive():
            row = {"seconds": time.monotonic() - began}
            for name in self.desk.workers:
                row[f"memory {name}"] = self.resident(name)
                lag = [value for key, value in self.told(name).items() if key.startswith(LAG)]
                if lag:
                    row[f"lag {name}"] = sum(lag)
            rows.append(row)
            next_at = began + len(rows) * SAMPLE_SECONDS
            while time.monotonic() < min(next_at, until):
                behind = self.behind()
                if behind is not None:
                    distances.append((time.monotonic() - began, behind))
                time.sleep(LOOK_SECONDS)
        return rows, distances


def drift(seconds, values):
    """Return the slope of a line through values, an hour, the half width of its 95 % interval, and their mean."""
    x, y = np.asarray(seconds, float) / 3600, np.asarray(values, float)
    slope, intercept = np.polyfit(x, y, 1)
    rest = y - (slope * x + intercept)
    spread = np.sqrt((rest @ rest) / max(len(x) - 2, 1) / ((x - x.mean()) @ (x - x.mean())))
    return {"an_hour": round(slope, 3), "half_width": round(1.96 * spread, 3), "mean": round(y.mean(), 3)}


def percentiles(rows, distances):
    """Add p50 and p99 of the decisions' distance, in milliseconds, to the sample of its ten seconds."""
    least = min(behind for _, behind in distances)
    for row in rows:
        mine = [
            1000 * (behind - least)
            for at, behind in distances
            if row["seconds"] <= at < row["seconds"] + SAMPLE_SECONDS
        ]
        if mine:
            row["behind p50"], row["behind p99"] = np.percentile(mine, [50, 99])


def drifts(rows):
    """Return the drift of everything that was sampled."""
    settled = [row for row in rows if row["seconds"] >= SETTLING_SHARE * rows[-1]["seconds"]]
    names = {name: None for row in settled for name in row if name != "seconds"}
    return {
        name: drift(*zip(*((row["seconds"], row[name]) for row in settled if name in row), strict=True))
        for name in names
    }


def kept_rows(steady, folder):
    """Return how many ticks the lake holds in the end."""
    lake = mirrored(steady.desk.servers().s3.place(), folder)
    topics = ("market.trades", "market.quotes")
    return sum(
        pq.read_metadata(path).num_rows for topic in topics for path in (lake / topic).rglob("*.parquet")
    )


def run(options, folder):
    """Run the desk over a tape; return the line to print, and whether nothing is missing."""
    seconds, tape = int(options.minutes * 60), folder / "tape.parquet"
    rows = write_tape(tape, options.instruments, options.rate, seconds)
    steady = Steady(folder, f"parquet:{tape}", options.port)
    try:
        steady.begin()
        steady.wait(lambda: steady.behind() is not None)
        samples, distances = steady.sampled(time.monotonic() + seconds - SAMPLE_SECONDS)
        ended_early = not steady.alive()
        steady.wait(steady.desk.look)
        kept = kept_rows(steady, folder / "mirror")
    finally:
        steady.end()
    percentiles(samples, distances)
    names = {name: None for row in samples for name in row}
    with options.csv.open("w", newline="") as file:
        table = csv.DictWriter(file, names)
        table.writeheader()
        table.writerows(samples)
    if options.plot:
        write_plot(options.plot, samples)
    line = {
        "minutes": options.minutes,
        "rate": options.rate,
        "rows": rows,
        "kept": kept,
        "drift": drifts(samples),
    }
    return line, kept == rows and not ended_early


def main(words):
    parser = argparse.ArgumentParser(prog="steady", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=int, default=20_000, help="ticks a second")
    parser.add_argument("--instruments", type=int, default=100)
    parser.add_argument("--port", type=int, default=PORT, help="first of the ports of its servers")
    parser.add_argument("--out", type=Path, default=Path("out/steady"))
    parser.add_argument("--csv", type=Path, help="where the samples go, in --out unless it is said")
    parser.add_argument("--plot", type=Path, help="an SVG of the samples")
    options = parser.parse_args(words)
    shutil.rmtree(options.out, ignore_errors=True)
    folder = options.out.resolve()
    folder.mkdir(parents=True)
    options.csv = options.csv or folder / "samples.csv"
    line, went_well = run(options, folder)
    sys.stdout.write(json.dumps(line) + "\n")
    return 0 if went_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
