"""AU-11: an export of a whole run is read back by others' rules, and says of every row what the log says."""

import csv
import io
import json
import re

import polars as pl
import pytest

from connectors.audit.reader import rows_of
from connectors.audit.rows import row_hash
from tests.apps.audit.test_audit_commands import ita

HEADER = ["8", "9", "35", "1128", "34", "49", "52", "56"]
REQUIRED = {
    "D": {"11", "55", "54", "60", "38", "40"},
    "F": {"41", "11", "55", "54", "60", "38"},
    "8": {"37", "17", "150", "39", "55", "54", "151", "14"},
}
"""What FIX 5.0 SP2 wants in NewOrderSingle, OrderCancelRequest and ExecutionReport; a component by its first tag."""
KINDS = {"oms.orders": "D", "oms.cancels": "F", "oms.executions": "8"}
INSTANT = re.compile(r"\d{8}-\d\d:\d\d:\d\d\.\d{9}")
FRAME = re.compile(rb"8=FIXT\.1\.1\x019=(\d+)\x01")


@pytest.fixture
def entries(run):
    return list(rows_of(run / "audit", "decisions"))


def exported(run, into, form):
    code, _ = ita("audit", "export", "--format", form, "--out", run, "--into", into)
    assert code == 0
    return into


def messages(content):
    """Return the fields of each message, cut by BodyLength alone as a FIX engine does; CheckSum has to agree."""
    found, at = [], 0
    while at < len(content):
        begun = FRAME.match(content, at)
        end = begun.end() + int(begun[1])
        trailer = content[end : end + 7]
        assert trailer == b"10=%03d\x01" % (sum(content[at:end]) % 256)
        found.append([field.split("=", 1) for field in content[at : end + 6].decode().split("\x01")])
        at = end + 7
    return found


def test_every_message_of_a_run_is_fix_and_every_order_event_has_one(run, entries, tmp_path):
    content = (exported(run, tmp_path / "fix", "fix-drop-copy") / "drop-copy.fix").read_bytes()

    read = messages(content)

    told = {each.number: json.loads(each.row.entry) for each in entries}
    wanted = [number for number, entry in told.items() if entry["stream"] in KINDS]
    assert [int(dict(fields)["34"]) for fields in read] == wanted
    assert {dict(fields)["35"] for fields in read} >= {"D", "8"}
    for fields in read:
        tags, message = [tag for tag, _ in fields], dict(fields)
        entry = told[int(message["34"])]
        assert (tags[:8], len(tags)) == (HEADER, len(message))
        assert (message["1128"], message["35"]) == ("9", KINDS[entry["stream"]])
        assert REQUIRED[message["35"]] - message.keys() == set()
        assert all(message.values())
        assert [bool(INSTANT.fullmatch(message[tag])) for tag in ("52", "60")] == [True, True]
        if message["35"] == "8":
            payload = entry["payload"]
            said = (payload["ExecID"], payload["ExecType"], payload["OrdStatus"], str(payload["LeavesQty"]))
            assert (message["17"], message["150"], message["39"], message["151"], message["797"]) == (
                *said,
                "Y",
            )
            assert (message["150"] == "F") == ("32" in message) == ("31" in message)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_every_row_of_a_table_is_the_row_of_the_log(run, entries, tmp_path, form):
    into = exported(run, tmp_path / form, form)
    if form == "csv":
        text = (into / "events.csv").read_bytes().decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        rows = [
            {**row, **{name: int(row[name]) for name in ("writer_seq", "event_time", "recv_time")}}
            for row in rows
        ]
    else:
        rows = pl.read_parquet(into / "events.parquet").to_dicts()

    plain = ("actor", "event_id", "event_time", "recv_time", "stream", "type", "writer", "writer_seq")
    made = []
    for row in rows:
        entry = {**{name: row[name] for name in plain}, "payload": json.loads(row["payload"])}
        words = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        made.append((json.loads(words), bytes.fromhex(row["hash"]), bytes.fromhex(row["prev_hash"])))
    assert made == [(json.loads(each.row.entry), each.row.hash, each.row.previous) for each in entries]
    assert [row_hash(each.row.previous, each.row.entry) for each in entries] == [
        hash_ for _, hash_, _ in made
    ]
