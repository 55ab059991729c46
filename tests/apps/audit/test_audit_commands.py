"""AU-11, AU-12: exports with proofs, backups that verify to the last anchor, and reads that are recorded."""

import csv
import getpass
import io
import json
import shutil
import sqlite3
from contextlib import closing

import polars as pl
import pytest
from typer.testing import CliRunner

from apps.audit import Question, verified
from apps.audit_proofs import Inclusion, judged, prove, prove_consistency
from apps.cli import main as cli
from config.audit import read_audit
from connectors.audit.heads import TreeHead, read_heads
from connectors.audit.keys import PublicKeys
from connectors.audit.rows import lines_of, segments

cli._register()


def ita(*words):
    """Run a command; return its exit code and what it printed."""
    done = CliRunner().invoke(cli.app, [str(word) for word in words])
    code = 2 if isinstance(done.exception, cli.WrongUse) else done.exit_code
    return code, done.output + (str(done.exception) if code == 2 else "")


def filled_order(run):
    """Return the ClOrdID of an order that was filled, and how many records the journal has of it."""
    with closing(sqlite3.connect(run / "journal.sqlite")) as journal:
        order = journal.execute("SELECT ClOrdID FROM executions WHERE OrdStatus = '2' LIMIT 1").fetchone()[0]
        count = 1 + sum(
            journal.execute(f'SELECT count(*) FROM {table} WHERE "{name}" = ?', (order,)).fetchone()[0]
            for table, name in (
                ("decision_points", "ClOrdID"), ("intents", "ClOrdID"), ("verdicts", "ClOrdID"),
                ("orders", "ClOrdID"), ("cancels", "OrigClOrdID"), ("executions", "ClOrdID"),
            )
        )  # fmt: skip
    return order, count


def doors(run):
    """Return the types of the events of the doors' log."""
    lines = lines_of(segments(run / "audit" / "doors"))
    return [json.loads(line)["entry"]["type"] for line in lines]


def spoil(run):
    """Change one record of the audit."""
    file = segments(run / "audit" / "decisions")[0]
    file.write_bytes(file.read_bytes().replace(b'"OrderQty":', b'"OrderQtY":', 1))


@pytest.mark.parametrize("form", ["fix-drop-copy", "csv", "parquet", "mifid-annex-iv"])
def test_au_11_an_order_is_exported_from_end_to_end_and_every_record_is_proved(run, kept, tmp_path, form):
    order, count = filled_order(run)
    into = tmp_path / "export"

    code, said = ita("audit", "export", order, "--format", form, "--out", run, "--into", into, "--json")

    assert code == 0
    assert json.loads(said)["records"] == count
    trail = [json.loads(line)["entry"] for line in (into / "trail.jsonl").read_bytes().splitlines()]
    keys = PublicKeys(kept / "home" / "signing.pem.pub")
    proofs = [Inclusion(**_read(line)) for line in (into / "proofs.jsonl").read_bytes().splitlines()]
    assert [proof.event_id for proof in proofs] == [entry["event_id"] for entry in trail]
    assert {(each.ok, each.signed) for each in (judged(proof, keys) for proof in proofs)} == {(True, True)}
    assert [entry["type"] for entry in trail][:4] == [
        "SignalGenerated", "DecisionPoint", "OrderRequested", "OrderValidated",
    ]  # fmt: skip


def _read(line):
    fields = json.loads(line)
    del fields["proof"]
    return {**fields, "head": TreeHead(**fields["head"])}


def test_au_11_the_forms_say_what_the_journal_says(run, tmp_path):
    order, count = filled_order(run)
    for form in ("csv", "parquet", "fix-drop-copy", "mifid-annex-iv"):
        ita("audit", "export", order, "--format", form, "--out", run, "--into", tmp_path / form)
    with closing(sqlite3.connect(run / "journal.sqlite")) as journal:
        fills = journal.execute(
            "SELECT ExecID, LastQty, LastPx FROM executions WHERE ClOrdID = ? AND ExecType = 'F' ORDER BY sequence",
            (order,),
        ).fetchall()

    rows = read_csv(tmp_path / "csv" / "events.csv")
    table = pl.read_parquet(tmp_path / "parquet" / "events.parquet")
    messages = (tmp_path / "fix-drop-copy" / "drop-copy.fix").read_bytes()
    events = read_csv(tmp_path / "mifid-annex-iv" / "annex-iv-section-2.csv")
    decisions = read_csv(tmp_path / "mifid-annex-iv" / "annex-iv-section-1.csv")

    assert len(rows) == count == table.height
    assert table["event_id"].to_list() == [row["event_id"] for row in rows]
    parsed = [dict(field.split(b"=", 1) for field in each) for each in fix_messages(messages)]
    filled = [each for each in parsed if each.get(b"150") == b"F"]
    assert [(each[b"17"].decode(), int(each[b"32"]), each[b"31"].decode()) for each in filled] == fills
    assert (len(decisions), len(decisions[0]), len(events[0])) == (1, 16, 40)
    assert [row["5 transaction reference"] for row in events if "TradeExecuted" in row["35 message"]] == [
        fill[0] for fill in fills
    ]
    assert events[-1]["35 message"].startswith("FILL ")
    assert decisions[0]["3 trader, investment decision"] == "desk.trader"


def read_csv(path):
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def fix_messages(content):
    """Return the fields of each message, after checking BodyLength(9) and CheckSum(10) as FIX defines them."""
    found, fields, start = [], [], 0
    at = 0
    for field in content.split(b"\x01")[:-1]:
        fields.append(field)
        at += len(field) + 1
        if field.startswith(b"10="):
            whole = content[start:at]
            body = whole[: -len(field) - 1]
            assert int(field[3:]) == sum(body) % 256
            assert int(fields[1][2:]) == len(body) - len(fields[0]) - len(fields[1]) - 2
            found.append(fields)
            fields, start = [], at
    return found


def test_au_12_a_backup_that_is_restored_verifies_to_the_last_anchor(run, tmp_path):
    place = tmp_path / "elsewhere"
    assert ita("audit", "anchor", "--out", run, "--to", place)[0] == 0
    backup = shutil.copytree(run, tmp_path / "backup")
    shutil.rmtree(run)

    restored = shutil.copytree(backup, run)
    found = verified(restored, read_audit(), Question(against=str(place)))

    assert (found.ok, found.first) == (True, None)
    assert {log.writer: log.anchors for log in found.logs} == {"decisions": 1, "doors": 1}


def test_au_12_a_backup_from_before_the_last_anchor_is_found_to_be_short(run, tmp_path):
    backup, place = shutil.copytree(run, tmp_path / "backup"), tmp_path / "elsewhere"
    ita("verify-audit", "--out", run)
    ita("audit", "anchor", "--out", run, "--to", place)
    shutil.rmtree(run)

    restored = shutil.copytree(backup, run)
    found = verified(restored, read_audit(), Question(against=str(place)))

    assert not found.ok
    assert (found.first.writer, found.first.wrong) == ("doors", "truncated")


def test_a_run_without_any_anchor_in_the_place_that_is_named_fails(run, tmp_path):
    code, said = ita("verify-audit", "--out", run, "--against", tmp_path / "nowhere", "--json")

    assert code == 1
    assert json.loads(said)["first"]["wrong"] == "unanchored"


def test_the_command_ends_with_0_or_1_and_names_the_first_bad_record(run):
    good = ita("verify-audit", "--out", run, "--json")
    spoil(run)
    bad = ita("verify-audit", "--out", run, "--json")

    assert (good[0], bad[0]) == (0, 1)
    assert json.loads(good[1])["first"] is None
    first = json.loads(bad[1])["first"]
    assert (first["writer"], first["wrong"], bool(first["event_id"])) == ("decisions", "edited", True)
    assert (
        ita("verify-audit", "--out", run)[1]
        .splitlines()[-1]
        .startswith(f"BAD: edited: decisions row {first['row']}, event {first['event_id']}: ")
    )


def test_only_what_happened_in_the_time_that_is_asked_for_counts(run):
    spoil(run)

    assert ita("verify-audit", "--out", run, "--from", "2024-03-07", "--to", "2024-03-07")[0] == 1
    assert ita("verify-audit", "--out", run, "--from", "2030-01-01")[0] == 0


def test_a_log_that_was_taken_away_as_a_whole_is_missing(run):
    shutil.rmtree(run / "audit" / "decisions")

    code, said = ita("verify-audit", "--out", run, "--json")

    assert code == 1
    assert json.loads(said)["first"]["wrong"] == "missing"


def test_a_row_behind_the_last_head_of_a_finished_run_was_added_later(run):
    file = segments(run / "audit" / "decisions")[0]
    heads = run / "audit" / "decisions" / "heads.jsonl"
    heads.write_bytes(b"".join(heads.read_bytes().splitlines(keepends=True)[:-1]))

    found = verified(run, read_audit(), Question())

    assert file.exists()
    assert (found.ok, found.first.wrong) == (False, "inserted")


def test_every_read_through_the_doors_is_recorded_without_a_name(run, tmp_path):
    order, _ = filled_order(run)
    event = json.loads(next(lines_of(segments(run / "audit" / "decisions"))))["entry"]["event_id"]
    ita("verify-audit", "--out", run)
    ita("audit", "prove", event, "--out", run)
    ita("audit", "consistency", 100, "--out", run)
    ita("audit", "export", order, "--out", run, "--into", tmp_path / "export")

    assert doors(run) == ["DeskStarted", "AuditVerified", "AuditProved", "AuditExported"]
    found = verified(run, read_audit(), Question())
    assert found.ok


def test_a_proof_is_checked_by_itself_and_one_that_was_changed_does_not_hold(run, kept, tmp_path):
    event = json.loads(next(lines_of(segments(run / "audit" / "decisions"))))["entry"]["event_id"]
    proof, public = tmp_path / "proof.json", kept / "home" / "signing.pem.pub"
    proof.write_text(ita("audit", "prove", event, "--out", run)[1])
    changed = tmp_path / "changed.json"
    changed.write_text(proof.read_text().replace("reversion", "reversiom"))

    assert ita("audit", "check", proof, "--public-key", public)[0] == 0
    assert ita("audit", "check", changed, "--public-key", public)[0] == 1


def test_a_record_or_a_head_that_is_not_there_is_wrong_use(run):
    code, said = ita("audit", "prove", "ffffffffffff", "--out", run)
    code_of_heads, said_of_heads = ita("audit", "consistency", 3, "--out", run)

    assert (code, code_of_heads) == (2, 2)
    assert "no event is called 'ffffffffffff'" in said
    assert "no head of 3 rows of decisions is that large" in said_of_heads


def test_every_head_goes_on_from_every_one_before_it(run, kept):
    keys = PublicKeys(kept / "home" / "signing.pem.pub")
    sizes = [head.tree_size for head in read_heads(run / "audit" / "decisions")]

    proofs = [prove_consistency(run, "decisions", older) for older in sizes]

    assert {(each.ok, each.signed) for each in (judged(proof, keys) for proof in proofs)} == {(True, True)}
    assert (
        prove(run, json.loads(next(lines_of(segments(run / "audit" / "decisions"))))["entry"]["event_id"]).row
        == 1
    )


def test_an_erased_person_is_erased_in_every_log_and_the_log_says_so(run):
    ita("verify-audit", "--out", run)
    code, said = ita("audit", "erase", getpass.getuser(), "--out", run, "--reason", "asked for")

    assert code == 0
    assert "is erased: 1 logs say so" in said
    assert doors(run)[-1] == "PersonErased"
    assert verified(run, read_audit(), Question()).ok
