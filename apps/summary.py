"""What a run comes to: counts, verdicts, positions, P&L and digests, read from what it kept."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars

from connectors.lake.digest import counts, digests
from connectors.lake.names import files_of
from connectors.sqlite.journal import Journal

QUARANTINE = "quarantine."
STILL_IN_MARKET = frozenset({"late_for_closed_bar", "beyond_revision_horizon", "cancel_of_unknown_trade"})
"""Reasons of rows that no bar takes any more: they stand in the market topics as well."""


def summarise(lake: Path, journal: Path, elapsed_seconds: float, peak_rss_mb: float) -> dict[str, Any]:
    """Return the summary of a finished run; money as exact text, digests in hexadecimal."""
    by_topic = counts(lake)
    ticks = sum(by_topic.get(topic, 0) for topic in ("market.trades", "market.quotes"))
    quarantined = _quarantined(lake)
    received = ticks + sum(count for reason, count in quarantined.items() if reason not in STILL_IN_MARKET)
    with Journal(journal) as book:
        positions = [
            {
                "account": position.account,
                "strategy": position.strategy,
                "instrument": position.symbol,
                "quantity": position.quantity,
                "average_cost": f"{position.average_cost:f}",
                "realised": f"{position.realised:f}",
                "unrealised": f"{position.unrealised:f}",
                "fees": f"{position.fees:f}",
                "mark": f"{position.mark:f}",
            }
            for position in book.positions()
        ]
    return {
        "counts": by_topic,
        "rows_in": received,
        "quarantined": quarantined,
        "verdicts": _verdicts(lake),
        "digests": digests(lake),
        "positions": positions,
        "pnl": _profit(positions),
        "elapsed_seconds": round(elapsed_seconds, 3),
        "ticks_per_second": round(received / elapsed_seconds) if elapsed_seconds > 0 else 0,
        "peak_rss_mb": round(peak_rss_mb, 1),
    }


def _quarantined(lake: Path) -> dict[str, int]:
    found: Counter[str] = Counter()
    for folder in sorted(lake.glob(f"{QUARANTINE}*")):
        for path in files_of(lake, folder.name):
            found.update(polars.read_parquet(path, columns=["reason"])["reason"].to_list())
    return dict(sorted(found.items()))


def _verdicts(lake: Path) -> dict[str, dict[str, int]]:
    """Return how many verdicts there are of each kind, and how often each reason code stands in them."""
    kinds: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for path in files_of(lake, "verdicts"):
        table = polars.read_parquet(path, columns=["kind", "codes"])
        kinds.update(table["kind"].to_list())
        for row in table["codes"].to_list():
            codes.update(row or [])
    return {"by_kind": dict(sorted(kinds.items())), "by_code": dict(sorted(codes.items()))}


def _profit(positions: list[dict[str, Any]]) -> dict[str, str]:
    """Return realised, unrealised, fees and what they come to, over all positions."""
    total = {
        name: sum((Decimal(row[name]) for row in positions), Decimal(0))
        for name in ("realised", "unrealised", "fees")
    }
    total["total"] = total["realised"] + total["unrealised"] - total["fees"]
    return {name: f"{value:f}" for name, value in total.items()}


def as_json(summary: dict[str, Any]) -> str:
    """Return a summary as one JSON object."""
    return json.dumps(summary, indent=2, sort_keys=True)
