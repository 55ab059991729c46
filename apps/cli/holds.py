"""`ita holds`, `ita override`: what waits for a person, and what is said about it."""

import json
from typing import Annotated

import typer

from apps.cli.commands import Config, Out, Reason, Wait, Who, give_checked

app = typer.Typer(no_args_is_help=True, help="intents that are held and wait for a person")

Name = Annotated[str, typer.Argument(help="ClOrdID, or how it begins, as `ita holds list` tells it")]
Check = Annotated[str, typer.Argument(help="the one check that is passed over, such as PT-19")]
Json = Annotated[bool, typer.Option("--json", help="for machines")]


@app.command("list")
def held(config: Config = None, out: Out = None, as_json: Json = False) -> None:
    """List the intents that are held: what each asks for, and the checks that hold it.

    Example: ita holds list --out out/desk
    """
    from apps.hold_view import waiting

    rows = waiting(out, config)
    if as_json:
        typer.echo(json.dumps({"holds": rows}))
        return
    for row in rows:
        checks = ", ".join(row["checks"])
        typer.echo(
            f"{row['ClOrdID']}  {row['since']}  {row['strategy']} {row['asks']}  {checks}: {row['text']}"
        )
    typer.echo(f"{len(rows)} held", err=True)


@app.command("approve")
def approve(
    name: Name, reason: Reason, who: Who = None, config: Config = None, out: Out = None, wait: Wait = 10.0
) -> None:
    """Release what is held: it is judged again by all checks, and sent where it passes (PT-44).

    Example: ita holds approve 4be51c --reason "as announced" --who risk.checker --out out/desk
    """
    from apps.commands import hold_command
    from apps.hold_view import full_name
    from domain.controls import ControlKind

    give_checked(
        lambda: hold_command(ControlKind.APPROVE, full_name(name, out, config), who, reason),
        config,
        out,
        wait,
    )


@app.command("refuse")
def refuse(
    name: Name, reason: Reason, who: Who = None, config: Config = None, out: Out = None, wait: Wait = 10.0
) -> None:
    """Refuse what is held.

    Example: ita holds refuse 4be51c --reason "not now" --who risk.checker --out out/desk
    """
    from apps.commands import hold_command
    from apps.hold_view import full_name
    from domain.controls import ControlKind

    give_checked(
        lambda: hold_command(ControlKind.REFUSE, full_name(name, out, config), who, reason), config, out, wait
    )


def override(  # noqa: PLR0913, PLR0917  typer makes an option of each argument
    name: Name,
    check: Check,
    reason: Reason,
    maker: Annotated[str, typer.Option(help="who asks for it")],
    verifier: Annotated[str, typer.Option(help="who has verified it for risk")],
    who: Who = None,
    seconds: Annotated[float, typer.Option(help="how long it holds, an hour at most")] = 60.0,
    config: Config = None,
    out: Out = None,
    wait: Wait = 10.0,
) -> None:
    """Pass over one check for one order that was held or refused; three persons, and it ends by itself (PT-45).

    Example: ita override 4be51c PT-19 --maker ann --verifier desk.head --who risk.checker --reason "block trade"
    """
    from apps.commands import override_command
    from apps.hold_view import stopped_name

    persons = (maker, verifier, who)
    give_checked(
        lambda: override_command(stopped_name(name, out, config), check, persons, reason, seconds),
        config,
        out,
        wait,
    )
