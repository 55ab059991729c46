"""Transactions of one shard: each is there whole or not at all, and the last writer that opened is the only one.

A shard has two producers that take turns, so that one may begin while the broker still marks the other's
transaction as committed; their order stands, because the second begins when the first one is decided. Opening
takes both names over before anything is read back, so whatever a predecessor had open is decided by then.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Sent

from connectors.kafka.client import Doubt, KafkaCluster, Place, Watch, classified, plain, producer_of
from connectors.kafka.codec import AT, Message
from connectors.patience import Patience

TURNS = 2
CALL_SECONDS = 2.0
INSIST_SECONDS = 30.0
CLOSE_SECONDS = 3.0


class NotYet(RuntimeError):
    """The broker has not answered; the very same call has to be made again."""


class Transactions:
    """Writes messages under the transactional names `<name>.0` and `<name>.1`."""

    def __init__(self, cluster: KafkaCluster, name: str, patience: Patience) -> None:
        self._cluster, self._name, self._patience = cluster, name, patience
        self._watch = Watch(f"kafka writer {name}")
        self._producers: list[Producer] = []
        self._turn = 0
        self._failed: KafkaError | None = None
        self._firsts: dict[Place, int] = {}
        self._looks = False
        self._behind: list[Place] = []

    def open(self) -> None:
        """Take the shard over, deciding what was open; again after Doubt. Raises KafkaRefused, GivenUp."""
        self._drop()
        for turn in range(TURNS):
            self._producers.append(producer_of(self._cluster, self._watch, f"{self._name}.{turn}"))
        for producer in self._producers:
            _connect(producer)
            self._insist("takes over", producer, producer.init_transactions)
        self._turn = 0
        if self._behind:
            self._end_hanging()
            self._behind = []

    def _end_hanging(self) -> None:
        """Take back a message under each name in each partition whose end is not where the next message stands.

        A broker that was killed can lose sight of a transaction whose messages it holds: nothing behind them is ever
        shown as committed. The mark that ends a transaction of the same producer ends that one with it.
        """
        for producer in self._producers:
            producer.begin_transaction()
            for place in self._behind:
                producer.produce(self._cluster.topic(place.topic), b"", partition=place.partition)
            self._insist("sends", producer, partial(_sent, producer))
            self._insist("takes back", producer, producer.abort_transaction)

    def write(
        self, messages: Sequence[tuple[Place, Message]], ends: Mapping[Place, int] | None = None
    ) -> None:
        """Commit messages in one transaction.

        `ends` are the offsets after what was known to be committed, of partitions that have not been written to since;
        where a message of ours stands behind them, others stand between that a broker which had just come back did not
        show. Nothing is committed then. Raises Doubt there and where messages may be there or not, and KafkaRefused,
        ShardFenced and GivenUp.
        """
        producer = self._producers[self._turn]
        self._turn = (self._turn + 1) % TURNS
        self._failed = None
        self._firsts.clear()
        self._looks = bool(ends)
        try:
            producer.begin_transaction()
            for place, message in messages:
                self._produce(producer, place, message)
        except KafkaException as failure:
            raise classified(failure.args[0], self._name) from failure
        if ends:
            self._insist("sends", producer, lambda seconds: _sent(producer, seconds))
            self._compare(ends)
        try:
            self._insist("commits", producer, producer.commit_transaction)
        except Doubt as doubt:
            if self._failed is not None:
                raise classified(self._failed, self._name) from doubt
            raise
        self._watch.well()

    def _produce(self, producer: Producer, place: Place, message: Message) -> None:
        def once() -> None:
            try:
                producer.produce(
                    self._cluster.topic(place.topic),
                    message.value,
                    message.key,
                    place.partition,
                    on_delivery=self._delivered,
                    headers=[*message.headers, (AT, str(message.at))],
                )
            except BufferError:
                self._watch.look()
                producer.poll(0.1)
                raise

        self._patience.until_done(f"kafka writer {self._name} sends:", once, _is_full)
        producer.poll(0)

    def _delivered(self, error: KafkaError | None, sent: Sent) -> None:
        """Note where the first message of each partition stands, or why one was not delivered.

        The transaction of one that was not cannot be committed.
        """
        if error is not None:
            self._failed = self._failed or (error if error.code() != KafkaError._PURGE_QUEUE else None)
            return
        if not self._looks:
            return
        place = Place((sent.topic() or "").removeprefix(self._cluster.prefix), sent.partition() or 0)
        self._firsts.setdefault(place, sent.offset() or 0)

    def _compare(self, ends: Mapping[Place, int]) -> None:
        """Raise Doubt where a message stands behind the end that was known of its partition."""
        for place, end in ends.items():
            first = self._firsts.get(place, end)
            if first > end:
                self._behind = list(ends)
                raise Doubt(
                    f"topic {place.topic}, partition {place.partition} ended at {end} when {self._name} took it over, "
                    f"and its next message stands at {first}"
                )

    def _insist(self, what: str, producer: Producer, call: Callable[[float], None]) -> None:
        """Make a call until the broker has answered it; raises Doubt where that is left open, or nothing moves.

        A client can be stuck for good after its broker was killed, although the broker is back: it gives up then, and
        whoever calls begins again with a new one. One that gets messages through, however slowly, is not stuck.
        """
        deadline, waiting = monotonic() + INSIST_SECONDS, len(producer)

        def once() -> None:
            nonlocal deadline, waiting
            if len(producer) < waiting:
                deadline, waiting = monotonic() + INSIST_SECONDS, len(producer)
            if monotonic() > deadline:
                raise Doubt(f"{self._name} {what}, and nothing has moved for {INSIST_SECONDS:.0f} s")
            producer.poll(0)
            self._watch.look()
            try:
                call(CALL_SECONDS)
            except KafkaException as failure:
                if failure.args[0].retriable():
                    raise NotYet(plain(failure.args[0])) from failure
                raise

        try:
            self._patience.until_done(f"kafka writer {self._name} {what}:", once, _asks_again)
        except KafkaException as failure:
            raise classified(failure.args[0], f"{self._name} {what}") from failure

    def close(self) -> None:
        """Take back what is not committed, and let the shard go."""
        for producer in self._producers:
            with suppress(KafkaException):
                producer.abort_transaction(CLOSE_SECONDS)
        self._drop()

    def _drop(self) -> None:
        for producer in self._producers:
            with suppress(KafkaException):
                producer.purge()
        self._producers.clear()


def _sent(producer: Producer, seconds: float) -> None:
    """Wait until everything is delivered; raises what asks for another wait where it is not."""
    if producer.flush(seconds):
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "messages are under way", retriable=True))


def _connect(producer: Producer) -> None:
    """Have a producer reach a broker: one that looks for its coordinator before that looks again after 0.5 s.

    What stands in the way is said by the call that follows.
    """
    with suppress(KafkaException):
        producer.list_topics(timeout=CALL_SECONDS)


def _asks_again(failure: Exception) -> bool:
    """Say whether the very same call has to be made again."""
    return isinstance(failure, NotYet)


def _is_full(failure: Exception) -> bool:
    return isinstance(failure, BufferError)
