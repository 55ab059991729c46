"""The desk as a process that a test may kill: paced, so that a kill lands inside, with a snapshot each 0.2 s.

`python -m tests.apps.crash_desk SOURCE OUT SPEED` runs it on one worker, `... WORKERS` on several at full speed in
small batches, `... WORKERS CONFIG` by a configuration of its own; ends with 0 when the input has ended and the summary
is written.
"""

import sys
import time
from pathlib import Path

from apps.replaying import Request
from apps.run_folder import RunFolder
from apps.running import RunOptions, peak_rss_mb, run_desk
from apps.summary import summarise
from apps.workers import run_workers
from config.settings import read_settings
from connectors.files.open_source import open_sources
from connectors.tick_input import Pace, Stop

EPOCH_SECONDS = 0.2


def main(spec: str, out: str, speed: float, workers: int, config: Path | None = None) -> None:
    """Run the desk in `out`, going on where it stands."""
    settings = read_settings(config)
    source = open_sources((spec,), None, None, None)
    folder = RunFolder(Path(out), {"kind": "crash", "source": spec})
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if workers == 1:
        pace = Pace(speed, time.monotonic_ns)
        options = RunOptions(batch_rows=256, epoch_seconds=EPOCH_SECONDS, pace=pace)
        run_desk(settings, folder, source, options, Stop())
    else:
        task = Request((spec,), None, None, None, workers, 16, config).task()
        run_workers(task, folder.path, workers, RunOptions(batch_rows=16, epoch_seconds=EPOCH_SECONDS))
    folder.finish(summarise(folder.lake, folder.journal, 1.0, peak_rss_mb()))
    folder.close()


if __name__ == "__main__":
    main(
        sys.argv[1],
        sys.argv[2],
        float(sys.argv[3]),
        int(sys.argv[4]) if len(sys.argv) > 4 else 1,
        Path(sys.argv[5]) if len(sys.argv) > 5 else None,
    )
