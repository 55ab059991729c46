"""Quote bars of the past, gathered again from the ticks that a run kept in its lake, by the desk's own stage."""

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from numpy.typing import NDArray

from apps.kept_run import KeptRun, instant, nanoseconds
from connectors.files.lake_health import told_actions
from connectors.lake.names import files_of
from domain.action_records import ActionRecord
from domain.instruments import Split
from domain.market import (
    END,
    QUOTE_BAR,
    MarketBatch,
    Ticks,
    canonical_order,
    complete_ticks,
    empty_ticks,
    select,
)
from operators.quote_bars import QuoteBarParams, QuoteBars

TOPICS = ("market.trades", "market.quotes")
GROUPS_AT_A_TIME = 4
_COLUMNS = (
    "event_at",
    "known_at",
    "sequence",
    "kind",
    "instrument",
    "price",
    "size",
    "conditions",
    "flags",
    "best_bid",
    "best_bid_size",
    "best_ask",
    "best_ask_size",
)


def quote_bars_again(
    run: KeptRun,
    names: Sequence[str],
    interval_seconds: int,
    lateness_nanoseconds: int,
    splits: Sequence[Split] = (),
) -> NDArray[np.void]:
    """Return the quote bars (`QUOTE_BAR`) of instruments, whose index is their place in `names` (sorted).

    `splits` are those that the run's sources knew of; the corporate actions of the run are read from its lake.
    """
    params = QuoteBarParams(len(names), interval_seconds, lateness_nanoseconds, tuple(names), tuple(splits))
    stage = QuoteBars(params)
    state = stage.fresh()
    told = MarketBatch(0, empty_ticks(), actions=run_actions(run, names))
    batches = (MarketBatch(*batch) for batch in chain(tick_windows(run, names), [(END, empty_ticks())]))
    answers = chain.from_iterable(stage.step(state, batch) for batch in chain([told], batches))
    made = [item.quote_bars for item in answers if item.quote_bars is not None]
    bars: NDArray[np.void] = np.concatenate([np.empty(0, QUOTE_BAR), *made])
    return bars


def run_actions(run: KeptRun, names: Sequence[str]) -> tuple[ActionRecord, ...]:
    """Return the corporate actions of instruments that a run heard of, in order."""
    return tuple(action for chunk in told_actions(run.lake, 0, END, names) for action in chunk.actions)


def tick_windows(run: KeptRun, names: Sequence[str]) -> Iterator[tuple[int, Ticks]]:
    """Yield the ticks of instruments in canonical order, some row groups of the lake at a time, with the watermark."""
    cuts = _cuts(run)
    for after, until in pairwise([-1, *cuts]):
        parts = [_rows(run, topic, names, after, until) for topic in TOPICS]
        frame = pl.concat(parts, how="diagonal")
        if frame.height:
            ticks = _ticks(frame)
            yield until + 1, select(ticks, canonical_order(ticks))


def _cuts(run: KeptRun) -> list[int]:
    """Return instants (ns UTC) that cut the lake's ticks, by when they were known, into windows of a few row groups."""
    ends: list[int] = []
    for topic in TOPICS:
        for path in files_of(run.lake, topic):
            metadata = pq.read_metadata(path)
            column = metadata.schema.to_arrow_schema().get_field_index("known_at")
            groups = (metadata.row_group(group).column(column) for group in range(metadata.num_row_groups))
            ends += [int(group.statistics.max_raw) for group in groups]
    ends.sort()
    return sorted({*ends[GROUPS_AT_A_TIME - 1 :: GROUPS_AT_A_TIME], *ends[-1:]})


def _rows(run: KeptRun, topic: str, names: Sequence[str], after: int, until: int) -> pl.DataFrame:
    rows = run.rows(topic)
    held = [name for name in _COLUMNS if name in rows.collect_schema().names()]
    places = dict(zip(names, range(len(names)), strict=True))
    return (
        rows.filter(pl.col("known_at") > instant(after), pl.col("known_at") <= instant(until))
        .with_columns(pl.col("instrument").cast(pl.String))
        .filter(pl.col("instrument").is_in(list(names)))
        .select(held)
        .with_columns(
            *nanoseconds("event_at", "known_at"),
            pl.col("instrument").replace_strict(places, return_dtype=pl.Int32),
        )
        .collect()
    )


def _ticks(frame: pl.DataFrame) -> Ticks:
    """Return rows of both topics as ticks; what one of them does not have is NaN or 0."""
    filled = frame.with_columns(pl.selectors.float().fill_null(np.nan), pl.selectors.integer().fill_null(0))
    return complete_ticks({name: filled[name].to_numpy() for name in filled.columns})
