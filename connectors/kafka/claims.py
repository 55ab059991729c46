"""Who may work on what: one live process claims a unit of the desk, such as a shard, and a second one is refused.

The topic of each kind of worker, such as `claims.decisions`, has one partition, and its order decides; no other kind
may write it. A process that wants units reads the last words on it. Where another one has claimed one of them and is
not known to be dead, it listens: a word of that one refuses it, and after `SILENT_SECONDS` in which the broker
answered and the other said nothing, it claims the units over it. The first claim on the topic wins; a word of the
other between what was read and the claim makes the claim void for both. A holder says each `BEAT_SECONDS` that it is
there, and learns on the same topic that another one has claimed its units over it, as happens to a process that was
stopped for too long. A process that ends says that it lets go.

A process of the same folder on the same host takes over at once: the lock of the folder has told that its predecessor
is dead. No clocks are compared. Claims keep two workers from being started for one shard; what keeps a zombie's writes
from appearing are the transactions of `sink.py`.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Literal, NamedTuple
from uuid import uuid4

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from connectors.kafka.client import (
    Doubt,
    KafkaCluster,
    Place,
    Watch,
    classified,
    consumer_of,
    may_pass,
    note_producer_of,
)
from connectors.kafka.tails import edges_of
from connectors.patience import Patience

TOPICS = "claims"
BEAT_SECONDS = 1.0
SILENT_SECONDS = 6
TAIL_WORDS = 4_000
HEARD_MAX = 512
LISTEN_SECONDS = 0.1
ANSWER_SECONDS = 10.0
CLOSE_SECONDS = 3.0


class UnitHeld(RuntimeError):
    """Another live process has claimed one of the units."""


class Home(NamedTuple):
    """Where a process works: its host, its folder there, and a mark that no other folder has."""

    host: str
    folder: str
    mark: str


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What a process says on the topic; `version` is that of this layout.

    `owner` is another one for each start of a process. A claim tells `over` which owners it holds for dead and up to
    which offset it had read; a beat tells the offset of the claim that it is for.
    """

    says: Literal["claim", "beat", "release"]
    owner: str
    home: Home
    units: tuple[str, ...]
    over: tuple[str, ...] = ()
    read_to: int = 0
    claimed: int = -1
    version: int = 1


def topic_of(kind: str) -> str:
    """Return the topic on which workers of a kind say what they work on."""
    return f"{TOPICS}.{kind.replace('-', '_')}"


class Claim:
    """The units of this process, a worker of some kind, from `take` to `close`.

    `known_dead` says of the home of another process whether it is known that none is alive there. `lost` is called,
    on a thread of its own and once, with what to say when another process has taken a unit over.
    """

    def __init__(
        self,
        cluster: KafkaCluster,
        kind: str,
        units: Sequence[str],
        home: Home,
        *,
        known_dead: Callable[[Home], bool],
        lost: Callable[[str], None],
    ) -> None:
        self._cluster, self._units, self._home = cluster, tuple(units), home
        self._known_dead, self._lost = known_dead, lost
        self._place = Place(topic_of(kind), 0)
        self._owner = uuid4().hex
        self._watch = Watch("kafka claims")
        self._consumer = consumer_of(cluster, self._watch, enable_partition_eof=True, fetch_wait_max_ms=100)
        self._producer = note_producer_of(cluster, self._watch)
        self._read_to = 0
        self._claimed = self._own_last = -1
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._hold, name="claims", daemon=True)

    def take(self) -> None:
        """Claim the units, and hold them from now on.

        Waits for a broker that is away. Raises UnitHeld where another process is alive that has one of them, and
        KafkaRefused.
        """
        Patience().until_done(f"kafka topic {self._place.topic}", self._take, may_pass)
        self._thread.start()

    def _take(self) -> None:
        others: dict[str, Word] = {}
        low, high = edges_of(self._consumer, self._cluster, self._watch, self._place)
        self._read_to = max(low, high - TAIL_WORDS)
        self._consumer.assign([TopicPartition(self._cluster.topic(self._place.topic), 0, self._read_to)])
        self._read_until(lambda: self._read_to >= high, lambda _, word: self._remember(others, word))
        self._outlast(others)
        self._say("claim", over=tuple(others))
        self._flush()
        against: list[Word] = []
        self._claimed = -1
        self._read_until(lambda: self._claimed >= 0, lambda at, word: self._reach(against, at, word))
        if against:
            self._let_go()
            raise UnitHeld(self._held_by(against[0]))

    def _remember(self, others: dict[str, Word], word: Word) -> None:
        """Take in a word of the past: whose it is, and who is over by it."""
        if word.owner == self._owner or not self._shares(word):
            return
        if word.says == "claim":
            for owner in word.over:
                others.pop(owner, None)
        if word.says == "release":
            others.pop(word.owner, None)
        elif word.home != self._home:
            others[word.owner] = word

    def _outlast(self, others: dict[str, Word]) -> None:
        """Wait until all others that may be alive were silent for long enough; raises UnitHeld where one speaks."""
        living = {owner for owner, word in others.items() if not self._known_dead(word.home)}
        silent_since, read = monotonic(), False
        while living and (monotonic() - silent_since < SILENT_SECONDS or not read):
            for _, word in self._heard(BEAT_SECONDS):
                if word.owner == self._owner or not self._shares(word):
                    continue
                if word.says != "release":
                    raise UnitHeld(self._held_by(word))
                living.discard(word.owner)
                others.pop(word.owner, None)
            end = self._end()
            read = end is not None and self._read_to >= end
            if end is None:
                silent_since = monotonic()

    def _reach(self, against: list[Word], at: int, word: Word) -> None:
        """Take in a word between what was read when the units were claimed and the claim."""
        if word.owner == self._owner and word.says == "claim":
            self._claimed = self._own_last = at
        elif self._claimed < 0 and self._shares(word) and word.says != "release" and word.home != self._home:
            against.append(word)

    def _shares(self, word: Word) -> bool:
        return not set(self._units).isdisjoint(word.units)

    def _held_by(self, word: Word) -> str:
        both = ", ".join(sorted(set(self._units) & set(word.units)))
        return (
            f"{both} {'is' if ',' not in both else 'are'} worked on by a live process on {word.home.host} in "
            f"{word.home.folder}; stop that one first (SIGTERM), or start this one for other shards"
        )

    def _end(self) -> int | None:
        """Return the end of the topic; None while the broker does not answer, when silence means nothing."""
        try:
            return edges_of(self._consumer, self._cluster, self._watch, self._place)[1]
        except Doubt:
            return None

    def _read_until(self, done: Callable[[], bool], take: Callable[[int, Word], None]) -> None:
        """Hand on words until it is done; raises Doubt where the broker says nothing for too long."""
        deadline = monotonic() + ANSWER_SECONDS
        while not done():
            for at, word in self._heard(LISTEN_SECONDS):
                take(at, word)
            if monotonic() > deadline:
                raise Doubt(f"topic {self._place.topic}: kafka says nothing for {ANSWER_SECONDS:.0f} s")

    def _heard(self, seconds: float) -> list[tuple[int, Word]]:
        """Return the words that have come, waiting up to so long for the first; raises KafkaRefused, Doubt."""
        self._watch.look()
        first = self._consumer.poll(seconds)
        messages = [] if first is None else [first, *self._consumer.consume(HEARD_MAX, 0)]
        return [heard for message in messages if (heard := self._word(message)) is not None]

    def _word(self, message: Message) -> tuple[int, Word] | None:
        """Return a word with its offset; None for the end of the partition, and for what is no word of ours."""
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                self._read_to = max(self._read_to, message.offset() or 0)
                return None
            raise classified(error, f"topic {self._place.topic}")
        offset = message.offset() or 0
        self._read_to = offset + 1
        try:
            return offset, msgspec.json.decode(message.value() or b"", type=Word)
        except msgspec.MsgspecError:
            return None

    def _say(self, says: Literal["claim", "beat", "release"], over: tuple[str, ...] = ()) -> None:
        word = Word(
            says=says,
            owner=self._owner,
            home=self._home,
            units=self._units,
            over=over,
            read_to=self._read_to,
            claimed=self._claimed,
        )
        self._producer.produce(
            self._cluster.topic(self._place.topic), msgspec.json.encode(word), self._units[0], partition=0
        )

    def _flush(self) -> None:
        """Wait until all words are with the broker; raises KafkaRefused, Doubt."""
        left = self._producer.flush(ANSWER_SECONDS)
        self._watch.look()
        if left:
            self._producer.purge()
            raise Doubt(
                f"topic {self._place.topic}: the broker does not acknowledge in {ANSWER_SECONDS:.0f} s"
            )

    def _hold(self) -> None:
        """Say that this process is there, and listen for those who say that it is not."""
        due_at = monotonic()
        while not self._closing.is_set():
            if monotonic() >= due_at:
                due_at = monotonic() + BEAT_SECONDS
                if not len(self._producer):
                    self._say("beat")
            self._producer.poll(0)
            with suppress(Doubt, KafkaException):
                for at, word in self._heard(LISTEN_SECONDS):
                    if self._is_over(at, word):
                        self._lost(self._lost_to(word))
                        return

    def _is_over(self, at: int, word: Word) -> bool:
        """Say whether a word ends this claim: a later one that is valid, or a beat for a later one."""
        if word.owner == self._owner:
            self._own_last = at
            return False
        if at <= self._claimed or not self._shares(word):
            return False
        if word.says == "beat":
            return word.claimed > self._claimed
        return word.says == "claim" and (
            word.home == self._home or (self._owner in word.over and self._own_last < word.read_to)
        )

    def _lost_to(self, word: Word) -> str:
        both = ", ".join(sorted(set(self._units) & set(word.units)))
        return (
            f"a process on {word.home.host} in {word.home.folder} has taken over {both} while this one was silent; "
            "nothing that this one had not committed appears; leave it at that, or stop the other one and start this "
            "one again"
        )

    def _let_go(self) -> None:
        self._say("release")
        self._producer.flush(CLOSE_SECONDS)

    def close(self) -> None:
        """Let the units go, so that another process may have them at once."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()
            self._let_go()
        self._consumer.close()
