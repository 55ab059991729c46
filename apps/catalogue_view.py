"""Lines of a catalogue as a person, or a machine, wants to see them."""

from collections.abc import Sequence

import msgspec
import typer
from rich.console import Console
from rich.table import Table


def show(rows: Sequence[dict[str, str | int]], search: str, json: bool) -> None:
    """Print the rows that hold a text, in any case: a table, or one JSON array."""
    found = [row for row in rows if search.lower() in _told(row).lower()]
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    if not found:
        typer.echo(f"nothing in the catalogue holds {search!r}")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("name", "meaning", "unit", "warm_up", "source"):
        table.add_column(name.replace("_", "-"))
    for row in found:
        table.add_row(*(str(row[name]) for name in ("name", "meaning", "unit", "warm_up", "source")))
    Console().print(table)
    typer.echo(f"{len(found)} of {len(rows)}")


def _told(row: dict[str, str | int]) -> str:
    """Return what is searched of a row: all but the rule about missing values, which is one for all."""
    return " ".join(str(value) for name, value in row.items() if name != "missing")
