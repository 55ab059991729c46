"""Market data: received ticks to bars, features and scores, shard by shard."""

from typing import Any, NamedTuple

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.operators import KeyedStream
from bytewax.outputs import Sink

from domain.market import MarketBatch
from flows.stages import ForBook, Stages, feature_rows, market_rows, raw_rows
from operators.stage import hang


class MarketEdges(NamedTuple):
    """Where ticks come from and where the market's rows go; a door that is None is not there."""

    ticks: Source[Any]
    lake: Sink[Any]
    feature_store: Sink[Any] | None = None
    raw: bool = False


def market_data(received: KeyedStream[MarketBatch], stages: Stages) -> KeyedStream[MarketBatch]:
    """Hang the stages of market data on a stream of received ticks."""
    normal = hang("normalise", received, stages.normalise, stages.observer, stages.pages)
    quoted = hang("best_quotes", normal, stages.best_quotes, stages.observer, stages.pages)
    watched = hang("quality", quoted, stages.quality, stages.observer, stages.pages)
    barred = hang("bars", watched, stages.bars, stages.observer, stages.pages)
    if stages.built is not None:
        barred = hang("built_bars", barred, stages.built, stages.observer, stages.pages)
    gathered = hang("quote_bars", barred, stages.quote_bars, stages.observer, stages.pages)
    featured = hang("feature_rows", gathered, stages.features, stages.observer, stages.pages)
    return hang("signals", featured, stages.signals, stages.observer, stages.pages)


def keep_market(
    received: KeyedStream[MarketBatch], scored: KeyedStream[MarketBatch], edges: MarketEdges
) -> None:
    """Open the doors of market data: the lake, and the feature store where there is one."""
    kept = op.flat_map("market_rows", scored, market_rows)
    if edges.raw:
        kept = op.merge("with_raw", op.flat_map("raw_rows", received, raw_rows), kept)
    op.output("market_to_lake", kept, edges.lake)
    if edges.feature_store is not None:
        op.output(
            "to_feature_store", op.flat_map("for_feature_store", scored, feature_rows), edges.feature_store
        )


def build(edges: MarketEdges, stages: Stages, scored_topic: Sink[Any]) -> Dataflow:
    """Return the flow of a market data worker: its shards' rows to the lake, and scored batches to a topic."""
    flow = Dataflow("market_data")
    received = op.input("ticks", flow, edges.ticks)
    scored = market_data(received, stages)

    keep_market(received, scored, edges)
    op.output("to_scored", op.flat_map("for_book", scored, ForBook(stages).over_topic), scored_topic)
    return flow
