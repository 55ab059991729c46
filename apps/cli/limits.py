"""`ita limits`: which limits hold, what they were before, and how they are changed."""

import json
from typing import Annotated

import typer

from apps.cli.commands import Config, Out, Reason, Wait, Who, give_checked

app = typer.Typer(no_args_is_help=True, help="the limits that a desk is judged by")

Json = Annotated[bool, typer.Option("--json", help="for machines")]
Measure = Annotated[str | None, typer.Option(help="only rows of this measure")]


@app.command("show")
def show(config: Config = None, out: Out = None, measure: Measure = None, as_json: Json = False) -> None:
    """Show the rows that hold: of limits.yaml, or what the run in a folder was told last.

    Example: ita limits show --measure order_notional
    """
    from apps.limit_view import held_table, rows_of

    rows = [row for row in rows_of(held_table(config, out)) if measure in (None, row["measure"])]
    if as_json:
        typer.echo(json.dumps({"limits": rows}))
        return
    for row in rows:
        soft = "" if row["soft"] is None else f"{row['soft']} / "
        window = f" over {row['window_seconds']} s" if row["window_seconds"] else ""
        until = f" until {row['temporary_until']}" if row["temporary_until"] else ""
        typer.echo(
            f"{row['limit_id']:<28} {row['measure']} {row['scope_type']}:{row['scope_id']}{window}  "
            f"{soft}{row['hard']} {row['unit']}  v{row['version']}{until}  {row['rationale']}"
        )


@app.command("set")
def change(  # noqa: PLR0913, PLR0917  typer makes an option of each argument
    limit_id: Annotated[str, typer.Argument(help="the row, as `ita limits show` tells it")],
    hard: Annotated[str, typer.Option(help="the new bound, in the unit of the row")],
    reason: Reason,
    checker: Annotated[str, typer.Option(help="who has checked it; another than who sets it")],
    soft: Annotated[str | None, typer.Option(help="the new soft bound, where the measure has one")] = None,
    until: Annotated[
        str | None, typer.Option(help="it reverts by itself then: 2026-01-31T16:00:00-05:00")
    ] = None,
    who: Who = None,
    config: Config = None,
    out: Out = None,
    wait: Wait = 10.0,
) -> None:
    """Let a new version of a row hold in a running desk; the row itself is never changed.

    Example: ita limits set notional-account --hard 250000 --reason "volatile" --who ann --checker bob --out out/desk
    """
    from apps.commands import table_command
    from apps.limit_view import changed, held_table

    def command():  # type: ignore[no-untyped-def]  # the type of a command is not imported before it is called
        made = changed(held_table(config, out), limit_id, (hard, soft, until), (who, checker), reason)
        return table_command(made, who, reason)

    give_checked(command, config, out, wait)


@app.command("history")
def history(
    limit_id: Annotated[str | None, typer.Argument(help="one row; all if left out")] = None,
    config: Config = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Show every version of the rows, and in a run when other limits were told, by whom and why.

    Example: ita limits history notional-account --out out/desk
    """
    from apps.limit_view import told, versions

    rows = versions(config, out, limit_id)
    changes = told(out, config) if out is not None else []
    if as_json:
        typer.echo(json.dumps({"versions": rows, "changes": changes}))
        return
    for row in rows:
        typer.echo(
            f"{row['limit_id']} v{row['version']} {row['hard']} {row['unit']} from {row['valid_from']} "
            f"by {row['maker']}, checked by {row['checker']}: {row['rationale']}"
        )
    for each in changes:
        typer.echo(f"{each['at']}  {each['kind']} by {each['who']}: {each['reason']} {each['text']}".rstrip())


@app.command("publish")
def publish(
    reason: Reason, who: Who = None, config: Config = None, out: Out = None, wait: Wait = 10.0
) -> None:
    """Let the limits of limits.yaml hold in a running desk, without stopping it.

    Example: ita limits publish --config config/tighter --reason "volatile opening"
    """
    from apps.commands import limits_command
    from config.settings import read_settings

    give_checked(lambda: limits_command(read_settings(config), who, reason), config, out, wait)
