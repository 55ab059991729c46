"""`ita sanctions`: lists of sanctioned and denied parties that hold for a desk, loaded while it runs."""

import json
from pathlib import Path
from typing import Annotated

import typer

from apps.cli.commands import Config, Out, Reason, Wait, Who, give_checked

app = typer.Typer(
    no_args_is_help=True, help="Lists of sanctioned and denied parties that hold for a desk (PT-43)."
)
Files = Annotated[
    list[Path],
    typer.Argument(help="OFAC sdn.csv (with alt.csv beside it), dpl.txt, csl.csv, or rows of name"),
]
Name = Annotated[str | None, typer.Option(help="name of the list; SDN, DPL .. as the file says, if left out")]
Version = Annotated[str, typer.Option(help="version as published; the start of its digest if left out")]
Threshold = Annotated[float, typer.Option(min=0.5, max=1.0, help="score from which a name is a similar one")]
Smaller = Annotated[
    bool, typer.Option("--smaller", help="it is meant that the list has lost a fifth or more")
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object")]


@app.command("load")
def load(  # noqa: PLR0913, PLR0917  typer makes an option of each argument
    files: Files,
    reason: Reason,
    name: Name = None,
    version: Version = "",
    threshold: Threshold = 0.83,
    smaller: Smaller = False,
    who: Who = None,
    config: Config = None,
    out: Out = None,
    wait: Wait = 60.0,
) -> None:
    """Let a list hold in a running desk, without stopping it, in place of the one of that name.

    Issuers, accounts and venues are compared with it beside the flow; from the instant that is printed on, orders of
    who is listed are refused (PT-43), and those that work are cancelled. A list with a damaged line is refused whole.

    Example: ita sanctions load sdn.csv --reason "OFAC of today" --out out/desk
    """
    from apps.cli.main import WrongUse
    from apps.sanction_lists import loading
    from connectors.files.name_lists import NameFileError

    def command():  # type: ignore[no-untyped-def]  # the type of a command is not imported before it is called
        try:
            return loading(files, (name, version), threshold, (who, reason), smaller=smaller)
        except NameFileError as error:
            raise WrongUse(str(error)) from error

    give_checked(command, config, out, wait)


@app.command("show")
def show(config: Config = None, out: Out = None, as_json: Json = False) -> None:
    """Show the lists that a desk was told of, which of them hold, and whom they name.

    Example: ita sanctions show --out out/desk
    """
    from apps.sanction_lists import shown

    rows = shown(out, config)
    if as_json:
        typer.echo(json.dumps({"lists": rows}))
        return
    for row in rows:
        if row["state"] == "refused":
            typer.echo(f"{row['list']} refused at {row['since']}: {row['text']}")
            continue
        typer.echo(
            f"{row['list']} {row['version']} {row['state']} since {row['since']}: {row['names']} names, "
            f"compared with {row['parties']}, by {row['who']}: {row['reason']}"
        )
        for each in row["found"]:
            what = f"{each['how']} {each['score']:.2f} {each['listed']} ({each['entry_id']})"
            typer.echo(f"  {each['party']} ({each['name']}): {what}")
