"""From what a person types, `SCHEME:PLACE`, to a source of ticks."""

from collections.abc import Callable
from pathlib import Path

from connectors.files.combined_ticks import combine
from connectors.files.csv_ticks import csv_ticks
from connectors.files.fx_ticks import FxTicks
from connectors.files.lake_ticks import LakeTicks
from connectors.files.lean_ticks import LeanTicks
from connectors.files.parquet_ticks import parquet_ticks
from connectors.files.recording_ticks import recording_ticks
from connectors.simulator.source import open_simulator
from connectors.source import SourceError, TickSource, nearest, selected_days, selected_names

__all__ = ["SCHEMES", "combine", "open_source", "open_sources"]

Opener = Callable[[Path, tuple[str, ...] | None, str | None, str | None], TickSource]

_FILES: dict[str, Opener] = {
    "csv": csv_ticks,
    "fxcm": FxTicks,
    "lake": LakeTicks,
    "lean": LeanTicks,
    "parquet": parquet_ticks,
    "recording": recording_ticks,
}

SCHEMES = ("csv", "fxcm", "lake", "lean", "parquet", "recording", "simulator")
"""What may stand before the colon."""


def open_source(
    spec: str,
    instruments: tuple[str, ...] | None = None,
    first: str | None = None,
    last: str | None = None,
) -> TickSource:
    """Return the source that `spec` names, narrowed to instruments and to ISO dates (inclusive).

    Raises SourceError where the scheme is unknown, the place does not exist or cannot be read, or it holds nothing
    that is asked for.
    """
    scheme, colon, place = spec.partition(":")
    if not colon or scheme not in SCHEMES:
        raise SourceError(
            f"a source is written SCHEME:PLACE; {spec!r} was given; the schemes are {', '.join(SCHEMES)}, "
            f"the nearest: {nearest(scheme, SCHEMES)}"
        )
    if scheme == "simulator":
        return open_simulator(place, instruments, first, last)
    path = Path(place)
    if not place or not path.exists():
        raise SourceError(f"{scheme}:{place} names no file or folder that exists; give {scheme}: and a path")
    return _FILES[scheme](path, instruments, first, last)


def open_sources(
    specs: tuple[str, ...],
    instruments: tuple[str, ...] | None = None,
    first: str | None = None,
    last: str | None = None,
) -> TickSource:
    """Return several sources as one, in canonical order; what is asked for may be held by any of them.

    Raises SourceError as `open_source` and `combine` do.
    """
    if len(specs) == 1 or (instruments is None and first is None and last is None):
        return combine([open_source(spec, instruments, first, last) for spec in specs])
    whole = [(spec, open_source(spec)) for spec in specs]
    names = selected_names((name for _, source in whole for name in source.instruments()), instruments)
    days = selected_days(
        (day for _, source in whole for day in source.segments()), first, last, " ".join(specs)
    )
    narrowed = []
    for spec, source in whole:
        mine = tuple(name for name in names if name in source.instruments())
        if mine and set(days) & set(source.segments()):
            narrowed.append(open_source(spec, mine, first, last))
    return combine(narrowed)
