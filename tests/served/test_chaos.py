"""Random kills of workers and servers of a whole served desk leave nothing missing, twice or different."""

import json
import subprocess
import sys

import pytest

from tests.served.chaos import schedule
from tests.served.desk import ROOT

KILLS = 10
SOURCE = "simulator:instruments=4,days=1,ticks=20000"


@pytest.mark.served
@pytest.mark.slow
@pytest.mark.xdist_group("served_desk")
@pytest.mark.usefixtures("kafka", "influx", "s3", "postgres", "redis")
def test_ten_kills_of_workers_and_servers_lose_and_double_nothing(tmp_path):
    words = ["--kills", str(KILLS), "--seed", "11", "--every-seconds", "2", "--source", SOURCE]
    words += ["--out", str(tmp_path / "chaos")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.served.chaos", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=3_000,
    )
    assert done.returncode in (0, 1), done.stderr[-3000:]
    assert done.stdout, done.stderr[-3000:]
    line = json.loads(done.stdout.splitlines()[-1])

    assert (line["missing"], line["twice"], line["different"]) == (0, 0, 0)
    assert line["kills"] == sum(line["by_process"].values()) == KILLS
    assert line["records"] > 50_000


def test_a_seed_repeats_whom_it_kills_and_when():
    names = ("decisions", "kafka", "redis")

    seven, again, eight = (schedule(seed, 20, 4.0, names) for seed in (7, 7, 8))

    assert seven == again
    assert seven != eight
    assert {name for name, _ in seven} == set(names)
    assert seven[0][1] == 0.0
    assert all(0.8 <= seconds <= 7.2 for _, seconds in seven[1:])
