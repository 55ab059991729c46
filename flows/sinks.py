"""Sinks between servers: every topic of the desk to the lake, the journal, the time series and the feature store."""

from typing import Any, NamedTuple

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from flows.stages import KeptFeatures, kept_records, kept_rows, kept_series


class SinkEdges(NamedTuple):
    """Where the topics are read, and where they are kept; `features` turns rows of the topic for the feature store.

    A door that is None is not there.
    """

    market: Source[Any]
    decisions: Source[Any]
    lake: Sink[Any]
    journal: Sink[Any]
    feature_store: Sink[Any]
    features: KeptFeatures
    series: Sink[Any] | None = None


def build(edges: SinkEdges) -> Dataflow:
    """Return the flow of a sinks worker of the served desk."""
    flow = Dataflow("sinks")
    market = op.input("market_topics", flow, edges.market)
    read = op.merge("read", market, op.input("decision_topics", flow, edges.decisions))

    op.output("to_lake", op.flat_map("kept_rows", read, kept_rows), edges.lake)
    op.output("to_journal", op.flat_map("kept_records", read, kept_records), edges.journal)
    op.output("to_feature_store", op.flat_map("kept_features", read, edges.features), edges.feature_store)
    if edges.series is not None:
        op.output("to_series", op.flat_map("kept_series", read, kept_series), edges.series)
    return flow
