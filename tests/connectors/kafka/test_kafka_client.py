"""What errors mean: refusals are raised in plain words, absence is waited out, a wrong password does not hide."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from connectors.kafka.client import Doubt, KafkaRefused, ShardFenced, Watch, classified, may_pass


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError._FENCED, ShardFenced),
        (KafkaError.INVALID_PRODUCER_EPOCH, ShardFenced),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaRefused),
        (KafkaError.MSG_SIZE_TOO_LARGE, KafkaRefused),
        (KafkaError._AUTHENTICATION, KafkaRefused),
        (KafkaError._TRANSPORT, Doubt),
        (KafkaError._TIMED_OUT, Doubt),
        (KafkaError.COORDINATOR_LOAD_IN_PROGRESS, Doubt),
        (KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, Doubt),
    ],
)
def test_an_error_is_a_refusal_or_a_doubt_that_may_pass(code, kind):
    error = KafkaError(code, "as the broker says it")

    assert type(classified(error, "writer")) is kind
    assert may_pass(KafkaException(error)) == (kind is Doubt)
    assert not may_pass(ValueError("no error of the broker"))


def test_what_a_client_hears_outside_of_calls_is_raised_at_the_next_look():
    watch = Watch("kafka writer desk.0")
    watch.heard(KafkaError(KafkaError._TRANSPORT, "connection refused"))
    watch.look()

    watch.heard(KafkaError(KafkaError._AUTHENTICATION, "invalid credentials"))

    with pytest.raises(
        KafkaRefused, match=r"desk\.0: kafka says AUTHENTICATION: invalid credentials; ITA_KAFKA__USERNAME"
    ):
        watch.look()


def test_an_expired_certificate_is_a_refusal_and_a_broken_handshake_is_not():
    watch = Watch("kafka source")
    watch.heard(KafkaError(KafkaError._SSL, "SSL handshake failed: Disconnected"))
    watch.look()

    watch.heard(KafkaError(KafkaError._SSL, "broker certificate could not be verified"))

    with pytest.raises(KafkaRefused, match="certificate could not be verified"):
        watch.look()
