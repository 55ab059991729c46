"""What the market stages made of an instrument at an instant: bar, features and scores, read from the lake."""

from typing import NamedTuple

import msgspec
import polars as pl

from apps.explanation import REASONS, BarSeen, Measured, ScoreSeen
from apps.kept_run import KeptRun, instant, nanoseconds, text
from connectors.lake.names import files_of
from connectors.lake.schemas import CROSS_SECTION, MARKET
from features.comparison import comparison, comparison_lines, is_comparison
from features.reference import UnknownFeature, line_of

_NO_FEATURES = {name for name, _ in MARKET["features"]}


class Span(NamedTuple):
    """What the bars of a run cover: from the opening of the first to the close of the last (ns UTC), and of what."""

    first_at: int
    last_at: int
    instruments: tuple[str, ...]


def interval_seconds(run: KeptRun) -> int | None:
    """Return the interval of the bars that features are read from; None where there are no features."""
    found = run.rows("features").select("interval").head(1).collect()
    return int(found.item()) if found.height else None


def span(run: KeptRun) -> Span | None:
    """Return what the bars of a run cover, None where there are none."""
    bars = run.rows("market.bars").select(*nanoseconds("open_at", "close_at"), *text("instrument"))
    found = bars.group_by("instrument").agg(pl.col("open_at").min(), pl.col("close_at").max()).collect()
    rows = list(found.iter_rows())
    if not rows:
        return None
    names, opened, closed = zip(*rows, strict=True)
    return Span(min(opened), max(closed), tuple(sorted(names)))


def bar_before(run: KeptRun, instrument: str, closed_at: int, known_at: int) -> BarSeen | None:
    """Return the last bar that closed at or before an instant (ns UTC), None where none did.

    Of its versions the last that was known at `known_at`; the first where none was yet, since a bar is known a little
    after it closes.
    """
    interval = interval_seconds(run)
    rows = (
        run.rows("market.bars")
        .filter(pl.col("close_at") <= instant(closed_at))
        .filter(pl.col("instrument").cast(pl.String) == instrument, pl.col("interval") == (interval or 60))
        .filter(pl.col("close_at") == pl.col("close_at").max())
        .with_columns(*nanoseconds("open_at", "close_at", "known_at"), *text("session"))
        .select(BarSeen.__struct_fields__)
        .sort("version")
        .collect()
        .to_dicts()
    )
    if not rows:
        return None
    known = [row for row in rows if row["known_at"] <= known_at] or rows[:1]
    return msgspec.convert(known[-1], BarSeen)


def features_at(run: KeptRun, instrument: str, close_at: int, version: int) -> tuple[Measured, ...]:
    """Return all features of the bar that closed at `close_at` (ns UTC), those of `version` or the next below it.

    Comparisons follow, where the run made any.
    """
    topics = ("features", CROSS_SECTION) if files_of(run.lake, CROSS_SECTION) else ("features",)
    return tuple(each for topic in topics for each in _features(run, topic, instrument, close_at, version))


def _features(run: KeptRun, topic: str, instrument: str, close_at: int, version: int) -> tuple[Measured, ...]:
    rows = (
        run.rows(topic)
        .filter(pl.col("event_at") == instant(close_at))
        .filter(pl.col("instrument").cast(pl.String) == instrument, pl.col("version") <= version)
        .sort("version")
        .collect()
    )
    if not rows.height:
        return ()
    row = rows.row(-1, named=True)
    return tuple(_measured(name, row[name]) for name in rows.columns if name not in _NO_FEATURES)


def _measured(name: str, value: float) -> Measured:
    """Return a feature with the catalogue's words, without words where the catalogue no longer has it."""
    try:
        found = (
            {each.name: each for each in comparison_lines([comparison(name)[0]])}
            if is_comparison(name)
            else {}
        )
        line = found[name] if found else line_of(name)
    except UnknownFeature:
        return Measured(name=name, value=value, unit="", meaning="")
    return Measured(name=name, value=value, unit=line.unit, meaning=line.meaning, version=line.version)


def scores_at(run: KeptRun, instrument: str, close_at: int, known_at: int) -> tuple[ScoreSeen, ...]:
    """Return the score of each strategy at the bar that closed at `close_at` (ns UTC), in order of their names.

    Of its versions the last that was known at `known_at`, else the first.
    """
    found = _scores(run, instrument, pl.col("event_at") == instant(close_at))
    chosen: dict[str, ScoreSeen] = {}
    for score in found:
        if score.strategy not in chosen or score.known_at <= known_at:
            chosen[score.strategy] = score
    return tuple(chosen[name] for name in sorted(chosen))


def score_deciding(run: KeptRun, instrument: str, strategy: str, known_at: int) -> ScoreSeen | None:
    """Return the score that a strategy acted on at an instant (ns UTC), None where the lake holds none."""
    found = _scores(run, instrument, pl.col("known_at") == instant(known_at))
    own = [score for score in found if score.strategy == strategy]
    return next((score for score in own if score.changed), own[-1] if own else None)


def _scores(run: KeptRun, instrument: str, when: pl.Expr) -> list[ScoreSeen]:
    rows = (
        run.rows("scores")
        .filter(when)
        .filter(pl.col("instrument").cast(pl.String) == instrument)
        .with_columns(*text("strategy", "reason"), *nanoseconds("event_at", "known_at"))
        .rename({"event_at": "close_at"})
        .sort("close_at", "version")
        .collect()
        .to_dicts()
    )
    fields = set(ScoreSeen.__struct_fields__) - {"words"}
    return [
        ScoreSeen(**{name: row[name] for name in fields}, words=REASONS.get(row["reason"], row["reason"]))
        for row in rows
    ]
