"""Files leave the run's folder for an archive whole or not at all, and whoever harms one there is found."""

import pytest

from apps.run_folder import SUMMARY
from connectors.audit.archive import ArchiveRefused
from connectors.audit.disposals import ARCHIVED, REFUSED, put_away
from connectors.audit.keys import read_key
from connectors.audit.log import AuditLog
from connectors.audit.rows import row_of, segments
from tests.apps.audit.put_away import (
    FILE_ROWS,
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
)
from tests.connectors.audit.records import WRITER, append, lines

LATER = NOW * 2
ALL = names(*range(1, ROWS + 1, FILE_ROWS))


@pytest.fixture
def run(tmp_path, monkeypatch):
    return made(tmp_path, monkeypatch)


def content(run):
    return [path.read_bytes() for path in segments(run / "audit" / WRITER)]


def test_what_is_old_enough_is_read_through_links_and_the_record_names_it(run):
    before, root = content(run), looked(run).logs[0].root

    files = moved(run)

    folder = run / "audit" / WRITER
    assert files == names(1, 8, 15)
    assert [path.name for path in segments(folder) if path.is_symlink()] == files
    assert [(archive_of(run) / name).read_bytes() for name in files] == before[:3]
    assert content(run) == before
    found = looked(run)
    assert (found.ok, found.logs[0].root, found.logs[0].rows, found.logs[0].disposed) == (True, root, ROWS, 0)
    kept = put_away(run / "audit", ARCHIVED)
    assert [(each.file, each.first, each.last) for each in kept] == [
        (files[0], 1, 7), (files[1], 8, 14), (files[2], 15, 21),
    ]  # fmt: skip
    assert [each.last_hash for each in kept] == [
        row_of(block.splitlines()[-1]).hash.hex() for block in before[:3]
    ]
    assert "ann" not in str(said(run))


def test_moving_again_moves_nothing_and_records_nothing(run):
    moved(run)
    events = len(said(run))

    assert (moved(run), len(said(run))) == ([], events)


def test_files_that_may_still_be_written_stay_and_the_desk_goes_on(run, tmp_path):
    (run / SUMMARY).unlink()

    files = moved(run, LATER)
    log = AuditLog(run / "audit", WRITER, key=read_key(tmp_path / "home" / "signing.pem"))
    log.skip_to_end()
    append(log, tmp_path, ROWS, ROWS + 10)
    log.make_head()
    log.close()

    assert files == ALL[:-2]
    assert (looked(run).ok, looked(run).logs[0].rows) == (True, ROWS + 10)


def test_a_finished_run_may_leave_whole_but_for_its_doors(run):
    assert moved(run, LATER) == ALL
    assert not any(path.is_symlink() for path in segments(run / "audit" / "doors"))
    assert looked(run).ok


def test_a_process_that_is_killed_at_any_step_loses_nothing_and_can_be_called_again(run, monkeypatch):
    before, step, kills = content(run), 0, 0

    while True:
        step += 1
        with monkeypatch.context() as patch:
            killed_at(patch, step)
            try:
                moved(run, NOW)
            except Killed:
                kills += 1
            else:
                break
        assert (content(run), looked(run).ok) == (before, True)

    moved(run)
    assert kills > 0
    assert [path.name for path in segments(run / "audit" / WRITER) if path.is_symlink()] == names(1, 8, 15)
    assert [each.file for each in put_away(run / "audit", ARCHIVED)] == names(1, 8, 15)
    assert sorted(path.name for path in archive_of(run).iterdir()) == names(1, 8, 15)


def test_one_kill_at_each_step_of_an_undisturbed_run(tmp_path, monkeypatch):
    for step in range(1, 60):
        folder = tmp_path / str(step)
        with monkeypatch.context() as patch:
            run = made(folder, patch)
            before = content(run)
            with patch.context() as fatal:
                killed_at(fatal, step)
                try:
                    moved(run)
                except Killed:
                    pass
                else:
                    break
            assert (content(run), looked(run).ok) == (before, True)
            moved(run)
            assert (content(run), looked(run).ok) == (before, True)
            assert [path.name for path in segments(run / "audit" / WRITER) if path.is_symlink()] == names(
                1, 8, 15
            )
    else:
        pytest.fail("the command has more steps than were looked at")


def removed(path):
    path.unlink()


def edited(path):
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b'"outcome":"reject"', b'"outcome":"pass"', 1))


def shortened(path):
    path.chmod(0o644)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    ("harm", "name", "found"),
    [
        (removed, 0, (WRITER, 1, "missing")),
        (removed, 1, (WRITER, 8, "missing")),
        (removed, 2, (WRITER, 15, "missing")),
        (edited, 1, (WRITER, 8, "edited")),
        (shortened, 1, (WRITER, 14, "missing")),
    ],
)
def test_whoever_harms_a_file_of_the_archive_is_found(run, harm, name, found):
    moved(run)

    harm(archive_of(run) / names(1, 8, 15)[name])

    assert first(looked(run)) == found


def test_a_link_that_was_taken_away_is_found(run):
    moved(run)

    (run / "audit" / WRITER / names(8)[0]).unlink()

    assert first(looked(run)) == (WRITER, 8, "missing")


def test_a_log_that_is_damaged_is_not_moved_and_the_refusal_is_recorded(run):
    edited(segments(run / "audit" / WRITER)[1])

    with pytest.raises(ArchiveRefused, match=r"not what was written \(edited: decisions row 8"):
        moved(run)

    assert [path.name for path in segments(run / "audit" / WRITER) if path.is_symlink()] == []
    assert said(run)[-1]["type"] == REFUSED


def test_another_file_in_the_place_of_a_copy_stays_and_nothing_is_moved(run):
    other = archive_of(run) / names(8)[0]
    other.parent.mkdir(parents=True)
    other.write_bytes(b"another")

    with pytest.raises(ArchiveRefused, match="is not what"):
        moved(run)

    assert other.read_bytes() == b"another"
    assert [path.name for path in segments(run / "audit" / WRITER) if path.is_symlink()] == []
    assert (said(run)[-1]["type"], len(lines(segments(run / "audit" / WRITER)[1]))) == (REFUSED, FILE_ROWS)
