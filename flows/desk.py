"""The whole desk in one process: ticks in, decided orders and positions out."""

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from flows.decisions import DecisionEdges, decisions, in_order, keep_decisions, keep_universe
from flows.market_data import MarketEdges, keep_market, market_data
from flows.stages import ForBook, Stages


def build(market: MarketEdges, book: DecisionEdges, stages: Stages) -> Dataflow:
    """Return the flow that demo, replay and a single live worker run."""
    flow = Dataflow("desk")
    received = op.input("ticks", flow, market.ticks)
    scored = market_data(received, stages)
    ordered = in_order(scored, stages, ForBook(stages).here)
    decided = decisions(ordered, stages)

    keep_market(received, scored, market)
    keep_decisions(decided, book)
    keep_universe(ordered, book)
    return flow
