"""`ita kill`, `ita release`: kill switches of a desk, and how every command is given and when it holds."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from domain.controls import Command

Scope = Annotated[
    str, typer.Argument(help="TYPE:NAME: firm, desk, trader, strategy, account, instrument or venue")
]
Mode = Annotated[str, typer.Option(help="cancel_all, block_new, reduce_only or hold_increasing")]
Reason = Annotated[str, typer.Option(help="why; it stands in the record")]
Who = Annotated[str | None, typer.Option(help="whose command it is; who is signed in, if left out")]
Config = Annotated[Path | None, typer.Option(help="folder with YAML files that replace the project's own")]
Wait = Annotated[float, typer.Option(min=0, help="seconds to wait until the desk says that it holds")]
Out = Annotated[Path | None, typer.Option(help="folder of an embedded run; the served desk if left out")]


def kill(
    scope: Scope,
    reason: Reason,
    mode: Mode = "cancel_all",
    who: Who = None,
    config: Config = None,
    out: Out = None,
    wait: Wait = 10.0,
) -> None:
    """Set the kill switch of a scope. One person sets it or makes it firmer at once; a looser mode takes two.

    Example: ita kill strategy:trend --mode block_new --reason "model drifts"
    """
    from apps.commands import kill_command

    give_checked(lambda: kill_command(scope, mode, who, reason), config, out, wait)


def release(
    scope: Scope, reason: Reason, who: Who = None, config: Config = None, out: Out = None, wait: Wait = 10.0
) -> None:
    """Release the kill switch of a scope: it is released when a second person gives the same command.

    Example: ita release strategy:trend --reason "model mended" --who ann, and again with --who bob
    """
    from apps.commands import kill_command

    give_checked(lambda: kill_command(scope, "none", who, reason), config, out, wait)


def give_checked(make: "Callable[[], Command]", config: Path | None, out: Path | None, wait: float) -> None:
    """Make a command, what is wrong with it being wrong use; write it, and say from when on it holds.

    Exit code 1 where the desk refuses it or says nothing in time.
    """
    from apps.cli.main import WrongUse
    from apps.commands import done, give, give_run, still_running
    from apps.local_time import stamp
    from config.servers import read_servers
    from domain.controls import ControlKind

    if out is not None:
        still_running(out)
    try:
        command = make()
    except ValueError as failure:
        raise WrongUse(str(failure)) from failure
    if out is not None:
        control = give_run(out, command, wait)
    else:
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
    if control.kind is ControlKind.ASKED:
        typer.echo(f"command {command.command_id} was heard at {stamp(control.known_at)}: {control.text}")
        return
    typer.echo(f"command {command.command_id} holds from {stamp(control.known_at)} on: {done(control)}")
