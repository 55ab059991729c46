"""`ita lake`: the care of a lake that grows for years."""

import re
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The lake of a run: fewer, bigger files.")

Out = Annotated[
    Path | None, typer.Option(help="output folder of a run, or its lake folder; out/demo if left out")
]
Served = Annotated[bool, typer.Option(help="the lake in the object store of the served desk")]
Config = Annotated[Path | None, typer.Option(help="folder with YAML files that replace the project's own")]
Age = Annotated[
    str, typer.Option(help="leave a date alone while it was written to within 90s, 30m, 1h or 2d")
]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]

_AGE = re.compile(r"(\d+)([smhd])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@app.callback()
def lake() -> None:
    """Keep `compact` a word of its own while it is the only one."""


@app.command("compact")
def compact(
    out: Out = None,
    served: Served = False,
    config: Config = None,
    age: Age = "1h",
    json: AsJson = False,
) -> None:
    """Join the small files of dates that are over into few big ones; safe beside a running desk and its readers.

    Killed at any moment, the same command goes on. Examples: ita lake compact --out out/desk;
    ita lake compact --served --age 6h
    """
    from apps.cli.main import WrongUse
    from apps.lake_compaction import NoLake, as_json, as_words, compact_bucket, compact_folder
    from config.servers import read_servers

    if served and out is not None:
        raise WrongUse("--out names a folder and --served the object store; give one of them")
    seconds = _seconds(age)
    try:
        outcomes = (
            compact_bucket(read_servers(config), seconds)
            if served
            else compact_folder(out or Path("out/demo"), seconds)
        )
    except NoLake as error:
        raise WrongUse(str(error)) from error
    print(as_json(outcomes) if json else as_words(outcomes))


def _seconds(text: str) -> float:
    """Return the seconds of an age, 0 allowed."""
    from apps.cli.main import WrongUse

    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise WrongUse(f"--age is a whole number and s, m, h or d, such as 1h or 0s; {text!r} was given")
    return float(int(found[1]) * _UNIT_SECONDS[found[2]])
