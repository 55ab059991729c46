"""Bars of any kind over a person's own ticks, by the stages that the desk runs."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from apps.assembly import Assembly, assemble
from apps.sources import sources_of
from config.settings import Settings, read_settings
from connectors.files.open_source import SCHEMES
from connectors.source import SourceError, TickSource
from connectors.tick_input import Position, chunks_from
from domain.bar_kinds import BUILT_BAR, MARKS, BarKind, BarSpec
from domain.market import END, Malformed, MarketBatch, Session, empty_ticks, row_count
from operators.stage import Stage

FILES = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}
SESSIONS = tuple(session.name.lower() for session in Session)


class BarRules(NamedTuple):
    """How bars are made where the configuration is not to decide; None leaves it to it."""

    empty: str | None = None
    partial: str | None = None
    expected_span_bars: int | None = None
    expected_limit: int | None = None
    calendar: str | None = None


class Span(NamedTuple):
    """What of a source is read: instruments, and days (ISO dates, inclusive)."""

    instruments: tuple[str, ...] | None = None
    first: str | None = None
    last: str | None = None


class Made(NamedTuple):
    """Bars as a table, how many rows were read, and how many of them were refused, by reason."""

    table: pl.DataFrame
    rows_in: int
    refused: dict[str, int]


def source_name(given: str) -> str:
    """Return what a person typed as SCHEME:PLACE; a path of ticks has the scheme of its ending.

    Raises SourceError where it names neither.
    """
    scheme = given.partition(":")[0]
    if scheme in SCHEMES or scheme == "kafka":
        return given
    path = Path(given)
    if path.is_file() and path.suffix.lower() in FILES:
        return f"{FILES[path.suffix.lower()]}:{given}"
    if path.suffix.lower() in FILES and not path.exists():
        raise SourceError(
            f"there is no file {given!r}; give the path of one, or SCHEME:PLACE, as in simulator:days=1"
        )
    raise SourceError(
        f"{given!r} is no source and no file of ticks; give SCHEME:PLACE with a scheme of {', '.join(SCHEMES)}, or the "
        "path of a .csv or .parquet file"
    )


def ruled(settings: Settings, spec: BarSpec, rules: BarRules) -> Settings:
    """Return a configuration that makes bars of one name, by the rules given."""
    changes = {name: value for name, value in rules._asdict().items() if value is not None}
    calendar = changes.pop("calendar", None)
    values = {**settings.base.bars.model_dump(), **changes, "built": (spec.name,)}
    bars = type(settings.base.bars).model_validate(values)
    listing = settings.listing if calendar is None else settings.listing._replace(calendar=calendar)
    return settings._replace(base=settings.base.model_copy(update={"bars": bars}), listing=listing)


def bars_of_ticks(
    sources: tuple[str, ...],
    spec: BarSpec,
    rules: BarRules,
    span: Span,
    config: Path | None = None,
    *,
    versions: bool,
) -> Made:
    """Make the bars of a name of what sources hold; the last version of each, or with `versions` every one.

    Raises SourceError and SettingsError.
    """
    settings = ruled(read_settings(config), spec, rules)
    source = sources_of(tuple(map(source_name, sources)), *span, config)
    desk = assemble(settings, source, ("0",))
    parts, refused, rows_in = [np.empty(0, BUILT_BAR)], Counter[str](), 0
    for batch in _through(desk, spec, source):
        rows_in += row_count(batch.ticks)
        refused.update(_reason(entry) for entry in batch.malformed)
        if batch.built is not None:
            parts.append(batch.built)
    bars = np.concatenate(parts)
    return Made(
        table_of(bars, desk.universe.names, spec.name, versions=versions),
        rows_in,
        dict(sorted(refused.items())),
    )


def _reason(entry: Malformed) -> str:
    return entry.reason


def _through(desk: Assembly, spec: BarSpec, source: TickSource) -> Iterator[MarketBatch]:
    """Yield what the stages that a name needs make of a source's rows."""
    stages = desk.stages
    needed: list[Stage[Any] | None] = [
        stages.normalise,
        stages.best_quotes if spec.quotes else None,
        stages.bars if spec.kind == BarKind.TIME else None,
        stages.built,
    ]
    line = [(stage, stage.fresh()) for stage in needed if stage is not None]
    for item in _batches(desk, source):
        batches = [item]
        for stage, state in line:
            batches = [answer for batch in batches for answer in stage.step(state, batch)]
        yield from batches


def _batches(desk: Assembly, source: TickSource) -> Iterator[MarketBatch]:
    index = desk.universe.indices()
    watermark = -1
    for _, chunk in chunks_from(source, index, np.ones(len(index), np.bool_), Position()):
        if row_count(chunk.ticks):
            watermark = max(watermark, int(chunk.ticks.known_at[-1]))
        yield MarketBatch(watermark, chunk.ticks, malformed=chunk.malformed)
    yield MarketBatch(END, empty_ticks())


def table_of(bars: NDArray[np.void], names: tuple[str, ...], kind: str, *, versions: bool) -> pl.DataFrame:
    """Return BUILT_BAR rows as a table in order of close, instrument and version, instants in UTC.

    Without `versions` each bar stands there as it is in its last version.
    """
    columns = {name: bars[name] for name in ("open_at", "close_at", "known_at", "number")}
    table = pl.DataFrame(
        {
            "instrument": pl.Series([names[which] for which in bars["instrument"]], dtype=pl.String),
            "interval_name": pl.Series([kind] * len(bars), dtype=pl.String),
            **columns,
            **{name: bars[name] for name in ("open", "high", "low", "close", "volume", "vwap")},
            "trade_count": bars["trade_count"],
            "session": pl.Series([SESSIONS[each] for each in bars["session"]], dtype=pl.String),
            "mark": pl.Series([MARKS[each] for each in bars["marks"]], dtype=pl.String),
            "version": bars["version"],
        }
    )
    instants = [
        pl.from_epoch(pl.col(name), time_unit="ns").dt.replace_time_zone("UTC") for name in list(columns)[:3]
    ]
    table = table.with_columns(*instants, pl.col(pl.Float64).fill_nan(None))
    if not versions:
        table = table.sort("version").unique(["instrument", "number"], keep="last", maintain_order=True)
    return table.sort("close_at", "instrument", "number", "version")
