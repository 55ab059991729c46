"""Files are disposed of by three persons alone; then the rest verifies, and a gap without its record is damage."""

import json
import time
from itertools import combinations_with_replacement

import pytest

from apps.audit_proofs import judged, prove, prove_consistency
from apps.audit_retention import DAY
from apps.audit_trail import doors_of
from apps.run_folder import SUMMARY, RunPaths
from connectors.audit.anchors import FolderPlace, anchor_head
from connectors.audit.archive import ArchiveRefused
from connectors.audit.disposals import ASKED, DISPOSED, REFUSED
from connectors.audit.doors import DOORS
from connectors.audit.heads import HEADS, TreeHead, canonical, read_heads
from connectors.audit.keys import PublicKeys, read_key
from connectors.audit.log import AuditLog
from connectors.audit.merkle import Frontier
from connectors.audit.proofs import root_by_definition
from connectors.audit.rows import row_of, segments
from tests.apps.audit.put_away import (
    FILE_ROWS,
    GONE,
    NOW,
    ROWS,
    Killed,
    archive_of,
    first,
    killed_at,
    looked,
    made,
    moved,
    names,
    said,
    settings,
    wanted,
)
from tests.apps.audit.test_audit_commands import ita
from tests.connectors.audit.records import WRITER, append, lines, rehashed, write_lines

EVERYBODY = ("ann", "bob", "eve")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a run whose first files are in an archive, and their retention over."""
    run = made(tmp_path, monkeypatch)
    moved(run)
    return run


@pytest.fixture
def loose(tmp_path, monkeypatch):
    """Return the same, with heads that nobody has signed."""
    run = made(tmp_path, monkeypatch, signed=False)
    moved(run)
    return run


def log_of(run):
    return run / "audit" / WRITER


def hashes(run):
    return [row_of(line).hash for path in segments(log_of(run)) for line in lines(path)]


def left(run):
    """Return the files in the run's folder, links that lead nowhere too, and those in the archive."""
    return sorted(path.name for path in log_of(run).glob("*.jsonl") if path.name != HEADS), sorted(
        path.name for path in archive_of(run).iterdir()
    )


def test_three_persons_dispose_and_the_rest_is_what_was_written_under_every_later_head(run):
    before = hashes(run)

    words = [wanted(run, who) for who in ("bob", "ann", "eve")]

    assert [(each.done, each.missing) for each in words] == [
        (False, ["dba", "auditor"]), (False, ["auditor"]), (True, []),
    ]  # fmt: skip
    assert left(run) == (names(*range(22, ROWS + 1, FILE_ROWS)), [])
    found = looked(run)
    log = found.logs[0]
    assert (found.ok, log.rows, log.disposed, log.unchecked, log.heads, log.signed_heads) == (
        True, ROWS, GONE, 2, 4, 4,
    )  # fmt: skip
    assert (log.root, log.last_hash) == (root_by_definition(before).hex(), before[-1].hex())


def test_the_record_names_files_rows_hashes_and_seals_who_asked_and_who_approved(run):
    before = hashes(run)

    wanted(run, *EVERYBODY)

    (record,) = [entry["payload"] for entry in said(run) if entry["type"] == DISPOSED]
    assert [(each["file"], each["first"], each["last"], each["last_hash"]) for each in record["files"]] == [
        (name, at, at + 6, before[at + 5].hex()) for name, at in zip(names(1, 8, 15), (1, 8, 15), strict=True)
    ]
    assert {role for role in ("dba", "compliance", "auditor", "who") if set(record[role]) == {
        "ciphertext", "nonce", "person",
    }} == {"dba", "compliance", "auditor", "who"}  # fmt: skip
    assert len({record[role]["person"] for role in ("dba", "compliance", "auditor")}) == 3
    assert [entry["type"] for entry in said(run)].count(ASKED) == 3


@pytest.mark.parametrize("who", list(combinations_with_replacement(EVERYBODY, 2)), ids="-".join)
def test_no_two_words_suffice(run, who):
    before = left(run)

    said_so = wanted(run, *who)

    assert (said_so.done, len(said_so.missing) > 0, left(run)) == (False, True, before)


def test_words_for_other_files_do_not_count(run):
    wanted(run, "ann", "bob")
    later = NOW + DAY
    moved(run, later)

    said_so = wanted(run, "eve", now_at=later)

    assert (said_so.done, said_so.missing, len(said_so.files)) == (False, ["dba", "compliance"], 9)


def test_words_of_eight_days_ago_do_not_count(run):
    moved(run, time.time_ns())
    wanted(run, "ann", "bob", now_at=time.time_ns())

    said_so = wanted(run, "eve", now_at=time.time_ns() + 8 * DAY)

    assert (said_so.done, said_so.missing) == (False, ["dba", "compliance", "auditor"])


@pytest.mark.parametrize("file", [0, 1, 2])
def test_the_same_gap_without_a_record_is_damage(run, file):
    for name in names(1, 8, 15)[: file + 1]:
        (archive_of(run) / name).unlink()
        (log_of(run) / name).unlink()

    assert first(looked(run)) == (WRITER, 1, "missing")


def test_more_that_is_gone_than_the_record_says_is_damage_from_there_on(run):
    wanted(run, *EVERYBODY)
    (log_of(run) / names(22)[0]).unlink()

    assert first(looked(run)) == (WRITER, 22, "missing")


def test_all_that_is_gone_after_the_record_is_damage_too(run):
    wanted(run, *EVERYBODY)
    for path in segments(log_of(run)):
        path.unlink()

    assert first(looked(run)) == (WRITER, 22, "truncated")


def record_line(run):
    """Return the file of the doors, its lines, and which of them is the record."""
    file = segments(run / "audit" / DOORS)[0]
    rows = lines(file)
    kinds = [json.loads(row)["entry"]["type"] for row in rows]
    return file, rows, kinds.index(DISPOSED)


def cut_heads(run, size):
    """Leave the heads of the doors that cover no more than so many rows."""
    heads = [canonical(each) for each in read_heads(run / "audit" / DOORS) if each.tree_size <= size]
    write_lines(run / "audit" / DOORS / HEADS, heads)


def forged(run, change):
    """Make the doors again with another record, as who can write all of the run's folder would."""
    file, rows, at = record_line(run)
    entry = json.loads(rows[at])
    change(entry["entry"]["payload"]["files"])
    rows[at] = canonical(entry)
    write_lines(file, rehashed(rows))
    tree, heads = Frontier(), []
    for size, line in enumerate(lines(file), 1):
        hash_ = row_of(line).hash
        tree.extend([hash_])
        heads.append(
            TreeHead(writer=DOORS, tree_size=size, root=tree.root().hex(), last_hash=hash_.hex(), timestamp=1)
        )
    write_lines(run / "audit" / DOORS / HEADS, [canonical(head) for head in heads])


def test_a_record_that_was_taken_out_explains_nothing_and_is_missed_itself(run):
    wanted(run, *EVERYBODY)
    looked(run)
    doors_of(RunPaths(run), settings(run.parent)).record("AuditVerified", "ann", {})
    file, rows, at = record_line(run)
    write_lines(file, [*rows[:at], *rows[at + 1 :]])

    found = looked(run)

    assert [(each.writer, each.row, each.wrong) for log in found.logs for each in log.findings[:1]] == [
        (WRITER, 1, "missing"), (DOORS, at + 1, "missing"),
    ]  # fmt: skip


def test_a_record_that_was_cut_off_with_its_head_leaves_the_gap_without_a_reason(run):
    wanted(run, *EVERYBODY)
    file, rows, at = record_line(run)
    write_lines(file, rows[:at])
    cut_heads(run, at)

    assert first(looked(run)) == (WRITER, 1, "missing")


def test_a_record_that_no_head_covers_explains_nothing(run):
    wanted(run, *EVERYBODY)
    cut_heads(run, record_line(run)[2])
    (run / SUMMARY).unlink()

    assert first(looked(run)) == (WRITER, 1, "missing")


def test_an_edited_record_is_found_and_explains_nothing(run):
    wanted(run, *EVERYBODY)
    file, rows, at = record_line(run)
    write_lines(file, [*rows[:at], rows[at].replace(b'"last":21', b'"last":28'), *rows[at + 1 :]])

    found = looked(run)

    assert (first(found), [log.findings[0].row for log in found.logs]) == (
        (WRITER, 1, "missing"),
        [1, at + 1],
    )


def ends_otherwise(files):
    files[-1]["last_hash"] = "0" * 64


def has_another_tree(files):
    files[-1]["subtrees"] = files[-1]["subtrees"][::-1]


@pytest.mark.parametrize(
    ("change", "row", "wrong"),
    [(ends_otherwise, GONE + 1, "edited"), (has_another_tree, GONE, "rehashed")],
)
def test_a_forged_record_does_not_fit_what_follows(loose, change, row, wrong):
    wanted(loose, *EVERYBODY)
    forged(loose, change)

    assert first(looked(loose)) == (WRITER, row, wrong)


def test_a_record_whose_words_are_no_files_is_a_damaged_one(loose):
    wanted(loose, *EVERYBODY)
    forged(loose, lambda files: files[-1].update(subtrees=["zz"]))

    assert {log.writer: bool(log.findings) for log in looked(loose).logs} == {WRITER: True, DOORS: True}


def test_anchors_hold_what_is_gone_and_find_a_record_that_says_otherwise(loose):
    place = loose.parent / "elsewhere"
    for writer in (WRITER, DOORS):
        anchor_head(FolderPlace(place), loose / "audit", writer, RunPaths(loose).mark())
    wanted(loose, *EVERYBODY)

    found = looked(loose, against=str(place))

    assert (found.ok, found.logs[0].unchecked, found.logs[0].heads, found.logs[0].anchors) == (True, 0, 6, 1)
    heads = lines(log_of(loose) / HEADS)[:2]
    write_lines(log_of(loose) / HEADS, heads)
    for path in segments(log_of(loose)):
        path.unlink()
    forged(loose, has_another_tree)
    assert first(looked(loose, against=str(place))) == (WRITER, 1, "rehashed")


def test_a_head_of_what_is_gone_can_be_checked_against_anchors_alone(loose):
    place = loose.parent / "elsewhere"
    anchor_head(FolderPlace(place), loose / "audit", WRITER, RunPaths(loose).mark())
    wanted(loose, *EVERYBODY)
    heads = read_heads(log_of(loose))
    other = TreeHead(writer=WRITER, tree_size=10, root="0" * 64, last_hash="0" * 64, timestamp=1)
    write_lines(log_of(loose) / HEADS, list(map(canonical, [other, *heads[1:]])))

    assert looked(loose).logs[0].unchecked == 2
    assert first(looked(loose, against=str(place))) == (WRITER, 1, "rehashed")


def test_anchors_made_after_a_disposal_begin_after_it(run):
    wanted(run, *EVERYBODY)
    place = run.parent / "elsewhere"
    made_after = anchor_head(FolderPlace(place), run / "audit", WRITER, RunPaths(run).mark())

    found = looked(run, against=str(place))

    assert (made_after.first, found.ok, found.logs[0].anchors) == (GONE + 1, True, 1)


@pytest.mark.parametrize(
    ("who", "retention", "words"),
    [
        ("kim", {}, "kim has no part in disposals"),
        ("ann", {"holds": ("case 7",)}, "legal hold: case 7"),
    ],
)
def test_who_may_not_is_refused_and_the_refusal_is_recorded(run, who, retention, words):
    wanted(run, "bob", "eve")
    before = left(run)

    with pytest.raises(ArchiveRefused, match=words):
        wanted(run, who, **retention)

    assert (left(run), said(run)[-1]["type"]) == (before, REFUSED)
    assert words in said(run)[-1]["payload"]["reason"]
    assert [each["file"] for each in said(run)[-1]["payload"]["files"]] == names(1, 8, 15)


def test_without_a_copy_in_the_archive_nothing_is_disposed_of(tmp_path, monkeypatch):
    run = made(tmp_path, monkeypatch)

    with pytest.raises(ArchiveRefused, match="no file whose retention is over is in an archive"):
        wanted(run, "ann")

    assert (len(segments(log_of(run))), said(run)[-1]["type"]) == (9, REFUSED)


def test_a_copy_that_nobody_archived_by_record_is_none(tmp_path, monkeypatch):
    run = made(tmp_path, monkeypatch)
    path = log_of(run) / names(1)[0]
    path.rename(tmp_path / "aside")
    path.symlink_to(tmp_path / "aside")

    with pytest.raises(ArchiveRefused, match="is not the copy that was archived"):
        wanted(run, "ann")

    assert looked(run).ok


def test_a_harmed_copy_is_not_disposed_of(run):
    wanted(run, "ann", "bob")
    copy = archive_of(run) / names(8)[0]
    copy.chmod(0o644)
    copy.write_bytes(copy.read_bytes()[:-400])

    with pytest.raises(ArchiveRefused, match="not what was written"):
        wanted(run, "eve")

    assert (left(run)[1], said(run)[-1]["type"]) == (names(1, 8, 15), REFUSED)


def test_a_process_that_is_killed_at_any_step_leaves_a_whole_audit_and_can_be_called_again(
    tmp_path, monkeypatch
):
    for step in range(1, 60):
        with monkeypatch.context() as patch:
            run = made(tmp_path / str(step), patch)
            moved(run)
            before = hashes(run)
            wanted(run, "ann", "bob")
            with patch.context() as fatal:
                killed_at(fatal, step)
                try:
                    wanted(run, "eve")
                except Killed:
                    pass
                else:
                    break
            found = looked(run)
            there = hashes(run)
            assert (found.ok, found.first, before[-len(there) :]) == (True, None, there)
            assert found.logs[0].root == root_by_definition(before).hex()
            again = wanted(run, "eve")
            assert (again.done or not again.files, left(run)[1]) == (True, [])
            assert (looked(run).ok, looked(run).logs[0].disposed) == (True, GONE)
            assert [entry["type"] for entry in said(run)].count(DISPOSED) == 1
    else:
        pytest.fail("the command has more steps than were looked at")


def test_what_is_left_is_proved_under_every_head_that_covers_it(run):
    events = [json.loads(line)["entry"]["event_id"] for path in segments(log_of(run)) for line in lines(path)]
    keys = PublicKeys(run.parent / "home" / "signing.pem.pub")
    wanted(run, *EVERYBODY)

    proofs = [prove(run, event) for event in events[GONE:]]
    later = [prove_consistency(run, WRITER, size) for size in (30, 40, 50, 57)]

    assert [proof.row for proof in proofs] == list(range(GONE + 1, ROWS + 1))
    assert {(each.ok, each.signed) for each in (judged(proof, keys) for proof in [*proofs, *later])} == {
        (True, True)
    }


def test_a_desk_goes_on_after_a_disposal(tmp_path, monkeypatch):
    run = made(tmp_path, monkeypatch)
    (run / SUMMARY).unlink()
    log = AuditLog(run / "audit", WRITER)
    log.skip_to_end()  # as a snapshot has it before a restart
    state = log.state()
    log.close()
    moved(run)
    wanted(run, *EVERYBODY)

    log = AuditLog(run / "audit", WRITER, state, key=read_key(tmp_path / "home" / "signing.pem"))
    append(log, tmp_path, ROWS, ROWS + 20)
    log.make_head()
    log.close()

    found = looked(run)
    assert (found.ok, found.logs[0].rows, found.logs[0].disposed) == (True, ROWS + 20, GONE)


def test_a_finished_run_may_be_disposed_of_whole_and_its_heads_stay(run):
    root, now = looked(run).logs[0].root, time.time_ns()
    moved(run, now)

    said_so = wanted(run, *EVERYBODY, now_at=now)

    found = looked(run)
    assert (said_so.done, left(run)) == (True, ([], []))
    assert (found.ok, found.logs[0].disposed, found.logs[0].root) == (True, ROWS, root)


def test_the_commands_do_it_and_say_so(tmp_path, monkeypatch):
    run, config = made(tmp_path, monkeypatch), tmp_path / "config"
    config.mkdir()
    words = "retention: {days: 1, at_hand_days: 0, persons: {dba: [ann], compliance: [bob], auditor: [eve]}}"
    (config / "audit.yaml").write_text(words)
    here = ("--out", run, "--config", config)

    done = [
        ita("audit", "archive", *here),
        ita("audit", "archive", *here, "--to", tmp_path / "archive"),
        ita("audit", "retention", *here),
        *(ita("audit", "dispose", *here, "--who", who) for who in ("ann", "kim", "eve", "bob", "bob")),
        ita("verify-audit", *here),
    ]

    assert [code for code, _ in done] == [2, 0, 0, 0, 1, 0, 0, 0, 0]
    assert "9 files were moved" in done[1][1]
    assert done[2][1].count("retention is over, in the archive") == 9
    assert "9 files wait for the word of: compliance, auditor" in done[3][1]
    assert "9 files are disposed of" in done[6][1]
    assert "there is no file whose retention is over" in done[7][1]
    assert "decisions: 57 rows, the first 57 disposed of by record, 1 heads" in done[8][1]
