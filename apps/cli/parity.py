"""`ita parity`: two runs compared, and why they part."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from apps.parity import Parity

Run = Annotated[Path, typer.Argument(help="output folder of a run, or a lake folder")]
Page = Annotated[
    Path | None, typer.Option("--html", help="file for a page with the timeline of the differences")
]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]


def parity(run_a: Run, run_b: Run, html: Page = None, json: AsJson = False) -> int:
    """Compare two runs topic by topic and record by record; exit code 1 where they differ.

    Each topic's first difference is told with both values and its cause: input, late data, configuration, code, or
    non-determinism, which is what is left where the others are the same. What was received counts from the instant
    at which it differs. Fields that name the run or the machine's clock are left out.

    Example: ita parity out/live out/replay --html parity.html
    """
    from apps.parity import compared
    from apps.parity_page import write_page
    from apps.parity_view import lines, told

    done: Parity = compared(run_a, run_b)
    if html is not None:
        write_page(done, html)
    if json:
        import msgspec

        typer.echo(msgspec.json.encode(told(done)).decode())
    else:
        for line in lines(done):
            typer.echo(line)
    return 0 if done.same else 1
