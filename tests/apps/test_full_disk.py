"""A full disk ends a run with a plain message, and nothing is presented as whole; with room the run goes on."""

import json
import subprocess

import pytest

from tests.served.desk import command
from tests.small_disk import disk

WORK_FAILED = 1
SOURCE = "simulator:instruments=8,days=1,ticks=60000"


def ita(*words):
    return subprocess.run(command(*words), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    done = ita("replay", SOURCE, "--out", str(tmp_path_factory.mktemp("whole") / "run"), "--json")
    return json.loads(done.stdout)


@pytest.mark.parametrize("kilobytes", [1_200, 3_500], ids=["journal", "lake"])
def test_a_run_on_a_full_disk_says_so_and_with_room_goes_on_to_the_same_records(
    tmp_path, undisturbed, kilobytes
):
    out = tmp_path / "small" / "run"
    replay = ("replay", SOURCE, "--out", str(out))
    with disk(tmp_path / "small", kilobytes):
        failed = ita(*replay)
        assert failed.returncode == WORK_FAILED, failed.stderr
        (said,) = [line for line in failed.stderr.splitlines() if line.startswith("ita: ")]
        assert said.startswith("ita: no room is left on the disk that is written to (")
        assert not (out / "summary.json").exists()

        subprocess.run(["mount", "-o", "remount,size=100m", str(tmp_path / "small")], check=True)
        done = ita(*replay, "--json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [found[part] for part in ("counts", "digests", "positions")] == [
        undisturbed[part] for part in ("counts", "digests", "positions")
    ]
