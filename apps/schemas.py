"""Publishes what stands on each topic: JSON schemas of the decision records, columns of the market topics.

`python -m apps.schemas` writes `docs/schemas`, one file for each topic, from the record types of `domain` and the
columns of `connectors/lake/schemas.py`.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import typer

from connectors.lake.schemas import (
    DECISIONS,
    MARKET,
    MARKET_RECORDS,
    TOTAL_ORDER,
    market_schema,
    type_name,
)
from domain.decisions import Quarantined
from domain.envelope import SCHEMA_VERSION
from features.catalogue import CATALOGUE

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
QUARANTINE = "quarantine.stage"

MEANINGS = {
    "event_at": "when it happened; for a bar, feature or score: when the bar closed",
    "known_at": "when it could be known here",
    "received_at": "when it was received",
    "source": "where it comes from",
    "sequence": "count within source and instrument",
    "record_id": "lasting name, a function of the inputs",
    "schema_version": "version of this schema",
    "kind": "0 trade, 1 cancel, 2 quote, 3 status",
    "instrument": "name of the instrument",
    "price": "price of the trade, or close of the scored bar",
    "size": "units traded",
    "conditions": "bits of domain.market.Condition",
    "flags": "bits of domain.market.Quality",
    "venue": "letter of the venue, empty where none is named",
    "reference": "sequence of the trade that a cancel takes back",
    "market.nbbo bid": "highest bid that an exchange shows, NaN where none does",
    "market.nbbo bid_size": "units that `bid_venue` shows at it",
    "market.nbbo ask": "lowest ask that an exchange shows, NaN where none does",
    "market.nbbo ask_size": "units that `ask_venue` shows at it",
    "bid_venue": "letter of the exchange whose bid is the national best",
    "ask_venue": "letter of the exchange whose ask is the national best",
    "locked": "the national best bid is the national best ask",
    "crossed": "the national best bid is above the national best ask",
    "bid": "bid price of the row's venue, NaN where the row does not change it",
    "bid_size": "units bid",
    "ask": "ask price of the row's venue, NaN where the row does not change it",
    "ask_size": "units asked",
    "best_bid": "best bid over all venues after the row",
    "best_bid_size": "units at the best bid",
    "best_ask": "best ask over all venues after the row",
    "best_ask_size": "units at the best ask",
    "interval": "length of the bar in seconds; 86400 is the bar of a session",
    "version": "0 at first, one more with each revision",
    "open_at": "when the bar opens",
    "close_at": "when the bar ends",
    "open": "first eligible price, raw",
    "high": "highest eligible price, raw",
    "low": "lowest eligible price, raw",
    "close": "last eligible price, raw",
    "volume": "units traded",
    "vwap": "average price weighted by volume",
    "trade_count": "number of trades",
    "session": "pre, regular, post or closed",
    "strategy": "name of the strategy",
    "score": "from -1 to 1, NaN while the strategy is not ready",
    "volatility": "annualised volatility that sizing reads, a fraction",
    "direction": "-1, 0 or 1 after the row",
    "previous": "-1, 0 or 1 before the row",
    "reason": "name of domain.market.ScoreReason, in lower case",
    "changed": "the row is a SignalGenerated",
}


def schemas() -> dict[str, str]:
    """Return the published files: name in the folder to text."""
    records: dict[str, type[msgspec.Struct]] = {**DECISIONS, **MARKET_RECORDS, QUARANTINE: Quarantined}
    made = {topic: _record(topic, kind) for topic, kind in records.items()}
    made.update({topic: _columns(topic) for topic in MARKET})
    return {f"{topic}.json": json.dumps(made[topic], indent=2) + "\n" for topic in sorted(made)}


def publish(folder: Path) -> list[Path]:
    """Write the schemas into `folder`, and take away those of topics that are no more; return what is there now."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = schemas()
    for stale in sorted({path.name for path in folder.glob("*.json")} - texts.keys()):
        (folder / stale).unlink()
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [folder / name for name in texts]


def _record(topic: str, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON schema of a record of the decision plane, as its JSON form on the topic."""
    return {"$schema": DIALECT, "$id": f"{topic}.v{SCHEMA_VERSION}", **msgspec.json.schema(kind)}


def _columns(topic: str) -> dict[str, Any]:
    """Return the columns of a market topic, in their order, and the columns that order its rows."""
    features = CATALOGUE if topic == "features" else ()
    schema = market_schema(topic)
    columns: list[dict[str, Any]] = [
        {"name": field.name, "type": type_name(field.type), "meaning": _meaning(topic, field.name)}
        for field in schema
    ]
    columns += [
        {
            "name": line.name,
            "type": "double",
            "meaning": line.meaning,
            "unit": line.unit,
            "warm_up_bars": line.warm_up,
            "version": line.version,
        }
        for line in features
    ]
    return {
        "topic": topic,
        "schema_version": SCHEMA_VERSION,
        "total_order": [name for name in TOTAL_ORDER if name in schema.names],
        "columns": columns,
    }


def _meaning(topic: str, column: str) -> str:
    """Return what a column means, in its topic where that has a meaning of its own."""
    return MEANINGS.get(f"{topic} {column}") or MEANINGS[column]


if __name__ == "__main__":
    typer.echo(f"{len(publish(FOLDER))} schemas in {FOLDER}")
