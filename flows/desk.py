"""The whole desk in one process: ticks in, decided orders and positions out."""

from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source

from flows.decisions import DecisionEdges, decisions, in_order, keep_decisions, keep_universe
from flows.market_data import MarketEdges, keep_market, market_data
from flows.stages import ForBook, Stages


def build(
    market: MarketEdges, book: DecisionEdges, stages: Stages, commands: Source[Any] | None = None
) -> Dataflow:
    """Return the flow that demo, replay and a single live worker run; the last one hears commands."""
    flow = Dataflow("desk")
    received = op.input("ticks", flow, market.ticks)
    scored = market_data(received, stages)
    controls = None if commands is None else op.input("controls", flow, commands)
    ordered = in_order(scored, stages, ForBook(stages).here)
    decided = decisions(ordered, stages, controls)

    keep_market(received, scored, market)
    keep_decisions(decided, book)
    keep_universe(ordered, book)
    return flow
