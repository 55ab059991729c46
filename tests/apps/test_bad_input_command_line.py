"""What the outside does wrong is answered with what is wrong, given and allowed, and leaves no run that looks whole."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from apps.cli import main as command_line
from apps.run_folder import SUMMARY, RunFolder
from config.settings import DEFAULT

TRADES = "34200000,1674100,100,P,0,0\n34260000,1674200,200,P,0,0\n34320000,1674300,100,P,0,0\n"
SIMULATED = "simulator:instruments=2,days=1,ticks=400"


@pytest.fixture
def ita(monkeypatch, capsys):
    """Return a function that runs a command line in this process: exit code, and what was printed and complained of."""

    def run(*words):
        monkeypatch.setattr("sys.argv", ["ita", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            command_line.main()
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run


@pytest.fixture
def lean(tmp_path):
    """Return a function that writes a day of trades as the vendor packs it; return the folder."""

    def write(content: str | bytes, name: str = "20131007_trade.zip") -> Path:
        folder = tmp_path / "data" / "tick" / "aig"
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("20131007_aig_Trade_Tick.csv", content)
        return tmp_path / "data"

    return write


@pytest.fixture
def configuration(tmp_path):
    """Return a function that copies the configuration with one file changed."""

    def write(name: str, before: str, after: str) -> Path:
        folder = tmp_path / "config"
        shutil.copytree(DEFAULT, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        text = (folder / name).read_text()
        assert before in text
        (folder / name).write_text(text.replace(before, after, 1))
        return folder

    return write


def damaged(place):
    """Damage the content of the day's archive, not its frame; return its path."""
    path = place / "tick" / "aig" / "20131007_trade.zip"
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(bytes(content))
    return path


def refused(answer, out, *words):
    """Say that a command was refused as wrong use in one line with all the words, and left nothing that looks whole."""
    code, printed, complaint = answer
    assert (code, printed) == (2, "")
    assert complaint.startswith("ita: ")
    assert [word for word in words if word not in complaint] == []
    assert "Traceback" not in complaint
    assert not (out / SUMMARY).exists()
    assert list(out.glob("lake/*/date=*/*.parquet")) == []


def test_a_truncated_archive_is_refused_by_name(ita, lean, tmp_path):
    place = lean(TRADES * 1000)
    path = place / "tick" / "aig" / "20131007_trade.zip"
    path.write_bytes(path.read_bytes()[:-40])

    answer = ita("replay", f"lean:{place}", "--out", tmp_path / "out")

    refused(answer, tmp_path / "out", str(path))


def test_an_archive_whose_content_is_damaged_fails_the_work_by_its_name(ita, lean, tmp_path):
    place = lean(TRADES * 1000)
    path = damaged(place)

    code, printed, complaint = ita("replay", f"lean:{place}", "--out", tmp_path / "out")

    assert (code, printed) == (1, "")
    assert str(path) in complaint
    assert not (tmp_path / "out" / SUMMARY).exists()
    assert list((tmp_path / "out").glob("lake/*/date=*/*.parquet")) == []


def test_an_empty_file_is_refused_by_name(ita, lean, tmp_path):
    place = lean("")
    path = place / "tick" / "aig" / "20131007_trade.zip"
    path.write_bytes(b"")

    answer = ita("replay", f"lean:{place}", "--out", tmp_path / "out")

    refused(answer, tmp_path / "out", str(path))


@pytest.mark.parametrize(
    ("row", "reason"),
    [("34290000,1674200,200,P", "wrong_column_count"), ("34290000,much,200,P,0,0", "not_a_number")],
)
def test_a_row_that_cannot_be_read_is_quarantined_with_its_place_and_the_others_go_on(
    ita, lean, tmp_path, row, reason
):
    first, second, third = TRADES.splitlines()
    place = lean(f"{first}\n{second}\n{row}\n{third}\n")

    code, printed, _ = ita("replay", f"lean:{place}", "--out", tmp_path / "out", "--json")

    summary = json.loads(printed)
    assert code == 0
    assert summary["counts"]["market.trades"] == 3
    assert summary["quarantined"] == {reason: 1}
    assert summary["rows_in"] == 4


def test_a_table_without_a_price_is_refused_with_the_columns_that_it_has(ita, tmp_path):
    (tmp_path / "ticks.csv").write_text("time,symbol,colour\n2024-03-07T15:00:00Z,AIG,red\n")

    answer = ita("replay", f"csv:{tmp_path / 'ticks.csv'}", "--out", tmp_path / "out")

    refused(answer, tmp_path / "out", "ticks.csv", "price")


def test_an_unknown_instrument_is_answered_with_the_nearest(ita, lean, tmp_path):
    place = lean(TRADES)

    answer = ita("replay", f"lean:{place}", "--instruments", "AIGG", "--out", tmp_path / "out")

    refused(answer, tmp_path / "out", "unknown instrument 'AIGG'", "AIG")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("lean:/nowhere/at/all", ("/nowhere/at/all", "exists")),
        ("leen:/tmp", ("leen:/tmp", "lean")),
        ("/tmp", ("SCHEME:PLACE", "lean")),
        ("simulator:sead=7", ("sead=7", "seed")),
        ("simulator:seed=seven", ("seed", "whole number", "seven")),
    ],
)
def test_a_source_that_does_not_exist_is_refused_with_what_is_allowed(ita, tmp_path, source, words):
    answer = ita("replay", source, "--out", tmp_path / "out")

    refused(answer, tmp_path / "out", *words)


def test_days_that_the_source_does_not_hold_are_refused_with_those_that_it_holds(ita, lean, tmp_path):
    place = lean(TRADES)

    answer = ita("replay", f"lean:{place}", "--from", "2020-01-01", "--out", tmp_path / "out")

    refused(answer, tmp_path / "out", "2020-01-01", "2013-10-07")


def test_an_output_folder_that_cannot_be_made_is_refused(ita, tmp_path):
    (tmp_path / "file").write_text("in the way")
    out = tmp_path / "file" / "out"

    answer = ita("replay", SIMULATED, "--out", out)

    refused(answer, out, str(out), "--out")


def test_an_output_folder_of_something_else_is_refused_and_not_touched(ita, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "letters.txt").write_text("mine")

    answer = ita("replay", SIMULATED, "--out", out)

    refused(answer, out, "letters.txt", "--out")
    assert sorted(path.name for path in out.iterdir() if path.name != ".lock") == ["letters.txt"]


def test_an_output_folder_of_another_configuration_is_refused(ita, tmp_path):
    RunFolder(tmp_path / "out", manifest_of(SIMULATED, "0123456789abcdef")).close()

    answer = ita("replay", SIMULATED, "--out", tmp_path / "out")

    refused(answer, tmp_path / "out", "configuration", "0123456789abcdef", "--out")


def manifest_of(source, configuration):
    return {
        "kind": "replay",
        "sources": [source],
        "instruments": None,
        "from": None,
        "to": None,
        "workers": 1,
        "configuration": configuration,
    }


def test_a_second_run_on_a_folder_is_refused_while_the_first_is_at_work(ita, tmp_path):
    first = RunFolder(tmp_path / "out", {"kind": "replay"})

    answer = ita("replay", SIMULATED, "--out", tmp_path / "out")

    first.close()
    refused(answer, tmp_path / "out", "another run", str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("name", "before", "after", "words"),
    [
        ("base.yaml", "\ndesk:", "\ndesk: [", ("base.yaml", "not YAML")),
        ("base.yaml", "starting_cash:", "starting_cahs:", ("base.yaml", "starting_cahs", "starting_cash")),
        (
            "base.yaml",
            "starting_cash:",
            "xyz:",
            ("desk.xyz: there is no such key", "known are", "starting_cash"),
        ),
        ("base.yaml", "capital_fraction: 0.05", "capital_fraction: much", ("capital_fraction", "much")),
        ("limits.yaml", "hard: 5,", "hard: five,", ("limits.yaml", "collar-liquid", "five")),
        ("limits.yaml", "measure: price_collar", "measure: price_colar", ("price_colar", "price_collar")),
        (
            "strategies.yaml",
            "kind: mean_reversion",
            "kind: mean_revesion",
            ("mean_revesion", "mean_reversion"),
        ),
        ("strategies.yaml", "z_full:", "z_ful:", ("strategies.yaml", "z_ful", "z_full")),
        (
            "compliance.yaml",
            "order_age_seconds: 2",
            "order_age_seconds: soon",
            ("compliance.yaml", "order_age"),
        ),
    ],
)
def test_configuration_that_is_wrong_is_refused_with_its_file_and_the_nearest_right_word(
    ita, configuration, tmp_path, name, before, after, words
):
    folder = configuration(name, before, after)

    answer = ita("replay", SIMULATED, "--config", folder, "--out", tmp_path / "out")

    refused(answer, tmp_path / "out", *words)


@pytest.mark.parametrize(
    "words",
    [
        ("replay",),
        ("replay", SIMULATED, "--workers", "0"),
        ("replay", SIMULATED, "--batch-rows", "many"),
        ("replay", SIMULATED, "--outt", "x"),
        ("rplay", SIMULATED),
        ("run", "dsk"),
        ("run", "desk", "--source", "simulator:", "--speed", "-1"),
        ("explain",),
    ],
)
def test_a_command_that_is_written_wrongly_ends_with_2_and_says_so(ita, words):
    code, printed, complaint = ita(*words)

    assert (code, printed) == (2, "")
    assert complaint.startswith("ita: ")
    assert "Traceback" not in complaint


def test_a_worker_that_fails_tells_why_and_the_run_does_not_look_whole(ita, lean, tmp_path):
    place = lean(TRADES * 1000)
    path = damaged(place)

    code, printed, complaint = ita("replay", f"lean:{place}", "--workers", "2", "--out", tmp_path / "out")

    assert (code, printed) == (1, "")
    assert str(path) in complaint
    assert not (tmp_path / "out" / SUMMARY).exists()
