"""Clients of one Kafka cluster: how they are configured, and what goes wrong with them in plain words."""

import logging
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from connectors.trust import advice, distrust, lasting

MESSAGE_BYTES_MAX = 8 * 1024 * 1024
TRANSACTION_MILLISECONDS = 900_000
QUEUED_KILOBYTES = 32_768
ANSWER_SECONDS = 10.0
READERS = "ita"
"""The consumer group that clients name; nothing is ever committed to it."""

_log = logging.getLogger("ita.connectors.kafka")

_REFUSED = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError._INVALID_ARG,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.INVALID_TRANSACTION_TIMEOUT,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.POLICY_VIOLATION,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
    }
)
_FENCED = frozenset({KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED})
_RULES = (
    "this user may not do that; config/accounts.yaml says what each may, and `ita stack init` makes it so"
)
_ADVICE = {
    KafkaError._AUTHENTICATION: "ITA_KAFKA__USERNAME and ITA_KAFKA__PASSWORD have to be a user's of this broker",
    KafkaError._SSL: advice("KAFKA"),
    KafkaError.GROUP_AUTHORIZATION_FAILED: _RULES,
    KafkaError._UNKNOWN_PARTITION: "`ita stack init` makes topics and partitions",
    KafkaError._UNKNOWN_TOPIC: "`ita stack init` makes topics and partitions",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "`ita stack init` makes topics and partitions",
    KafkaError.MSG_SIZE_TOO_LARGE: f"the topic's max.message.bytes has to be {MESSAGE_BYTES_MAX}",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _RULES,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: _RULES,
}


class KafkaRefused(RuntimeError):
    """The broker will not do this however often it is asked."""


class ShardFenced(KafkaRefused):
    """Another writer of the same shard has taken over; what this one had not committed does not appear."""


class OffsetGone(KafkaRefused):
    """A partition does not hold the offset that was asked for."""


class TopicShortened(KafkaRefused):
    """A topic holds fewer rows than were written to it."""


class Doubt(RuntimeError):
    """A call failed in a way that may pass; what was written has to be looked up before going on."""


class KafkaCluster(NamedTuple):
    """A cluster as its clients see it: librdkafka settings, and what stands before each topic's name on it."""

    client: dict[str, Any]
    prefix: str = ""

    def topic(self, name: str) -> str:
        """Return what the broker calls a topic."""
        return self.prefix + name


class Place(NamedTuple):
    """A partition of a topic, the topic without the cluster's prefix."""

    topic: str
    partition: int


class Watch:
    """Hears what a client says outside of any call: a refusal is raised at the next look, absence is logged once."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._refusal: KafkaRefused | None = None
        self._away = False
        self._client: Mapping[str, Any] = {}

    def over(self, client: Mapping[str, Any]) -> "Watch":
        """Note the settings of the client that is heard, so that its refusals can be explained."""
        self._client = client
        return self

    def heard(self, error: KafkaError) -> None:
        """Take an error in; librdkafka calls this."""
        if is_refusal(error):
            if self._refusal is None:
                self._refusal = KafkaRefused(f"{self._who}: {self._why(error)}")
        elif not self._away and not error.fatal():
            self._away = True
            _log.warning("%s waits for the broker: %s", self._who, error.str())

    def _why(self, error: KafkaError) -> str:
        """Return an error in words; librdkafka does not say what is wrong with a certificate."""
        wrong = distrusted(self._client) if error.code() == KafkaError._SSL else None
        return f"{wrong}; {plain(error)}" if wrong else plain(error)

    def look(self) -> None:
        """Raise KafkaRefused where the broker has refused the client."""
        if self._refusal is not None:
            raise self._refusal

    def well(self) -> None:
        """Note that the broker has answered."""
        if self._away:
            self._away = False
            _log.info("%s: the broker answers again", self._who)


def is_refusal(error: KafkaError) -> bool:
    """Say whether an error outside of any call is one that no waiting mends."""
    return error.code() in _REFUSED or (error.code() == KafkaError._SSL and lasting(KafkaException(error)))


def distrusted(client: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the certificate of the first broker, None where nothing is found to be."""
    address = str(client.get("bootstrap.servers", "")).split(",")[0]
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return None
    said = distrust(host, int(port), client.get("ssl.ca.location"))
    return None if said is None else f"{address} is not trusted: {said}"


def unlike(client: Mapping[str, Any]) -> str | None:
    """Return in words that something answers at a broker's address and does not speak as configured.

    None where nothing answers there; asked only where a client got no answer, which says no more than that.
    """
    address = str(client["bootstrap.servers"]).split(",")[0]
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
    except OSError:
        return None
    return (
        f"{address} answers, but not as a broker with security {client.get('security.protocol')}; "
        "ITA_KAFKA__SECURITY has to be what it speaks: plaintext, ssl, sasl_plaintext or sasl_ssl"
    )


def plain(error: KafkaError) -> str:
    """Return an error in words, with what to do where that is known."""
    advice = _ADVICE.get(error.code())
    said = f"kafka says {error.name().lstrip('_')}: {error.str()}"
    return f"{said}; {advice}" if advice else said


def classified(error: KafkaError, what: str) -> RuntimeError:
    """Return what an error of a call means: ShardFenced, KafkaRefused, or Doubt for what may pass."""
    if error.code() in _FENCED:
        return ShardFenced(
            f"{what}: another writer has taken over, or a transaction was open for more than "
            f"{TRANSACTION_MILLISECONDS // 60_000} minutes; nothing uncommitted of this one appears; "
            "stop the other one, or leave it at that"
        )
    if error.code() in _REFUSED:
        return KafkaRefused(f"{what}: {plain(error)}")
    return Doubt(f"{what}: {plain(error)}")


def may_pass(failure: Exception) -> bool:
    """Say whether a failure may be gone when the same thing is tried again."""
    if isinstance(failure, KafkaException):
        failure = classified(failure.args[0], "call")
    return isinstance(failure, Doubt)


def consumer_of(cluster: KafkaCluster, watch: Watch, **settings: Any) -> Consumer:
    """Return a consumer of committed messages that never jumps and never commits an offset.

    `settings` are librdkafka's with `_` for `.`.
    """
    return Consumer(
        {
            **cluster.client,
            "group.id": READERS,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "max.partition.fetch.bytes": MESSAGE_BYTES_MAX,
            "queued.min.messages": 10_000,
            "queued.max.messages.kbytes": QUEUED_KILOBYTES,
            "fetch.queue.backoff.ms": 5,
            "fetch.error.backoff.ms": 100,
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 1,
            "error_cb": watch.over(cluster.client).heard,
            **{name.replace("_", "."): value for name, value in settings.items()},
        }
    )


def producer_of(cluster: KafkaCluster, watch: Watch, name: str) -> Producer:
    """Return a transactional producer of that name."""
    return Producer(
        {
            **cluster.client,
            "transactional.id": name,
            "transaction.timeout.ms": TRANSACTION_MILLISECONDS,
            "message.max.bytes": MESSAGE_BYTES_MAX,
            "linger.ms": 5,
            "compression.type": "none",
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 1,
            "error_cb": watch.over(cluster.client).heard,
        }
    )


def note_producer_of(cluster: KafkaCluster, watch: Watch) -> Producer:
    """Return a producer that sends at once, in order, and never gives up a message."""
    return Producer(
        {
            **cluster.client,
            "enable.idempotence": True,
            "message.timeout.ms": 0,
            "linger.ms": 0,
            "compression.type": "none",
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 1,
            "error_cb": watch.over(cluster.client).heard,
        }
    )
