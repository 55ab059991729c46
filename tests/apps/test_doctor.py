"""The doctor says what stands in the way of a run, and what to do about it."""

import fcntl
import importlib.metadata
import json
import shutil
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from apps.cli.doctor import doctor
from apps.doctor import diagnose
from apps.findings import Finding, Health
from apps.run_state import examine_run
from config.settings import DEFAULT, read_settings
from tests.apps.known_run import write_run

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("examined"))


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """Return a copy of the finished run that may be harmed."""
    return shutil.copytree(finished, tmp_path / "run")


def about(findings: Iterable[Finding], subject: str) -> Finding:
    found = [finding for finding in findings if finding.subject == subject]
    assert len(found) == 1, f"{subject}: {found}"
    return found[0]


def changed(folder: Path, name: str, drop: str) -> Path:
    """Write a configuration file without the limit rows whose identifier begins with `drop`; return the folder."""
    folder.mkdir()
    values = yaml.safe_load((DEFAULT / name).read_text())
    values["limits"] = [row for row in values["limits"] if not row["limit_id"].startswith(drop)]
    (folder / name).write_text(yaml.safe_dump(values))
    return folder


def test_nothing_stands_in_the_way_here(finished: Path) -> None:
    findings = diagnose(finished, None, HOST, 0)

    assert [finding for finding in findings if finding.health is Health.FAIL] == []
    assert about(findings, "limits").health is Health.OK
    assert about(findings, "time zones").health is Health.OK


def test_whatever_is_not_well_comes_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "stranger").write_text("")

    findings = diagnose(tmp_path, tmp_path / "nowhere", HOST, 0)

    assert {finding.subject for finding in findings if finding.health is Health.FAIL} == {
        "configuration",
        "run",
    }
    assert all(bool(finding.remedy) == (finding.health is not Health.OK) for finding in findings)


def test_the_configuration_is_named_by_the_digest_that_runs_carry() -> None:
    finding = about(diagnose(None, None, HOST, 0), "configuration")

    assert f"digest {read_settings().digest}" in finding.words


def test_bad_yaml_fails_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("desk: [")

    finding = about(diagnose(None, tmp_path, HOST, 0), "configuration")

    assert finding.health is Health.FAIL
    assert f"{tmp_path / 'base.yaml'} is not YAML" in finding.words


def test_an_unknown_calendar_fails(tmp_path: Path) -> None:
    (tmp_path / "universe.yaml").write_text("calendar: XNOWHERE")

    finding = about(diagnose(None, tmp_path, HOST, 0), "calendar")

    assert finding.health is Health.FAIL
    assert "XNOWHERE" in finding.words


def test_a_missing_limit_is_named_before_it_refuses_an_order(tmp_path: Path) -> None:
    config = changed(tmp_path / "config", "limits.yaml", "gross-")

    finding = about(diagnose(None, config, HOST, 0), "limits")

    assert finding.health is Health.WARN
    assert finding.words.startswith("2 mandatory ones are not set")
    assert "gross_exposure for account:main" in finding.words
    assert "gross_exposure for firm:firm" in finding.words


def test_a_version_that_the_project_does_not_allow_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    true = importlib.metadata.version
    other = {"bytewax": "0.22.0", "numpy": "1.26.4"}
    monkeypatch.setattr(importlib.metadata, "version", lambda name: other.get(name) or true(name))

    findings = diagnose(None, None, HOST, 0)

    assert about(findings, "package bytewax").words == "0.22.0 is installed; bytewax==0.21.1 is needed"
    assert about(findings, "package numpy").health is Health.FAIL
    assert [f.subject for f in findings if f.subject.startswith("package")] == [
        "package bytewax",
        "package numpy",
    ]


def test_compiling_that_is_switched_off_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")

    assert about(diagnose(None, None, HOST, 0), "numba").health is Health.WARN


def test_an_open_dataflow_api_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYTEWAX_DATAFLOW_API_ENABLED", "1")

    assert "0.0.0.0:3030" in about(diagnose(None, None, HOST, 0), "bytewax API").words


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as holder:
        holder.bind((HOST, 0))
        holder.listen()
        port = holder.getsockname()[1]

        finding = about(diagnose(None, None, HOST, port), "metrics")

    assert (finding.health, finding.words.split(" ")[0]) == (Health.WARN, f"{HOST}:{port}")


def test_an_output_folder_that_cannot_be_written_fails() -> None:
    finding = about(diagnose(Path("/proc/nothing/here"), None, HOST, 0), "output folder")

    assert finding.health is Health.FAIL
    assert finding.words == "/proc cannot be written"


def test_a_look_leaves_no_trace(tmp_path: Path) -> None:
    diagnose(tmp_path / "new", None, HOST, 0)

    assert list(tmp_path.iterdir()) == []


def test_a_finished_run_is_whole(finished: Path) -> None:
    findings = list(examine_run(finished))

    assert [(finding.subject, finding.health) for finding in findings] == [
        ("run", Health.OK),
        ("staging", Health.OK),
        ("journal", Health.OK),
        ("lake", Health.OK),
    ]


def test_rows_that_were_lost_from_the_lake_are_missed(run: Path) -> None:
    shutil.rmtree(run / "lake" / "market.bars" / "date=2024-03-08")

    finding = about(examine_run(run), "lake")

    assert finding.health is Health.FAIL
    assert finding.words == "market.bars has 56 rows, the summary says 116"


def test_a_journal_that_lacks_what_the_lake_holds_is_told(run: Path) -> None:
    shutil.rmtree(run / "lake" / "oms.orders")

    finding = about(examine_run(run), "journal")

    assert (finding.health, finding.words) == (Health.FAIL, "orders: 2 in the journal, 0 in the lake")


def test_a_finished_run_without_a_journal_is_not_whole(run: Path) -> None:
    (run / "journal.sqlite").unlink()

    assert about(examine_run(run), "journal").health is Health.FAIL


def test_rows_that_wait_in_a_finished_run_are_told(run: Path) -> None:
    (run / "lake" / ".staging" / "0" / "market.bars-2024-03-07-000000000000.arrows").write_bytes(b"torn")

    finding = about(examine_run(run), "staging")

    assert finding.health is Health.FAIL
    assert "1 files wait although the run is finished" in finding.words


def test_a_run_that_nobody_goes_on_with_is_told(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "stopped", finished=False)

    findings = list(examine_run(folder))

    assert about(findings, "run").health is Health.WARN
    assert about(findings, "staging").health is Health.WARN
    assert {finding.health for finding in findings} == {Health.OK, Health.WARN}


def test_a_run_that_is_being_written_is_well(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "written", finished=False)

    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        findings = list(examine_run(folder))

    assert about(findings, "run").words == f"a replay is being written in {folder}"
    assert {finding.health for finding in findings} == {Health.OK}


def test_an_empty_folder_is_a_place_for_a_run(tmp_path: Path) -> None:
    (finding,) = examine_run(tmp_path)

    assert finding.health is Health.OK


def test_the_command_ends_with_one_where_something_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        doctor(config=tmp_path / "nowhere", metrics_port=0, json=True)

    answer = json.loads(capsys.readouterr().out)
    assert left.value.code == 1
    assert answer["failed"] == 1
    assert [f["subject"] for f in answer["findings"] if f["health"] == "fail"] == ["configuration"]


def test_the_command_shows_a_line_for_each_finding(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    doctor(out=finished, metrics_port=0)

    words = capsys.readouterr().out
    assert words.count("ok ") >= len(diagnose(finished, None, HOST, 0))
    assert "holds a finished replay" in " ".join(words.split())
