"""Answers about features, for people and for machines."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from rich.console import Group
from rich.table import Table

from apps.feature_parity import Parity, Skew
from apps.feature_store import OnlineRow, as_json
from apps.local_time import stamp

ROWS_SHOWN = 20
FEATURES_SHOWN = 4
INSTRUMENTS_SHOWN = 8


def online_json(rows: Sequence[OnlineRow]) -> str:
    """Return online rows as a JSON object by instrument; `event_at` in ns UTC."""
    answer = {
        row.instrument: {
            "event_at": row.event_at,
            "version": row.version,
            "features": {name: _finite(value) for name, value in row.values.items()},
        }
        for row in rows
    }
    return json.dumps({"instruments": answer})


def online_table(rows: Sequence[OnlineRow]) -> Group:
    """Return online rows as tables: features down, some instruments across."""
    return Group(
        *(
            _online_part(rows[start : start + INSTRUMENTS_SHOWN])
            for start in range(0, len(rows), INSTRUMENTS_SHOWN)
        )
    )


def _online_part(rows: Sequence[OnlineRow]) -> Table:
    table = Table(title="Online now (New York time of the bar's close)")
    table.add_column("feature")
    for row in rows:
        when = "nothing yet" if row.event_at is None else stamp(row.event_at)
        table.add_column(f"{row.instrument}\n{when}", justify="right")
    for name in rows[0].values:
        table.add_row(name, *(_number(row.values[name]) for row in rows))
    return table


def history_json(rows: pl.DataFrame, target: Path | None) -> str:
    """Return what a history came to as a JSON object: with the rows, or where they were written."""
    answer = {"asked": rows.height, "answered": _answered(rows)}
    return json.dumps(
        {**answer, "rows": as_json(rows)} if target is None else {**answer, "target": str(target)}
    )


def history_table(rows: pl.DataFrame, target: Path | None) -> Group:
    """Return the first rows of a history with the first of their features, and what it came to."""
    table = Table()
    features = rows.columns[6:]
    for name in ("instrument", "asked for", "row of", "version", *features[:FEATURES_SHOWN]):
        table.add_column(name, justify="left" if name == "instrument" else "right")
    shown = rows.head(ROWS_SHOWN).with_columns(
        pl.col("event_timestamp", "event_at").cast(pl.Int64), pl.col("version").cast(pl.String)
    )
    for row in shown.iter_rows(named=True):
        table.add_row(
            row["instrument"],
            stamp(row["event_timestamp"]),
            "none" if row["event_at"] is None else stamp(row["event_at"]),
            row["version"] or "",
            *(_number(row[name]) for name in features[:FEATURES_SHOWN]),
        )
    words = f"{_answered(rows):,} of {rows.height:,} rows have an answer, with {len(features)} features each"
    where = "write all of them with --target FILE.parquet" if target is None else f"written to {target}"
    return Group(table, f"{words}; {where}")


def parity_json(parity: Parity) -> str:
    """Return a parity check as a JSON object."""
    return json.dumps({**parity._asdict(), "skews": [skew._asdict() for skew in parity.skews]})


def parity_words(parity: Parity) -> Group:
    """Return what a parity check came to."""
    words = "equal" if parity.equal else "skew"
    said = (
        f"{words}: {parity.lake_rows:,} rows of {parity.instruments} instruments with {parity.features} features "
        f"computed again, compared with the lake; {parity.online_rows} of them with the online store"
    )
    astray = [
        f"online row {what}: {', '.join(names[:INSTRUMENTS_SHOWN])} ({len(names)} instruments)"
        + ("" if parity.finished else "; the run is not finished, so this is no skew")
        for what, names in sorted(parity.astray.items())
    ]
    return Group(said, *astray, *([_skews(parity.skews)] if parity.skews else []))


def _skews(skews: Sequence[Skew]) -> Table:
    table = Table(title="Skew by feature, and its first row")
    for name in ("against", "feature", "rows", "difference at most", "instrument", "at", "held", "computed"):
        table.add_column(name, justify="left" if name in {"against", "feature", "instrument"} else "right")
    for skew in skews:
        table.add_row(
            skew.against,
            skew.feature,
            f"{skew.rows:,}",
            _number(skew.difference_max),
            skew.instrument,
            f"{stamp(skew.event_at)} v{skew.version}",
            _number(skew.found),
            _number(skew.computed),
        )
    return table


def _answered(rows: pl.DataFrame) -> int:
    return rows.height - int(rows["event_at"].null_count())


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.6g}"
