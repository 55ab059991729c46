"""A certificate of a stranger, or one that has ended, is refused for good and the message names the cure."""

import re

import pytest
import redis as redis_package
from dotenv import dotenv_values

from apps.stack.readiness import redis_client_of, why_not_ready
from connectors.feast.store import passes, refused
from connectors.influx.writer import InfluxRefused
from connectors.kafka.client import KafkaRefused
from connectors.lake.s3 import StoreRefused
from connectors.postgres.connection import PostgresRefused, connected
from tests.connectors.own_server import OwnServer
from tests.served.secured_stack import (
    SERVERS,
    desk_connection,
    put,
    scored_partitions,
    until_listening,
    written,
)

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("secured_desk")]


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_of_another_authority_is_not_trusted(stack, strangers, server):
    settings = {f"ITA_{server.upper()}__CA": str(strangers)}

    with stack.signed_in_as(**settings) as servers:
        said = why_not_ready(server, servers)

    assert "certificate verify failed" in said


SPOKEN_TO = {
    "kafka": lambda servers, _: scored_partitions(servers),
    "influx": lambda servers, folder: written(servers.influx.place(), folder),
    "s3": lambda servers, folder: put(servers.s3.place(), folder),
    "postgres": lambda servers, _: connected(servers.postgres.url()),
}


@pytest.mark.parametrize("server", SPOKEN_TO)
def test_a_worker_does_not_wait_for_a_certificate_that_it_cannot_trust(stack, strangers, tmp_path, server):
    servers = stack.servers("sinks", **{f"ITA_{server.upper()}__CA": str(strangers)})

    with pytest.raises((KafkaRefused, InfluxRefused, StoreRefused, PostgresRefused)) as refused_for_good:
        SPOKEN_TO[server](servers, tmp_path)

    assert re.search(
        f"certificate.*file that ITA_{server.upper()}__CA names", str(refused_for_good.value), re.DOTALL
    )


def own_server(name, stack, folder, expired):
    settings = {**dotenv_values(stack.file), "ITA_STACK_TLS": str(expired)}
    return OwnServer(name, folder, settings)


def test_an_influx_whose_certificate_has_expired_gets_no_points(stack, tmp_path, expired):
    server = own_server("influx", stack, tmp_path / "influx", expired)
    server.start()
    try:
        place = stack.servers("sinks").influx.place()._replace(url=f"https://127.0.0.1:{server.port}")
        with pytest.raises(
            InfluxRefused, match=r"certificate has expired.*`ita stack secrets --secure` makes"
        ):
            written(place, tmp_path)
    finally:
        server.remove()


def test_a_postgres_whose_certificate_has_expired_is_not_signed_in_to(stack, tmp_path, expired):
    server = own_server("postgres", stack, tmp_path / "postgres", expired)
    server.start()
    try:
        with pytest.raises(PostgresRefused, match=r"certificate.*`ita stack secrets --secure` makes"):
            desk_connection(stack, "sinks", ITA_POSTGRES__PORT=str(server.port))
    finally:
        server.remove()


def test_a_redis_whose_certificate_has_expired_is_refused_for_good(stack, tmp_path, expired):
    server = own_server("redis", stack, tmp_path / "redis", expired)
    server.start()
    try:
        until_listening(server.port)
        client = redis_client_of(stack.servers("sinks", ITA_REDIS__PORT=str(server.port)).redis)
        with pytest.raises(redis_package.exceptions.ConnectionError) as failed:
            client.ping()
        assert not passes(failed.value)
        assert re.search("certificate has expired.*ITA_REDIS__CA names", str(refused(failed.value)))
    finally:
        server.remove()
