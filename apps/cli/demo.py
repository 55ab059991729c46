"""`ita demo`: two simulated days through the whole desk, with a table and a report at the end."""

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option(help="folder that keeps everything; an earlier demo in it is replaced")]
Seed = Annotated[int, typer.Option(help="another seed is another market")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]


def demo(out: Out = Path("out/demo"), seed: Seed = 7, json: AsJson = False) -> None:
    """Run a simulated market through the whole desk: about a million ticks, bars to positions, and a report.

    Example: ita demo --out out/demo
    """
    from apps.demonstration import demonstrate
    from apps.kept_run import KeptRun
    from apps.people_view import deeds
    from apps.summary import as_json
    from apps.tables import print_people, print_summary

    summary, report = demonstrate(out, seed)
    if json:
        print(as_json(summary))
    else:
        print_people(deeds(KeptRun(out)))
        print_summary(summary, out)
        print(f"report: {report}")
