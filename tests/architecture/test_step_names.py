"""Step names are stored in recovery files: every flow has exactly those that are written down."""

from pathlib import Path

import pytest

from apps.assembly import assemble
from apps.run_folder import RunPaths
from apps.running import RunOptions, decision_edges, market_edges
from config.settings import read_settings
from connectors.simulator.source import Simulator, settings_of
from connectors.tick_input import Stop
from connectors.topics.codec import MarketCodec
from connectors.topics.sink import TopicSink
from connectors.topics.source import TopicSource
from flows import decisions, desk, market_data, served_decisions, served_execution, served_market_data, sinks
from flows.stages import KeptFeatures

RECORDED = Path(__file__).parent / "step_names.txt"


def names(step):
    """Return the identifier of a step and of those that it is made of, in order."""
    found = [step.step_id] if hasattr(step, "step_id") else []
    for part in getattr(step, "substeps", ()):
        found += names(part)
    return found


@pytest.fixture(scope="module")
def flows(tmp_path_factory):
    """Return every flow as a run builds it, by its name."""
    settings, source = read_settings(), Simulator(settings_of("instruments=2,days=1,ticks=400"))
    folder, options = RunPaths(tmp_path_factory.mktemp("run")), RunOptions(raw=True)
    made = assemble(settings, source, ("0",))
    market = market_edges(settings, folder, source, made, ("0",), ("0",), options, Stop())
    book = decision_edges(settings, folder, options)
    written = TopicSink(folder.topics, "scored", ("0",), MarketCodec())
    read = TopicSource(folder.topics, "scored", ("0",), MarketCodec())
    built = (
        desk.build(market, book, made.stages),
        market_data.build(market, made.stages, written),
        decisions.build(read, book, made.stages),
        served_market_data.build(
            served_market_data.ServedMarketEdges(market.ticks, market.lake, written), made.stages
        ),
        served_decisions.build(
            served_decisions.ServedDecisionEdges(
                read, read, read, book.lake, book.lake, book.lake, book.audit
            ),
            made.stages,
        ),
        served_execution.build(
            served_execution.ServedExecutionEdges(read, read, book.lake, book.lake), made.stages
        ),
        sinks.build(
            sinks.SinkEdges(
                read,
                read,
                market.lake,
                book.journal,
                market.feature_store,
                KeptFeatures({}, ()),
                series=market.lake,
            )
        ),
    )
    return {flow.flow_id: flow for flow in built}


def test_the_steps_of_every_flow_are_those_that_are_recorded(flows):
    found = [name for flow in flows.values() for name in names(flow)]

    assert found == RECORDED.read_text().split()


def test_no_flow_has_two_steps_of_one_name(flows):
    for flow in flows.values():
        assert len(set(names(flow))) == len(names(flow))
