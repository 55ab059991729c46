"""Are the features that were served the ones that a sample, computed again from bars and ticks, comes to?

The sample's rows are computed from the first bar of their instrument on, by the kernels of the desk: minute bars
as they were known at the row (`market.bars`), and quote bars gathered again from `market.trades` and
`market.quotes`. They are compared, bit for bit, with topic `features` of the lake and with the online store.

Memory: the minute and quote bars of at most `INSTRUMENTS_MAX` instruments, and one window of ticks.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from apps.feature_store import online_rows
from apps.kept_run import INSTANT, KeptRun
from apps.quote_history import quote_bars_again, run_actions
from apps.run_folder import RunFolderError
from config.settings import Settings, read_settings
from connectors.feast.history import KEYS, feature_names, lake_features
from connectors.files.open_source import open_sources
from connectors.kept_sessions import session_table
from domain.action_records import ActionRecord
from domain.instruments import Split
from domain.market import BAR, SECOND, MarketBatch, Session, empty_ticks
from domain.sessions import SessionTable
from features.catalogue import columns, families_of
from features.family import Family
from features.reference import families_with
from operators.feature_rows import FeatureParams, FeatureStage

INSTRUMENTS_MAX = 32
SAMPLE_ROWS = 1000
STEP_BARS = 16_384
IDENTITY = ("instrument", "event_at", "version")


class Skew(NamedTuple):
    """One feature that differs from what was computed again.

    `against` is `lake` or `online`; `rows` how many differ; `difference_max` the largest absolute difference, None
    where one side is missing in all of them; then the first row, what it holds and what was computed.
    """

    against: str
    feature: str
    rows: int
    difference_max: float | None
    instrument: str
    event_at: int
    version: int
    found: float | None
    computed: float | None


class Parity(NamedTuple):
    """What the check came to: rows compared, what differs, and instruments whose online row is not the lake's newest.

    `astray` names those by what their row is: `missing`, `behind` or `ahead`; while a run goes on that is no skew.
    """

    equal: bool
    finished: bool
    instruments: int
    features: int
    lake_rows: int
    online_rows: int
    skews: tuple[Skew, ...]
    astray: dict[str, tuple[str, ...]]


class _Bars(NamedTuple):
    """Minute bars of one instrument: as first closed, and those made again or late, in order of being known."""

    regular: NDArray[np.void]
    revised: NDArray[np.void]


def check(out: Path, sample: int = SAMPLE_ROWS, seed: int = 0, config: Path | None = None) -> Parity:
    """Compute a sample of feature rows again and compare it with the lake and the online store.

    Raises RunFolderError where the folder holds no run or one of another configuration, HistoryError,
    NoFeatureStore, SourceError.
    """
    run = KeptRun(out)
    settings = read_settings(config)
    _same_configuration(run, settings)
    keys = _rows_that_are_whole(run)
    generator = np.random.default_rng(seed)
    names = _chosen(keys["instrument"].unique().sort().to_list(), INSTRUMENTS_MAX, generator)
    keys = keys.filter(pl.col("instrument").is_in(names))
    newest = keys.sort(*IDENTITY).unique("instrument", keep="last").sort("instrument")
    taken = np.sort(generator.permutation(keys.height)[:sample])
    picked = pl.concat([keys[taken], newest]).unique().sort(*IDENTITY)
    features = feature_names(lake_features(run.lake))
    computed = _computed(run, settings, picked, features)
    found = (
        lake_features(run.lake)
        .join(picked.lazy(), on=list(IDENTITY), how="semi")
        .select(*IDENTITY, *features)
        .collect()
        .sort(*IDENTITY)
    )
    online, astray = _online(out, newest, features)
    served = computed.join(online, on=list(IDENTITY), how="semi").sort(*IDENTITY)
    skews = (*_skews("lake", found, computed, features), *_skews("online", online, served, features))
    equal = not skews and not (run.finished and astray)
    return Parity(equal, run.finished, len(names), len(features), found.height, served.height, skews, astray)


def _same_configuration(run: KeptRun, settings: Settings) -> None:
    given = run.manifest.get("configuration")
    if given != settings.digest:
        raise RunFolderError(
            f"the run in {run.path} was configured by {given}, this check by {settings.digest}; "
            f"give the folder of the run's configuration with --config"
        )


def _rows_that_are_whole(run: KeptRun) -> pl.DataFrame:
    """Return the keys of feature rows that can be computed again from what the lake shows.

    Of rows of one bar that became known at one instant only the last: the others saw part of what was known. While
    a run is not finished, rows stand back that were known after the end of a topic that they are made of.
    """
    keys = lake_features(run.lake).select(KEYS).collect().sort(*KEYS)
    keys = keys.unique(["instrument", "event_at", "known_at"], keep="last", maintain_order=True)
    if run.finished:
        return keys
    topics = [
        topic
        for topic in ("market.bars", "market.trades", "market.quotes")
        if any((run.lake / topic).glob("*/*"))
    ]
    ends = [run.rows(topic).select(pl.col("known_at").max()).collect().item() for topic in topics]
    return keys.filter(pl.col("known_at") < pl.lit(min(ends), INSTANT)) if ends else keys.clear()


def _chosen(names: Sequence[str], most: int, generator: np.random.Generator) -> list[str]:
    return sorted(generator.permutation(np.array(names, object))[:most].tolist())


def _computed(
    run: KeptRun, settings: Settings, picked: pl.DataFrame, features: Sequence[str]
) -> pl.DataFrame:
    """Return the features of the picked rows, computed again."""
    names = picked["instrument"].unique().sort().to_list()
    base = settings.base
    lateness = base.bars.lateness_milliseconds * 1_000_000
    splits, told = _splits(run, names), run_actions(run, names)
    quotes = quote_bars_again(run, names, base.features.interval_seconds, lateness, splits)
    families = families_of(features, families_with(features))
    table = _sessions(settings, picked)
    parts: list[pl.DataFrame] = []
    for index, name in enumerate(names):
        bars = _bars(run, name, base.features.interval_seconds)
        own = [split for split in splits if split.instrument == name]
        stage = _stage(name, families, table, own, base.features.interval_seconds)
        rows = picked.filter(pl.col("instrument") == name)
        own_quotes = quotes[quotes["instrument"] == index]
        own_quotes["instrument"] = 0
        of_it = tuple(action for action in told if action.instrument == name)
        parts.append(_instrument(stage, bars, own_quotes, rows, families, features, of_it))
    return pl.concat(parts).sort(*IDENTITY)


def _instrument(
    stage: FeatureStage,
    bars: _Bars,
    quotes: NDArray[np.void],
    picked: pl.DataFrame,
    families: Sequence[Family],
    features: Sequence[str],
    actions: tuple[ActionRecord, ...],
) -> pl.DataFrame:
    """Return the picked rows of one instrument: one pass for each state of knowledge that they need."""
    event_at = picked["event_at"].cast(pl.Int64).to_numpy()
    known_at = picked["known_at"].cast(pl.Int64).to_numpy()
    revisions = np.searchsorted(bars.revised["known_at"], known_at, side="right")
    place = np.array([columns(families).index(name) for name in features])
    values = np.full((len(features), picked.height), np.nan)
    for count in np.unique(revisions):
        rows = np.flatnonzero(revisions == count)
        known = _as_known(bars, int(count), int(event_at[rows].max()))
        made = _evaluated(stage, known, quotes, actions)
        there = rows[np.isin(event_at[rows], known["close_at"])]
        at = np.searchsorted(known["close_at"], event_at[there])
        values[:, there] = made[np.ix_(place, at)]
    made_columns = pl.DataFrame(dict(zip(features, values, strict=True)))
    return picked.select(IDENTITY).hstack(made_columns)


def _as_known(bars: _Bars, revisions: int, last_at: int) -> NDArray[np.void]:
    """Return bars up to `last_at` in order of closing, the first `revisions` revisions in their places."""
    both = np.concatenate([bars.regular, bars.revised[:revisions]])
    both = both[both["close_at"] <= last_at]
    both = both[np.lexsort((both["version"], both["close_at"]))]
    last = (
        np.append(both["close_at"][1:] != both["close_at"][:-1], True) if len(both) else np.empty(0, np.bool_)
    )
    kept: NDArray[np.void] = both[last]
    return kept


def _evaluated(
    stage: FeatureStage, bars: NDArray[np.void], quotes: NDArray[np.void], actions: tuple[ActionRecord, ...]
) -> NDArray[np.float64]:
    """Return the features of bars from a fresh state on, shape (columns of all families, bars)."""
    state = stage.fresh()
    made: list[NDArray[np.float64]] = []
    for start in range(0, len(bars), STEP_BARS):
        some = bars[start : start + STEP_BARS]
        low, high = (0 if not start else int(bars["close_at"][start - 1])), int(some["close_at"][-1])
        near = quotes[(quotes["close_at"] > low) & (quotes["close_at"] <= high)]
        told = actions if not start else ()
        batch = MarketBatch(0, empty_ticks(), bars=some, quote_bars=near, actions=told)
        made += [item.features.values for item in stage.step(state, batch) if item.features is not None]
    return np.concatenate(made, axis=1)


def _stage(
    name: str, families: Sequence[Family], table: SessionTable, splits: Sequence[Split], interval_seconds: int
) -> FeatureStage:
    return FeatureStage(
        FeatureParams(
            1, (name,), tuple(families), table, tuple(splits), interval_seconds, revisable_seconds=0
        )
    )


def _sessions(settings: Settings, picked: pl.DataFrame) -> SessionTable:
    days = picked.select(
        pl.col("event_at").min().dt.strftime("%Y-%m-%d").alias("first"),
        pl.col("event_at").max().dt.strftime("%Y-%m-%d").alias("last"),
    )
    return session_table(settings.listing.calendar, *days.row(0))


def _splits(run: KeptRun, names: Sequence[str]) -> list[Split]:
    """Return the splits of instruments that the run's sources know of."""
    kept = run.manifest
    specs = tuple(kept["sources"]) if "sources" in kept else (kept["source"],)
    source = open_sources(specs, None, kept.get("from"), kept.get("to"))
    found = [split for split in source.splits() if split.instrument in names]
    return sorted(found, key=lambda split: (split.effective_at, split.instrument))


def _bars(run: KeptRun, name: str, interval_seconds: int) -> _Bars:
    """Return the bars of one instrument from the lake, its index 0."""
    frame = (
        run.rows("market.bars")
        .filter(pl.col("interval") == interval_seconds, pl.col("instrument").cast(pl.String) == name)
        .with_columns(
            pl.col("session")
            .cast(pl.String)
            .replace_strict({each.name.lower(): int(each) for each in Session}),
            pl.col("open_at", "close_at", "known_at").cast(pl.Int64),
        )
        .collect()
    )
    bars = np.zeros(frame.height, BAR)
    for field in (name for name in BAR.names or () if name in frame.columns and name != "instrument"):
        bars[field] = frame[field].to_numpy()
    late = (bars["version"] > 0) | (bars["known_at"] > bars["close_at"] + SECOND)
    regular, revised = bars[~late], bars[late]
    order = np.lexsort((revised["version"], revised["known_at"]))
    return _Bars(regular[np.argsort(regular["close_at"], kind="stable")], revised[order])


def _online(
    out: Path, newest: pl.DataFrame, features: Sequence[str]
) -> tuple[pl.DataFrame, dict[str, tuple[str, ...]]]:
    """Return the online rows that are the newest of the lake, and the instruments where they are not."""
    newest_of = {
        name: (at, version)
        for name, at, version in newest.with_columns(pl.col("event_at").cast(pl.Int64))
        .select(IDENTITY)
        .iter_rows()
    }
    rows: list[dict[str, Any]] = []
    astray: dict[str, tuple[str, ...]] = {}
    for row in online_rows(out, list(newest_of), features):
        if row.event_at is None or row.version is None:
            astray["missing"] = (*astray.get("missing", ()), row.instrument)
        elif (row.event_at, row.version) != newest_of[row.instrument]:
            what = "ahead" if (row.event_at, row.version) > newest_of[row.instrument] else "behind"
            astray[what] = (*astray.get(what, ()), row.instrument)
        else:
            rows.append(
                {"instrument": row.instrument, "event_at": row.event_at, "version": row.version, **row.values}
            )
    schema = {
        "instrument": pl.String,
        "event_at": pl.Int64,
        "version": pl.Int16,
        **dict.fromkeys(features, pl.Float64),
    }
    made = pl.DataFrame(rows, schema=schema).with_columns(pl.col("event_at").cast(INSTANT))
    return made.sort(*IDENTITY), astray


def _skews(
    against: str, found: pl.DataFrame, computed: pl.DataFrame, features: Sequence[str]
) -> Iterator[Skew]:
    """Yield the features in which two tables of the same rows differ; a missing value equals only a missing one."""
    event_at = found["event_at"].cast(pl.Int64).to_numpy()
    for name in features:
        held = found[name].fill_null(np.nan).to_numpy()
        made = computed[name].fill_null(np.nan).to_numpy()
        differs = np.flatnonzero((held != made) & ~(np.isnan(held) & np.isnan(made)))
        if len(differs):
            apart = np.abs(held - made)[differs]
            first = int(differs[0])
            yield Skew(
                against,
                name,
                len(differs),
                None if np.isnan(apart).all() else float(np.nanmax(apart)),
                str(found["instrument"][first]),
                int(event_at[first]),
                int(found["version"][first]),
                None if np.isnan(held[first]) else float(held[first]),
                None if np.isnan(made[first]) else float(made[first]),
            )
