"""Power is lost three times in a day, for every worker and every server at once, and nothing else is."""

import json
import subprocess
import sys

import pytest

from tests.served.desk import ROOT
from tests.served.driver import SERVERS

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("served_desk")]
LOSSES = 3


def test_a_desk_and_its_servers_that_lose_power_three_times_in_a_day_hold_everything_once(request, tmp_path):
    for server in SERVERS:
        request.getfixturevalue(server)
    words = ("--losses", str(LOSSES), "--seed", "7", "--out", str(tmp_path / "power"))

    done = subprocess.run(
        [sys.executable, "-m", "tests.served.power", *words],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["records"] > 0
    assert (found["losses"], found["missing"], found["twice"], found["different"]) == (LOSSES, 0, 0, 0)
