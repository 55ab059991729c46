"""AU-08 and AU-10: what is handed in again is there once, and a restart goes on with the chain where it stood."""

import pickle

import msgspec
import pytest

from connectors.audit import log as log_module
from connectors.audit import recent, rows, stretches
from connectors.audit.heads import HEADS, read_heads
from connectors.audit.keys import PublicKeys
from connectors.audit.log import AuditBusy, AuditDiverged, AuditLog, Schedule
from connectors.audit.rows import AuditDamaged, row_hash, segments
from connectors.audit.sink import END_OF_AUDIT, AuditPartition
from connectors.audit.verification import verify
from domain.decisions import Verdict
from tests.connectors.audit.records import WRITER, append, codec, lines, write_lines, written
from tests.connectors.crash_flow import verdict

NOBODY = PublicKeys()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "audit"


@pytest.fixture
def whole(tmp_path):
    """Return the bytes of a log of forty rows that was written at once."""
    written(tmp_path / "whole", tmp_path, 40)
    return content(tmp_path / "whole")


@pytest.fixture
def short_files(monkeypatch):
    """Have a file hold seven rows."""
    for module in (rows, log_module, recent):
        monkeypatch.setattr(module, "SEGMENT_ROWS", 7)


def opened(folder, state=None):
    return AuditLog(folder, WRITER, state, schedule=Schedule(10, 3_600.0))


def content(folder):
    return b"".join(path.read_bytes() for path in segments(folder / WRITER))


def test_the_chain_of_the_reference_payloads_has_the_reference_hashes():
    first = row_hash(bytes(32), b'{"seq":1}')
    second = row_hash(first, b'{"seq":2}')
    third = row_hash(second, b'{"seq":3}')

    assert [each.hex() for each in (first, second, third)] == [
        "76335d18c073eaa26486ee0874078f79f5020415571bd9ca8574c1309afde2ce",
        "ce19567c4c5c00c59a113eaeef662f78892a1ba921250a55ae967e0bf11163da",
        "95cb0812b32f1b57a48d97265eccbddd7957813cb180725915a9dfc6fb80e7ea",
    ]


def test_an_entry_holds_the_verdict_with_every_check_limit_and_measure(folder, tmp_path):
    line = lines(written(folder, tmp_path, 1))[0]

    entry = msgspec.json.decode(line)["entry"]

    assert {name: entry[name] for name in entry if name not in {"payload", "event_time", "recv_time"}} == {
        "actor": "verdicts",
        "event_id": verdict(0).record_id,
        "stream": "verdicts",
        "type": "OrderRejected",
        "writer": WRITER,
        "writer_seq": 1,
    }
    assert msgspec.convert(entry["payload"], Verdict) == verdict(0)


@pytest.mark.parametrize("cuts", [(1, 2, 3, 39), (10,), (5, 20, 33), tuple(range(1, 40))])
def test_au_10_cut_anywhere_and_gone_on_with_the_log_is_the_one_that_was_written_at_once(
    folder, tmp_path, whole, cuts
):
    state, at = None, 0
    for until in (*cuts, 40):
        log = opened(folder, state)
        append(log, tmp_path, at, until)
        state, at = pickle.loads(pickle.dumps(log.state())), until
        log.close()

    assert content(folder) == whole


@pytest.mark.parametrize("again", [0, 3, 9, 10, 17])
def test_au_10_what_comes_again_after_the_snapshot_is_compared_and_left_out(folder, tmp_path, whole, again):
    log = opened(folder)
    append(log, tmp_path, 0, again)
    state = log.state()
    append(log, tmp_path, again, 23)
    log.close()

    log = opened(folder, state)
    for row in range(again, 40, 4):
        append(log, tmp_path, row, min(row + 4, 40))
    log.close()

    assert content(folder) == whole


def test_au_10_a_log_without_a_snapshot_is_compared_from_its_first_row_on(folder, tmp_path, whole):
    log = opened(folder)
    append(log, tmp_path, 0, 23)
    log.close()

    log = opened(folder)
    append(log, tmp_path, 0, 40)
    log.close()

    assert content(folder) == whole


def test_au_10_a_snapshot_that_is_taken_while_rows_come_again_is_gone_on_from(folder, tmp_path, whole):
    log = opened(folder)
    append(log, tmp_path, 0, 30)
    log.close()
    log = opened(folder)
    append(log, tmp_path, 0, 12)
    state = log.state()
    log.close()

    log = opened(folder, state)
    append(log, tmp_path, 12, 40)
    log.close()

    assert content(folder) == whole


@pytest.mark.parametrize("cut", [1, 200, 700])
def test_au_10_a_line_that_a_killed_writer_left_torn_is_cut_off_and_written_again(
    folder, tmp_path, whole, cut
):
    log = opened(folder)
    append(log, tmp_path, 0, 20)
    state = log.state()
    append(log, tmp_path, 20, 26)
    log.close()
    file = segments(folder / WRITER)[0]
    file.write_bytes(file.read_bytes()[:-cut])

    log = opened(folder, state)
    append(log, tmp_path, 20, 40)
    log.close()

    assert content(folder) == whole


@pytest.mark.usefixtures("short_files")
@pytest.mark.parametrize("at", [6, 7, 8, 14, 20])
def test_au_10_rows_over_many_files_are_gone_on_with_too(folder, tmp_path, whole, at):
    log = opened(folder)
    append(log, tmp_path, 0, at)
    state = log.state()
    append(log, tmp_path, at, at + 9)
    log.close()

    log = opened(folder, state)
    append(log, tmp_path, at, 40)
    log.close()

    assert content(folder) == whole
    assert [path.stem for path in segments(folder / WRITER)] == [f"{n:012d}" for n in (1, 8, 15, 22, 29, 36)]
    assert verify(folder, WRITER, NOBODY).findings == []


def test_au_10_rows_that_were_committed_and_are_gone_stop_the_writer(folder, tmp_path):
    log = opened(folder)
    append(log, tmp_path, 0, 25)
    state = log.state()
    log.close()
    file = segments(folder / WRITER)[0]
    write_lines(file, lines(file)[:24])

    with pytest.raises(AuditDamaged, match="row 25 is not there as it was committed"):
        opened(folder, state)
    with pytest.raises(AuditDamaged, match="it has 24 rows, and 25 were committed"):
        opened(folder, {**state, "size": 0, "offset": 0, "last": bytes(32), "subtrees": []})


def test_au_10_a_log_that_lost_rows_which_a_head_covers_stops_the_writer(folder, tmp_path):
    file = written(folder, tmp_path, 25)
    write_lines(file, lines(file)[:18])

    with pytest.raises(AuditDamaged, match="it has 18 rows, and a head was made of 25"):
        opened(folder)


def test_au_10_a_record_that_is_decided_otherwise_after_a_restart_stops_the_writer(folder, tmp_path):
    log = opened(folder)
    append(log, tmp_path, 0, 5)
    log.close()
    before = content(folder)
    other = msgspec.structs.replace(verdict(2), text="otherwise")

    log = opened(folder)
    append(log, tmp_path, 0, 2)
    with pytest.raises(
        AuditDiverged, match=r"row 3 of the audit log .* was decided otherwise after a restart"
    ):
        log.append(codec(tmp_path).bodies([("verdicts", other)]), [other.record_id])
    log.close()

    assert content(folder) == before


def test_au_08_a_batch_that_is_delivered_twice_is_written_once(folder, tmp_path, whole):
    log = opened(folder)
    append(log, tmp_path, 0, 12)
    append(log, tmp_path, 5, 12)
    append(log, tmp_path, 8, 40)
    append(log, tmp_path, 0, 1)
    log.close()

    assert content(folder) == whole


def test_au_08_a_record_that_comes_twice_in_one_batch_is_written_once(folder, tmp_path, whole):
    partition = AuditPartition(opened(folder), codec(tmp_path))
    records = [("verdicts", verdict(row)) for row in range(40)]

    partition.write_batch([[*records[:9], *records[3:9], *records[9:]], END_OF_AUDIT])
    partition.close()

    assert content(folder) == whole


def test_au_08_what_was_delivered_before_a_restart_is_left_out_after_it(folder, tmp_path, whole):
    log = opened(folder)
    append(log, tmp_path, 0, 30)
    state = log.state()
    log.close()

    log = opened(folder, state)
    append(log, tmp_path, 22, 30)
    append(log, tmp_path, 25, 40)
    log.close()

    assert content(folder) == whole


def test_au_08_an_event_that_comes_again_with_other_words_is_refused(folder, tmp_path):
    log = opened(folder)
    append(log, tmp_path, 0, 5)
    other = msgspec.structs.replace(verdict(2), text="otherwise")

    with pytest.raises(
        AuditDiverged, match=rf"event {other.record_id} is in the audit log .* an event_id names one"
    ):
        log.append(codec(tmp_path).bodies([("verdicts", other)]), [other.record_id])
    log.close()

    assert len(lines(segments(folder / WRITER)[0])) == 5


def test_a_second_writer_is_refused(folder):
    log = opened(folder)

    with pytest.raises(AuditBusy, match="is being written by another process"):
        opened(folder)

    log.close()


def test_heads_are_made_after_so_many_rows_whatever_the_batches_and_one_at_the_end(folder, tmp_path):
    log = opened(folder)
    append(log, tmp_path, 0, 7)
    append(log, tmp_path, 7, 34)
    log.make_head()
    log.make_head()
    log.close()

    assert [head.tree_size for head in read_heads(folder / WRITER)] == [10, 20, 30, 34]


def test_a_head_that_a_killed_writer_left_torn_is_cut_off(folder, tmp_path, whole):
    log = opened(folder)
    append(log, tmp_path, 0, 20)
    log.close()
    heads = folder / WRITER / HEADS
    heads.write_bytes(heads.read_bytes()[:-30])

    log = opened(folder)
    append(log, tmp_path, 0, 40)
    log.close()

    assert content(folder) == whole
    assert [head.tree_size for head in read_heads(folder / WRITER)] == [10, 30, 40]
    assert verify(folder, WRITER, NOBODY).findings == []


def test_a_check_reads_logs_that_are_larger_than_what_it_reads_at_once(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(stretches, "READ_BYTES", 2_000)
    file = written(folder, tmp_path, 40)
    whole = verify(folder, WRITER, NOBODY)
    rows = lines(file)
    write_lines(file, [*rows[:30], rows[31], rows[30], *rows[32:]])

    spoilt = verify(folder, WRITER, NOBODY)

    assert (whole.rows, whole.findings) == (40, [])
    assert (spoilt.findings[0].row, spoilt.findings[0].wrong) == (31, "swapped")
