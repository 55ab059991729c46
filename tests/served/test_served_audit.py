"""AU-13: every record of the served topics has exactly one row in the audit, whose head is the embedded desk's."""

import random
import time
from collections import Counter

import msgspec
import pytest

from apps.audit import Question, verified
from config.audit import read_audit
from connectors.audit.heads import read_heads
from connectors.audit.rows import lines_of, segments
from connectors.lake.schemas import DECISIONS
from flows.stages import AUDIT, NOT_AUDITED, OF_A_LYING_VENUE
from tests.served.desk import ServedDesk, embedded_replay, initialised

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("served_desk")]
SOURCE = "simulator:instruments=2,days=1,ticks=6000"
KILLS = 3
PATIENCE_SECONDS = 400


@pytest.fixture
def desk(request, tmp_path, own):
    with initialised(request, ServedDesk(own, tmp_path / "served", SOURCE)) as made:
        yield made


def rows_of(folder):
    return b"".join(path.read_bytes() for path in segments(folder / AUDIT))


def test_a_killed_decisions_worker_leaves_one_row_for_each_record_of_its_topics(desk, tmp_path):
    moments, kills = random.Random(3), 0
    desk.start_all()
    deadline = time.monotonic() + PATIENCE_SECONDS
    log = desk.folder / "decisions" / "audit" / AUDIT
    grown = 0
    while not desk.look():
        assert time.monotonic() < deadline, {name: desk.said(name)[-500:] for name in desk.workers}
        size = sum(path.stat().st_size for path in segments(log))
        if kills < KILLS and size > grown:
            time.sleep(moments.uniform(0.0, 0.4))
            desk.kill("decisions")
            kills, grown = kills + 1, size
        time.sleep(0.05)

    embedded = tmp_path / "embedded"
    embedded_replay(SOURCE, embedded)
    audited = Counter(
        (entry["stream"], entry["event_id"])
        for entry in (msgspec.json.decode(line)["entry"] for line in lines_of(segments(log)))
    )
    on_topics = Counter(
        (topic, name)
        for topic in DECISIONS
        if topic not in NOT_AUDITED and topic not in OF_A_LYING_VENUE
        for rows in (desk.kafka_rows(topic, (0,)),)
        if rows.height
        for name in rows["record_id"]
    )
    assert kills == KILLS
    assert on_topics
    assert audited == on_topics
    assert rows_of(desk.folder / "decisions" / "audit") == rows_of(embedded / "audit")
    assert read_heads(log)[-1].root == read_heads(embedded / "audit" / AUDIT)[-1].root
    assert verified(desk.folder / "decisions", read_audit(), Question()).first is None
