"""Depth books kept from a recorded session: updates a second, against the same books in plain numpy.

    python benchmarks/depth.py ../shared/data

Both take the same decoded columns, in turns in one process, after a turn of each that is not counted, and leave the top
of book after every update; the two answers are compared row by row, and the run fails where they differ. The reference
keeps two sorted arrays a side and changes them by `searchsorted`, `insert` and `delete`. Neither decodes; the books
also keep to their venue's rule of what follows what, verify checksums and compare quotes, the reference does not.
"""

import argparse
import sys
from pathlib import Path
from statistics import median
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from connectors.files.recording_lines import placed_lines
from connectors.websocket.columns import Frames
from connectors.websocket.feed import codec_of
from connectors.websocket.frames import FrameCodec
from domain.market import Float64
from features.depth_book import Event, Outcome, run
from features.depth_levels import empty_books, with_room

SESSIONS = {
    "binance": "crypto_ws_l2/spot/btc*.gz",
    "binance_futures": "crypto_ws_l2/usdm/btc*.gz",
    "bybit": "ws_protocol/BYBIT.ws.*.gz",
    "coinbase": "ws_protocol/COINBASE.ws.*.gz",
    "kraken": "ws_protocol/KRAKEN.ws.50*.gz",
}


def snapshots_first(frames: Frames) -> Frames:
    """Return events with snapshots before the differences that waited for them, which the reference cannot hold."""
    order = np.argsort(frames.events["kind"] != Event.SNAPSHOT, kind="stable")
    return frames._replace(events=frames.events[order], numbers=frames.numbers[order])


def kept(frames: Frames, codec: FrameCodec) -> tuple[Float64, list[Outcome]]:
    """Return the tops and outcomes of a session kept in books."""
    books = with_room(empty_books(len(codec.names)), frames.events)
    outcomes = np.zeros(len(frames.events), np.int64)
    tops = np.full((len(frames.events), 4), np.nan)
    run(books, frames.events, frames.numbers, frames.levels, int(codec.rule), outcomes, tops, 0)
    return tops, [Outcome(int(outcome)) for outcome in outcomes]


def plain(frames: Frames, chosen: list[int]) -> list[tuple[float, ...]]:
    """Return the tops after the chosen events of a session, kept in plain numpy."""
    events, prices, sizes = frames.events, frames.levels.price, frames.levels.size
    sides: dict[tuple[int, int], tuple[Float64, Float64]] = {}
    tops = []
    for at in chosen:
        event = events[at]
        which, whole = int(event["instrument"]), event["kind"] == Event.SNAPSHOT
        cuts = (int(event["level"]), int(event["ask_level"]), int(event["level_stop"]))
        for side, sign in ((0, -1.0), (1, 1.0)):
            keys, held = (np.empty(0), np.empty(0)) if whole else sides[which, side]
            for row in range(cuts[side], cuts[side + 1]):
                key = sign * prices[row]
                place = int(np.searchsorted(keys, key))
                there = place < len(keys) and keys[place] == key
                if sizes[row] == 0.0:
                    if there:
                        keys, held = np.delete(keys, place), np.delete(held, place)
                elif there:
                    held[place] = sizes[row]
                else:
                    keys, held = np.insert(keys, place, key), np.insert(held, place, sizes[row])
            depth = int(event["depth"]) or len(keys)
            sides[which, side] = keys[:depth], held[:depth]
        tops.append(_top(*sides[which, 0], *sides[which, 1]))
    return tops


def _top(bids: Float64, bid_sizes: Float64, asks: Float64, ask_sizes: Float64) -> tuple[float, ...]:
    bid = (-bids[0], bid_sizes[0]) if len(bids) else (np.nan, 0.0)
    ask = (asks[0], ask_sizes[0]) if len(asks) else (np.nan, 0.0)
    return (*bid, *ask)


def main() -> int:
    """Print one line a session; return 1 where the tops differ, 2 where there is nothing to read."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{'session':<16}{'updates':>9}{'levels':>9}{'books/s':>12}{'numpy/s':>10}{'ratio':>8}")
    found = wrong = 0
    for venue, pattern in SESSIONS.items():
        paths = sorted(arguments.folder.glob(pattern))
        if not paths:
            print(f"{venue:<16}none in {arguments.folder}")
            continue
        found += 1
        codec = codec_of(venue)
        lines = [placed.line for placed in placed_lines(paths) if placed.line is not None]
        frames = snapshots_first(codec.decode(lines))
        tops, outcomes = kept(frames, codec)
        chosen = [at for at, outcome in enumerate(outcomes) if outcome in {Outcome.APPLIED, Outcome.STARTED}]
        levels = int((frames.events["level_stop"] - frames.events["level"])[chosen].sum())
        wrong += not np.array_equal(np.array(plain(frames, chosen)), tops[chosen], equal_nan=True)
        ours, theirs = [], []
        for _ in range(arguments.turns):
            began = process_time()
            kept(frames, codec)
            ours.append(process_time() - began)
            began = process_time()
            plain(frames, chosen)
            theirs.append(process_time() - began)
        one, other = median(ours), median(theirs)
        rates = f"{len(chosen) / one:>12,.0f}{len(chosen) / other:>10,.0f}"
        print(f"{venue:<16}{len(chosen):>9}{levels:>9}{rates}{other / one:>8.1f}", flush=True)
    if wrong:
        print(f"the tops of {wrong} sessions differ from the reference's", file=sys.stderr)
    return 2 if not found else int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
