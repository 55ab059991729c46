"""Decisions: scored batches of all shards, in one order, to orders, executions and positions of the book."""

from collections.abc import Callable
from typing import Any, NamedTuple

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.operators import KeyedStream
from bytewax.outputs import Sink

from domain.market import MarketBatch, Ordered
from flows.stages import (
    Stages,
    UniverseRows,
    UniverseStages,
    audit_entries,
    decision_rows,
    journal_entries,
    to_book,
)
from operators.decision_records import Decided
from operators.stage import hang


class DecisionEdges(NamedTuple):
    """Where the decision records go, and where instruments are compared what is said of the universe."""

    lake: Sink[Any]
    journal: Sink[Any]
    audit: Sink[Any]
    universe: Sink[Any] | None = None
    universe_rows: UniverseRows | None = None


Send = Callable[[tuple[str, MarketBatch]], tuple[str, tuple[str, MarketBatch]]]


def in_order(scored: KeyedStream[MarketBatch], stages: Stages, send: Send = to_book) -> KeyedStream[Ordered]:
    """Bring scored batches of all shards to the book, in the one total order, and compare instruments where asked."""
    gathered = op.map("to_book", scored, send)
    ordered = hang("sequence", gathered, stages.sequence, stages.observer, stages.pages)
    return ordered if stages.universe is None else compared(ordered, stages, stages.universe)


def compared(ordered: KeyedStream[Ordered], stages: Stages, universe: UniverseStages) -> KeyedStream[Ordered]:
    """Hang the stages that see all instruments at once on the ordered stream."""
    together = hang("cross_section", ordered, universe.cross_section, stages.observer, stages.pages)
    return hang("universe_signals", together, universe.signals, stages.observer, stages.pages)


def decisions(
    ordered: KeyedStream[Ordered], stages: Stages, controls: KeyedStream[Any] | None = None
) -> KeyedStream[Decided]:
    """Hang the desk on the ordered stream, and on commands where there are any."""
    came: KeyedStream[Any] = ordered if controls is None else op.merge("came", ordered, controls)
    return hang("decisions", came, stages.decisions, stages.observer, stages.pages)


def keep_universe(ordered: KeyedStream[Ordered], edges: DecisionEdges) -> None:
    """Open the door of what was compared, where something is."""
    if edges.universe is not None and edges.universe_rows is not None:
        op.output(
            "universe_to_lake", op.flat_map("universe_rows", ordered, edges.universe_rows), edges.universe
        )


def keep_decisions(decided: KeyedStream[Decided], edges: DecisionEdges) -> None:
    """Open the doors of the book: the audit trail, the lake and the journal."""
    op.output("to_audit", op.flat_map("audit_entries", decided, audit_entries), edges.audit)
    op.output("decisions_to_lake", op.flat_map("decision_rows", decided, decision_rows), edges.lake)
    op.output("to_journal", op.flat_map("journal_entries", decided, journal_entries), edges.journal)


def build(scored_topic: Source[Any], edges: DecisionEdges, stages: Stages) -> Dataflow:
    """Return the flow of the decisions worker, fed by the topic that the market data workers write."""
    flow = Dataflow("decisions")
    ordered = in_order(op.input("scored", flow, scored_topic), stages)
    decided = decisions(ordered, stages)

    keep_decisions(decided, edges)
    keep_universe(ordered, edges)
    return flow
