"""`ita whatif`: which verdicts of a run would be others under other limits and rules, and why."""

import json
from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[Path, typer.Option(help="folder of a finished run, whose intents are judged again")]
Limits = Annotated[Path | None, typer.Option(help="limits.yaml to judge by; the run's own if left out")]
Rules = Annotated[Path | None, typer.Option(help="compliance.yaml to judge by; the run's own if left out")]
Config = Annotated[Path | None, typer.Option(help="configuration folder that the run was made with")]
Json = Annotated[bool, typer.Option("--json", help="for machines")]


def whatif(
    over: Run, limits: Limits = None, rules: Rules = None, config: Config = None, as_json: Json = False
) -> None:
    """Judge the recorded intents of a run by other limits and rules, and list each whose verdict would be another one.

    The run is replayed as it was; at each intent the other rules are asked what they would have said in that state.

    Example: ita whatif --limits tighter/limits.yaml --over out/demo
    """
    from apps.cli.main import WrongUse
    from apps.what_if import NotThatRun, compare

    if limits is None and rules is None:
        raise WrongUse("nothing else to judge by; give --limits FILE, --rules FILE, or both")
    try:
        found = compare(over, limits, rules, config)
    except NotThatRun as failure:
        raise WrongUse(str(failure)) from failure
    if as_json:
        typer.echo(json.dumps(found))
        return
    for row in found["changed"]:
        typer.echo(
            f"{row['at']}  {row['ClOrdID']}  {row['strategy']} {row['asks']}: {row['was']} -> {row['would_be']}"
        )
        for reason in row["why"]:
            typer.echo(f"    {reason}")
    typer.echo(f"{len(found['changed'])} of {found['intents']} verdicts would be others", err=True)
