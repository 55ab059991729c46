"""Frames, torn tails, damage, one writer, and rows that come again."""

import random
from pathlib import Path
from typing import Any

import bytewax.operators as op
import numpy as np
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main

from connectors.topics.codec import MarketCodec, Message, MessageCodec, RecordBatch, RecordCodec
from connectors.topics.log import (
    FIRST_WATERMARK,
    LogReader,
    LogWriter,
    TopicBusy,
    TopicDamaged,
    partition_path,
)
from connectors.topics.sink import END_OF_TOPIC, TopicPartition, TopicSink
from connectors.topics.source import TopicSource
from domain.decisions import Position
from tests.connectors.crash_flow import items_of, position


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return partition_path(tmp_path, "numbers", "0")


def _message(first: int, last: int) -> Message:
    return Message(last, {"number": np.arange(first, last)}, {"unit": "one"})


def _numbers(path: Path) -> list[int]:
    reader = LogReader(path)
    bodies = [
        MessageCodec().decode(frame.watermark, frame.body) for frame in reader.frames() if not frame.ended
    ]
    reader.close()
    return [number for message in bodies for number in message.columns["number"].tolist()]


def _writer(path: Path, state: dict[str, Any] | None = None) -> TopicPartition:
    return TopicPartition(path, MessageCodec(), state)


def test_a_torn_frame_is_not_read_and_the_next_writer_cuts_it_off(path: Path) -> None:
    writer = _writer(path)
    writer.write_batch([_message(0, 3)])
    state = writer.snapshot()
    writer.write_batch([_message(3, 6)])
    writer.close()
    whole = path.read_bytes()

    for length in range(state["offset"], len(whole)):
        path.write_bytes(whole[:length])
        assert _numbers(path) == [0, 1, 2]

    again = _writer(path, state)
    again.write_batch([_message(3, 6)])
    again.close()
    assert path.read_bytes() == whole


def test_a_reader_waits_at_a_torn_frame_and_goes_on_when_it_is_whole(path: Path) -> None:
    writer = _writer(path)
    writer.write_batch([_message(0, 3)])
    writer.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    reader = LogReader(path)

    assert list(reader.frames()) == []

    path.write_bytes(whole)
    assert [frame.counts for frame in reader.frames()] == [(3,)]
    reader.close()


def test_a_changed_byte_before_other_frames_is_found(path: Path) -> None:
    writer = _writer(path)
    writer.write_batch([_message(0, 3), _message(3, 6)])
    writer.close()
    damaged = bytearray(path.read_bytes())
    damaged[40] ^= 1
    path.write_bytes(damaged)

    with pytest.raises(TopicDamaged, match="is damaged at byte 0"):
        _numbers(path)


def test_a_second_writer_of_a_partition_is_refused_with_what_to_do(path: Path) -> None:
    first = LogWriter(path, 1)

    with pytest.raises(
        TopicBusy, match="a partition has one writer; stop it, or give this run another topics folder"
    ):
        LogWriter(path, 1)

    first.close()
    LogWriter(path, 1).close()


def test_a_log_shorter_than_its_snapshot_is_refused(path: Path) -> None:
    writer = _writer(path)
    writer.write_batch([_message(0, 3)])
    state = writer.snapshot()
    writer.close()
    path.write_bytes(b"")

    with pytest.raises(TopicDamaged, match="restore the topics folder together with the recovery folder"):
        _writer(path, state)


@pytest.mark.parametrize("seed", range(20))
def test_rows_that_come_again_in_other_batches_are_left_out(path: Path, seed: int) -> None:
    moments = random.Random(seed)
    state, committed, at, offset = None, 0, 0, 0

    writer = _writer(path)
    while at < 300:
        last = min(300, at + moments.randint(0, 20))
        writer.write_batch([_message(at, last)])
        at = last
        if moments.random() < 0.3:
            state, committed = writer.snapshot(), at
        if moments.random() < 0.3:
            writer.close()
            assert path.stat().st_size >= offset
            offset = path.stat().st_size
            with path.open("ab") as torn:
                torn.write(b"\x40\0\0\0torn"[: moments.randint(0, 8)])
            writer, at = _writer(path, state), committed
    writer.close()

    assert _numbers(path) == list(range(300))


def test_rows_after_the_end_of_a_topic_are_refused(path: Path) -> None:
    writer = _writer(path)
    writer.write_batch([_message(0, 3), END_OF_TOPIC, END_OF_TOPIC])

    with pytest.raises(ValueError, match="rows came after the end of the topic"):
        writer.write_batch([_message(3, 4)])

    writer.close()


def test_decoded_columns_are_writable_aligned_and_of_the_same_type() -> None:
    columns = {"small": np.array([1, 2, 3], np.int8), "wide": np.arange(6.0).reshape(2, 3)}
    body = np.frombuffer(bytearray(MessageCodec().encode(Message(5, columns, {"a": [1]}))), np.uint8)

    back = MessageCodec().decode(5, body)

    assert back.meta == {"a": [1]}
    for name, column in columns.items():
        np.testing.assert_array_equal(back.columns[name], column)
        assert back.columns[name].dtype == column.dtype
        assert back.columns[name].flags.writeable
        assert back.columns[name].flags.aligned
        assert np.shares_memory(back.columns[name], body)


def test_records_come_back_equal_and_others_are_refused() -> None:
    codec = RecordCodec(Position)
    records = [position(row) for row in range(3)]

    back = codec.decode(9, np.frombuffer(codec.encode(RecordBatch(9, records)), np.uint8))

    assert back == RecordBatch(9, records)
    with pytest.raises(ValueError, match="records here are Position; Message was given"):
        codec.encode(RecordBatch(9, [Message(0, {}, {})]))  # type: ignore[list-item]


def _flow_of(up: list[Any], folder: Path) -> Dataflow:
    flow = Dataflow("write")
    source = op.input("in", flow, TestingSource(up, batch_size=2))
    op.output("out", source, TopicSink(folder, "numbers", ("0", "1"), MessageCodec()))
    return flow


def test_a_flow_reads_what_another_flow_wrote_until_every_partition_has_ended(tmp_path: Path) -> None:
    items = [("0", _message(0, 3)), ("1", _message(10, 12)), ("0", END_OF_TOPIC), ("1", END_OF_TOPIC)]
    run_main(_flow_of(items, tmp_path))
    read: list[tuple[str, Message]] = []

    flow = Dataflow("read")
    source = op.input("in", flow, TopicSource(tmp_path, "numbers", ("0", "1"), MessageCodec()))
    op.output("out", source, TestingSink(read))
    run_main(flow)

    assert sorted((key, message.columns["number"].tolist()) for key, message in read) == [
        ("0", [0, 1, 2]),
        ("1", [10, 11]),
    ]


def test_a_source_resumes_after_the_frames_of_its_snapshot_and_does_not_wait_for_more(tmp_path: Path) -> None:
    source = TopicSource(tmp_path, "numbers", ("0",), MessageCodec())
    part = source.build_part("in", "0", None)
    assert part.next_batch() == []
    writer = _writer(partition_path(tmp_path, "numbers", "0"))
    writer.write_batch([_message(0, 3)])
    assert [message.watermark for _, message in part.next_batch()] == [3]
    state = part.snapshot()
    part.close()

    writer.write_batch([_message(3, 5), END_OF_TOPIC])
    writer.close()

    resumed = source.build_part("in", "0", state)
    assert [message.columns["number"].tolist() for _, message in resumed.next_batch()] == [[3, 4]]
    with pytest.raises(StopIteration):
        resumed.next_batch()
    resumed.close()


def test_each_part_of_a_market_batch_is_trimmed_by_itself(tmp_path: Path) -> None:
    (early,), (later,), (again,) = items_of("topic", 0, 5), items_of("topic", 5, 9), items_of("topic", 0, 9)
    path = partition_path(tmp_path, "market", "0")
    codec = MarketCodec()
    writer = TopicPartition(path, codec)
    writer.write_batch([early, later._replace(bars=None)])
    writer.close()

    writer = TopicPartition(path, codec)
    writer.write_batch([again._replace(watermark=again.watermark + 1)])
    writer.close()

    reader = LogReader(path)
    counts = [frame.counts for frame in reader.frames()]
    reader.close()
    none = (0,) * 6
    assert counts == [(5, 5, *none), (4, 0, *none), (0, 4, *none)]


def test_a_partition_whose_frames_counted_fewer_parts_goes_on_with_none_of_the_new_one(
    tmp_path: Path,
) -> None:
    (early,), (again,) = items_of("topic", 0, 5), items_of("topic", 0, 9)
    path, codec = partition_path(tmp_path, "market", "0"), MarketCodec()
    log = LogWriter(path, 6)
    log.append(early.watermark, codec.counts(early)[:6], codec.encode(early))
    log.close()

    state = {"offset": 0, "rows": None, "taken": (0,) * 6, "watermark": FIRST_WATERMARK, "ended": False}
    writer = TopicPartition(path, codec, state)
    writer.write_batch([again])
    writer.close()

    reader = LogReader(path)
    counts = [frame.counts for frame in reader.frames()]
    reader.close()
    assert counts == [(5, 5, 0, 0, 0, 0), (4, 4, 0, 0, 0, 0, 0, 0)]
