"""Every stage that an explanation shows is what the topics of the lake hold, for what is drawn from whole runs."""

import math
import random
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from rich.console import Console

from apps.explain import explain_instant, explain_order
from apps.explain_view import rendered
from apps.explanation import Explanation, Reasoning
from apps.local_time import stamp
from apps.replaying import Request, replayed
from domain.market import SECOND

SOURCE = "simulator:seed=7,instruments=6,days=1,ticks=12000"
DRAWN = 12
LIES = """
venue:
  queue: true
  answer_seconds: 3
  line:
    lost_acknowledgements: 0.2
    late_fills: 0.3
    duplicates: 0.2
    partial_fills: 0.5
    busts: 0.1
    corrections: 0.1
    refusals: 0.2
    pending_milliseconds: 500
"""
TOPICS = (
    *("intents", "verdicts", "decision_points", "signals", "scores", "features", "market.bars", "positions"),
    *("oms.orders", "oms.cancels", "oms.executions", "oms.requests", "oms.reports", "oms.refusals"),
)
ABOUT_ORDERS = {
    "executions": ("oms.executions",),
    "requests": ("oms.cancels", "oms.requests"),
    "reports": ("oms.reports", "oms.refusals"),
}


class Lake:
    """The topics of a run as rows, read without anything that explains."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.rows = {topic: self._read(topic) for topic in TOPICS}

    def _read(self, topic: str) -> list[dict[str, Any]]:
        files = sorted((self.run / "lake" / topic).glob("date=*/*.parquet"))
        if not files:
            return []
        read = pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in files])
        plain = read.with_columns(pl.col(pl.Datetime).cast(pl.Int64), pl.col(pl.Categorical).cast(pl.String))
        return plain.sort("event_at", "known_at", "sequence").to_dicts()

    def of(self, topic: str, **wanted: Any) -> list[dict[str, Any]]:
        return [row for row in self.rows[topic] if all(row[name] == value for name, value in wanted.items())]


@pytest.fixture(scope="module", params=["honest", "lying"])
def lake(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    config = folder / "config"
    config.mkdir()
    if request.param == "lying":
        (config / "base.yaml").write_text(LIES)
    replayed(Request((SOURCE,), None, None, None, 1, 4_096, config), folder / "run")
    return Lake(folder / "run")


def told(record: msgspec.Struct) -> dict[str, Any]:
    """Return a record as the lake writes it: amounts as text, checks with number and word apart."""
    row = msgspec.to_builtins(record, builtin_types=(Decimal,))
    for check in row.get("checks", ()):
        for name in ("measured", "limit"):
            value = check[name]
            number = value if isinstance(value, int | float) else None
            check[name] = {"number": number, "word": value if isinstance(value, str) else None}
    return {name: written(value) for name, value in row.items()}


def written(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    return list(value) if isinstance(value, tuple) else value


def same(records, rows) -> None:
    """Check that records are these rows, in this order, in every field that a row has."""
    assert len(records) == len(rows)
    for record, row in zip(records, rows, strict=True):
        said = told(record)
        assert {name: plain(said.get(name)) for name in row} == {name: plain(row[name]) for name in row}


def plain(value: Any) -> Any:
    """Return a value that compares: what is absent as None, no matter how it is written."""
    if isinstance(value, dict) and set(value) == {"number", "word"} and not any(value.values()):
        return value if value["number"] == 0 else None
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def check_market(lake: Lake, explained: Explanation, way: Reasoning) -> None:
    """Compare score, features and bar with the lake."""
    score = way.score
    assert score is not None
    wanted = {"instrument": explained.instrument, "strategy": way.strategy, "event_at": score.close_at}
    (row,) = [each for each in lake.of("scores", **wanted) if each["version"] == score.version]
    names = (
        "score",
        "volatility",
        "price",
        "direction",
        "previous",
        "reason",
        "changed",
        "known_at",
        "version",
    )
    assert [plain(getattr(score, name)) for name in names] == [plain(row[name]) for name in names]
    bar = explained.bar
    assert bar is not None
    assert bar.close_at == score.close_at
    bars = lake.of(
        "market.bars", instrument=explained.instrument, close_at=bar.close_at, interval=bar.interval
    )
    (row,) = [each for each in bars if each["version"] == bar.version]
    assert plain(msgspec.structs.asdict(bar)) == plain({name: row[name] for name in bar.__struct_fields__})
    rows = lake.of("features", instrument=explained.instrument, event_at=bar.close_at)
    row = max((each for each in rows if each["version"] <= score.version), key=lambda each: each["version"])
    shown = {feature.name: plain(feature.value) for feature in explained.features}
    assert shown == {name: plain(row[name]) for name in shown}
    assert len(shown) > 40


def check_decision(lake: Lake, explained: Explanation, way: Reasoning, name: str) -> None:
    """Compare everything from the decision point to the position with the lake, by ClOrdID."""
    point = way.decision_point
    assert point is not None
    assert way.signal is not None
    (first,) = lake.of("decision_points", decision_point_id=point.decision_point_id)
    same([point], [first])
    same([way.signal], lake.of("signals", signal_id=point.signal_id))
    same([way.intent], lake.of("intents", ClOrdID=name))
    same([*way.verdicts_before, way.verdict], lake.of("verdicts", ClOrdID=name))
    orders = lake.of("oms.orders", ClOrdID=name)
    same([way.order] if way.order else [], orders)
    for stage, topics in ABOUT_ORDERS.items():
        rows = [
            row
            for topic in topics
            for row in lake.rows[topic]
            if orders and row["OrderID"] == orders[0]["OrderID"]
        ]
        rows.sort(key=lambda row: (row["event_at"], row["sequence"], row["record_id"]))
        same(getattr(way, stage), rows)
    check_position(lake, explained, way)


def check_position(lake: Lake, explained: Explanation, way: Reasoning) -> None:
    """Compare the position with the last one of the lake at the last execution, or at the score."""
    assert way.score is not None
    at = max([each.event_at for each in way.executions] + [way.score.known_at])
    held = lake.of("positions", strategy=way.strategy, Symbol=explained.instrument)
    before = [row for row in held if row["event_at"] <= at]
    same([way.position] if way.position else [], before[-1:])


def utc(at: int) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).isoformat()


def drawn(names: list[Any]) -> list[Any]:
    return random.Random(5).sample(names, min(DRAWN, len(names)))


def test_orders_hold_what_the_topics_hold(lake):
    orders = drawn([row["ClOrdID"] for row in lake.rows["oms.orders"]])
    assert len(orders) == DRAWN

    for name in orders:
        explained = explain_order(lake.run, name, audit=True)
        (way,) = explained.strategies
        check_market(lake, explained, way)
        check_decision(lake, explained, way, name)
        fills = [row for row in lake.of("oms.executions", ClOrdID=name) if row["CumQty"]]
        assert way.answer.stage == "venue"
        assert way.answer.traded or not fills or way.reports


def test_refused_intents_hold_what_the_topics_hold(lake):
    refused = drawn([row["ClOrdID"] for row in lake.rows["verdicts"] if row["kind"] == "refused"])
    assert len(refused) > 5

    for name in refused:
        explained = explain_order(lake.run, name, audit=True)
        (way,) = explained.strategies
        verdict = lake.of("verdicts", ClOrdID=name)[-1]
        check_market(lake, explained, way)
        check_decision(lake, explained, way, name)
        assert (way.answer.stage, way.answer.traded, way.order) == ("compliance", False, None)
        assert way.answer.said == f"refused: {', '.join(verdict['codes'])}"


def test_silences_hold_what_the_topics_hold(lake):
    asked = {(row["Symbol"], row["strategy"], row["known_at"]) for row in lake.rows["decision_points"]}
    minutes = sorted({row["close_at"] for row in lake.rows["market.bars"] if row["interval"] == 60})
    names = sorted({row["instrument"] for row in lake.rows["scores"]})
    silent = 0

    for instrument, at in drawn(list(product(names, minutes[5:]))):
        explained = explain_instant(lake.run, instrument, utc(at), audit=True)
        for way in explained.strategies:
            check_market(lake, explained, way)
            assert way.score is not None
            if (instrument, way.strategy, way.score.known_at) in asked:
                continue
            silent += 1
            before = lake.of("decision_points", Symbol=instrument, strategy=way.strategy)
            same(
                [way.decision_point] if way.decision_point else [],
                [row for row in before if row["known_at"] <= way.score.known_at][-1:],
            )
            assert (way.asked_now, way.answer.stage, way.answer.said) == (False, "signals", way.score.reason)
            assert not way.answer.traded
    assert silent > DRAWN


def test_what_the_desk_asked_of_the_venue_stands_on_the_screen_with_its_reason(lake):
    cancel = lake.rows["oms.cancels"][0]
    words = StringIO()

    Console(width=200, file=words).print(rendered(explain_order(lake.run, cancel["OrderID"])))

    assert f"cancel    asked at {stamp(cancel['known_at'])}: {cancel['Text']}" in words.getvalue()
