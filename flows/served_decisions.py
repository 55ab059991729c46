"""Decisions between servers: scored batches from Kafka, in one order, to the decision topics."""

from typing import Any, NamedTuple

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from flows.decisions import decisions
from flows.stages import Stages, damaged_rows, decision_rows, readable_batches


class ServedDecisionEdges(NamedTuple):
    """Where scored batches come from, where decisions go, and where what cannot be read goes."""

    scored: Source[Any]
    topics: Sink[Any]
    quarantine: Sink[Any]


def build(edges: ServedDecisionEdges, stages: Stages) -> Dataflow:
    """Return the flow of the decisions worker of the served desk."""
    flow = Dataflow("served_decisions")
    read = op.input("scored", flow, edges.scored)
    batches = op.flat_map("readable", read, readable_batches)
    decided = decisions(batches, stages)

    op.output("to_topics", op.flat_map("decision_rows", decided, decision_rows), edges.topics)
    op.output("to_quarantine", op.flat_map("damaged", read, damaged_rows), edges.quarantine)
    return flow
