"""Accounts are read with their rights; the worker of the decisions alone writes orders."""

import pytest

from config.accounts import read_accounts
from config.settings import SettingsError
from config.topics import read_topics

TOPICS = read_topics()


def writers_of(topic):
    return [name for name, account in read_accounts(TOPICS).items() if topic in account.writes]


def test_orders_and_executions_have_one_writer_each():
    assert writers_of("oms.orders") == ["decisions"]
    assert writers_of("oms.executions") == ["execution"]


def test_only_the_sinks_write_to_the_stores_and_only_the_reader_reads_them_beside():
    stores = {name: account.stores for name, account in read_accounts(TOPICS).items()}

    assert {name for name, may in stores.items() if may == "write"} == {"sinks"}
    assert {name for name, may in stores.items() if may == "read"} == {"reader"}


def test_a_star_is_every_topic():
    accounts = read_accounts(TOPICS)

    assert accounts["reader"].reads == tuple(TOPICS.topics)
    assert accounts["reader"].writes == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "accounts: {desk: {reads: [oms.order]}}",
            "account desk names oms.order; topics.yaml has .*oms.orders",
        ),
        ("accounts: {desk: {stores: all}}", "accounts.desk.stores"),
        ("accounts: {desk: {may: everything}}", "accounts.desk.may"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(tmp_path, text, said):
    (tmp_path / "accounts.yaml").write_text(text)

    with pytest.raises(SettingsError, match=said):
        read_accounts(TOPICS, tmp_path)
