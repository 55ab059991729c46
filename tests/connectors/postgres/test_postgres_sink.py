"""Records are kept once through every way a connection ends, read back as they were, and refused ones stand alone."""

import random
import threading
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import pytest

from connectors.patience import GivenUp, Patience
from connectors.postgres.connection import connected
from connectors.postgres.journal import PostgresJournal
from connectors.postgres.models import ComplianceEntry, ConfigurationVersion, InstrumentVersion
from connectors.postgres.reference import Reference
from connectors.postgres.sink import PostgresBusy, PostgresPartition
from domain.market import Malformed
from tests.connectors.crash_flow import envelope, position, verdict
from tests.connectors.postgres.conftest import Database

pytestmark = pytest.mark.served


def _write(database: Database, *batches: list[Any]) -> None:
    writer = PostgresPartition(database.desk)
    for batch in batches:
        writer.write_batch(batch)
    writer.close()


def _counts(database: Database) -> dict[str, int]:
    with PostgresJournal(database.desk) as journal:
        return {name: count for name, count in journal.counts().items() if count}


def _instrument(
    row: int, known_at: int, valid_from: int, valid_to: int | None, lot_size: int
) -> InstrumentVersion:
    return InstrumentVersion(
        **{**envelope("reference", row, known_at), "known_at": known_at},
        instrument="ALFA",
        valid_from=valid_from,
        valid_to=valid_to,
        issuer="Alfa plc",
        tick_size=Decimal("0.0100"),
        lot_size=lot_size,
        multiplier=1,
        currency="USD",
        calendar="XNYS",
        tier="liquid",
        tradable=True,
    )


def test_an_instrument_comes_back_with_the_unit_in_which_it_is_traded(database: Database) -> None:
    coin = msgspec.structs.replace(_instrument(1, 5, 5, None, 10), unit=Decimal("0.00001"))
    _write(database, [coin])

    with Reference(database.desk) as reference:
        found = reference.instruments(5)

    assert found == [coin]
    assert database.rows("SELECT unit FROM instruments") == [("0.00001",)]


@pytest.mark.parametrize("unit", ["0", "-0.01", "NaN", "Infinity"])
def test_a_unit_that_nothing_can_be_counted_in_is_refused(unit: str) -> None:
    made = msgspec.structs.asdict(_instrument(1, 5, 5, None, 10)) | {"unit": Decimal(unit)}

    with pytest.raises(ValueError, match=f"ALFA needs a unit above 0; {unit} was given"):
        InstrumentVersion(**made)


def test_records_come_back_equal_verdicts_with_every_check_in_order(database: Database) -> None:
    _write(database, [[verdict(row) for row in range(5)], position(3)], [])

    with PostgresJournal(database.desk) as journal:
        verdicts = [journal.verdict(f"order-{row}") for row in range(6)]
        positions = journal.positions()

    assert verdicts == [*(verdict(row) for row in range(5)), None]
    assert positions == [position(3)]


def test_what_comes_twice_is_kept_once_in_one_batch_and_over_two_runs(database: Database) -> None:
    _write(database, [verdict(1), position(1), verdict(1)])
    _write(database, [verdict(1), verdict(2)], [position(1)])

    assert _counts(database) == {"verdicts": 2, "checks": 4, "positions": 1}


def test_cut_anywhere_and_resumed_in_other_batches_the_rows_are_the_same(database: Database) -> None:
    moments = random.Random(5)
    records = [record for row in range(120) for record in (verdict(row), position(row))]

    at = 0
    for _ in range(6):
        writer = PostgresPartition(database.desk, taken=at)
        snapshot = at
        while moments.random() < 0.8 and at < len(records):
            step = moments.randint(1, 40)
            writer.write_batch(records[at : at + step])
            at = min(at + step, len(records))
            if moments.random() < 0.5:
                snapshot = writer.snapshot()
        writer.close()
        at = snapshot
    _write(database, records[at:])

    with PostgresJournal(database.desk) as journal:
        assert [journal.verdict(f"order-{row}") for row in range(120)] == [verdict(row) for row in range(120)]
    assert _counts(database) == {"verdicts": 120, "checks": 240, "positions": 120}


def test_refused_records_stand_alone_in_quarantine_while_the_others_go_in(database: Database) -> None:
    too_large = msgspec.structs.replace(position(2), quantity=2**70)
    no_text = msgspec.structs.replace(position(3), cause="a\0b")
    broken = msgspec.structs.replace(verdict(4), text="\ud800")
    too_long = msgspec.structs.replace(position(5), strategy="".join(map(chr, range(0x4E00, 0x4E00 + 9000))))
    writer = PostgresPartition(database.desk)

    for _ in range(2):
        writer.write_batch([position(1), too_large, [no_text, verdict(1), broken], too_long, position(6)])

    writer.close()
    assert writer.quarantined == 8
    assert _counts(database) == {"verdicts": 1, "checks": 2, "positions": 2, "quarantined": 4}
    refusals = database.rows("SELECT place, reason, raw FROM quarantined")
    found = {place: (reason, raw) for place, reason, raw in refusals}
    assert "out of range" in found[f"positions '{position(2).record_id}'"][0]
    assert "NUL" in found[f"positions '{position(3).record_id}'"][0]
    assert "surrogates not allowed" in found[f"verdicts '{verdict(4).record_id}'"][0]
    assert "index row" in found[f"positions '{position(5).record_id}'"][0]
    assert str(2**70) in found[f"positions '{position(2).record_id}'"][1]


def test_a_batch_with_something_else_leaves_nothing(database: Database) -> None:
    writer = PostgresPartition(database.desk)

    with pytest.raises(TypeError, match=r"the journal keeps Signal, .*; Malformed was given"):
        writer.write_batch([position(1), [Malformed("a", "b", "c", "d", 1)]])

    writer.close()
    assert _counts(database) == {}


def test_a_second_writer_is_refused_while_readers_and_other_names_are_not(database: Database) -> None:
    writer = PostgresPartition(database.desk)
    writer.write_batch([position(1)])

    with pytest.raises(PostgresBusy, match="being written by another writer of the name journal"):
        PostgresPartition(database.desk, busy_wait_seconds=0.1)
    PostgresPartition(database.desk, "other").close()

    writer.close()
    PostgresPartition(database.desk).close()
    assert _counts(database) == {"positions": 1}
    assert database.rows("SELECT name, generation FROM writers ORDER BY name, generation") == [
        ("journal", 1),
        ("journal", 2),
        ("other", 1),
    ]


def _cut(database: Database) -> None:
    """End every connection of the workers' role to this server."""
    database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ita_desk'")


def test_a_writer_whose_connection_is_cut_goes_on_with_nothing_lost(database: Database) -> None:
    writer = PostgresPartition(database.desk)

    for row in range(20):
        writer.write_batch([position(row)])
        _cut(database)

    assert writer.snapshot() == 20
    writer.close()
    assert database.rows("SELECT quantity FROM positions ORDER BY 1") == [(row,) for row in range(20)]


def test_a_writer_that_comes_back_after_its_successor_writes_no_more(database: Database) -> None:
    zombie = PostgresPartition(database.desk)
    zombie.write_batch([position(1)])
    _cut(database)
    successor = PostgresPartition(database.desk)
    successor.write_batch([position(2)])

    with pytest.raises(
        PostgresBusy, match="taken over by generation 2 of writer journal; this one, generation 1"
    ):
        zombie.write_batch([position(3)])
    successor.close()
    with pytest.raises(PostgresBusy, match="had lost its connection and writes no more"):
        zombie.write_batch([position(4)])

    assert database.rows("SELECT quantity FROM positions ORDER BY 1") == [(1,), (2,)]


def test_the_flow_waits_while_the_server_is_gone_and_goes_on_when_it_is_back(database: Database) -> None:
    writer = PostgresPartition(database.desk, patience=Patience(0.01, 0.2))
    writer.write_batch([position(1)])
    database.server.kill()
    waiting = threading.Thread(target=lambda: writer.write_batch([position(2), verdict(2)]))
    waiting.start()

    waiting.join(1.0)
    waited = waiting.is_alive()
    database.server.start()
    waiting.join(60)

    assert waited
    assert writer.snapshot() == 3
    writer.close()
    assert _counts(database) == {"verdicts": 1, "checks": 2, "positions": 2}


def test_a_full_server_is_waited_for_until_the_worker_stops(database: Database) -> None:
    patience = Patience(0.01, 0.05)
    writer = PostgresPartition(database.desk, patience=patience)
    database.execute(
        f"CREATE FUNCTION {database.schema}.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$; "
        "CREATE TRIGGER full_disk BEFORE INSERT ON positions EXECUTE FUNCTION full_disk()"
    )
    failures: list[BaseException] = []

    def write() -> None:
        try:
            writer.write_batch([position(1)])
        except GivenUp as failure:
            failures.append(failure)

    waiting = threading.Thread(target=write)
    waiting.start()
    waiting.join(0.3)
    waited = waiting.is_alive()
    patience.stop()
    waiting.join(10)

    writer.close()
    assert waited
    assert "no space left on device" in str(failures[0])
    assert _counts(database) == {}


def test_an_instrument_is_what_was_valid_then_by_what_was_known_then(database: Database) -> None:
    first = _instrument(1, 10, 0, None, 1)
    announced = _instrument(2, 50, 100, None, 10)
    corrected = _instrument(3, 120, 100, 200, 100)
    _write(database, [first, announced, corrected])

    with Reference(database.desk) as reference:
        asked = {
            (valid_at, known_at): reference.instruments(valid_at, known_at)
            for valid_at, known_at in ((50, 5), (50, 60), (150, 40), (150, 60), (150, 120), (250, 130))
        }

    assert asked == {
        (50, 5): [],
        (50, 60): [first],
        (150, 40): [first],
        (150, 60): [announced],
        (150, 120): [corrected],
        (250, 130): [announced],
    }


def test_configuration_versions_and_the_compliance_log_come_back_as_they_were_written(
    database: Database,
) -> None:
    versions = [
        ConfigurationVersion(
            **envelope("configuration", row, 100 * row),
            digest=f"d{row}",
            effective_at=100 * row,
            loaded_at=100 * row + 1,
            who="risk",
            files='{"limits.yaml": "a: 1\\n"}',
        )
        for row in (1, 2)
    ]
    entries = [
        ComplianceEntry(
            **envelope("compliance", row, row),
            entry_id=f"c{row}",
            kind="approval",
            scope="ALFA",
            who="officer",
            text="may",
        )
        for row in (2, 1, 3)
    ]
    _write(database, [versions, entries])

    with Reference(database.desk) as reference:
        in_force = [reference.configuration(at) for at in (99, 100, 199, 200)]
        logged = reference.compliance(1, 2)

    assert in_force == [None, versions[0], versions[0], versions[1]]
    assert logged == [entries[1], entries[0]]


def test_a_writer_that_is_not_told_to_stop_holds_one_connection(database: Database) -> None:
    writer = PostgresPartition(database.desk)
    for row in range(5):
        writer.write_batch([position(row)])

    held = database.rows("SELECT count(*) FROM pg_stat_activity WHERE usename = 'ita_desk'")
    writer.close()

    assert held == [(1,)]
    with connected(database.desk) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM layout")
