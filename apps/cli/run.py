"""`ita run`: the desk as a long-running worker."""

from pathlib import Path
from typing import Annotated

import typer

Flow = Annotated[str, typer.Argument(help="the flow to run: desk")]
Source = Annotated[str, typer.Option(help="where ticks come from: simulator: or a recorded source")]
Speed = Annotated[float, typer.Option(help="event seconds in a second; 0 is as fast as it goes")]
Config = Annotated[Path | None, typer.Option(help="folder with YAML files that replace the project's own")]
Out = Annotated[Path, typer.Option(help="folder that keeps everything; a restart goes on where it was")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="port of the metrics; 0 for none")]
Host = Annotated[str, typer.Option(help="address that the metrics listen on")]


def run(
    flow: Flow,
    source: Source = "simulator:",
    speed: Speed = 1.0,
    config: Config = None,
    out: Out = Path("out/desk"),
    metrics_port: Port = 9464,
    metrics_host: Host = "127.0.0.1",
) -> None:
    """Run the desk until it is stopped: SIGTERM drains it and ends with 0, a restart goes on where it was.

    Example: ita run desk --source simulator: --speed 60 --out out/desk
    """
    from apps.cli.main import WrongUse
    from apps.live import Live, run_live

    if flow != "desk":
        raise WrongUse(f"unknown flow {flow!r}; the flow that can be run is 'desk'")
    if speed < 0:
        raise WrongUse(f"speed is at least 0; {speed} was given")
    run_live(Live(source, speed, config, metrics_host, metrics_port), out)
