"""AU-10: a writer that is killed again and again leaves the log of one that was never killed, each record once."""

import pytest
from bytewax.testing import run_main

from connectors.audit.heads import read_heads
from connectors.audit.keys import PublicKeys
from connectors.audit.rows import segments
from connectors.audit.verification import verify
from tests.connectors.crash_flow import ROWS, flow
from tests.connectors.crashes import run_with_kills

KILLS = 5
SEED = 71
WRITER = "0"


@pytest.mark.slow
def test_a_killed_writer_leaves_the_log_and_the_head_of_one_that_was_never_killed(tmp_path):
    run_main(flow("audit", tmp_path / "whole", 1))
    killed, seen = tmp_path / "killed", [0]

    def look():
        paths = segments(killed / "audit" / WRITER)
        if paths:
            found = verify(killed / "audit", WRITER, PublicKeys())
            assert found.findings == []
            seen[0] = max(seen[0], found.rows)

    kills = run_with_kills("audit", killed, SEED, KILLS, look)

    assert kills == KILLS
    assert seen[0]
    ours, theirs = (segments(folder / "audit" / WRITER) for folder in (killed, tmp_path / "whole"))
    assert [path.name for path in ours] == [path.name for path in theirs]
    assert all(one.read_bytes() == other.read_bytes() for one, other in zip(ours, theirs, strict=True))
    heads = [read_heads(folder / "audit" / WRITER)[-1] for folder in (killed, tmp_path / "whole")]
    assert heads[0].root == heads[1].root
    assert heads[0].tree_size == heads[1].tree_size == 2 * ROWS
