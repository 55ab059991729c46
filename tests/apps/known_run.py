"""A run that is small enough to know by heart: two instruments, two days of half an hour, kept as a real run is.

AAA is halted from minute 10 to 15 of the first day and split two for one before the second. Strategy `trend` warms up
(minutes 1 to 3), is gated (4), below entry (5), goes long (6, filled in two parts) and wants to leave (9, refused);
`reversion` goes short (6, inside the no-trade band) and long (20, expired at the venue), and is outside its session in
the last minute.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from apps.summary import summarise
from connectors.lake.codec import END_OF_INPUT, MarketCodec
from connectors.lake.lanes import Records, Refused
from connectors.lake.sink import LakePartition
from connectors.sqlite.sink import JournalPartition
from domain.decisions import Check, Outcome, Verdict, VerdictKind
from domain.market import (
    END,
    SECOND,
    FeatureRows,
    Malformed,
    MarketBatch,
)
from domain.orders import ExecType, Execution, Intent, Order, OrdStatus, OrdType, Side, TimeInForce
from operators.checks.regulatory import RESTRICTED, SILENT
from operators.decision_records import Score, decision_point, order_of, position_of, signal_of, snapshot_of
from operators.positions import PositionBook, apply_execution, set_price, valuation
from tests.apps.known_market import (
    ENTERED_AT,
    FEATURES,
    LATENESS,
    LEFT_AT,
    MINUTES,
    OPENS,
    REVERSED_AT,
    STRATEGIES,
    UNIVERSE,
    bars,
    close_at,
    scores,
    ticks,
)

CODEC = MarketCodec(UNIVERSE, "simulator", FEATURES, STRATEGIES)


def asked(known_at: int, strategy: str, side: Side, quantity: int, name: str, signal_id: str) -> Intent:
    """Return an intent for AAA."""
    return Intent(
        **_envelope(known_at, f"strategy:{strategy}", name),
        cl_ord_id=name,
        account="main",
        desk="equities",
        trader="desk.trader",
        strategy=strategy,
        symbol="AAA",
        side=side,
        order_qty=quantity,
        ord_type=OrdType.LIMIT,
        time_in_force=TimeInForce.DAY,
        transact_time=known_at,
        ex_destination="XSIM",
        price=Decimal("101.02"),
        signal_id=signal_id,
        signal_at=known_at,
        position_before=0 if side is Side.BUY else quantity,
        target_position=quantity if side is Side.BUY else 0,
    )


def answered(intent: Intent, kind: VerdictKind) -> Verdict:
    """Return the verdict on an intent: a check that passed, one that did not unless approved, and a silent one."""
    bad = kind is not VerdictKind.APPROVED
    outcome = {VerdictKind.REFUSED: Outcome.REJECT, VerdictKind.HELD: Outcome.HOLD}.get(kind, Outcome.PASS)
    collar = Check(
        check="PT-13",
        code="PRICE_COLLAR" if bad else "",
        outcome=outcome,
        measured=7.5 if bad else 0.1,
        limit=5.0,
        scope="tier:liquid",
        text="too far from the reference price" if bad else "",
        ord_rej_reason=99 if bad else None,
    )
    silent = Check(
        check=RESTRICTED.check,
        code="WATCH_LIST",
        outcome=Outcome.WARN,
        measured="watched",
        limit="clear",
        scope=SILENT,
    )
    return Verdict(
        **_envelope(intent.known_at, "compliance", f"verdict-{intent.cl_ord_id}"),
        decision_id=f"verdict-{intent.cl_ord_id}",
        cl_ord_id=intent.cl_ord_id,
        account="main",
        strategy=intent.strategy,
        symbol="AAA",
        kind=kind,
        checks=(
            Check(check="PT-01", code="", outcome=Outcome.PASS, measured="none", limit="none"),
            silent,
            collar,
        ),
        codes=("PRICE_COLLAR",) if bad else (),
        ord_rej_reason=99 if bad else None,
        text="PRICE_COLLAR (tier:liquid): too far from the reference price; measured 7.5, limit 5.0"
        if bad
        else "",
        limits_version="1",
    )


def reported(
    order: Order, at: int, exec_type: ExecType, status: OrdStatus, last: int, cum: int, text: str = ""
) -> Execution:
    """Return an execution report of an order."""
    return Execution(
        **_envelope(at, "XSIM", f"{order.order_id}-{at}"),
        exec_id=f"{order.order_id}-{at}",
        order_id=order.order_id,
        cl_ord_id=order.cl_ord_id,
        account="main",
        strategy=order.strategy,
        symbol="AAA",
        side=order.side,
        exec_type=exec_type,
        ord_status=status,
        order_qty=order.order_qty,
        leaves_qty=0 if status is not OrdStatus.PARTIALLY_FILLED else order.order_qty - cum,
        cum_qty=cum,
        avg_px=Decimal("101.00") if cum else Decimal(0),
        transact_time=at,
        last_qty=last,
        last_px=Decimal("101.00") if last else None,
        last_mkt="XSIM",
        commission=Decimal("0.30") if last else Decimal(0),
        text=text,
    )


def records() -> dict[str, list[msgspec.Struct]]:
    """Return the decision records of the run by topic."""
    made: dict[str, list[msgspec.Struct]] = {}
    signals = {}
    for number, row in enumerate(row for row in scores() if row["changed"]):
        named = _named(row)
        signals[named.strategy, named.known_at] = signal = signal_of(named, number)
        made.setdefault("signals", []).append(signal)
    book = PositionBook("main", Decimal(1_000_000))
    bought = asked(ENTERED_AT, "trend", Side.BUY, 200, "c0ffee01", signals["trend", ENTERED_AT].signal_id)
    sold = asked(LEFT_AT, "trend", Side.SELL, 200, "c0ffee02", signals["trend", LEFT_AT].signal_id)
    lost = asked(
        REVERSED_AT, "reversion", Side.BUY, 50, "badcafe3", signals["reversion", REVERSED_AT].signal_id
    )
    verdicts = [
        answered(intent, VerdictKind.REFUSED if intent is sold else VerdictKind.APPROVED)
        for intent in (bought, sold, lost)
    ]
    orders = [order_of(bought, verdicts[0], 200, 1), order_of(lost, verdicts[2], 50, 2)]
    executions = [
        reported(orders[0], ENTERED_AT + SECOND, ExecType.TRADE, OrdStatus.PARTIALLY_FILLED, 100, 100),
        reported(orders[0], ENTERED_AT + 2 * SECOND, ExecType.TRADE, OrdStatus.FILLED, 100, 200),
        reported(
            orders[1], REVERSED_AT + 30 * SECOND, ExecType.EXPIRED, OrdStatus.EXPIRED, 0, 0, "end of session"
        ),
    ]
    made |= {
        "intents": [bought, sold, lost],
        "verdicts": list(verdicts),
        "oms.orders": list(orders),
        "oms.executions": list(executions),
    }
    made["decision_points"] = [
        _point(signals, "trend", ENTERED_AT, "orders", "sent", "200 at 101.02", "c0ffee01"),
        _point(
            signals,
            "reversion",
            ENTERED_AT,
            "sizing",
            "no",
            "inside the no-trade band: target -10, position -9",
        ),
        _point(signals, "trend", LEFT_AT, "compliance", "refused", verdicts[1].text, "c0ffee02"),
        _point(signals, "reversion", REVERSED_AT, "orders", "sent", "50 at 101.02", "badcafe3"),
        _point(signals, "reversion", close_at(MINUTES) + LATENESS, "sizing", "no", "flat already"),
    ]
    for number, execution in enumerate(executions[:2]):
        apply_execution(book, execution)
        set_price(book, "AAA", Decimal("101.00"))
        made.setdefault("positions", []).append(
            position_of(
                book,
                "trend",
                UNIVERSE.of("AAA"),
                execution.event_at,
                f"execution {execution.exec_id}",
                number,
            )
        )
    made["positions"].append(
        position_of(book, "trend", UNIVERSE.of("AAA"), OPENS[1] - 60 * SECOND, "split 2 for 1", 2)
    )
    for number in range(2 * MINUTES):
        at = close_at(number % MINUTES + 1, number // MINUTES)
        set_price(book, "AAA", Decimal(101) + Decimal(number % 7 - 3) / 10)
        made.setdefault("risk.snapshots", []).append(snapshot_of("main", valuation(book), at, number))
    return made


def write_run(folder: Path, *, finished: bool = True) -> Path:
    """Write the run into a folder, as the desk would; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {
        "kind": "replay",
        "sources": ["simulator:seed=7,<b>"],
        "workers": 1,
        "configuration": "0123456789abcdef",
    }
    (folder / "run.json").write_text(json.dumps(manifest))
    rows, values = bars(), np.arange(float(len(bars()) * len(FEATURES))).reshape(len(FEATURES), -1)
    market = LakePartition(folder / "lake", "0", None, CODEC, durable=False)
    refused = Malformed("simulator", "row 7", "price_jump", "{'price': 1e9}", OPENS[0] + 5 * SECOND)
    batch = MarketBatch(END, ticks(), bars=rows, features=FeatureRows(rows, values), scores=scores())
    market.write_batch([batch, Refused("market_data", (refused,)), END_OF_INPUT] if finished else [batch])
    market.snapshot()
    market.close()
    book = LakePartition(folder / "lake", "book", None, durable=False)
    journal = JournalPartition(folder / "journal.sqlite")
    for topic, made in records().items():
        book.write_batch([Records(topic, made)])
        journal.write_batch([made])
    if finished:
        book.write_batch([END_OF_INPUT])
    book.snapshot()
    book.close()
    journal.close()
    if finished:
        (folder / "summary.json").write_text(
            json.dumps(summarise(folder / "lake", folder / "journal.sqlite", 2.0, 100.0))
        )
    return folder


def _named(row: np.void) -> Score:
    return Score(
        STRATEGIES[int(row["strategy"])],
        UNIVERSE.names[int(row["instrument"])],
        int(row["direction"]),
        float(row["score"]),
        float(row["volatility"]),
        float(row["price"]),
        int(row["close_at"]),
        int(row["known_at"]),
        int(row["version"]),
        int(row["reason"]),
        bool(row["changed"]),
    )


def _point(
    signals: dict[Any, Any], strategy: str, at: int, stage: str, answer: str, text: str, name: str = ""
) -> msgspec.Struct:
    score = next(
        _named(row)
        for row in scores()
        if (STRATEGIES[int(row["strategy"])], int(row["known_at"])) == (strategy, at)
    )
    return decision_point(score, signals[strategy, at].signal_id, at // SECOND, stage, answer, text, name)


def _envelope(at: int, source: str, lasting: str) -> dict[str, Any]:
    return {
        "event_at": at,
        "known_at": at,
        "received_at": at,
        "source": source,
        "sequence": 1,
        "record_id": lasting,
    }
