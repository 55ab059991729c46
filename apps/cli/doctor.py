"""`ita doctor`: is everything there that a run needs, and how does an output folder stand?"""

import sys
from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path | None, typer.Option(help="output folder to look at, too")]
Config = Annotated[Path | None, typer.Option(help="folder with YAML files that replace the project's own")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="port that metrics are to be told on; 0 for none")]
Host = Annotated[str, typer.Option(help="address that metrics are to be told on")]
Served = Annotated[bool, typer.Option("--served", help="what servers lack stands in the way of a run")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]

COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    out: Out = None,
    config: Config = None,
    metrics_port: Port = 9464,
    metrics_host: Host = "127.0.0.1",
    served: Served = False,
    json: AsJson = False,
) -> None:
    """Look at versions, folders, configuration, limits, ports and servers; exit code 1 if anything is in the way.

    Servers are needed by the served desk alone: without --served, one that is not there is no matter.

    Examples: ita doctor --out out/demo; ita doctor --served
    """
    import msgspec
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from apps.doctor import diagnose

    findings = diagnose(out, config, metrics_host, metrics_port, served=served)
    failed = sum(finding.health.value == "fail" for finding in findings)
    if json:
        print(msgspec.json.encode({"failed": failed, "findings": findings}).decode())
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for finding in findings:
            words = Text(finding.words)
            if finding.remedy:
                words.append(f"\n{finding.remedy}", style="italic")
            table.add_row(
                Text(finding.health.value, style=COLOURS[finding.health.value]), finding.subject, words
            )
        Console().print(table)
    if failed:
        sys.exit(1)
