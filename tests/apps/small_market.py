"""One small simulated market and its answers, shared by the proofs: two days, six instruments, a split between."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from apps.replaying import Request, replayed

SPEC = "simulator:seed=7,instruments=6,days=2,ticks=6000"
UNCOMPARED = ("raw.",)


def request(*sources: str, workers: int = 1, batch_rows: int = 4_096, config: Path | None = None) -> Request:
    """Return a replay of sources, of the small market where none is named."""
    return Request(sources or (SPEC,), None, None, None, workers, batch_rows, config)


@cache
def uninterrupted() -> Path:
    """Return the folder of a replay that nothing disturbed; made once in a test process."""
    folder = Path(mkdtemp(prefix="ita-small-")) / "run"
    replayed(request(), folder)
    return folder


def compared(summary: dict[str, Any]) -> dict[str, str]:
    """Return the digests that a run and its repetition have in common: all but those of the raw rows."""
    return {name: value for name, value in summary["digests"].items() if not name.startswith(UNCOMPARED)}
