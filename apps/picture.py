"""Draws the desk's dataflow: the steps as Bytewax has them, as a Mermaid diagram between two marks of the README.

`python -m apps.picture` draws it anew.
"""

from pathlib import Path

import typer
from bytewax.dataflow import Dataflow
from bytewax.visualize import RenderedOperator, to_rendered

from apps.assembly import assemble
from apps.run_folder import RunPaths
from apps.running import RunOptions, decision_edges, market_edges
from config.settings import read_settings
from connectors.files.open_source import open_sources
from connectors.tick_input import Stop
from flows import desk

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- flow:begin -->", "<!-- flow:end -->"
SHAPES = {"input": ("([", "])"), "output": ("[(", ")]"), "stateful_batch": ("[", "]")}
SHAPING = ("(", ")")


class NoMarks(ValueError):
    """A page has no place for the picture."""


def desk_flow() -> Dataflow:
    """Return the dataflow of a live desk; nothing is opened or written, only wired."""
    settings, options, shards = read_settings(), RunOptions(raw=True), ("0",)
    source = open_sources(("simulator:ticks=5000",), None, None, None)
    made, folder = assemble(settings, source, shards), RunPaths(Path("out"))
    market = market_edges(settings, folder, source, made, shards, shards, options, Stop())
    return desk.build(market, decision_edges(settings, folder, options), made.stages)


def mermaid(flow: Dataflow) -> str:
    """Return a flow as a Mermaid diagram: sources round, doors as stores, stages square, what only reshapes rounded."""
    steps = to_rendered(flow).substeps
    made_by = {port.port_id: step.step_name for step in steps for port in step.out_ports}
    lines = ["flowchart LR", *(f"    {step.step_name}{_shape(step)}" for step in steps)]
    for step in steps:
        comes_from = [port_id for port in step.inp_ports for port_id in port.from_port_ids]
        lines += [f"    {made_by[port_id]} --> {step.step_name}" for port_id in comes_from]
    return "\n".join(lines)


def _shape(step: RenderedOperator) -> str:
    opened, closed = SHAPES.get(step.op_type, SHAPING)
    return f"{opened}{step.step_name}{closed}"


def drawn(page: str, picture: str) -> str:
    """Return a page with the picture between its marks; raises NoMarks where it does not hold each of them once."""
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise NoMarks(
            f"a page holds {BEGIN} and {END} once each, in this order; add them where the picture is to be"
        )
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n```mermaid\n{picture}\n```\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    README.write_text(drawn(README.read_text(), mermaid(desk_flow())))
    typer.echo(f"the flow is drawn in {README}")
