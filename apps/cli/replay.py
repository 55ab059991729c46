"""`ita replay`: run historical ticks through the whole desk."""

from pathlib import Path
from typing import Annotated

import typer

Sources = Annotated[
    list[str],
    typer.Argument(
        help="lean:DIR, fxcm:DIR, recording:PATH, parquet:PATH, csv:PATH, lake:DIR or simulator: (several are merged)"
    ),
]
Instruments = Annotated[str | None, typer.Option(help="only these, comma separated: AIG,BAC")]
From = Annotated[str | None, typer.Option("--from", help="first day, 2013-10-07")]
To = Annotated[str | None, typer.Option("--to", help="last day, 2013-10-08")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="processes that read market data")]
BatchRows = Annotated[int, typer.Option(min=1, max=4_194_304, help="rows a batch")]
Config = Annotated[Path | None, typer.Option(help="folder with YAML files that replace the project's own")]
Out = Annotated[
    Path | None, typer.Option(help="folder that keeps everything; without it only the summary is left")
]
Actions = Annotated[
    Path | None,
    typer.Option(
        help="corporate actions: rows that name instruments, or a folder of Lean's factor and map files"
    ),
]
Against = Annotated[
    str | None, typer.Option(help="a second feed of the same instruments: health says where the two disagree")
]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]


def replay(  # noqa: PLR0913, PLR0917  the options of the command
    sources: Sources,
    instruments: Instruments = None,
    first: From = None,
    last: To = None,
    workers: Workers = 1,
    batch_rows: BatchRows = 16_384,
    config: Config = None,
    out: Out = None,
    actions: Actions = None,
    against: Against = None,
    json: AsJson = False,
) -> None:
    """Run historical ticks through the whole desk and sum it up.

    Rows of --actions are those of `ita adjust`, with instrument; what holders get shares of stands in into, how many
    for each share in shares. A rename keeps the instrument, under the name of its first ticker.

    Example: ita replay lean:data/equity/usa --instruments AIG,IBM --out out/october
    """
    from apps.replaying import Request, replayed
    from apps.summary import as_json
    from apps.tables import print_summary

    names = tuple(name.strip().upper() for name in instruments.split(",")) if instruments else None
    request = Request(
        tuple(sources), names, first, last, workers, batch_rows, config, actions, against=against
    )
    summary = replayed(request, out)
    if json:
        print(as_json(summary))
    else:
        print_summary(summary, out)
