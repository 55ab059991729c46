"""A hosted sink sees the same calls, in the same order, as one that is called by the flow itself."""

import threading
from collections.abc import Callable
from contextlib import closing

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.testing import TestingSource, run_main

from connectors import beside
from connectors.beside import BesideSink
from connectors.endings import raised_at_the_end

WAIT_SECONDS = 10


class Noted(StatefulSinkPartition[int, list[int]]):
    """Keeps what it is given; `before` is called with each item first."""

    def __init__(self, kept: list[int], before: Callable[[int], object]) -> None:
        self.kept, self._before = kept, before
        self.threads: set[str] = set()
        self.closed = False

    def write_batch(self, values: list[int]) -> None:
        self.threads.add(threading.current_thread().name)
        for value in values:
            self._before(value)
            self.kept.append(value)

    def snapshot(self) -> list[int]:
        return list(self.kept)

    def close(self) -> None:
        self.closed = True


class NotedSink(FixedPartitionedSink[int, list[int]]):
    """One part that keeps what it is given."""

    def __init__(self, before: Callable[[int], object] = lambda _: None) -> None:
        self._before = before
        self.parts: list[Noted] = []

    def list_parts(self) -> list[str]:
        return ["only"]

    def part_fn(self, item_key: str) -> int:
        return len(item_key)

    def build_part(self, _step_id: str, _for_part: str, resume_state: list[int] | None) -> Noted:
        self.parts.append(Noted(list(resume_state or []), self._before))
        return self.parts[-1]


def one_row(_item: int) -> int:
    return 1


def opened(sink: NotedSink, resume: list[int] | None = None) -> StatefulSinkPartition[int, list[int]]:
    return BesideSink(sink, one_row).build_part("step", "only", resume)


def test_a_snapshot_holds_everything_that_was_written_before_it_in_order_after_what_was_resumed() -> None:
    gate = threading.Event()
    part = opened(NotedSink(lambda _: gate.wait(WAIT_SECONDS)), [7])
    part.write_batch([1, 2])
    part.write_batch([3])
    gate.set()

    assert part.snapshot() == [7, 1, 2, 3]


def test_the_flow_goes_on_while_the_sink_is_busy() -> None:
    gate, sink = threading.Event(), NotedSink(lambda _: gate.wait(WAIT_SECONDS))
    sink_part = opened(sink)
    sink_part.write_batch([1])
    sink_part.write_batch([2])
    before = list(sink.parts[0].kept)
    gate.set()
    sink_part.close()

    assert before == []
    assert sink.parts[0].kept == [1, 2]
    assert sink.parts[0].threads.isdisjoint({threading.current_thread().name})


def test_the_flow_waits_where_more_rows_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "ROWS_AHEAD", 2)
    gate, sink = threading.Event(), NotedSink(lambda _: gate.wait(WAIT_SECONDS))
    part = opened(sink)
    part.write_batch([1, 2, 3])
    writer = threading.Thread(target=part.write_batch, args=([4],))
    writer.start()
    writer.join(0.2)
    waited = writer.is_alive()
    gate.set()
    writer.join(WAIT_SECONDS)
    part.close()

    assert waited
    assert sink.parts[0].kept == [1, 2, 3, 4]


def refuse_two(value: int) -> None:
    if value == 2:
        raise ValueError("two is refused")


@pytest.mark.parametrize("ask", ["snapshot", "write_batch"])
def test_what_goes_wrong_is_raised_at_the_next_call(ask: str) -> None:
    sink = NotedSink(refuse_two)
    part = opened(sink)
    part.write_batch([1, 2])
    while ask == "write_batch" and not part._ahead[0][0].done():  # type: ignore[attr-defined]
        threading.Event().wait(0.001)

    with pytest.raises(ValueError, match="two is refused"):
        getattr(part, ask)(*([[3]] if ask == "write_batch" else []))

    assert sink.parts[0].kept == [1]


def test_the_hosted_part_is_closed_also_where_it_failed_and_the_end_of_the_flow_tells_of_it() -> None:
    sink = NotedSink(refuse_two)
    part = opened(sink)
    part.write_batch([2])

    with pytest.raises(ValueError, match="two is refused"), raised_at_the_end():
        part.close()

    assert sink.parts[0].closed


def test_an_error_that_ended_the_flow_goes_before_one_of_closing() -> None:
    part = opened(NotedSink(refuse_two))
    part.write_batch([2])

    def ends_badly() -> None:
        with raised_at_the_end(), closing(part):
            raise KeyError("first")

    with pytest.raises(KeyError, match="first"):
        ends_badly()


def test_in_a_flow_everything_is_written_by_its_end() -> None:
    sink = NotedSink()
    flow = Dataflow("beside")
    items = op.input("items", flow, TestingSource([("key", number) for number in range(1000)], 10))
    op.output("kept", items, BesideSink(sink, one_row))
    run_main(flow)

    assert sink.parts[0].kept == list(range(1000))
    assert sink.parts[0].closed


def test_parts_and_routing_are_the_hosted_sinks() -> None:
    hosted = BesideSink(NotedSink(), one_row)

    assert (hosted.list_parts(), hosted.part_fn("four")) == (["only"], 4)
