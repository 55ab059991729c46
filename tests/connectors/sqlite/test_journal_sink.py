"""Records are kept once, read back as they were, and found by what people know of them."""

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.relational.models import TABLES, journal_metadata
from connectors.sqlite.journal import Journal
from connectors.sqlite.missing import NoJournal
from connectors.sqlite.sink import JournalBusy, JournalPartition, JournalRefused
from domain.decisions import Breach, DecisionPoint, Direction, Signal
from domain.market import Malformed
from domain.orders import (
    ExecType,
    Execution,
    Intent,
    Order,
    OrderTerms,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
)
from tests.connectors.crash_flow import UNIVERSE, envelope, position, verdict


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def _terms(source: str, row: int) -> dict[str, Any]:
    return {
        **envelope(source, row, 1000 + row),
        "cl_ord_id": f"order-{row}",
        "account": "main",
        "desk": "equities",
        "trader": "auto",
        "strategy": "trend",
        "symbol": UNIVERSE.names[row % 4],
        "side": Side.BUY,
        "order_qty": 100,
        "ord_type": OrdType.LIMIT,
        "time_in_force": TimeInForce.DAY,
        "transact_time": 1000 + row,
        "ex_destination": "SIM",
        "price": Decimal("100.10") if row % 2 else None,
    }


def _intent(row: int) -> Intent:
    return Intent(
        **_terms("intents", row), signal_id=f"s{row}", signal_at=row, position_before=0, target_position=100
    )


def _order(row: int) -> Order:
    return Order(**_terms("orders", row), order_id=f"O-{row}", decision_id=f"decision-{row}")


def _execution(row: int, place: int) -> Execution:
    return Execution(
        **envelope("executions", 100 * row + place, 2000 + place),
        exec_id=f"E-{row}-{place}",
        order_id=f"O-{row}",
        cl_ord_id=f"order-{row}",
        account="main",
        strategy="trend",
        symbol="BETA",
        side=Side.BUY,
        exec_type=ExecType.TRADE,
        ord_status=OrdStatus.PARTIALLY_FILLED,
        order_qty=100,
        leaves_qty=100 - place,
        cum_qty=place,
        avg_px=Decimal(1) / Decimal(3),
        transact_time=2000 + place,
    )


def _point(row: int) -> DecisionPoint:
    return DecisionPoint(
        **envelope("points", row, 1000 + row),
        decision_point_id=f"p{row}",
        signal_id=f"s{row}",
        strategy="trend",
        symbol="BETA",
        stage="risk",
        answer="refused",
        text="PT-04",
    )


def _write(path: Path, *batches: list[Any]) -> None:
    writer = JournalPartition(path)
    writer.write_batch(list(batches))
    writer.close()


def test_a_record_that_comes_twice_is_kept_once_with_its_checks(path: Path) -> None:
    _write(path, [verdict(1), position(1)], [verdict(1)])
    _write(path, [verdict(1), verdict(2)])

    with Journal(path) as journal:
        counts = journal.counts()

    assert {name: count for name, count in counts.items() if count} == {
        "verdicts": 2,
        "checks": 4,
        "positions": 1,
    }


def test_a_verdict_comes_back_equal_with_every_check_in_order(path: Path) -> None:
    _write(path, [verdict(1), verdict(2)])

    with Journal(path) as journal:
        assert journal.verdict("order-2") == verdict(2)
        assert journal.verdict("order-3") is None


def test_an_order_is_found_by_either_identifier_with_its_executions_in_order(path: Path) -> None:
    _write(path, [_order(1), _order(2), _execution(1, 20), _execution(1, 10), _execution(2, 30), _intent(1)])

    with Journal(path) as journal:
        assert journal.order("O-1") == journal.order("order-1") == _order(1)
        assert (
            journal.executions("O-1")
            == journal.executions("order-1")
            == [_execution(1, 10), _execution(1, 20)]
        )
        assert journal.intent("order-1") == _intent(1)
        assert journal.order("O-9") is None


def test_intents_and_decision_points_are_found_by_instrument_and_time_bounds_included(path: Path) -> None:
    _write(path, [_intent(row) for row in range(12)], [_point(row) for row in range(12)])

    with Journal(path) as journal:
        intents = journal.intents("BETA", 1001, 1005)
        points = journal.decision_points("BETA", 1003, 1004)

    assert intents == [_intent(1), _intent(5)]
    assert points == [_point(3), _point(4)]


def test_positions_are_the_last_of_each_account_strategy_and_instrument(path: Path) -> None:
    _write(path, [position(row) for row in range(10)])

    with Journal(path) as journal:
        latest = journal.positions()
        earlier = journal.positions(position(4).event_at)

    assert latest == [position(8), position(9), position(6), position(7)]
    assert earlier == [position(4), position(1), position(2), position(3)]


def test_a_batch_that_fails_leaves_nothing(path: Path) -> None:
    writer = JournalPartition(path)

    with pytest.raises(TypeError, match=r"the journal keeps Signal, .*; Malformed was given"):
        writer.write_batch([position(1), [Malformed("a", "b", "c", "d", 1)]])

    writer.close()
    with Journal(path) as journal:
        assert not any(journal.counts().values())


def test_a_second_writer_is_refused_while_readers_are_not(path: Path) -> None:
    writer = JournalPartition(path)
    writer.write_batch([position(1)])

    with pytest.raises(JournalBusy, match="a journal has one writer"):
        JournalPartition(path)
    with Journal(path) as journal:
        assert journal.positions() == [position(1)]

    writer.close()


def test_a_journal_of_another_layout_is_neither_written_nor_read(path: Path) -> None:
    _write(path, [position(1)])
    connection = sqlite3.connect(path)
    connection.execute("UPDATE layout SET version = 99")
    connection.commit()
    connection.close()

    with pytest.raises(JournalRefused, match="has layout 99, this version writes 4"):
        JournalPartition(path)
    with pytest.raises(NoJournal, match="has layout 99, this version reads 4"):
        Journal(path)


def test_a_missing_journal_says_what_to_name(path: Path) -> None:
    with pytest.raises(NoJournal, match="name the output folder of a run"):
        Journal(path)


def test_every_decision_record_type_has_a_table_with_all_its_columns() -> None:
    tables = journal_metadata().tables

    for kind, name in TABLES.items():
        expected = {field.encode_name for field in msgspec.structs.fields(kind)} - {"checks"}
        assert set(tables[name].columns.keys()) == expected

    assert Breach in TABLES
    assert OrderTerms not in TABLES


def test_a_signal_of_a_bar_that_says_nothing_is_read_back(path: Path) -> None:
    signal = Signal(
        **envelope("signals", 1, 1000),
        signal_id="s1",
        strategy="trend",
        symbol="AAA",
        direction=Direction.FLAT,
        score=None,
        volatility=None,
        reference_price=None,
        bar_close_at=1000,
        bar_version=0,
        reason="outside_session",
    )

    _write(path, [signal])

    with Journal(path) as journal:
        assert journal.signal("s1") == signal
