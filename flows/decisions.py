"""Decisions: scored batches of all shards, in one order, to orders, executions and positions of the book."""

from typing import Any, NamedTuple

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.operators import KeyedStream
from bytewax.outputs import Sink

from domain.market import MarketBatch, Ordered
from flows.stages import Stages, decision_rows, journal_entries, to_book
from operators.decision_records import Decided
from operators.stage import hang


class DecisionEdges(NamedTuple):
    """Where the decision records go."""

    lake: Sink[Any]
    journal: Sink[Any]


def in_order(scored: KeyedStream[MarketBatch], stages: Stages) -> KeyedStream[Ordered]:
    """Bring scored batches of all shards to the book, in the one total order."""
    gathered = op.map("to_book", scored, to_book)
    return hang("sequence", gathered, stages.sequence, stages.observer, stages.pages)


def decisions(
    scored: KeyedStream[MarketBatch], stages: Stages, controls: KeyedStream[Any] | None = None
) -> KeyedStream[Decided]:
    """Hang the stages of the book on a stream of scored batches, and commands where there are any."""
    ordered: KeyedStream[Any] = in_order(scored, stages)
    came = ordered if controls is None else op.merge("came", ordered, controls)
    return hang("decisions", came, stages.decisions, stages.observer, stages.pages)


def keep_decisions(decided: KeyedStream[Decided], edges: DecisionEdges) -> None:
    """Open the doors of the book: the lake and the journal."""
    op.output("decisions_to_lake", op.flat_map("decision_rows", decided, decision_rows), edges.lake)
    op.output("to_journal", op.flat_map("journal_entries", decided, journal_entries), edges.journal)


def build(scored_topic: Source[Any], edges: DecisionEdges, stages: Stages) -> Dataflow:
    """Return the flow of the decisions worker, fed by the topic that the market data workers write."""
    flow = Dataflow("decisions")
    decided = decisions(op.input("scored", flow, scored_topic), stages)

    keep_decisions(decided, edges)
    return flow
