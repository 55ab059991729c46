"""A list of nine thousand names is loaded into a desk that runs: it goes on, and refuses who is listed from then on."""

import csv
import gzip
import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from apps.replaying import replayed
from apps.run_folder import RunFolder
from apps.running import RunOptions, run_desk
from apps.sanction_lists import loading
from config.settings import DEFAULT, read_settings
from connectors.files.command_file import append_command
from connectors.files.lake_reference import keep_reference
from connectors.files.open_source import open_source
from connectors.lake.digest import digests
from connectors.tick_input import Stop
from tests.apps import small_market

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
LISTS = ROOT.parent / "shared" / "data" / "restricted_lists"
ISSUER, NAME = "Caldr Inc", "BANCO NACIONAL DE CUBA"
SPEED = 1_500.0
START_SECONDS = 180
NAMES = 9_000
LISTED = "FROM verdicts v JOIN checks c ON c.verdict_record_id = v.record_id WHERE c.code = 'SANCTION'"


def ita(*words, **options):
    command = [sys.executable, "-c", "from apps.cli.main import main; main()", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)


def rows(out, question):
    with sqlite3.connect(f"file:{out / 'journal.sqlite'}?mode=ro", uri=True) as journal:
        return journal.execute(question).fetchall()


def write_list(path, names, first=1):
    """Write a list of its own: `names` people who do not exist, and the issuer."""
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["id", "name"])
        lines.writerow([first, NAME])
        lines.writerows(
            (number, f"Person {number:05} Qzx{number % 89}v") for number in range(first + 1, first + names)
        )
    return path


def configured(folder):
    """Write a configuration whose issuer has the name that `write_list` puts on a list; return its folder."""
    folder.mkdir(exist_ok=True)
    text = (DEFAULT / "compliance.yaml").read_text()
    party = f'  parties: [{{party: "issuer:{ISSUER}", name: "Banco Nacional de Cuba"}}]\n  sanctions: []'
    (folder / "compliance.yaml").write_text(text.replace("  sanctions: []", party, 1))
    return folder


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return configured(tmp_path_factory.mktemp("config"))


@pytest.fixture
def desk(tmp_path, config):
    """Return the folder of a desk that decides, and a function that starts it."""
    out, running = tmp_path / "out", []

    def start():
        command = [sys.executable, "-m", "apps.cli.main", "run", "desk", "--source", small_market.SPEC]
        command += ["--speed", str(SPEED), "--metrics-port", "0", "--out", str(out), "--config", str(config)]
        running.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield out, start
    for process in running:
        with process:
            process.kill()


def wait_for(process, out, question):
    """Wait until a question to the journal has an answer, and return it."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        if (out / "journal.sqlite").exists():
            try:
                found = rows(out, question)[0][0]
            except sqlite3.OperationalError:
                found = None
            if found:
                return found
        time.sleep(0.05)
    raise AssertionError(f"nothing came of: {question}")


def real_list(tmp_path):
    """Return the published list of 9,416 entries where it is there, else one of 9,000 that is made up."""
    if not LISTS.is_dir():
        return write_list(tmp_path / "SDN.csv", NAMES)
    for name in ("sdn", "alt"):
        (tmp_path / f"{name}.csv").write_bytes(gzip.decompress((LISTS / f"{name}.csv.gz").read_bytes()))
    return tmp_path / "sdn.csv"


def test_nine_thousand_names_are_loaded_while_the_desk_runs_and_it_refuses_from_there_on(desk, tmp_path):
    out, start = desk
    process = start()
    wait_for(process, out, "SELECT count(*) FROM verdicts WHERE kind = 'approved'")
    listed = real_list(tmp_path)

    loaded = ita(
        "sanctions", "load", listed, "--name", "SDN", "--reason", "of today", "--out", out, "--who", "ann"
    )
    assert (loaded.returncode, "holds from" in loaded.stdout) == (0, True), loaded.stderr
    ((since, scope),) = rows(out, "SELECT known_at, scope FROM controls")
    refused_at = wait_for(process, out, f"SELECT min(v.known_at) {LISTED}")
    before = rows(out, f"SELECT count(*) {LISTED} AND v.known_at < {since}")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0

    process = start()
    shown = json.loads(ita("sanctions", "show", "--out", out, "--json").stdout)["lists"]
    wait_for(process, out, f"SELECT count(*) {LISTED} AND v.known_at > {refused_at}")
    process.send_signal(signal.SIGTERM)
    process.wait(60)

    assert (scope, refused_at >= since, before) == ("list:SDN", True, [(0,)])
    assert [(each["list"], each["state"], each["who"], each["names"] >= NAMES) for each in shown] == [
        ("SDN", "holds", "ann", True)
    ]
    assert {(each["party"], each["how"]) for each in shown[0]["found"] if each["score"] == 1.0} == {
        (f"issuer:{ISSUER}", "exact")
    }


def test_a_replay_of_a_run_repeats_its_lists(config, tmp_path):
    out = tmp_path / "run"
    source, settings = open_source(small_market.SPEC), read_settings(config)
    listed = write_list(tmp_path / "SDN.csv", 500)
    folder = RunFolder(out, {"kind": "test", "configuration": settings.digest})
    append_command(folder.commands, loading([listed], ("SDN", "1"), 0.83, ("ann", "a test"), smaller=False))
    keep_reference(folder.lake, source)
    run_desk(settings, folder, source, RunOptions(batch_rows=4_096, raw=True, commanded=True), Stop())
    folder.finish({"kind": "test"})
    folder.close()

    again = small_market.request(f"lake:{out}", config=config)
    repeated = replayed(again, tmp_path / "again")["digests"]
    found = {topic: each for topic, each in digests(folder.lake).items() if not topic.startswith("raw.")}
    refused = rows(out, f"SELECT DISTINCT v.Symbol {LISTED}")

    assert refused == [("CALDR",)]
    assert {topic: each for topic, each in repeated.items() if not topic.startswith("raw.")} == found


@pytest.mark.parametrize(
    ("damage", "said", "code"),
    [
        (
            lambda text: text[: len(text) // 2].rpartition("\n")[0] + "\n7,\n",
            "1 lines that are none of a list",
            1,
        ),
        (lambda _: "id,who\n1,x\n", "no list that is known", 2),
        (lambda _: "", "holds no names", 2),
        (lambda _: "id,name\n", "a list without names", 2),
    ],
)
def test_a_damaged_file_is_refused_whole_at_the_door(tmp_path, damage, said, code):
    listed = write_list(tmp_path / "SDN.csv", 10)
    listed.write_text(damage(listed.read_text()))
    RunFolder(tmp_path / "run", {"kind": "test"}).close()

    done = ita("sanctions", "load", listed, "--reason", "x", "--out", tmp_path / "run")

    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
