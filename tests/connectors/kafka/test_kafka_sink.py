"""Each row once: restarts anywhere, second writers, doubtful transactions, and topics that are not what they were."""

import bytewax.operators as op
import numpy as np
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource, run_main
from confluent_kafka import KafkaError, KafkaException, Producer

from connectors.kafka.client import Doubt, KafkaRefused, ShardFenced, TopicShortened
from connectors.kafka.codec import KafkaCodec
from connectors.kafka.sink import KafkaSink
from connectors.kafka.tails import Tail, tails_of
from connectors.lake.codec import END_OF_INPUT, Rows
from connectors.lake.lanes import Records
from tests.connectors.crash_flow import position
from tests.connectors.deaths import written_with_deaths
from tests.connectors.kafka.desk import MARKET, TOPICS, assert_rows, decoded, items_of, part_of

pytestmark = pytest.mark.served


def test_every_kind_of_item_comes_back_as_it_was_written_and_ends_with_a_mark(broker):
    broker.make(*TOPICS)

    part = part_of(broker)
    part.write_batch([*items_of(0, 300), *items_of(300, 500), END_OF_INPUT])
    state = part.snapshot()
    part.close()

    assert_rows(broker, 500, ended=True)
    assert state["positions"]["rows"] == (500,)
    assert [message.key() for message in broker.messages("positions")][:2] == [b"ALFA", b"BETA"]
    headers = dict(broker.messages("positions")[7].headers())
    assert headers == {
        "schema": b"1",
        "kind": b"json",
        "record": b"Position",
        "first": b"7",
        "rows": b"1",
        "at": str(position(7).known_at).encode(),
    }


@pytest.mark.parametrize("seed", range(6))
def test_rows_that_come_again_in_other_batches_after_any_restart_stand_there_once(broker, seed):
    broker.make(*TOPICS)

    deaths = written_with_deaths(
        seed, 400, lambda state: part_of(broker, state), items_of, [END_OF_INPUT], step=70, deaths_max=4
    )

    assert deaths
    assert_rows(broker, 400, ended=True)


def test_a_flow_that_ends_without_recovery_has_committed_everything(broker):
    broker.make(*TOPICS, partitions=3)
    flow = Dataflow("write")
    items = [("a", item) for first in range(0, 200, 20) for item in items_of(first, first + 20)]
    source = op.input("in", flow, TestingSource(items, batch_size=4))
    op.output("out", source, KafkaSink(broker.cluster, "desk", {"a": 2}, TOPICS, KafkaCodec(), MARKET))

    run_main(flow)

    assert_rows(broker, 200, partition=2)
    assert broker.messages("positions", partition=0) == broker.messages("positions", partition=1) == []


def test_a_second_writer_of_a_shard_takes_over_and_nothing_of_the_first_appears_after(broker):
    broker.make(*TOPICS)
    zombie = part_of(broker)
    zombie.write_batch(items_of(0, 50))
    state = zombie.snapshot()
    successor = part_of(broker, state)

    zombie.write_batch(items_of(50, 90))
    with pytest.raises(ShardFenced, match="another writer has taken over"):
        zombie.snapshot()
    with pytest.raises(ShardFenced):
        zombie.write_batch(items_of(90, 95))
    assert_rows(broker, 50)

    successor.write_batch(items_of(50, 120))
    successor.snapshot()
    assert_rows(broker, 120)
    zombie.close()
    successor.close()


def test_a_writer_of_another_shard_or_flow_is_left_alone(broker):
    broker.make(*TOPICS, partitions=2)
    first = part_of(broker)
    other = part_of(broker, flow="another", partition=1)

    first.write_batch(items_of(0, 10))
    other.write_batch(items_of(0, 20))
    first.snapshot()
    other.snapshot()
    first.close()
    other.close()

    assert_rows(broker, 10)
    assert_rows(broker, 20, partition=1)


def test_a_long_aborted_tail_and_foreign_messages_do_not_hide_the_last_row(broker):
    broker.make(*TOPICS)
    part = part_of(broker)
    part.write_batch(items_of(0, 30))
    part.snapshot()
    part.close()
    producer = Producer({**broker.cluster.client, "transactional.id": f"{broker.cluster.prefix}noise"})
    producer.init_transactions(30)
    for _ in range(3):
        producer.begin_transaction()
        for _ in range(200):
            producer.produce(broker.cluster.topic("positions"), b"never", partition=0)
        producer.flush(30)
        producer.abort_transaction(30)
    broker.send("raw.trades", b"foreign")

    part = part_of(broker)
    part.write_batch(items_of(0, 60))
    part.snapshot()
    part.close()

    rows = [record for item in decoded(broker, "positions")[0] for record in item.records]
    assert rows == [position(row) for row in range(60)]
    firsts = [dict(message.headers() or ()).get("first") for message in broker.messages("raw.trades")]
    assert firsts.count(b"0") == firsts.count(None) == 1


def test_a_topic_that_was_made_again_is_refused_with_what_to_do(broker):
    broker.make("positions", "raw.trades")
    part = part_of(broker, topics=("positions", "raw.trades"))
    part.write_batch([Records("positions", [position(row) for row in range(5)])])
    state = part.snapshot()
    part.close()
    broker.delete_before("positions", -1)
    part_of(broker, state, topics=("positions", "raw.trades")).close()

    state["raw.trades"]["rows"] = (3,)

    with pytest.raises(TopicShortened, match=r"raw.trades, partition 0 holds \(0,\) rows; \(3,\) were"):
        part_of(broker, state, topics=("positions", "raw.trades"))


def test_rows_deleted_by_retention_are_not_written_again(broker):
    broker.make("positions")
    part = part_of(broker, topics=("positions",))
    part.write_batch([Records("positions", [position(row) for row in range(5)])])
    state = part.snapshot()
    part.close()
    broker.delete_before("positions", -1)

    part = part_of(broker, state, topics=("positions",))
    part.write_batch([Records("positions", [position(5)])])
    part.snapshot()
    part.close()

    assert [dict(message.headers())["first"] for message in broker.messages("positions")] == [b"5"]


def test_rows_after_the_end_mark_are_refused(broker):
    broker.make("positions")
    part = part_of(broker, topics=("positions",))
    part.write_batch([Records("positions", [position(0)]), END_OF_INPUT])
    part.snapshot()

    part.write_batch([Records("positions", [position(1)])])

    with pytest.raises(ValueError, match="came after its end mark"):
        part.snapshot()
    part.close()


def test_a_topic_that_two_kinds_of_items_feed_is_refused(broker):
    broker.make("raw.trades", "raw.quotes")
    part = part_of(broker, topics=("raw.trades", "raw.quotes"))
    raw = items_of(0, 40)[0]
    part.write_batch([raw])
    part.snapshot()

    part.write_batch([Rows("raw.trades", MARKET.ticks("raw", raw.ticks)[0].table)])

    with pytest.raises(
        ValueError, match=r"rows of raw.trades come as \(raw\) and as raw.trades; one of them"
    ):
        part.snapshot()
    part.close()


def test_an_end_that_comes_again_after_a_restart_is_one_mark(broker):
    broker.make("positions")
    state = None
    for _ in range(2):
        part = part_of(broker, state, topics=("positions",))
        part.write_batch([Records("positions", [position(0)])] if state is None else [])
        part.write_batch([END_OF_INPUT])
        state = part.snapshot()
        part.close()

    assert len(broker.messages("positions")) == 2


def test_a_missing_topic_and_one_that_was_not_named_are_refused(broker):
    with pytest.raises(KafkaRefused, match="`ita stack init` makes topics and partitions"):
        part_of(broker, topics=("positions",))

    broker.make("positions")
    part = part_of(broker, topics=("positions",))
    part.write_batch([Records("verdicts", [])])
    with pytest.raises(ValueError, match="this sink writes positions; rows of verdicts were given"):
        part.snapshot()
    part.close()


@pytest.mark.parametrize("answered", ["committed", "open", "nothing"])
def test_a_commit_whose_answer_was_lost_is_looked_up_and_neither_repeated_nor_left_out(broker, answered):
    broker.make(*TOPICS)
    part = part_of(broker)
    part.write_batch(items_of(0, 20))
    part.snapshot()
    real = part._writer._transactions.write
    losses = iter([True, False, True, False, False])

    def losing(messages, ends):
        lost = next(losses)
        if not lost or answered == "committed":
            real(messages, ends)
        elif answered == "open":
            producer = part._writer._transactions._producers[0]
            producer.begin_transaction()
            for place, message in messages:
                producer.produce(broker.cluster.topic(place.topic), message.value, partition=place.partition)
            producer.flush(30)
        if lost:
            raise Doubt("the answer was lost")

    part._writer._transactions.write = losing
    part.write_batch(items_of(20, 40))
    part.snapshot()
    part.write_batch(items_of(40, 70))
    part.snapshot()
    part.close()

    assert_rows(broker, 70)


class Stuck:
    """A producer that never gets its transaction committed, as one that was not told that its broker is back."""

    def __init__(self, real):
        self._real = real
        self.asked = 0

    def __getattr__(self, name):
        return getattr(self._real, name)

    def __len__(self):
        return len(self._real)

    def commit_transaction(self, seconds):
        self.asked += 1
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "not yet", retriable=True))


def test_a_writer_whose_producer_is_stuck_begins_again_with_new_ones(broker, monkeypatch):
    monkeypatch.setattr("connectors.kafka.transactions.INSIST_SECONDS", 1.0)
    broker.make(*TOPICS)
    part = part_of(broker)
    part.write_batch(items_of(0, 20))
    part.snapshot()
    transactions = part._writer._transactions
    stuck = [Stuck(producer) for producer in transactions._producers]
    transactions._producers[:] = stuck

    part.write_batch(items_of(20, 50))
    part.snapshot()
    part.close()

    assert max(producer.asked for producer in stuck) > 1
    assert_rows(broker, 50)


class Slow(Stuck):
    """A producer whose commits come through one message after the other."""

    def __init__(self, real, messages):
        super().__init__(real)
        self.left = messages

    def __len__(self):
        return self.left

    def commit_transaction(self, seconds):
        self.left -= 1
        if self.left:
            super().commit_transaction(seconds)
        self._real.commit_transaction(seconds)


def test_a_writer_whose_messages_go_through_slowly_goes_on_with_them(broker, monkeypatch):
    monkeypatch.setattr("connectors.kafka.transactions.INSIST_SECONDS", 1.0)
    broker.make(*TOPICS)
    part = part_of(broker)
    transactions = part._writer._transactions
    slow = [Slow(producer, 7) for producer in transactions._producers]
    transactions._producers[:] = slow

    part.write_batch(items_of(0, 20))
    part.snapshot()

    assert transactions._producers == slow
    assert [producer.left for producer in slow].count(0) == 1
    part.close()
    assert_rows(broker, 20)


def test_a_table_larger_than_a_message_may_be_is_split_and_stays_in_order(broker):
    broker.make("plain")
    part = part_of(broker, topics=("plain",))
    table = MARKET.ticks("raw", items_of(0, 1)[0].ticks)[0].table
    wide = np.random.default_rng(1).random(2_000_000)
    rows = Rows("plain", type(table).from_arrays([wide], names=["value"]))

    part.write_batch([rows])
    part.snapshot()
    part.close()

    items, firsts = decoded(broker, "plain")
    assert len(items) == 4
    assert [first[0] for first in firsts] == [0, 500_000, 1_000_000, 1_500_000]
    np.testing.assert_array_equal(np.concatenate([item.table["value"].to_numpy() for item in items]), wide)


def test_a_message_that_the_broker_finds_too_large_stops_the_writer(broker):
    broker.make("plain", max_message_bytes="1000")
    part = part_of(broker, topics=("plain",))
    table = MARKET.ticks("raw", items_of(0, 400)[0].ticks)[0].table

    part.write_batch([Rows("plain", table)])

    with pytest.raises(KafkaRefused, match=r"the topic's max.message.bytes has to be 8388608"):
        part.snapshot()
    part.close()


def test_a_topic_whose_end_was_not_shown_yet_when_it_was_taken_over_gets_no_row_twice(broker, monkeypatch):
    broker.make(*TOPICS)
    first = part_of(broker)
    first.write_batch(items_of(0, 100))
    first.snapshot()
    first.close()
    looked = []

    def early(cluster, watch, places):
        """Show the topics as they were before the last rows, the first time."""
        looked.append(tails_of(cluster, watch, places))
        if len(looked) > 1:
            return looked[-1]
        return {place: Tail(None, 0, deleted=False, end=0) for place in looked[0]}

    monkeypatch.setattr("connectors.kafka.sink.tails_of", early)
    second = part_of(broker)
    second.write_batch([*items_of(0, 100), *items_of(100, 150)])
    second.snapshot()
    second.close()

    assert len(looked) == 2
    assert_rows(broker, 150)
