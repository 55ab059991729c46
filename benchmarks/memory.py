"""Memory of a replay: does it grow with the length of the input?

    python benchmarks/memory.py

Replays 1 M and 10 M simulated rows (2 and 20 days of 500,000), each in a process of its own, and prints the most
memory that either held at once, and their ratio. Exit code 1 where the long one took over 20 % more.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RATIO_MAX = 1.2
COMMAND = "import sys; from apps.cli.main import main; sys.argv = ['ita', *sys.argv[1:]]; main()"


def replayed(source: str) -> dict[str, Any]:
    """Replay a source in a process of its own; return rows, seconds, and the most memory it held, in MB."""
    with TemporaryDirectory(prefix="memory_") as folder:
        words = ["replay", source, "--out", str(Path(folder) / "out"), "--json"]
        with subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words], stdout=subprocess.PIPE, cwd=ROOT
        ) as process:
            assert process.stdout is not None
            said = process.stdout.read()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"the replay of {source} ended with {process.returncode}")
    summary = json.loads(said)
    return {
        "source": source,
        "rows": summary["rows_in"],
        "seconds": summary["elapsed_seconds"],
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_rss_mb": round(used.ru_maxrss / 1024, 1),
    }


def asked(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="memory.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--ticks", type=int, default=500_000, help="rows of a simulated day")
    parser.add_argument("--days", type=int, nargs=2, default=[2, 20], metavar=("SHORT", "LONG"))
    parser.add_argument("--quick", action="store_true", help="2 and 4 days of 50,000 rows")
    options = parser.parse_args(words)
    if options.quick:
        options.ticks, options.days = 50_000, [2, 4]
    return options


def main(words: list[str]) -> int:
    """Measure, and print one JSON line; return the exit code."""
    options = asked(words)
    short, long = (replayed(f"simulator:days={days},ticks={options.ticks}") for days in options.days)
    ratio = round(long["peak_rss_mb"] / short["peak_rss_mb"], 3)
    line = {"short": short, "long": long, "ratio": ratio, "load_average": round(os.getloadavg()[0], 1)}
    print(json.dumps(line))
    if ratio > RATIO_MAX:
        sys.stderr.write(
            f"memory: {ratio} times the memory for the longer input; at most {RATIO_MAX} is allowed\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
