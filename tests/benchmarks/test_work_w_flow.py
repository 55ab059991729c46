"""Work W: the flow, the reference and the definition agree."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.w import flow, reference
from benchmarks.w.answers import COUNTS, LAST, Answers, differences, merged
from benchmarks.w.tape import COLUMNS, START_NS, make
from benchmarks.work_w import main
from tests.benchmarks.plain_w import work

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tape(tmp_path_factory):
    path = tmp_path_factory.mktemp("work_w") / "tape.parquet"
    make(path, 50_000, 20, seed=3)
    return path


@pytest.fixture(scope="module")
def sparse_tape(tmp_path_factory):
    """Instruments with one bar, none, 14 to 40 bars, bars that never move, whole seconds without a trade."""
    path = tmp_path_factory.mktemp("work_w") / "sparse.parquet"
    lengths = {0: 1, 2: 14, 3: 15, 4: 19, 5: 20, 6: 21, 7: 40, 8: 40, 9: 38}
    draw = np.random.default_rng(5)
    rows = []
    for sym, length in lengths.items():
        for bar in range(length):
            price = 50.0 if sym == 9 else round(50 + float(draw.normal()), 2)
            rows.append((START_NS + (3 * bar + sym % 2) * 1_000_000_000 + sym * 1000, sym, price, 1 + bar))
    rows.sort()
    kinds = (np.int64, np.int32, np.float64, np.int32)
    columns = (np.array(column, kind) for column, kind in zip(zip(*rows, strict=True), kinds, strict=True))
    pq.write_table(pa.table(dict(zip(COLUMNS, columns, strict=True))), path, write_statistics=False)
    return path


def plain_answers(path):
    rows = list(
        zip(
            *(column.to_pylist() for column in pq.read_table(path, columns=list(COLUMNS)).columns),
            strict=True,
        )
    )
    counts, last = work(rows)
    table = np.array([tuple(row[name] for name in LAST.names) for row in last], LAST)
    return Answers(np.array([counts[name] for name in COUNTS]), table)


def flowed(path, batch_rows, **shard):
    with flow.ready(path, batch_rows, **shard) as work:
        return work()


def bits(last):
    return {name: last[name].tobytes() for name in LAST.names}


def test_flow_and_reference_give_what_the_definition_says(tape):
    expected = plain_answers(tape)

    found, floor = flowed(tape, 65_536), reference.run(tape)

    assert expected.counts.min() > 0
    assert differences(found, expected) == []
    assert differences(floor, expected) == []


def test_indicators_speak_at_their_bar_and_not_before(sparse_tape):
    expected = plain_answers(sparse_tape)

    found, floor = flowed(sparse_tape, 65_536), reference.run(sparse_tape)

    assert differences(found, expected) == []
    assert differences(floor, expected) == []


@pytest.mark.parametrize("batch_rows", [64, 4096])
def test_batch_size_changes_no_bit(tape, batch_rows):
    whole = flowed(tape, 65_536)

    found = flowed(tape, batch_rows)

    assert found.counts.tolist() == whole.counts.tolist()
    assert bits(found.last) == bits(whole.last)


def test_two_shards_together_give_what_one_gives(tape):
    whole = flowed(tape, 65_536)

    found = merged([flowed(tape, 4096, shards=2, mine=mine) for mine in (1, 0)])

    assert found.counts.tolist() == whole.counts.tolist()
    assert bits(found.last) == bits(whole.last)


def test_a_different_answer_is_said(tape):
    floor = reference.run(tape)
    counts, last = floor.counts.copy(), floor.last.copy()
    counts[2] += 1
    last["rsi"][4] += 1e-6

    said = differences(Answers(counts, last), floor)

    assert [words.split()[0] for words in said] == ["intents", "rsi"]


def test_a_file_of_another_form_is_refused(tmp_path):
    path = tmp_path / "other.parquet"
    pq.write_table(pa.table({"ts_ns": np.arange(3), "sym": np.arange(3)}), path)

    with pytest.raises(ValueError, match="a tape has the columns"):
        flowed(path, 64)


LINE = [
    *(
        "events",
        "instruments",
        "bars",
        "intents",
        "accepted",
        "rejected_1",
        "rejected_2",
        "rejected_3",
        "fills",
    ),
    *("seconds", "events_per_second", "reference_seconds", "ratio", "workers", "batch_rows", "peak_rss_mb"),
]


def test_command_prints_one_line_and_writes_the_last_states(tape, tmp_path, capsys):
    out = tmp_path / "last.parquet"

    code = main([str(tape), "--repeat", "2", "--batch-rows", "4096", "--out", str(out)])

    line = json.loads(capsys.readouterr().out)
    assert (code, list(line)) == (0, LINE)
    assert (line["events"], line["instruments"], line["workers"], line["batch_rows"]) == (50_000, 20, 1, 4096)
    table = pq.read_table(out)
    assert table.column_names == list(LAST.names)
    assert table["bars"].to_pylist() == reference.run(tape).last["bars"].tolist()


@pytest.mark.slow
def test_two_workers_of_the_script_agree_with_the_reference(tape):
    command = [sys.executable, "benchmarks/work_w.py", str(tape), "--repeat", "1", "--workers", "2"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert (json.loads(done.stdout)["events"], json.loads(done.stdout)["workers"]) == (50_000, 2)


def test_a_made_tape_is_the_same_for_the_same_seed_only(tmp_path):
    paths = [tmp_path / f"{name}.parquet" for name in ("first", "again", "other")]

    codes = [
        main(["--make", "5000,7", str(path), "--seed", seed]) for path, seed in zip(paths, "112", strict=True)
    ]

    first, again, other = (pq.read_table(path) for path in paths)
    assert codes == [0, 0, 0]
    assert first.equals(again)
    assert not first.equals(other)
    assert (np.diff(first["ts_ns"].to_numpy()) >= 1000).all()
    assert (first["sym"].to_numpy() < 7).all()


@pytest.mark.parametrize("words", [[], ["absent.parquet"], ["--make", "0,5", "x.parquet"], ["--make", "9,3"]])
def test_wrong_use_ends_with_two(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)

    assert ended.value.code == 2
    assert capsys.readouterr().out == ""
