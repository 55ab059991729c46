"""`ita limits`: which limits hold, what they were before, and how they are changed."""

import json
from typing import Annotated

import typer

from apps.cli.commands import Config, Out, Reason, Wait, Who, give_checked

app = typer.Typer(no_args_is_help=True, help="the limits that a desk is judged by")

Json = Annotated[bool, typer.Option("--json", help="for machines")]
Measure = Annotated[str | None, typer.Option(help="only rows of this measure")]


@app.command("show")
def show(
    config: Config = None,
    out: Out = None,
    measure: Measure = None,
    served: Annotated[bool, typer.Option("--served", help="what holds in the served desk")] = False,
    as_json: Json = False,
) -> None:
    """Show the rows of orders and of risk: of limits.yaml, or what holds in the served desk or the run in a folder.

    Example: ita limits show --measure order_notional
    """
    from apps.cli.main import WrongUse
    from apps.limit_view import held_table, rows_of, whose
    from apps.risk_limit_view import held_risk_limits, rows_of_risk

    if served and out is not None:
        raise WrongUse("limits are shown of one desk; give --served or --out, not both")
    of_orders = rows_of(held_table(config, out, served=served))
    of_risk = rows_of_risk(held_risk_limits(config, out, served=served))
    known = ", ".join(sorted({row["measure"] for row in (*of_orders, *of_risk)}))
    rows, of_risk = (
        [row for row in each if measure in (None, row["measure"])] for each in (of_orders, of_risk)
    )
    if not (rows or of_risk) and measure is not None:
        raise WrongUse(f"no limit has measure {measure!r}; those that have limits: {known}")
    if as_json:
        typer.echo(json.dumps({"limits": rows, "risk_limits": of_risk}))
        return
    typer.echo(whose(config, out, served=served), err=True)
    for row in (*rows, *of_risk):
        soft = "" if row["soft"] is None else f"{row['soft']} / "
        window = f" over {row['window_seconds']} s" if row.get("window_seconds") else ""
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
    """Let a new version of a row hold in a running desk; neither the row itself nor any other is changed.

    Example: ita limits set notional-account --hard 250000 --reason "volatile" --who ann --checker bob --out out/desk
    """
    from apps.commands import limit_command

    give_checked(
        lambda: limit_command(limit_id, (hard, soft, until), (who, checker), reason), config, out, wait
    )


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
    from apps.cli.main import WrongUse
    from apps.limit_view import told, versions
    from apps.risk_limit_view import held_risk_limits, risk_versions
    from operators.risk_limit_table import is_risk_limit

    of_risk = held_risk_limits(config, out)
    known = limit_id is not None and is_risk_limit(of_risk, limit_id)
    try:
        rows = ([] if known else versions(config, out, limit_id)) + risk_versions(of_risk, limit_id)
    except ValueError as failure:
        raise WrongUse(str(failure)) from failure
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


Breach = Annotated[str, typer.Argument(help="breach_id, or how it begins, as `ita limits breaches` tells it")]


@app.command("breaches")
def breaches(
    config: Config = None,
    out: Out = None,
    every: Annotated[bool, typer.Option("--all", help="those that are over, too")] = False,
    as_json: Json = False,
) -> None:
    """List the breaches of limits of risk: where each stands, what is done about it, and who said what.

    Example: ita limits breaches --out out/desk
    """
    from apps.breach_view import breaches as rows_of_breaches

    rows = rows_of_breaches(out, config, every=every)
    if as_json:
        typer.echo(json.dumps({"breaches": rows}))
        return
    for row in rows:
        until = f" until {row['waived_until']}" if row["waived_until"] else ""
        due = f" by {row['due_at']}" if row["due_at"] else ""
        until += f" to be answered by the {row['answer_by']}{due}" if row["answer_by"] else ""
        said = f"  {row['who']}: {row['reason']}" if row["who"] else ""
        typer.echo(
            f"{row['breach_id']}  {row['state']}{until}  {row['limit_id']} {row['scope']} {row['measure']} "
            f"{row['measured']:.6g} of {row['limit']:.6g}, {row['level']}: {row['action']}  since {row['since']}{said}"
        )
    typer.echo(f"{len(rows)} breaches", err=True)


@app.command("acknowledge")
def acknowledge(
    name: Breach, reason: Reason, who: Who = None, config: Config = None, out: Out = None, wait: Wait = 10.0
) -> None:
    """Say that a breach was seen, and by whom; what it has stopped stays stopped.

    Example: ita limits acknowledge 4be51c --reason "desk is reducing" --who risk.officer --out out/desk
    """
    from apps.breach_view import full_breach
    from apps.commands import acknowledge_command

    give_checked(lambda: acknowledge_command(full_breach(name, out, config), who, reason), config, out, wait)


@app.command("waive")
def waive(
    name: Breach,
    reason: Reason,
    maker: Annotated[str, typer.Option(help="who asks for it; another than who checks it")],
    until: Annotated[str, typer.Option(help="when it ends, within a week: 2026-01-31T16:00:00-05:00")],
    who: Who = None,
    config: Config = None,
    out: Out = None,
    wait: Wait = 10.0,
) -> None:
    """Let a breach ask for nothing for a time, as long as it gets no worse; two persons, and it ends by itself.

    Example: ita limits waive 4be51c --until 2026-01-31T16:00:00-05:00 --maker ann --who risk.officer --reason "hedged"
    """
    from apps.breach_view import full_breach
    from apps.commands import waive_command

    give_checked(
        lambda: waive_command(full_breach(name, out, config), (maker, who), until, reason), config, out, wait
    )
