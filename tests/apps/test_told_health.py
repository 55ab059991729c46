"""What a feed said of itself in a run is heard again in a replay of it, and leads to the same records."""

import numpy as np
import pytest

from apps.run_folder import RunFolder
from apps.running import RunOptions, run_desk
from config.settings import read_settings
from connectors.files.lake_reference import keep_reference
from connectors.files.open_source import open_source
from connectors.lake.digest import digests
from connectors.tick_input import Stop
from tests.connectors.files.reading import index_of
from tests.connectors.told import Told


def run(source, out, batch_rows):
    """Run the desk over a source, and return the digests of what it kept, the raw rows apart."""
    folder = RunFolder(out, {"kind": "test"})
    keep_reference(folder.lake, source)
    run_desk(read_settings(), folder, source, RunOptions(batch_rows=batch_rows, raw=True), Stop())
    folder.close()
    return {topic: found for topic, found in digests(folder.lake).items() if not topic.startswith("raw.")}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    out = tmp_path_factory.mktemp("told") / "run"
    return out, run(Told(), out, 256)


def test_a_lake_says_again_what_the_feed_said_and_nothing_that_was_found_out(recorded):
    source, lake = Told(), open_source(f"lake:{recorded[0]}")
    index = index_of(lake)

    heard = [
        row
        for day in lake.segments()
        for chunk in lake.read(day, index, np.ones(len(index), np.bool_))
        for row in chunk.health
    ]

    assert heard == [row for day in source.segments() for row in source.said(day)]


@pytest.mark.parametrize("batch_rows", [64, 65_536])
def test_a_replay_of_a_lake_with_health_of_the_feed_in_it_gives_the_digests_of_the_run(
    recorded, tmp_path, batch_rows
):
    again = run(open_source(f"lake:{recorded[0]}"), tmp_path / "again", batch_rows)

    assert again == recorded[1]
    assert "market.health" in again
