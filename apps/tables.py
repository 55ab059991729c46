"""Tables of a run for people."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from apps.people_view import Deed


def print_summary(summary: dict[str, Any], out: Path | None) -> None:
    """Print what a run came to."""
    console = Console()
    console.print(_counts(summary))
    console.print(_verdicts(summary))
    if summary["positions"]:
        console.print(_positions(summary))
    profit = summary["pnl"]
    console.print(
        f"P&L {_money(profit['total'])}  (realised {_money(profit['realised'])}, "
        f"unrealised {_money(profit['unrealised'])}, fees {_money(profit['fees'])})"
    )
    console.print(
        f"{summary['rows_in']:,} rows in {summary['elapsed_seconds']:.1f} s = "
        f"{summary['ticks_per_second']:,} rows/s, peak memory {summary['peak_rss_mb']:.0f} MB"
    )
    if out is not None:
        console.print(f"kept in {out}; explain an order: ita explain ORDER_ID --out {out}")


def print_people(done: Sequence[Deed]) -> None:
    """Print what people did, and what came of it."""
    table = Table(title="What people did")
    for name in ("New York", "who", "what", "what came of it"):
        table.add_column(name)
    for deed in done:
        table.add_row(deed.when, deed.who, deed.what, deed.outcome)
    Console().print(table)


def _counts(summary: dict[str, Any]) -> Table:
    table = Table(title="What came in and what was made of it")
    table.add_column("topic")
    table.add_column("rows", justify="right")
    for topic, count in sorted(summary["counts"].items()):
        if not topic.startswith("quarantine."):
            table.add_row(topic, f"{count:,}")
    for reason, count in sorted(summary["quarantined"].items()):
        table.add_row(f"quarantined: {reason}", f"{count:,}")
    return table


def _verdicts(summary: dict[str, Any]) -> Table:
    table = Table(title="Verdicts by kind and reason")
    table.add_column("verdict or reason")
    table.add_column("verdicts", justify="right")
    for kind, count in summary["verdicts"]["by_kind"].items():
        table.add_row(kind, f"{count:,}")
    for code, count in summary["verdicts"]["by_code"].items():
        table.add_row(f"  {code}", f"{count:,}")
    return table


def _positions(summary: dict[str, Any]) -> Table:
    table = Table(title="Positions, the largest results first")
    for name in ("strategy", "instrument", "quantity", "realised", "unrealised", "fees"):
        table.add_column(name, justify="left" if name in ("strategy", "instrument") else "right")
    ranked = sorted(summary["positions"], key=lambda row: -abs(float(row["realised"])))
    for row in ranked[:12]:
        table.add_row(
            row["strategy"],
            row["instrument"],
            f"{row['quantity']:,}",
            _money(row["realised"]),
            _money(row["unrealised"]),
            _money(row["fees"]),
        )
    return table


def _money(amount: str) -> str:
    return f"{float(amount):,.2f}"
