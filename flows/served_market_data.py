"""Market data between servers: received ticks to Kafka topics, shard by shard, and scored batches to the book."""

from typing import Any, NamedTuple

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from flows.market_data import market_data
from flows.stages import ForBook, Stages, market_rows, raw_rows


class ServedMarketEdges(NamedTuple):
    """Where ticks come from, where the market's topics are, and where the book's input is."""

    ticks: Source[Any]
    topics: Sink[Any]
    scored: Sink[Any]


def build(edges: ServedMarketEdges, stages: Stages) -> Dataflow:
    """Return the flow of a market data worker of the served desk."""
    flow = Dataflow("served_market_data")
    received = op.input("ticks", flow, edges.ticks)
    scored = market_data(received, stages)
    raw = op.flat_map("raw_rows", received, raw_rows)
    made = op.flat_map("market_rows", scored, market_rows)

    op.output("to_scored", op.flat_map("for_scored", scored, ForBook(stages).over_kafka), edges.scored)
    op.output("to_topics", op.merge("with_raw", raw, made), edges.topics)
    return flow
