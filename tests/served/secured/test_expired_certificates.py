"""Kafka and S3 whose certificates have expired are refused for good, with what has happened and what to do.

A server would not start with such a certificate for its own parts; so it is the one for its clients that has expired,
as it does under a server that has run for too long.
"""

import re

import pytest

from apps.stack import certificates
from connectors.kafka.client import KafkaCluster, KafkaRefused
from connectors.kafka.tails import partition_count
from connectors.lake.bucket import Bucket
from connectors.lake.s3 import S3Shelf, StoreRefused
from connectors.patience import Patience
from tests.connectors.own_server import OwnServer, absent
from tests.served.secured_stack import until_listening

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("secured_desk")]
KAFKA_PORT, S3_PORT = 25_900, 25_940
USER, PASSWORD = "operator", "a-password-of-this-test"
SAID = r"certificate has expired.*{}.*`ita stack secrets --secure` makes"


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """Return a folder of certificates; those that clients are shown have ended."""
    folder = tmp_path_factory.mktemp("expired")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificates, "SERVER_DAYS", 0)
        certificates.make_certificates(folder)
    for server in ("kafka", "s3"):
        for path in certificates.certificate(folder, server):
            path.rename(path.with_stem(f"{server}-clients"))
    certificates.make_certificates(folder)
    return folder


@pytest.fixture
def running(request, tls, tmp_path):
    name, port, settings = request.param
    if name == "kafka" and not OwnServer.is_installed("kafka/classpath"):
        absent("Kafka is not installed here; `ita stack up --native` installs it")
    server = OwnServer(name, tmp_path / name, {**settings, "ITA_STACK_TLS": str(tls)}, port)
    server.start()
    try:
        until_listening(server.port, 60)
        yield server
    finally:
        server.remove()


KAFKA = ("kafka", KAFKA_PORT, {"ITA_KAFKA__USERNAME": USER, "ITA_KAFKA__PASSWORD": PASSWORD})
S3 = ("s3", S3_PORT, {"ITA_S3__ACCESS_KEY": USER, "ITA_S3__SECRET_KEY": PASSWORD})


@pytest.mark.parametrize("running", [KAFKA], indirect=True, ids=["kafka"])
def test_a_kafka_whose_certificate_has_expired_is_not_waited_for(running, tls):
    client = {
        "bootstrap.servers": f"127.0.0.1:{running.port}",
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(certificates.authority(tls)),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": USER,
        "sasl.password": PASSWORD,
    }

    with pytest.raises(KafkaRefused) as refused:
        partition_count(KafkaCluster(client), "scored")

    assert re.search(SAID.format("ITA_KAFKA__CA"), str(refused.value), re.DOTALL)


@pytest.mark.parametrize("running", [S3], indirect=True, ids=["s3"])
def test_an_s3_server_whose_certificate_has_expired_gets_no_object(running, tls, tmp_path):
    made = tmp_path / "made"
    made.write_bytes(b"content")
    bucket = Bucket(
        f"https://127.0.0.1:{running.port}", "ita-lake", USER, PASSWORD, ca=certificates.authority(tls)
    )

    with pytest.raises(StoreRefused) as refused:
        S3Shelf(bucket, Patience()).put(made, "mark", 1)

    assert re.search(SAID.format("ITA_S3__CA"), str(refused.value), re.DOTALL)
