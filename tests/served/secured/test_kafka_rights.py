"""Kafka lets each account do what it is for and nothing else, and says which rule forbids the rest."""

import pytest
from confluent_kafka import KafkaError, Producer

from apps.stack.kafka_accounts import set_up_accounts
from config.accounts import read_accounts
from config.topics import read_topics
from connectors.kafka import tails
from connectors.kafka.client import KafkaRefused, Place, Watch, producer_of
from connectors.kafka.codec import Message
from connectors.kafka.tails import partition_count
from connectors.kafka.transactions import Transactions
from connectors.patience import Patience
from tests.served.secured_stack import SECONDS, WRONG, scored_partitions

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("secured_desk")]
ACCOUNTS = read_accounts(read_topics())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ITA_KAFKA__PASSWORD": WRONG}, "ITA_KAFKA__USERNAME and ITA_KAFKA__PASSWORD have to be a user's"),
        (
            {"ITA_KAFKA__SECURITY": "ssl"},
            "answers, but not as a broker with security ssl; ITA_KAFKA__SECURITY",
        ),
        ({"ITA_KAFKA__SECURITY": "plaintext"}, "answers, but not as a broker with security plaintext"),
    ],
)
def test_kafka_lets_nobody_in_without_the_right_password_over_tls(stack, monkeypatch, settings, said):
    monkeypatch.setattr(tails, "ANSWER_SECONDS", 2.0)

    with pytest.raises(KafkaRefused) as refused:
        scored_partitions(stack.servers("decisions", **settings))

    assert said in str(refused.value)


@pytest.mark.parametrize("account", sorted(set(ACCOUNTS) - {"decisions"}))
def test_no_worker_but_that_of_the_decisions_may_write_orders_or_claim_its_work(stack, account):
    servers, codes = stack.servers(account), []
    producer = Producer({**servers.kafka.client(), "log_level": 0})

    for topic in ("oms.orders", "claims.decisions"):
        producer.produce(
            f"{servers.kafka.prefix}{topic}", b"{}", on_delivery=lambda error, _: codes.append(error.code())
        )
    producer.flush(SECONDS)

    assert codes == [KafkaError.TOPIC_AUTHORIZATION_FAILED] * 2


def test_the_decisions_worker_may_write_orders(stack):
    servers, answers = stack.servers("decisions"), []
    name = f"{servers.kafka.prefix}decisions.trial"
    producer = producer_of(servers.kafka.cluster(), Watch("trial"), name)

    producer.init_transactions(SECONDS)
    producer.begin_transaction()
    producer.produce(
        f"{servers.kafka.prefix}oms.orders", b"{}", on_delivery=lambda error, _: answers.append(error)
    )
    left = producer.flush(SECONDS)
    producer.abort_transaction(SECONDS)

    assert (left, answers) == (0, [None])


def test_a_market_data_worker_that_would_write_an_order_is_told_which_rule_forbids_it(stack):
    servers = stack.servers("market-data")
    orders = Transactions(servers.kafka.cluster(), f"{servers.kafka.prefix}market_data.trial", Patience())
    order = Message(b"order", b"{}", [], 0)

    orders.open()
    with pytest.raises(KafkaRefused) as refused:
        orders.write([(Place("oms.orders", 0), order)])
    orders.close()

    assert "TOPIC_AUTHORIZATION_FAILED" in str(refused.value)
    assert "config/accounts.yaml says what each may" in str(refused.value)


def test_nobody_takes_the_writer_of_another_worker_over(stack):
    servers = stack.servers("market-data")

    with pytest.raises(KafkaRefused, match=r"TRANSACTIONAL_ID_AUTHORIZATION_FAILED.*accounts\.yaml"):
        Transactions(servers.kafka.cluster(), f"{servers.kafka.prefix}decisions.book", Patience()).open()


def test_a_right_that_is_no_longer_configured_is_taken_back(stack):
    narrow = {**ACCOUNTS, "reader": ACCOUNTS["reader"].model_copy(update={"reads": ("oms.orders",)})}
    reader = stack.servers("reader").kafka.cluster()

    with stack.signed_in_as() as operator:
        (taken,) = set_up_accounts(operator.kafka, narrow)
        with pytest.raises(KafkaRefused, match="TOPIC_AUTHORIZATION_FAILED"):
            partition_count(reader, "market.bars")
        (given,) = set_up_accounts(operator.kafka, ACCOUNTS)

    others = len(read_topics().topics) - 1
    assert taken.words.endswith(f"rules made 0, taken back {others}")
    assert given.words.endswith(f"rules made {others}, taken back 0")
    assert partition_count(reader, "market.bars") == 4
