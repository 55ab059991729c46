"""`ita kill`, `ita release`, `ita limits`: commands to a served desk, and when they hold."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from domain.controls import Command

limits_app = typer.Typer(no_args_is_help=True, help="the limits that a served desk is judged by")

Scope = Annotated[
    str, typer.Argument(help="TYPE:NAME: firm, desk, trader, strategy, account, instrument or venue")
]
Mode = Annotated[str, typer.Option(help="cancel_all, block_new or reduce_only")]
Reason = Annotated[str, typer.Option(help="why; it stands in the record")]
Who = Annotated[str | None, typer.Option(help="whose command it is; who is signed in, if left out")]
Config = Annotated[Path | None, typer.Option(help="folder with YAML files that replace the project's own")]
Wait = Annotated[float, typer.Option(min=0, help="seconds to wait until the desk says that it holds")]


def kill(
    scope: Scope,
    reason: Reason,
    mode: Mode = "cancel_all",
    who: Who = None,
    config: Config = None,
    wait: Wait = 10.0,
) -> None:
    """Set the kill switch of a scope of the served desk.

    Example: ita kill strategy:trend --mode block_new --reason "model drifts"
    """
    from apps.commands import kill_command

    _give(_checked(lambda: kill_command(scope, mode, who, reason)), config, wait)


def release(scope: Scope, reason: Reason, who: Who = None, config: Config = None, wait: Wait = 10.0) -> None:
    """Release the kill switch of a scope of the served desk."""
    from apps.commands import kill_command

    _give(_checked(lambda: kill_command(scope, "none", who, reason)), config, wait)


@limits_app.command("publish")
def publish(reason: Reason, who: Who = None, config: Config = None, wait: Wait = 10.0) -> None:
    """Let the limits of limits.yaml hold in the served desk, without stopping it.

    Example: ita limits publish --config config/tighter --reason "volatile opening"
    """
    from apps.commands import limits_command
    from config.settings import read_settings

    _give(_checked(lambda: limits_command(read_settings(config), who, reason)), config, wait)


def _checked(make: "Callable[[], Command]") -> "Command":
    """Return a command; what is wrong with it is wrong use."""
    from apps.cli.main import WrongUse

    try:
        return make()
    except ValueError as failure:
        raise WrongUse(str(failure)) from failure


def _give(command: "Command", config: Path | None, wait: float) -> None:
    """Write a command and say from when on it holds; exit code 1 where the desk refuses it or says nothing in time."""
    from apps.commands import give
    from apps.local_time import stamp
    from config.servers import read_servers
    from domain.controls import ControlKind

    control = give(read_servers(config).kafka.cluster(), command, wait)
    if control is None:
        typer.echo(
            f"command {command.command_id} is written, and no desk has said in {wait:g} s that it holds; "
            "it will as soon as the decisions worker runs and has its first market data",
            err=True,
        )
        raise typer.Exit(1)
    if control.kind is ControlKind.REFUSED:
        typer.echo(f"command {command.command_id} was refused: {control.text}", err=True)
        raise typer.Exit(1)
    typer.echo(f"command {command.command_id} holds from {stamp(control.known_at)} on")
