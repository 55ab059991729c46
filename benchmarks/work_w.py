"""Work W, a small desk defined to the last bit: the project's stages in a Bytewax flow against one fused pass.

    python benchmarks/work_w.py --make 10000000,100 tape.parquet
    python benchmarks/work_w.py tape.parquet --repeat 5

Prints one JSON line. Flow and reference run in turns in one process; the ratio is that of the medians, and above 1
where the flow is the faster. The clock runs from opening the file to the answers; the empty recovery store is made
before it starts. Exit code 1 where the answers differ.
"""

import argparse
import gc
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.w import flow, reference, workers
from benchmarks.w.answers import COUNTS, Answers, differences, write
from benchmarks.w.tape import make

BATCH_ROWS = 131_072
WARM_UP = (30_000, 50)
QUICK = (1_000_000, 100)


Contestant = Callable[[], AbstractContextManager[Callable[[], Answers]]]
"""Gets ready, and gives the work that is timed."""


def timed(contestant: Contestant) -> tuple[float, Answers]:
    """Return how many seconds the work took, and its answers."""
    with contestant() as work:
        gc.collect()
        began = perf_counter()
        answers = work()
        return perf_counter() - began, answers


def race(mine: Contestant, floor: Contestant, repeat: int) -> tuple[float, float, Answers, list[str]]:
    """Run both in turns, each first every other time; return the median seconds, the answers, and how they differ."""
    seconds: list[float] = []
    floor_seconds: list[float] = []
    said: list[str] = []
    for turn in range(repeat):
        if turn % 2:
            (took, found), (floor_took, expected) = timed(mine), timed(floor)
        else:
            (floor_took, expected), (took, found) = timed(floor), timed(mine)
        seconds.append(took)
        floor_seconds.append(floor_took)
        said = said or differences(found, expected)
    return median(seconds), median(floor_seconds), found, said


def measure(
    path: Path, count: int, batch_rows: int, repeat: int
) -> tuple[dict[str, Any], Answers, list[str]]:
    """Return the line to print, the answers, and what is wrong with them."""

    def floor() -> AbstractContextManager[Callable[[], Answers]]:
        return nullcontext(lambda: reference.run(path))

    with TemporaryDirectory(prefix="work_w_") as folder:
        warm_up = Path(folder) / "warm_up.parquet"
        make(warm_up, *WARM_UP, 7)
        reference.run(warm_up)
        if count == 1:
            timed(lambda: flow.ready(warm_up, batch_rows))
            seconds, floor_seconds, answers, said = race(lambda: flow.ready(path, batch_rows), floor, repeat)
            peak_mb = workers.peak_mb()
        else:
            with workers.crew(warm_up, path, batch_rows, count) as crew:
                seconds, floor_seconds, answers, said = race(crew.ready, floor, repeat)
                peak_mb = crew.peak_mb
    counts = dict(zip(COUNTS, answers.counts.tolist(), strict=True))
    line = {
        "events": counts.pop("events"),
        "instruments": len(answers.last),
        **counts,
        "seconds": round(seconds, 4),
        "events_per_second": round(int(answers.counts[0]) / seconds),
        "reference_seconds": round(floor_seconds, 4),
        "ratio": round(floor_seconds / seconds, 3),
        "workers": count,
        "batch_rows": batch_rows,
        "peak_rss_mb": round(peak_mb, 1),
    }
    return line, answers, said


def asked(words: list[str]) -> argparse.Namespace:
    """Read the command line; ends the program with 2 where it makes no sense."""
    parser = argparse.ArgumentParser(prog="work_w.py", description=__doc__.partition("\n")[0])
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE.parquet", help="tape of trades")
    parser.add_argument(
        "--workers", type=positive, default=1, metavar="N", help="processes, each the owner of a share"
    )
    parser.add_argument(
        "--batch-rows", type=positive, default=BATCH_ROWS, metavar="N", help="most rows of a batch"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write the last state of every instrument as Parquet"
    )
    parser.add_argument("--repeat", type=positive, default=5, metavar="N", help="turns of each of the two")
    parser.add_argument(
        "--make", type=shape, metavar="ROWS,INSTRUMENTS", help="write such a tape to FILE and end"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the tape that is made")
    parser.add_argument(
        "--quick", action="store_true", help="without FILE: a small tape of its own, three turns"
    )
    options = parser.parse_args(words)
    if options.file is None and (options.make or not options.quick):
        parser.error("a tape is needed: FILE.parquet, or --quick for a small one of its own")
    if not options.make and options.file is not None and not options.file.is_file():
        parser.error(
            f"there is no tape {options.file}; --make {QUICK[0]},{QUICK[1]} {options.file} writes one"
        )
    return options


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"at least 1 is needed; {text} was given")
    return number


def shape(text: str) -> tuple[int, int]:
    """Return rows and instruments."""
    rows, _, instruments = text.partition(",")
    return positive(rows), positive(instruments)


def main(words: list[str]) -> int:
    """Make a tape, or measure; return the exit code."""
    options = asked(words)
    if options.make:
        make(options.file, options.make[0], options.make[1], options.seed)
        return 0
    with TemporaryDirectory(prefix="work_w_") as folder:
        path, repeat = options.file, options.repeat
        if path is None:
            path, repeat = Path(folder) / "quick.parquet", min(repeat, 3)
            make(path, *QUICK, options.seed)
        try:
            line, answers, said = measure(path, options.workers, options.batch_rows, repeat)
        except ValueError as failure:
            sys.stderr.write(f"work_w: {failure}\n")
            return 1
    print(json.dumps(line))
    if options.out:
        write(answers, options.out)
    for difference in said:
        sys.stderr.write(f"work_w: {difference}\n")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
