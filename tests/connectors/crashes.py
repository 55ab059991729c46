"""Kills a writing process at seeded moments and starts it again, until it has written everything."""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bytewax.recovery import init_db_dir

ROOT = Path(__file__).resolve().parents[2]
LOOK_SECONDS = 0.05


def run_with_kills(sink: str, folder: Path, seed: int, kills: int, look: Callable[[], None]) -> int:
    """Run the flow to its end with `kills` kills; `look` is called again and again while it writes.

    Returns how many processes were killed while they were at work.
    """
    (folder / "recovery").mkdir(parents=True)
    init_db_dir(folder / "recovery", 1)
    moments = random.Random(seed)
    killed = 0
    for attempt in range(kills + 1):
        patience = moments.uniform(0.05, 0.9) if attempt < kills else float("inf")
        code = _attempt(sink, folder, seed + attempt, patience, look)
        killed += code == -9
        if code == 0:
            return killed
        assert code == -9, f"the writer ended with {code}"
    raise AssertionError("the last attempt was not allowed to finish")


def _attempt(sink: str, folder: Path, seed: int, patience_seconds: float, look: Callable[[], None]) -> int:
    command = [sys.executable, "-m", "tests.connectors.crash_flow", sink, str(folder), str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        kill_at = time.monotonic() + patience_seconds
        while time.monotonic() < kill_at:
            look()
            try:
                return process.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        process.kill()
        return process.wait()
