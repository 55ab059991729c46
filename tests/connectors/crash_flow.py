"""A flow that writes rows of two days to one sink, in batches of random size, and can be killed at any moment.

    python -m tests.connectors.crash_flow SINK FOLDER BATCH_SEED

SINK is `lake`, `journal`, `topic`, `features` or `audit`. It prints `ready` before it starts. Its rows never
change; how they are batched follows BATCH_SEED.
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.outputs import Sink
from bytewax.recovery import RecoveryConfig
from bytewax.testing import run_main
from numpy.typing import NDArray

from config.servers import read_servers
from connectors.audit.entries import EntryCodec
from connectors.audit.personal import People
from connectors.audit.sink import END_OF_AUDIT, AuditSink
from connectors.feast.codec import END_OF_FEATURES
from connectors.feast.sink import FeastSink
from connectors.lake.codec import END_OF_INPUT, MarketCodec
from connectors.lake.lanes import Records
from connectors.lake.s3 import S3Shelf
from connectors.lake.sink import LakeSink
from connectors.sqlite.sink import JournalSink
from connectors.topics import codec as topics
from connectors.topics.sink import END_OF_TOPIC, TopicSink
from domain.decisions import Check, Outcome, Position, Verdict, VerdictKind
from domain.envelope import record_id
from domain.instruments import Instrument, Universe
from domain.market import BAR, SECOND, FeatureRows, MarketBatch, Ticks, complete_ticks, select
from feature_repo.declarations import declarations
from features.catalogue import CATALOGUE

ROWS = 12_000
BATCH_ROWS_MAX = 60
PAUSE_SECONDS = 0.01
EPOCH_SECONDS = 0.2
ROWS_PER_FILE = 700
FIRST_AT = 1_717_449_000 * SECOND
SPACING = 9 * SECOND
UNIVERSE = Universe(tuple(Instrument(name=name) for name in ("ALFA", "BETA", "GAMA", "DELT")))


@cache
def all_ticks(rows: int = ROWS) -> Ticks:
    """Return trades and quotes over a day and a quarter, some of them late."""
    generator = np.random.default_rng(7)
    known_at = FIRST_AT + np.arange(rows) * SPACING
    quoted = generator.random(rows) < 0.6
    return complete_ticks(
        {
            "event_at": known_at - generator.integers(0, 60, rows) * SECOND,
            "known_at": known_at,
            "instrument": generator.integers(0, len(UNIVERSE), rows),
            "price": np.where(quoted, np.nan, np.round(100 + generator.normal(0, 1, rows), 2)),
            "size": np.where(quoted, 0, generator.integers(1, 9, rows) * 100),
            "bid": np.where(quoted, np.round(99 + generator.normal(0, 1, rows), 2), np.nan),
            "ask": np.where(quoted, np.round(101 + generator.normal(0, 1, rows), 2), np.nan),
            "sequence": np.arange(rows),
            "kind": np.where(quoted, 2, 0),
            "venue": np.where(quoted, ord("P"), 0),
        }
    )


@cache
def all_bars(rows: int = ROWS) -> NDArray[np.void]:
    """Return one bar for every tick."""
    bars = np.zeros(rows, BAR)
    bars["close_at"] = bars["known_at"] = FIRST_AT + np.arange(rows) * SPACING
    bars["open_at"] = bars["close_at"] - SECOND
    bars["interval"], bars["close"] = 1, np.arange(rows)
    bars["instrument"] = np.arange(rows) % len(UNIVERSE)
    return bars


def position(row: int) -> Position:
    """Return the position after row number `row`."""
    at = FIRST_AT + row * SPACING
    money = Decimal(row).scaleb(-2)
    return Position(
        **envelope("positions", row, at),
        account="main",
        strategy="trend",
        symbol=UNIVERSE.names[row % len(UNIVERSE)],
        quantity=row,
        average_cost=money / 3,
        realised=money,
        unrealised=-money,
        fees=Decimal("0.10"),
        mark=Decimal("100.50"),
        currency="USD",
        cause="execution",
    )


def verdict(row: int) -> Verdict:
    """Return a verdict with two checks."""
    at = FIRST_AT + row * SPACING
    return Verdict(
        **envelope("verdicts", row, at),
        decision_id=f"decision-{row}",
        cl_ord_id=f"order-{row}",
        account="main",
        strategy="trend",
        symbol=UNIVERSE.names[row % len(UNIVERSE)],
        kind=VerdictKind.REFUSED,
        checks=(
            Check(
                check="PT-04",
                code="size",
                outcome=Outcome.REJECT,
                measured=row / 7,
                limit=5.0,
                ord_rej_reason=99,
            ),
            Check(
                check="PT-13",
                code="list",
                outcome=Outcome.PASS,
                measured="clear",
                limit=None,
                scope="account:main",
            ),
        ),
        codes=("size",),
        limits_version="1",
        reserved_notional=Decimal("12.340"),
    )


def envelope(source: str, row: int, at: int) -> dict[str, Any]:
    """Return the envelope of a record."""
    return {
        "event_at": at,
        "known_at": at,
        "received_at": at,
        "source": source,
        "sequence": row,
        "record_id": record_id(source, row),
    }


def items_of(sink: str, first: int, last: int) -> list[Any]:
    """Return what a sink is handed for rows `first` to `last`."""
    if sink == "journal":
        return [[record for row in range(first, last) for record in (verdict(row), position(row))]]
    if sink == "audit":
        return [
            [
                pair
                for row in range(first, last)
                for pair in (("verdicts", verdict(row)), ("positions", position(row)))
            ]
        ]
    rows = slice(first, last)
    if sink == "features":
        bars = all_bars()[rows]
        return [FeatureRows(bars, np.array([bars["close"], -bars["close"]]))]
    batch = MarketBatch(FIRST_AT + (last - 1) * SPACING, select(all_ticks(), rows), all_bars()[rows])
    return (
        [batch]
        if sink == "topic"
        else [batch, Records("positions", [position(row) for row in range(first, last)])]
    )


def end_of(sink: str) -> list[Any]:
    """Return what tells a sink that the input has ended."""
    ends: dict[str, list[Any]] = {
        "lake": [END_OF_INPUT],
        "lake_s3": [END_OF_INPUT],
        "topic": [END_OF_TOPIC],
        "journal": [],
        "audit": [END_OF_AUDIT],
        "features": [END_OF_FEATURES],
    }
    return ends[sink]


class Rows(FixedPartitionedSource[tuple[str, Any], int]):
    """Emits the rows in random batches."""

    def __init__(self, sink: str, seed: int, pause_seconds: float) -> None:
        self._sink, self._seed, self._pause_seconds = sink, seed, pause_seconds

    def list_parts(self) -> list[str]:
        return ["rows"]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> "RowsPart":
        return RowsPart(self._sink, self._seed, self._pause_seconds, resume_state or 0)


class RowsPart(StatefulSourcePartition[tuple[str, Any], int]):
    """Emits the rows from a place on; past the last one stands the end of input."""

    def __init__(self, sink: str, seed: int, pause_seconds: float, at: int) -> None:
        self._sink, self._pause_seconds, self._at = sink, pause_seconds, at
        self._generator = np.random.default_rng(seed)

    def next_batch(self) -> list[tuple[str, Any]]:
        if self._at > ROWS:
            raise StopIteration
        time.sleep(self._pause_seconds)
        if self._at == ROWS:
            self._at += 1
            return [("0", item) for item in end_of(self._sink)]
        last = min(ROWS, self._at + int(self._generator.integers(1, BATCH_ROWS_MAX)))
        items = items_of(self._sink, self._at, last)
        self._at = last
        return [("0", item) for item in items]

    def next_awake(self) -> datetime:
        return datetime(2000, 1, 1, tzinfo=UTC)

    def snapshot(self) -> int:
        return self._at


def sink_of(sink: str, folder: Path) -> Sink[Any]:
    """Return the sink under test, writing to a folder."""
    if sink == "lake":
        return LakeSink(folder / "lake", ("0",), MarketCodec(UNIVERSE, "test"), rows_per_file=ROWS_PER_FILE)
    if sink == "lake_s3":
        return LakeSink(
            folder / "lake",
            ("0",),
            MarketCodec(UNIVERSE, "test"),
            rows_per_file=ROWS_PER_FILE,
            shelf=lambda: S3Shelf(read_servers().s3.place()),
        )
    if sink == "journal":
        return JournalSink(folder / "journal.sqlite")
    if sink == "audit":
        return AuditSink(folder / "audit", "0", EntryCodec("0", People(folder / "people")))
    if sink == "features":
        return FeastSink(
            folder / "feature_store", ("0",), UNIVERSE.names, CATALOGUE[:2], declarations, push_seconds=0.0
        )
    return TopicSink(folder / "topics", "market", ("0",), topics.MarketCodec())


def flow(sink: str, folder: Path, seed: int, pause_seconds: float = 0.0) -> Dataflow:
    """Return the flow."""
    made = Dataflow("crash")
    op.output("write", op.input("rows", made, Rows(sink, seed, pause_seconds)), sink_of(sink, folder))
    return made


def main() -> None:
    """Run until the rows end, or somebody kills the process."""
    sink, folder, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    items_of(sink, 0, 1)
    if sink == "features":
        declarations()  # imports Feast, which takes longer than a run that is killed lives
    print("ready", flush=True)  # noqa: T201  the test waits for it
    run_main(
        flow(sink, folder, seed, PAUSE_SECONDS),
        epoch_interval=timedelta(seconds=EPOCH_SECONDS),
        recovery_config=RecoveryConfig(folder / "recovery"),
    )


if __name__ == "__main__":
    main()
