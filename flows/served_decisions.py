"""Decisions between servers: scored batches and what the venue reports, from Kafka, to the decision topics."""

from typing import Any, NamedTuple

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from flows.decisions import in_order
from flows.stages import (
    Stages,
    audit_entries,
    damaged_end,
    damaged_rows,
    progress_notes,
    readable_batches,
    sent_rows,
    told_records,
)
from operators.stage import hang


class ServedDecisionEdges(NamedTuple):
    """Where scored batches, what the venue says and commands come from, and where what follows goes."""

    scored: Source[Any]
    venue: Source[Any]
    controls: Source[Any]
    topics: Sink[Any]
    progress: Sink[Any]
    quarantine: Sink[Any]
    audit: Sink[Any]


def build(edges: ServedDecisionEdges, stages: Stages) -> Dataflow:
    """Return the flow of the decisions worker of the served desk."""
    flow = Dataflow("served_decisions")
    scored = op.input("scored", flow, edges.scored)
    ordered = in_order(op.flat_map("readable", scored, readable_batches), stages)
    told = op.flat_map("told", op.input("venue", flow, edges.venue), told_records)
    came = op.merge("came", ordered, told, op.input("controls", flow, edges.controls))
    decided = hang("decisions", came, stages.decisions, stages.observer, stages.pages)

    op.output("to_audit", op.flat_map("audit_entries", decided, audit_entries), edges.audit)
    op.output("to_topics", op.flat_map("decision_rows", decided, sent_rows), edges.topics)
    op.output("to_progress", op.flat_map("progress_notes", decided, progress_notes), edges.progress)
    damaged = op.flat_map("damaged", scored, damaged_rows)
    ended = op.flat_map("damaged_end", decided, damaged_end)
    op.output("to_quarantine", op.merge("quarantined", damaged, ended), edges.quarantine)
    return flow
