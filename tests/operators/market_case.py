"""The stages of the market data under the contract suite: how each is made, its items, its streams and its doors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.kept_sessions import session_table
from domain.bar_kinds import BUILT_BAR, Empty, bar_spec
from domain.health import in_order
from domain.market import (
    BAR,
    END,
    QUOTE_BAR,
    SCORE,
    SECOND,
    Kind,
    MarketBatch,
    Ordered,
    Ticks,
    concatenate,
    empty_ticks,
    row_count,
    select,
)
from domain.national_best import NATIONAL_BEST
from features.catalogue import columns, default_families, families_of
from features.family import Family
from features.quality import RowRules
from operators.bars import BarParams, Bars
from operators.best_quotes import BestQuotes, BestQuotesParams
from operators.built_bars import BuiltBarParams, BuiltBars
from operators.feature_rows import FeatureParams, FeatureStage
from operators.normalise import Normalise, NormaliseParams
from operators.quality import HealthRules, Quality, QualityParams
from operators.quote_bars import QuoteBarParams, QuoteBars
from operators.signals import SignalParams, Signals
from operators.stage import Stage
from operators.strategy import Strategy, params_of
from tests.operators import universe_case
from tests.operators.tick_samples import batches, random_ticks

Streams = dict[str, Any]
NAMES = ("A", "B", "C", "D", "E")
OPEN = 1_709_821_800 * SECOND  # 2024-03-07 09:30 in New York
LATENESS = 250_000_000
REVISABLE_SECONDS = 600
TABLE = session_table("XNYS", "2024-03-06", "2024-03-12")
BUILT = (
    "tick:20",
    "renko:0.05",
    "volume_imbalance:20",
    "tick_runs:20",
    "time:420",
    "time:7",
    "range:0.03:quotes",
)
SHORT = ("time:0.25", "time:1.5")
READ = ("ema_12", "ema_26", "atr_14", "volatility_ewma", "vwap_distance_z_30", "adx_14")


def step_all(stage: Stage[Any], state: Any, items: Sequence[Any]) -> list[Any]:
    """Return the answers to items, in order."""
    return [answer for item in items for answer in stage.step(state, item)]


def through(stage: Stage[Any], items: list[MarketBatch]) -> list[MarketBatch]:
    """Return what a stage makes of items, from its fresh state on."""
    return step_all(stage, stage.fresh(), items)


def ticks_of(
    rows: int, only: int | None, quotes: float = 0.5, late: float = 0.02, cancels: float = 0.02
) -> Ticks:
    """Rows of five instruments, a second apart in the mean, from ten minutes after the open on."""
    ticks = random_ticks(7, rows, [OPEN + 600 * SECOND], 5, quotes, late, cancels, pace=SECOND)
    return ticks if only is None else select(ticks, ticks.instrument == only)


def ticks_out(answers: Sequence[MarketBatch]) -> Ticks:
    """Join the ticks of answers."""
    filled = [answer.ticks for answer in answers if row_count(answer.ticks)]
    return concatenate(filled) if filled else empty_ticks()


def joined(parts: list[NDArray[np.void] | None], kind: np.dtype[np.void]) -> NDArray[np.void]:
    """Join rows of answers."""
    return np.concatenate([np.empty(0, kind), *(part for part in parts if part is not None)])


def market_streams(answers: Sequence[MarketBatch]) -> Streams:
    """All that batches carry."""
    features = [answer.features for answer in answers if answer.features is not None]
    width = max((len(part.values) for part in features), default=0)
    return {
        "ticks": ticks_out(answers),
        "bars": joined([answer.bars for answer in answers], BAR),
        "quote_bars": joined([answer.quote_bars for answer in answers], QUOTE_BAR),
        "features": joined([part.bars for part in features], BAR),
        "values": np.concatenate([np.empty((width, 0)), *(part.values for part in features)], axis=1).T,
        "scores": joined([answer.scores for answer in answers], SCORE),
        "built": joined([answer.built for answer in answers], BUILT_BAR),
        "national": joined([answer.national for answer in answers], NATIONAL_BEST),
        "malformed": tuple(entry for answer in answers for entry in answer.malformed),
        "health": in_order(record for answer in answers for record in answer.health),
    }


def market_key(streams: Streams, key: int) -> Streams:
    """Return the part of an instrument."""
    mine = {
        name: rows[rows["instrument"] == key]
        for name, rows in streams.items()
        if isinstance(rows, np.ndarray) and rows.dtype.names
    }
    mine["ticks"] = select(streams["ticks"], streams["ticks"].instrument == key)
    if "values" in streams:
        mine["values"] = streams["values"][streams["features"]["instrument"] == key]
        mine["malformed"] = tuple(e for e in streams["malformed"] if e.place.split(":")[0] == NAMES[key])
        mine["health"] = tuple(e for e in streams["health"] if e.instrument == NAMES[key])
    return mine


def trades_in(items: Sequence[MarketBatch]) -> int:
    """Count trade rows."""
    return sum(int((item.ticks.kind == Kind.TRADE).sum()) for item in items)


def passed(items: Sequence[MarketBatch], streams: Streams) -> tuple[int, int]:
    """Count the ticks of a stage that lets all of them pass."""
    return sum(row_count(item.ticks) for item in items), row_count(streams["ticks"])


def normalise_items(rows: int, batch_rows: int, only: int | None) -> list[MarketBatch]:
    ticks = ticks_of(rows, None)
    ticks.price[::37] *= 10
    ticks.size[::41] = 0
    ticks = ticks._replace(flags=None)
    return list(batches(ticks if only is None else select(ticks, ticks.instrument == only), batch_rows))


def normalise_doors(items: Sequence[MarketBatch], streams: Streams) -> tuple[int, int]:
    rows, good = passed(items, streams)
    return rows, good + len(streams["malformed"])


def bar_items(rows: int, batch_rows: int, only: int | None) -> list[MarketBatch]:
    return list(batches(ticks_of(rows, only), batch_rows))


def bar_doors(_items: Sequence[MarketBatch], streams: Streams) -> tuple[int, int]:
    """Count trades that may change a bar: each stands in the last version of its second, was taken back, or refused."""
    ticks = streams["ticks"]
    counting = (ticks.kind == Kind.TRADE) & (ticks.conditions & 1 != 0)
    last = {
        (int(b["instrument"]), int(b["open_at"])): int(b["trade_count"])
        for b in streams["bars"]
        if b["interval"] == 1
    }
    refused = {int(entry.place.split(":")[1]) for entry in streams["malformed"]}
    accepted = ticks.reference[(ticks.kind == Kind.CANCEL) & ~np.isin(ticks.sequence, list(refused))]
    gone = np.isin(ticks.sequence, [*accepted, *refused])
    return int(counting.sum()), sum(last.values()) + int((counting & gone).sum())


def quoted(rows: int, batch_rows: int, only: int | None) -> list[MarketBatch]:
    return through(
        BestQuotes(BestQuotesParams(5, TABLE, names=NAMES)), list(batches(ticks_of(rows, only), batch_rows))
    )


def marked(rows: int, batch_rows: int, only: int | None) -> list[MarketBatch]:
    """Return batches with best quotes and the marked bars of the clock, what those refused taken off."""
    stage = Bars(
        BarParams(
            5, TABLE, NAMES, "test", lateness_nanoseconds=LATENESS, revision_horizon_seconds=REVISABLE_SECONDS,
            keep_marks=True,
        )
    )  # fmt: skip
    return [item._replace(malformed=()) for item in through(stage, quoted(rows, batch_rows, only))]


def built_stage(names: Sequence[str] = BUILT, empty: Empty = Empty.CARRY) -> BuiltBars:
    return BuiltBars(
        BuiltBarParams(
            5,
            TABLE,
            tuple(map(bar_spec, names)),
            NAMES,
            "test",
            lateness_nanoseconds=LATENESS,
            revision_horizon_seconds=REVISABLE_SECONDS,
            empty=empty,
            ends_at=OPEN + 24 * 3600 * SECOND,
        )
    )


def short_stage() -> BuiltBars:
    """Return bars of a part of a second; one row for each part of a day that nothing trades in would be no test."""
    return built_stage(SHORT, Empty.SKIP)


def built_doors(name: str, streams: Streams) -> tuple[int, int]:
    """Count trades in the bars of the first name, as in those of the clock: each stands in the last version of one."""
    ticks = streams["ticks"]
    counting = (ticks.kind == Kind.TRADE) & (ticks.conditions & 1 != 0)
    mine = streams["built"][streams["built"]["spec"] == 0]
    last = {(int(b["instrument"]), int(b["number"])): int(b["trade_count"]) for b in mine}
    places = [entry.place.split(":", 2) for entry in streams["malformed"]]
    refused = [int(sequence) for _, sequence, names in places if name in names.split("+")]
    accepted = ticks.reference[(ticks.kind == Kind.CANCEL) & ~np.isin(ticks.sequence, refused)]
    gone = np.isin(ticks.sequence, [*accepted, *refused])
    return int(counting.sum()), sum(last.values()) + int((counting & gone).sum())


def quote_bar_doors(_items: Sequence[MarketBatch], streams: Streams) -> tuple[int, int]:
    ticks = streams["ticks"]
    two_sided = (
        ~np.isnan(ticks.best_bid)
        & ~np.isnan(ticks.best_ask)
        & (ticks.best_bid_size + ticks.best_ask_size > 0)
    )
    counted = (ticks.kind == Kind.QUOTE) & two_sided & (ticks.flags == 0)
    return int(counted.sum()), int(streams["quote_bars"]["quote_count"].sum())


def families() -> tuple[Family, ...]:
    return families_of(READ, default_families())


def bar_stage(horizon: int) -> Bars:
    return Bars(
        BarParams(5, TABLE, NAMES, "test", lateness_nanoseconds=LATENESS, revision_horizon_seconds=horizon)
    )


def feature_stage() -> FeatureStage:
    return FeatureStage(FeatureParams(5, NAMES, families(), TABLE, revisable_seconds=2 * REVISABLE_SECONDS))


def barred(rows: int, batch_rows: int, only: int | None) -> list[MarketBatch]:
    quote_bars = QuoteBars(QuoteBarParams(5, lateness_nanoseconds=LATENESS, names=NAMES))
    return through(quote_bars, through(bar_stage(REVISABLE_SECONDS), quoted(rows, batch_rows, only)))


def feature_doors(_items: Sequence[MarketBatch], streams: Streams) -> tuple[int, int]:
    """Count bars and feature rows, each once however often it was made again."""
    bars = streams["bars"][streams["bars"]["interval"] == 60]
    came, left = (
        {(int(row["instrument"]), int(row["close_at"])) for row in rows}
        for rows in (bars, streams["features"])
    )
    return len(came), len(left)


def featured(rows: int, batch_rows: int, only: int | None) -> list[MarketBatch]:
    return through(feature_stage(), barred(rows, batch_rows, only))


def signal_stage() -> Signals:
    kinds = ("trend", "mean_reversion")
    strategies = tuple(Strategy(kind, kind, params_of(kind, {}), enter=0.2, leave=0.05) for kind in kinds)
    return Signals(SignalParams(5, columns(families()), strategies, TABLE))


def signal_doors(items: Sequence[MarketBatch], streams: Streams) -> tuple[int, int]:
    return 2 * sum(len(item.features.bars) for item in items if item.features is not None), len(
        streams["scores"]
    )


def quality_stage() -> Quality:
    rules = HealthRules(silence_multiple=1, silence_min=SECOND, refused_min=2, dense=True)
    return Quality(
        QualityParams(NAMES, "test", TABLE, OPEN + 3600 * SECOND, rules, np.full(5, 0.01), RowRules())
    )


def normal(rows: int, batch_rows: int, only: int | None) -> list[MarketBatch]:
    """Return normalised rows with the best quotes after each, and what was refused."""
    quotes = BestQuotes(BestQuotesParams(5, TABLE, names=NAMES))
    return through(quotes, through(normalise_stage(), normalise_items(rows, batch_rows, only)))


def sequence_items(rows: int, batch_rows: int, only: int | None) -> list[tuple[str, MarketBatch]]:
    """Two shards that speak in the order of their watermarks, with rows of one instant in both."""
    ticks = ticks_of(rows, only)._replace(best_bid=None)
    ticks = ticks._replace(known_at=ticks.known_at // SECOND * SECOND)
    rng = np.random.default_rng(3)
    marks = np.zeros(rows, SCORE)
    marks["known_at"] = marks["close_at"] = OPEN + 600 * SECOND + np.arange(rows) * SECOND
    marks["instrument"], marks["score"] = rng.integers(0, 5, rows), rng.normal(size=rows)
    items = []
    for name, mine in (("even", 0), ("odd", 1)):
        held = marks[(marks["instrument"] % 2 == mine) & ((only is None) | (marks["instrument"] == only))]
        parts = shard_items(select(ticks, ticks.instrument % 2 == mine), held, batch_rows)
        items += [(name, part) for part in parts]
    return sorted(items, key=lambda item: item[1].watermark)


def shard_items(ticks: Ticks, scores: NDArray[np.void], batch_rows: int) -> list[MarketBatch]:
    order = np.lexsort((ticks.sequence, ticks.instrument, ticks.kind, ticks.known_at))
    items, since = [], -1
    for batch in batches(select(ticks, order), batch_rows):
        ready = (scores["known_at"] >= since) & (scores["known_at"] < batch.watermark)
        items.append(batch._replace(scores=scores[ready]))
        since = batch.watermark
    return items or [MarketBatch(END, empty_ticks(), scores=scores)]


def sequence_streams(answers: Sequence[Any]) -> Streams:
    return {"ticks": ticks_out(answers), "scores": joined([answer.scores for answer in answers], SCORE)}


def sequence_doors(items: Sequence[Any], streams: Streams) -> tuple[int, int]:
    came = sum(row_count(batch.ticks) + len(batch.scores) for _, batch in items)
    return came, row_count(streams["ticks"]) + len(streams["scores"])


def universe_items(rows: int, batch_rows: int, only: int | None) -> list[Ordered]:
    return universe_case.ordered(featured(rows, batch_rows, only), columns(families()))


def normalise_stage() -> Normalise:
    return Normalise(NormaliseParams(NAMES, "test", np.full(5, 0.01), TABLE))
