"""A venue with corporate actions beside it: told once and in time whatever the restarts, heard of when they came."""

import msgspec
import numpy as np
import pytest

from connectors.acted_live import ActedLive, Heard, heard_by
from connectors.kept_sessions import session_table
from connectors.live_input import LiveInput
from connectors.source import SourceError
from connectors.tick_input import Stop
from connectors.websocket.live_ticks import Moment
from domain.corporate_actions import ActionKind, CorporateAction
from domain.market import END, SECOND, Chunk, complete_ticks, empty_ticks, row_count

DAYS = ("2024-03-07", "2024-03-08", "2024-03-09")
EX_ON = 19_790  # 2024-03-08, which begins at 00:00 UTC round the clock
DAY = 86_400 * SECOND
BEGAN = EX_ON * DAY - 3_600 * SECOND
MIDNIGHT = EX_ON * DAY + 5 * 3_600 * SECOND  # of New York
TABLE = session_table("24/7", DAYS[0], DAYS[-1])


class Wire:
    """Rows of A and B every ten minutes for eight hours, and the time between them."""

    name = "wire"
    began_at = BEGAN

    def instruments(self):
        return ("A", "B")

    def reference(self):
        return ()

    def splits(self):
        return ()

    def segments(self):
        return DAYS

    def stream(self, _index, owned, first):
        for step in range(48):
            at = BEGAN + step * 600 * SECOND
            segment = int(at >= MIDNIGHT)
            if segment < first:
                continue
            which = np.flatnonzero(owned)
            rows = {
                "event_at": np.full(len(which), at),
                "instrument": which,
                "price": np.full(len(which), 10.0),
            }
            yield Moment(segment, Chunk(complete_ticks({**rows, "size": np.ones(len(which))})), -1)
            yield Moment(segment, Chunk(empty_ticks()), at + 300 * SECOND)

    def synchronise(self):
        """Hold nothing back."""


def split(name, known_at=0, ex_on=EX_ON, action_id=""):
    return CorporateAction(
        kind=ActionKind.SPLIT,
        ex_on=ex_on,
        ratio=2.0,
        instrument=name,
        known_at=known_at,
        action_id=action_id or f"{name}-{ex_on}-{known_at}",
    )


HEARD = (
    Heard(BEGAN, split("A")),
    Heard(BEGAN, split("B", ex_on=EX_ON + 1, known_at=BEGAN + 700 * SECOND)),
    Heard(BEGAN, split("A", ex_on=EX_ON - 9)),
    Heard(MIDNIGHT + 60 * SECOND, split("A", ex_on=EX_ON + 1)),
    Heard(MIDNIGHT + 420 * SECOND, split("A", ex_on=EX_ON)),
)
KNOWN = [
    ("A", BEGAN),
    ("B", BEGAN + 700 * SECOND),
    ("A", MIDNIGHT + 60 * SECOND),
    ("A", MIDNIGHT + 420 * SECOND),
]


def batches(resume=None, last=None):
    """Return the batches of a partition from a position on, each with the position after it."""
    settings = LiveInput(ActedLive(Wire(), HEARD, TABLE), {"A": 0, "B": 1}, ("0",), ("0",), 10, Stop(), None)
    part = settings.build_part("ticks", "0", resume)
    made = []
    while last is None or len(made) < last:
        found = part.next_batch()
        made += [(batch, part.snapshot()) for _, batch in found]
        if found and found[0][1].watermark == END:
            break
    return made


def test_each_action_is_told_once_with_the_first_that_comes_after_it_was_heard_of():
    made = [batch for batch, _ in batches()]

    assert [(one.instrument, one.known_at) for batch in made for one in batch.actions] == KNOWN
    reached = -1
    for batch in made:
        assert all(one.known_at > reached for one in batch.actions)
        reached = max(reached, batch.watermark)
    assert sum(row_count(batch.ticks) for batch in made) == 96


def test_a_restart_at_any_batch_tells_what_was_not_told_and_nothing_twice():
    whole = batches()

    for cut in range(0, len(whole) - 1, 3):
        before, after = whole[: cut + 1], batches(whole[cut][1])
        told = [(one.instrument, one.known_at) for batch, _ in before + after for one in batch.actions]
        assert told == KNOWN
        assert sum(row_count(batch.ticks) for batch, _ in before + after) == 96


def test_a_file_that_has_grown_by_the_next_start_is_heard_of_then(tmp_path):
    path = tmp_path / "heard.jsonl"
    first, more = split("A"), split("B")

    assert heard_by(path, (first,), 10) == (Heard(10, first),)
    assert heard_by(path, (first, more), 20) == (Heard(10, first), Heard(20, more))
    assert heard_by(path, (), 30) == (Heard(10, first), Heard(20, more))
    assert len(path.read_bytes().splitlines()) == 2


def test_what_was_heard_and_cannot_be_read_is_told(tmp_path):
    path = tmp_path / "heard.jsonl"
    path.write_bytes(msgspec.json.encode({"heard_at": "soon"}) + b"\n")

    with pytest.raises(SourceError, match=r"heard\.jsonl cannot be read"):
        heard_by(path, (), 10)
