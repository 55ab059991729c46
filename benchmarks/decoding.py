"""Recorded frames to columns: messages a second of processor time by venue, against `json.loads` of the same frames.

    python benchmarks/decoding.py ../shared/data

Both run in turns in one process, after a turn of each that is not counted; the ratio is that of the medians: how many
times as long `json.loads` alone takes, which leaves dictionaries and texts where the codec leaves columns of numbers.
Only what was received counts: no connects, no requests, and REST answers are decoded by neither. Venues of which no
session was recorded are left out.
"""

import argparse
import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from connectors.recordings.session_lines import SessionLine, Traffic, session_lines
from connectors.websocket.feed import codec_of

FILES = {
    "binance": "crypto_ws_l2/spot/*.gz",
    "binance_futures": "crypto_ws_l2/usdm/*.gz",
    "bitstamp": "ws_protocol/BITSTAMP.ws.*.gz",
    "bybit": "ws_protocol/BYBIT.ws.*.gz",
    "coinbase": "ws_protocol/COINBASE.ws.*.gz",
    "kraken": "ws_protocol/KRAKEN.ws.*.gz",
}
LINES_MAX = 50_000
BLOCK = 4096
SECONDS_A_TURN = 0.3


def received(folder: Path, pattern: str) -> list[SessionLine]:
    """Return frames of a venue in order of file and line, at most `LINES_MAX`."""
    lines = [line for path in sorted(folder.glob(pattern)) for line in session_lines(path)]
    kept = [
        line for line in lines if line.traffic is Traffic.RECEIVED and b"lastUpdateId" not in line.text[:20]
    ]
    return kept[:LINES_MAX]


def seconds(work: Callable[[], None], times: int) -> float:
    """Return the processor time of one of several runs."""
    gc.collect()
    began = process_time()
    for _ in range(times):
        work()
    return (process_time() - began) / times


def measured(venue: str, lines: list[SessionLine], turns: int) -> tuple[float, float]:
    """Return the median seconds of json.loads and of the codec for all lines."""
    texts = [line.text for line in lines]
    blocks = [lines[at : at + BLOCK] for at in range(0, len(lines), BLOCK)]
    codec = codec_of(venue)

    def load() -> None:
        for text in texts:
            json.loads(text)

    def decode() -> None:
        for block in blocks:
            codec.decode(block)

    decode()
    once = seconds(load, 1)
    times = max(1, round(SECONDS_A_TURN / max(once, 1e-6)))
    loads, decodes = [], []
    for _ in range(turns):
        loads.append(seconds(load, times))
        decodes.append(seconds(decode, times))
    return median(loads), median(decodes)


def main() -> int:
    """Print one line a venue; return 1 where a venue is slower than json.loads, 2 where there is nothing to read."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{'venue':<16}{'messages':>10}{'codec/s':>12}{'json.loads/s':>14}{'ratio':>8}")
    slower = found = 0
    for venue, pattern in FILES.items():
        lines = received(arguments.folder, pattern)
        if not lines:
            print(f"{venue:<16}{'none in ' + str(arguments.folder)}")
            continue
        found += 1
        loaded, decoded = measured(venue, lines, arguments.turns)
        slower += loaded < decoded
        rates = f"{len(lines) / decoded:>12,.0f}{len(lines) / loaded:>14,.0f}"
        print(f"{venue:<16}{len(lines):>10}{rates}{loaded / decoded:>8.2f}", flush=True)
    return 2 if not found else int(slower > 0)


if __name__ == "__main__":
    sys.exit(main())
