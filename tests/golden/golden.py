"""Golden runs: which there are, what is kept of each, and how a run is compared with what was kept.

`python -m tests.golden.golden` (or `make golden`) runs them again and writes what they came to; the difference is to
be read and explained in the change that carries it (docs/golden.md).
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from apps.replaying import Request, replayed

FOLDER = Path(__file__).parent
SHARED = FOLDER.parents[2] / "shared" / "data" / "equity_ticks"
KEPT = ("counts", "quarantined", "verdicts", "positions", "pnl", "rows_in", "digests")


class Golden(NamedTuple):
    """One golden run: the file that keeps it, and what is replayed; `place` is data that may be absent."""

    file: str
    source: str
    day: str | None
    place: Path | None


RUNS = (
    Golden(
        "simulator-small.json",
        "simulator:seed=7,instruments=8,days=2,ticks=8000",
        None,
        None,
    ),
    Golden("lean-2013-10-07.json", f"lean:{SHARED}", "2013-10-07", SHARED),
)


def outcome(golden: Golden, out: Path) -> dict[str, Any]:
    """Return what a golden run comes to now, as it is kept."""
    request = Request((golden.source,), None, golden.day, golden.day, 1, 65_536, None)
    summary = replayed(request, out)
    return {name: summary[name] for name in KEPT}


def kept(golden: Golden) -> dict[str, Any]:
    """Return what was kept of a golden run."""
    content: dict[str, Any] = json.loads((FOLDER / golden.file).read_text())
    return content


def renew() -> list[str]:
    """Run all golden runs whose data is here, keep what they come to, and return the files that changed."""
    changed = []
    for golden in RUNS:
        if golden.place is not None and not golden.place.exists():
            continue
        path = FOLDER / golden.file
        before = path.read_text() if path.exists() else ""
        with tempfile.TemporaryDirectory() as folder:
            after = json.dumps(outcome(golden, Path(folder) / "run"), indent=2, sort_keys=True) + "\n"
        path.write_text(after)
        changed += [golden.file] if after != before else []
    return changed


if __name__ == "__main__":
    sys.stdout.write("\n".join(renew() or ["nothing changed"]) + "\n")
