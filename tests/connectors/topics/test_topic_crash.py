"""A killed topic writer leaves, in the end, the rows of one that was never killed, and its reader never goes back."""

from pathlib import Path

import numpy as np
import pytest

from connectors.topics.codec import MarketCodec
from connectors.topics.log import LogReader, partition_path
from domain.market import MarketBatch, concatenate
from tests.connectors.crash_flow import ROWS, all_bars, all_ticks
from tests.connectors.crashes import run_with_kills

KILLS = 4
SEED = 34


@pytest.mark.slow
def test_a_reader_that_stays_through_every_kill_sees_each_row_once_and_in_order(tmp_path: Path) -> None:
    reader = LogReader(partition_path(tmp_path / "killed" / "topics", "market", "0"))
    seen: list[MarketBatch] = []
    ends = []

    def look() -> None:
        for frame in reader.frames():
            if frame.ended:
                ends.append(reader.offset)
            else:
                seen.append(MarketCodec().decode(frame.watermark, frame.body))

    kills = run_with_kills("topic", tmp_path / "killed", SEED, KILLS, look)
    look()

    assert kills == KILLS
    assert len(ends) == 1
    ticks = concatenate([batch.ticks for batch in seen])
    for name, column in all_ticks()._asdict().items():
        if column is not None:
            np.testing.assert_array_equal(getattr(ticks, name), column, err_msg=name)
    bars = np.concatenate([batch.bars for batch in seen if batch.bars is not None])
    np.testing.assert_array_equal(bars, all_bars())
    watermarks = [batch.watermark for batch in seen]
    assert watermarks == sorted(watermarks)
    assert len(ticks.event_at) == ROWS
    reader.close()
