"""Reading from any place to any place, one consumer for all parts, damage, and offsets that are gone."""

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import AbortExecution
from bytewax.testing import TestingSink, run_main

from connectors.kafka.client import KafkaRefused, OffsetGone
from connectors.kafka.codec import Damaged, KafkaCodec
from connectors.kafka.source import BEGINNING, END, MARK, NEVER, KafkaSource, at_offset, at_time
from connectors.lake.codec import END_OF_INPUT
from connectors.lake.lanes import Records, TopicEnd
from connectors.tick_input import Stop
from domain.market import MINUTE
from tests.connectors.crash_flow import FIRST_AT, SPACING, position
from tests.connectors.deadline import until
from tests.connectors.kafka.desk import part_of

pytestmark = pytest.mark.served


def _write(broker, first, last, *, partition=0, ended=False, state=None):
    """Write positions, each in a transaction of its own, so that marks of transactions stand between them."""
    part = part_of(broker, state, topics=("positions",), partition=partition, flow=f"writer{partition}")
    for row in range(first, last):
        part.write_batch([Records("positions", [position(row)])])
        part.snapshot()
    part.write_batch([END_OF_INPUT] * ended)
    state = part.snapshot()
    part.close()
    return state


def _source(broker, *partitions, **settings):
    return KafkaSource(broker.cluster, ("positions",), partitions or (0,), KafkaCodec(), **settings)


def _run(source):
    items = []
    flow = Dataflow("read")
    op.output("out", op.input("in", flow, source), TestingSink(items))
    run_main(flow)
    return items


def _rows(items):
    return [record.quantity for _, item in items if isinstance(item, Records) for record in item.records]


def _drained(part, enough):
    items = []

    def look():
        items.extend(part.next_batch())
        return len(items) >= enough

    until(look)
    return items


@pytest.mark.parametrize(
    ("start", "stop", "rows"),
    [
        (BEGINNING, END, range(12)),
        (BEGINNING, MARK, range(12)),
        (at_offset(6), END, range(3, 12)),
        (at_offset({"positions:0": 5}), at_offset({"positions:0": 8}), range(3, 4)),
        (at_time(FIRST_AT + 4 * SPACING), END, range(4, 12)),
        (at_time(FIRST_AT + 4 * SPACING - 1), at_time(FIRST_AT + 9 * SPACING), range(4, 9)),
        (at_time(FIRST_AT + 1_000 * MINUTE), END, range(0)),
        (at_time(0), at_offset(3), range(2)),
        (at_offset(4), at_offset(4), range(0)),
    ],
)
def test_a_part_reads_from_where_it_is_told_to_where_it_is_told(broker, start, stop, rows):
    broker.make("positions")
    _write(broker, 0, 12, ended=True)

    items = _run(_source(broker, start=start, stop=stop))

    assert _rows(items) == list(rows)
    assert {shard for shard, _ in items} == ({"0"} if rows else set())


def test_all_parts_of_a_worker_are_read_by_one_consumer_and_named_by_their_shard(broker):
    broker.make("positions", partitions=3)
    for partition in range(3):
        _write(broker, 0, 3 + partition, partition=partition)
    source = _source(broker, 0, 1, 2, stop=END, shard_of=lambda topic, number: f"{topic}-{number}")

    items = _run(source)

    assert len(source._readers) == 1
    for partition in range(3):
        mine = [item for item in items if item[0] == f"positions-{partition}"]
        assert _rows(mine) == list(range(3 + partition))


def test_a_part_resumes_after_what_it_has_handed_out_also_on_another_worker(broker):
    broker.make("positions", partitions=2)
    states = {number: _write(broker, 0, 4, partition=number) for number in (0, 1)}
    source = _source(broker, 0, 1)
    parts = {number: source.build_part("in", f"positions:{number}", None) for number in (0, 1)}
    for part in parts.values():
        assert _rows(_drained(part, 4)) == [0, 1, 2, 3]
    kept = {number: part.snapshot() for number, part in parts.items()}
    for part in parts.values():
        part.close()

    for number in (0, 1):
        _write(broker, 4, 6, partition=number, state=states[number])
        alone = _source(broker, number).build_part("in", f"positions:{number}", kept[number])
        assert _rows(_drained(alone, 2)) == [4, 5]
        alone.close()


def test_the_end_that_was_there_at_first_stays_the_end_after_a_restart(broker):
    broker.make("positions")
    state = _write(broker, 0, 5)
    part = _source(broker, stop=END).build_part("in", "positions:0", None)
    kept = part.snapshot()
    part.close()
    _write(broker, 5, 9, state=state)

    part = _source(broker, stop=END).build_part("in", "positions:0", kept)

    assert _rows(_drained(part, 5)) == [0, 1, 2, 3, 4]
    with pytest.raises(StopIteration):
        until(part.next_batch)


def test_messages_that_cannot_be_read_come_as_damaged_and_the_rest_goes_on(broker):
    broker.make("positions", "verdicts")
    state = _write(broker, 0, 2)
    ours = [("schema", b"1"), ("kind", b"json"), ("record", b"Position"), ("first", b"1"), ("rows", b"1")]
    broker.send("positions", b"\x00\xffnothing of ours")
    broker.send("positions", b'{"half": ', headers=ours)
    broker.send("positions", b"", headers=[("schema", b"9")])
    _write(broker, 2, 4, state=state)

    items = [item for _, item in _run(_source(broker, stop=END))]

    assert [item.records[0].quantity for item in items if isinstance(item, Records)] == [0, 1, 2, 3]
    damaged = [item for item in items if isinstance(item, Damaged)]
    assert [(item.topic, item.partition, item.offset, item.value) for item in damaged] == [
        ("positions", 0, 4, b"\x00\xffnothing of ours"),
        ("positions", 0, 5, b'{"half": '),
        ("positions", 0, 6, b""),
    ]
    assert "schema version 1 is read; 9 was given" in damaged[2].reason


def test_an_offset_that_is_not_there_is_an_error_that_says_what_is(broker):
    broker.make("positions")
    _write(broker, 0, 5)

    with pytest.raises(OffsetGone, match="positions, partition 0: offset 99 is not there; 0 to 10 are"):
        _source(broker, start=at_offset(99)).build_part("in", "positions:0", None)


def test_a_resumed_offset_whose_messages_were_deleted_is_an_error_and_no_jump(broker):
    broker.make("positions")
    _write(broker, 0, 5)
    broker.delete_before("positions", 6)

    with pytest.raises(OffsetGone, match="offset 2 is not there; 6 to 10 are"):
        _source(broker).build_part("in", "positions:0", {"offset": 2, "stop": None, "ended": False})
    assert _rows(_run(_source(broker, stop=END))) == [3, 4]


def test_a_missing_topic_is_an_error(broker):
    with pytest.raises(KafkaRefused, match="`ita stack init` makes topics and partitions"):
        _source(broker).build_part("in", "positions:0", None)


def test_a_drain_hands_nothing_out_until_the_snapshot_and_then_ends_the_flow(broker):
    broker.make("positions")
    state = _write(broker, 0, 3)
    stop = Stop()
    part = _source(broker, stop=NEVER, drain=stop).build_part("in", "positions:0", None)
    assert _rows(_drained(part, 3)) == [0, 1, 2]
    _write(broker, 3, 5, state=state)

    stop.asked.set()
    assert part.next_batch() == []
    kept = part.snapshot()
    with pytest.raises(AbortExecution):
        part.next_batch()
    part.close()

    resumed = _source(broker).build_part("in", "positions:0", kept)
    assert _rows(_drained(resumed, 2)) == [3, 4]
    resumed.close()


def test_a_busy_partition_does_not_keep_a_quiet_one_waiting(broker):
    broker.make("positions", partitions=2)
    part = part_of(broker, topics=("positions",))
    part.write_batch([Records("positions", [position(row % 1_000) for row in range(6_000)])])
    part.snapshot()
    part.close()
    _write(broker, 0, 1, partition=1)
    source = _source(broker, 0, 1)
    busy, quiet = (source.build_part("in", f"positions:{number}", None) for number in (0, 1))

    busy_rows, quiet_rows = [], []

    def look():
        busy_rows.extend(busy.next_batch())
        if not quiet_rows:
            quiet_rows.extend(quiet.next_batch())
        return len(busy_rows) >= 6_000 and quiet_rows

    until(look)

    assert len(busy_rows) == 6_000
    assert len(quiet_rows) == 1
    busy.close()
    quiet.close()


def test_an_end_mark_comes_as_the_end_of_its_topic_after_the_last_row(broker):
    broker.make("positions")
    _write(broker, 0, 3, ended=True)

    items = _run(_source(broker, stop=MARK))

    assert [item for _, item in items][-1] == TopicEnd("positions")
    assert _rows(items) == [0, 1, 2]
