"""Execution between servers: orders and the market from Kafka, through the venue, to reports and promises."""

from typing import Any, NamedTuple

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from flows.decisions import in_order
from flows.stages import (
    Stages,
    execution_rows,
    promise_notes,
    readable_batches,
    told_records,
)
from operators.stage import hang


class ServedExecutionEdges(NamedTuple):
    """Where scored batches and requests come from, and where reports and promises go.

    A scored batch that cannot be read is quarantined by the decisions worker, which reads the same topic.
    """

    scored: Source[Any]
    requests: Source[Any]
    topics: Sink[Any]
    promises: Sink[Any]


def build(edges: ServedExecutionEdges, stages: Stages) -> Dataflow:
    """Return the flow of the execution worker of the served desk."""
    flow = Dataflow("served_execution")
    scored = op.input("scored", flow, edges.scored)
    ordered = in_order(op.flat_map("readable", scored, readable_batches), stages)
    read = op.input("requests", flow, edges.requests)
    asked = op.merge("asked", ordered, op.flat_map("told", read, told_records))
    answered = hang("venue", asked, stages.venue, stages.observer, stages.pages)

    op.output("to_topics", op.flat_map("execution_rows", answered, execution_rows), edges.topics)
    op.output("to_promises", op.flat_map("promise_notes", answered, promise_notes), edges.promises)
    return flow
