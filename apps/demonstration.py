"""The demonstration: two simulated days through the whole desk, and a report to look at."""

import shutil
from pathlib import Path
from typing import Any

from apps.demonstration_people import demonstration_people
from apps.replaying import Request, replayed
from apps.report.page import write_report
from apps.run_folder import MANIFEST, RunFolderError
from apps.sources import sources_of
from config.settings import read_settings

DAYS = 2
TICKS = 500_000


def demonstrate(out: Path, seed: int) -> tuple[dict[str, Any], Path]:
    """Run the demonstration into `out`; return its summary and where the report is.

    A folder that holds an earlier run is emptied first; one that holds anything else is refused.
    """
    if out.exists():
        if any(out.iterdir()) and not (out / MANIFEST).exists():
            raise RunFolderError(f"{out} is not empty and holds no run; choose a new folder with --out")
        shutil.rmtree(out)
    source = f"simulator:seed={seed},days={DAYS},ticks={TICKS}"
    days = sources_of((source,), None, None, None, None).segments()
    people = demonstration_people(days[-1], read_settings(None).limits)
    summary = replayed(Request((source,), None, None, None, 1, 65_536, None, people=people), out)
    report = out / "report.html"
    write_report(out, report)
    return summary, report
