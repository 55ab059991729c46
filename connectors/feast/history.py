"""Point-in-time rows: of each instrument, what a reader at an instant could have known of its features.

For (instrument, event_timestamp, knowledge_at) the answer is the newest row with event_at <= event_timestamp and
known_at <= knowledge_at, in the highest version with known_at <= knowledge_at. `knowledge_at` is event_timestamp
where it is not given: what stood on the screen then. A later one asks what is now known of then, with revisions.
A row is never known before it happened, so event_at <= knowledge_at holds for every answer.

    rows = point_in_time(out / "lake", entities, ["rsi_14", "atr_14"], age_seconds_max=600)

Memory: 26 bytes for each lake row of the instruments up to the last instant asked for, and the rows of the answer.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from connectors.lake.names import files_of
from connectors.lake.schemas import MARKET
from domain.market import SECOND
from features.catalogue import CATALOGUE, feature

INSTANT = pl.Datetime("ns", "UTC")
KEYS = ("instrument", "event_at", "known_at", "version")
ASKED = ("instrument", "event_timestamp", "knowledge_at")
_PLACE = "__place"


class HistoryError(ValueError):
    """What was asked of the history cannot be answered; says what is wrong, given and allowed."""


def lake_features(lake: Path) -> pl.LazyFrame:
    """Return topic `features` of a lake with names as text; raises HistoryError where it holds none."""
    files = files_of(lake, "features")
    if not files:
        raise HistoryError(
            f"{lake} holds no feature rows yet; let the run come to its end, or past the end of its first day"
        )
    return pl.scan_parquet(files, hive_partitioning=False).with_columns(pl.col("instrument").cast(pl.String))


def feature_names(rows: pl.LazyFrame) -> tuple[str, ...]:
    """Return the names of the features that rows of the lake hold, in their order."""
    envelope = {name for name, _ in MARKET["features"]}
    return tuple(name for name in rows.collect_schema().names() if name not in envelope)


def checked_features(held: Sequence[str], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Return the wanted features, all that are held where `wanted` is None; raises HistoryError with the nearest."""
    lines = [line for line in CATALOGUE if line.name in held]
    for name in wanted or ():
        if name not in held:
            try:
                feature(name, lines)
            except ValueError as error:
                raise HistoryError(str(error)) from error
    return tuple(dict.fromkeys(wanted)) if wanted else tuple(held)


def point_in_time(
    lake: Path,
    entities: pl.DataFrame,
    features: Sequence[str] | None = None,
    *,
    age_seconds_max: float | None = None,
) -> pl.DataFrame:
    """Return `entities` in their order with `event_at`, `known_at` and `version` of the row, and its features.

    `entities` has `instrument` (text), `event_timestamp` and perhaps `knowledge_at` (`timestamp[ns, UTC]`); a null
    `knowledge_at` is the event timestamp. Where no row answers, or it is older than `age_seconds_max` at
    event_timestamp, all of it is null.

    Raises HistoryError where the lake holds no features, a column is missing, or a feature is unknown.
    """
    asked = _asked(entities)
    rows = lake_features(lake)
    names = checked_features(feature_names(rows), features)
    last_at = asked.select(pl.min_horizontal("event_timestamp", "knowledge_at").max()).item()
    held = (
        rows.select(KEYS)
        .filter(pl.col("instrument").is_in(asked["instrument"].unique().to_list()))
        .filter(pl.col("event_at") <= pl.lit(last_at, INSTANT))
        .collect()
        .with_columns(pl.max_horizontal("known_at", "event_at"))
    )
    found = _versions(_events(asked, held), held)
    if age_seconds_max is not None:
        oldest = pl.col("event_timestamp").cast(pl.Int64) - int(age_seconds_max * SECOND)
        found = found.filter(pl.col("event_at").cast(pl.Int64) >= oldest)
    return _answer(asked, found, rows, names)


def _asked(entities: pl.DataFrame) -> pl.DataFrame:
    """Return what was asked, with a place and a knowledge cut-off for each row."""
    missing = [name for name in ASKED[:2] if name not in entities.columns]
    if missing:
        raise HistoryError(
            f"a row that is asked for has instrument, event_timestamp and perhaps knowledge_at; {missing[0]} is missing"
        )
    cutoff = pl.col("event_timestamp")
    if "knowledge_at" in entities.columns:
        cutoff = pl.coalesce(pl.col("knowledge_at").cast(INSTANT), cutoff)
    columns = pl.col("instrument").cast(pl.String), pl.col("event_timestamp").cast(INSTANT)
    asked = entities.with_columns(*columns).with_columns(cutoff.alias("knowledge_at"))
    return asked.select(ASKED).with_row_index(_PLACE)


def _events(asked: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Return the newest event of each row that was asked for, among those whose first version was known.

    Looks at the newest event, and where that was not known yet at the one before, until each has one or has none:
    an event that stays unknown for long is rare, so that two or three looks do.
    """
    firsts = (
        held.group_by("instrument", "event_at").agg(pl.col("known_at").min()).sort("instrument", "event_at")
    )
    open_rows = asked.with_columns(until=pl.min_horizontal("event_timestamp", "knowledge_at"))
    found: list[pl.DataFrame] = []
    while open_rows.height:
        looked = (
            open_rows.sort("instrument", "until")
            .join_asof(
                firsts,
                left_on="until",
                right_on="event_at",
                by="instrument",
                coalesce=False,
                check_sortedness=False,
            )
            .filter(pl.col("event_at").is_not_null())
        )
        known = pl.col("known_at") <= pl.col("knowledge_at")
        found.append(looked.filter(known).select(_PLACE, *ASKED, "event_at"))
        earlier = (pl.col("event_at").cast(pl.Int64) - 1).cast(INSTANT)
        open_rows = looked.filter(~known).with_columns(until=earlier).drop("event_at", "known_at")
    empty = asked.clear().with_columns(pl.lit(None, INSTANT).alias("event_at"))
    return pl.concat([empty, *found])


def _versions(events: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Return the highest version of each event that was known at the cut-off."""
    return (
        events.join(held, on=["instrument", "event_at"])
        .filter(pl.col("known_at") <= pl.col("knowledge_at"))
        .sort(_PLACE, "version")
        .unique(_PLACE, keep="last", maintain_order=True)
    )


def _answer(
    asked: pl.DataFrame, found: pl.DataFrame, rows: pl.LazyFrame, names: Sequence[str]
) -> pl.DataFrame:
    """Return what was asked with the features of the rows that were found."""
    keys = ("instrument", "event_at", "version")
    wanted = found.select(keys).unique()
    values = rows.select(*keys, "known_at", *names).join(wanted.lazy(), on=list(keys), how="semi").collect()
    placed = found.select(_PLACE, *keys).join(values, on=list(keys)).drop("instrument")
    return (
        asked.join(placed, on=_PLACE, how="left")
        .sort(_PLACE)
        .select(*ASKED, "event_at", "known_at", "version", *names)
    )
