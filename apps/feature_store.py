"""What people ask of the features of a run: the values online now, and point-in-time rows for a training set."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from apps.kept_run import KeptRun
from apps.local_time import NoInstant, day_of, parse_instant
from connectors.feast.codec import SEQUENCE, VERSION
from connectors.feast.history import (
    ASKED,
    INSTANT,
    checked_features,
    lake_features,
    point_in_time,
)
from connectors.feast.store import SETTINGS, declared_in, open_store, read_online
from connectors.source import nearest
from domain.market import SECOND

_SPAN = re.compile(r"(\d+)(s|m|h|d)")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
GRID_ROWS_MAX = 10_000_000
TARGETS = (".parquet", ".csv")


class FeatureQuestion(ValueError):
    """What was asked of the features cannot be answered; says what is wrong, given and allowed."""


class OnlineRow(NamedTuple):
    """The online row of an instrument: event time (ns UTC) and version, None where there is none, and its values."""

    instrument: str
    event_at: int | None
    version: int | None
    values: dict[str, float | None]


def online_rows(
    out: Path, instruments: Sequence[str] | None, features: Sequence[str] | None
) -> list[OnlineRow]:
    """Return what is online now of instruments (None: all) through Feast, in the order asked.

    Raises RunFolderError, NoFeatureStore, and FeatureQuestion or HistoryError for an unknown name, with the nearest.
    """
    run = KeptRun(out)
    declared = declared_in(run.feature_store)
    names = _known(instruments, declared.instruments)
    columns = checked_features(declared.features, features)
    sign_in(run.feature_store, None)
    answer = read_online(open_store(run.feature_store), names, (SEQUENCE, VERSION, *columns))
    return [
        OnlineRow(
            name,
            answer[SEQUENCE][place],
            answer[VERSION][place],
            {column: answer[column][place] for column in columns},
        )
        for place, name in enumerate(names)
    ]


def sign_in(folder: Path, config: Path | None) -> None:
    """Put user and password of Redis where Feast looks for them, if the store is there and they are not."""
    if "type: redis" in (folder / SETTINGS).read_text():
        from apps.served import PASSWORD, USER  # noqa: PLC0415  brings the whole desk along
        from config.servers import read_servers  # noqa: PLC0415  only here

        redis = read_servers(config).redis
        os.environ.setdefault(PASSWORD, redis.password.get_secret_value())
        os.environ.setdefault(USER, redis.user)


def history(
    out: Path, entities: pl.DataFrame, features: Sequence[str] | None, age_seconds_max: float | None
) -> pl.DataFrame:
    """Return the point-in-time rows of what was asked; see connectors/feast/history.py.

    Raises RunFolderError, and HistoryError or FeatureQuestion for an unknown name, with the nearest.
    """
    run = KeptRun(out)
    _known(entities["instrument"].unique().to_list(), _instruments(run))
    return point_in_time(run.lake, entities, features, age_seconds_max=age_seconds_max)


def read_entities(path: Path) -> pl.DataFrame:
    """Return the rows of a CSV file with instrument, event_timestamp and perhaps knowledge_at (ISO with zone).

    Raises FeatureQuestion where the file cannot be read, a column is missing, or an instant is none.
    """
    try:
        table = pl.read_csv(path, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        words = str(error).splitlines()[0]
        raise FeatureQuestion(
            f"{path} cannot be read as CSV: {words}; give a file with the columns {', '.join(ASKED)}"
        ) from error
    missing = [name for name in ASKED[:2] if name not in table.columns]
    if missing:
        raise FeatureQuestion(
            f"{path} has no column {missing[0]!r}; needed are instrument and event_timestamp, knowledge_at may be there"
        )
    columns = [name for name in ASKED if name in table.columns]
    instants = [
        pl.col(name)
        .str.strip_chars()
        .str.to_datetime("%+", time_unit="ns", strict=False)
        .dt.convert_time_zone("UTC")
        for name in columns[1:]
    ]
    made = table.select(pl.col("instrument").str.strip_chars(), *instants)
    for name in columns:
        wrong = made[name].is_null()
        if name == "knowledge_at":
            wrong &= table[name].is_not_null()
        if wrong.any():
            row = int(wrong.arg_true()[0])
            raise FeatureQuestion(
                f"{path} row {row + 1}: {name} {table[name][row]!r} is none; an instant is ISO with zone "
                f"(2024-03-07T15:30:00Z), a name is not empty"
            )
    return made


def grid(
    out: Path, instruments: Sequence[str] | None, every: str, first: str | None, last: str | None
) -> pl.DataFrame:
    """Return a row to ask for each instrument (None: all of the run) and each step of time, both ends included.

    `every` is a number and s, m, h or d; `first` and `last` are instants as `parse_instant` takes them, the span of
    the run's feature rows where they are not given. Raises FeatureQuestion, RunFolderError.
    """
    run = KeptRun(out)
    names = _known(instruments, _instruments(run))
    step = span_seconds(every) * SECOND
    held = lake_features(run.lake).select(
        pl.col("event_at").min().cast(pl.Int64).alias("first"),
        pl.col("event_at").max().cast(pl.Int64).alias("last"),
    )
    begun, ended = held.collect().row(0)
    try:
        begin = begun if first is None else parse_instant(first, day_of(begun))
        end = ended if last is None else parse_instant(last, day_of(begun))
    except NoInstant as error:
        raise FeatureQuestion(str(error)) from error
    if begin > end:
        raise FeatureQuestion(
            f"--from is not after --to; {first or 'the first row'} and {last or 'the last row'}"
        )
    if (end - begin) // step * len(names) >= GRID_ROWS_MAX:
        raise FeatureQuestion(
            f"every {every} makes more than {GRID_ROWS_MAX:,} rows; take a longer step or fewer instruments"
        )
    instants = pl.DataFrame({"event_timestamp": pl.int_range(begin, end + 1, step, eager=True).cast(INSTANT)})
    return pl.DataFrame({"instrument": names}, schema={"instrument": pl.String}).join(instants, how="cross")


def span_seconds(text: str) -> int:
    """Return the seconds of a span such as 30s, 5m, 1h or 1d; raises FeatureQuestion."""
    found = _SPAN.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise FeatureQuestion(f"a span is a number above 0 and s, m, h or d, such as 5m; {text!r} was given")
    return int(found[1]) * _UNIT_SECONDS[found[2]]


def write_rows(rows: pl.DataFrame, target: Path) -> None:
    """Write rows to a Parquet or CSV file, whole or not at all; raises FeatureQuestion for another ending."""
    making = target.with_name(f".{target.name}.making")
    try:
        if target.suffix == ".parquet":
            rows.write_parquet(making)
        elif target.suffix == ".csv":
            rows.write_csv(making, datetime_format="%Y-%m-%dT%H:%M:%S%.9fZ")
        else:
            raise FeatureQuestion(f"a target ends in {' or '.join(TARGETS)}; {str(target)!r} was given")
        making.replace(target)
    except OSError as error:
        raise FeatureQuestion(f"{target} cannot be written: {error.strerror or error}") from error


def as_json(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rows with instants as ISO text, and None for what is missing or not finite."""
    numbers = rows.select(pl.selectors.float()).columns
    instants = pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.9fZ")
    return rows.with_columns(
        instants, *(pl.when(pl.col(n).is_finite()).then(pl.col(n)).alias(n) for n in numbers)
    ).to_dicts()


def _instruments(run: KeptRun) -> tuple[str, ...]:
    """Return the instruments of which a run's lake holds feature rows."""
    rows = lake_features(run.lake).select(pl.col("instrument").unique().sort()).collect()
    return tuple(rows["instrument"].to_list())


def _known(wanted: Sequence[str] | None, held: Sequence[str]) -> list[str]:
    """Return the wanted instruments, each once; raises FeatureQuestion with the nearest."""
    for name in wanted or ():
        if name not in held:
            raise FeatureQuestion(
                f"unknown instrument {name!r}; the nearest of {len(held)}: {nearest(name, held)}"
            )
    return list(dict.fromkeys(wanted)) if wanted is not None else list(held)
