"""The desk still comes to what it came to when somebody last looked at it."""

import pytest

from tests.golden.golden import RUNS, kept, outcome


@pytest.mark.slow
@pytest.mark.parametrize("golden", RUNS, ids=lambda golden: golden.file)
def test_the_desk_comes_to_what_was_kept(golden, tmp_path):
    if golden.place is not None and not golden.place.exists():
        pytest.skip(f"{golden.place} is not here; the vendor's ticks are not part of the repository")

    now, before = outcome(golden, tmp_path / "run"), kept(golden)

    assert {name: now[name] for name in before if now[name] != before[name]} == {}
