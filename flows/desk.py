"""The whole desk in one process: ticks in, decided orders and positions out."""

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from flows.decisions import DecisionEdges, decisions, keep_decisions
from flows.market_data import MarketEdges, keep_market, market_data
from flows.stages import Stages


def build(market: MarketEdges, book: DecisionEdges, stages: Stages) -> Dataflow:
    """Return the flow that demo, replay and a single live worker run."""
    flow = Dataflow("desk")
    received = op.input("ticks", flow, market.ticks)
    scored = market_data(received, stages)
    decided = decisions(scored, stages)

    keep_market(received, scored, market)
    keep_decisions(decided, book)
    return flow
