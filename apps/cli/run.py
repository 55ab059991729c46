"""`ita run`: the desk as a long-running worker."""

import faulthandler
import signal
from pathlib import Path
from typing import Annotated

import typer

STANDARD_ERROR = 2
FLOWS = ("desk", "market-data", "decisions", "execution", "sinks")

Flow = Annotated[
    str,
    typer.Argument(
        help="the flow to run: desk, or one worker of the served desk: market-data, decisions, execution, sinks"
    ),
]
Source = Annotated[
    str,
    typer.Option(help="where ticks come from: simulator:, a recorded source, or a venue: coinbase:BTC-USD"),
]
Speed = Annotated[float, typer.Option(help="event seconds in a second; 0 is as fast as it goes")]
Shards = Annotated[
    str | None,
    typer.Option(help="of the served desk: the shards of this worker, as 0-3 or 0,2; all if left out"),
]
Config = Annotated[Path | None, typer.Option(help="folder with YAML files that replace the project's own")]
Actions = Annotated[
    Path | None, typer.Option(help="corporate actions beside the source, as `ita replay` takes them")
]
Against = Annotated[
    str | None,
    typer.Option(help="a second, recorded feed of the same instruments: health says where the two disagree"),
]
Out = Annotated[Path, typer.Option(help="folder that keeps everything; a restart goes on where it was")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="port of the metrics; 0 for none")]
Host = Annotated[str, typer.Option(help="address that the metrics listen on")]


def run(  # noqa: PLR0913, PLR0917  the options of the command
    flow: Flow,
    source: Source = "simulator:",
    speed: Speed = 1.0,
    shards: Shards = None,
    config: Config = None,
    out: Out = Path("out/desk"),
    metrics_port: Port = 9464,
    metrics_host: Host = "127.0.0.1",
    actions: Actions = None,
    against: Against = None,
) -> None:
    """Run the desk until it is stopped: SIGTERM drains it and ends with 0, a restart goes on where it was.

    Example: ita run desk --source simulator: --speed 60 --out out/desk

    From a venue: ita run desk --source coinbase:BTC-USD,ETH-USD (with ,for=8h it ends by itself). Where the venue is
    elsewhere, as `ita serve-recording` is, ITA_VENUES__COINBASE__URL says where.

    The served desk runs on servers (`ita stack up`, `ita stack init`), each worker a process of its own:
    ita run market-data --source simulator: --shards 0-3 --out out/served

    SIGUSR1 has it say where each of its threads stands, and go on.
    """
    from apps.cli.main import WrongUse
    from apps.live import Live, run_live
    from apps.venues import is_live

    if flow not in FLOWS:
        raise WrongUse(f"unknown flow {flow!r}; those that can be run are {', '.join(FLOWS)}")
    if speed < 0:
        raise WrongUse(f"speed is at least 0; {speed} was given")
    faulthandler.register(signal.SIGUSR1, file=STANDARD_ERROR)
    if flow not in {"desk", "market-data"} and actions is not None:
        raise WrongUse(
            f"--actions goes with desk and market-data; {flow} hears of actions with the market, leave it out"
        )
    if against is not None and (flow not in {"desk", "market-data"} or is_live(source)):
        raise WrongUse(
            f"--against goes with desk and market-data on a recorded source; {flow} with --source {source} was given, "
            "leave it out"
        )
    if flow != "desk":
        from apps.served import Worker, run_worker
        from config.servers import sign_in_as

        sign_in_as(flow)
        run_worker(
            Worker(flow, shards, source, speed, config, out, metrics_host, metrics_port, actions, against)
        )
        return
    run_live(Live(source, speed, config, metrics_host, metrics_port, actions, against), out)
