"""The doctor says what each server lacks; a server that is not there matters to the served desk alone."""

import pytest
from pydantic import SecretStr

from apps.findings import Health
from apps.offers import offers
from config.servers import Kafka, Postgres, Redis, Servers
from config.topics import read_topics


def by_subject(servers, *, served):
    return {finding.subject: finding for finding in offers(servers, read_topics(), served=served)}


def test_servers_that_are_not_there_matter_only_where_they_are_asked_for():
    nowhere = Servers(
        kafka=Kafka(bootstrap="127.0.0.1:9"),
        influx={"url": "http://127.0.0.1:9"},
        s3={"endpoint": "http://127.0.0.1:9"},
        postgres=Postgres(port=9),
        redis=Redis(port=9),
    )

    embedded, served = by_subject(nowhere, served=False), by_subject(nowhere, served=True)

    assert embedded == {}
    assert {finding.health for finding in served.values()} == {Health.FAIL}
    assert served["Redis"].remedy == "run `ita stack up redis`, or correct its address"


@pytest.mark.served
def test_what_was_not_set_up_is_named_with_what_to_do(servers, kafka, influx, postgres, s3, redis, own):
    bare = servers.model_copy(
        update={
            "kafka": kafka,
            "influx": influx.model_copy(update={"bucket": own}),
            "postgres": postgres.model_copy(update={"database": own}),
            "s3": s3.model_copy(update={"bucket": f"{own}-bucket"}),
            "redis": redis.model_copy(update={"password": SecretStr("wrong")}),
        }
    )

    found = by_subject(bare, served=True)

    assert {finding.health for finding in found.values()} == {Health.FAIL}
    assert "topics are missing" in found["Kafka"].words
    assert found["InfluxDB"].words == f"there is no bucket {own} of ita that the token may see"
    assert f'database "{own}" does not exist' in found["PostgreSQL"].words
    assert found["SeaweedFS"].words == f"there is no bucket {own}-bucket"
    assert "ITA_REDIS__PASSWORD" in found["Redis"].remedy
    assert all("ita stack" in finding.remedy for finding in found.values())
    assert {f.health for f in by_subject(bare, served=False).values()} == {Health.WARN}
