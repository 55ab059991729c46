"""Messages that nobody can read stand once in every store of the served desk, which comes to its end all the same."""

import pytest
from confluent_kafka import Producer
from influxdb_client import InfluxDBClient

from connectors.relational.models import fields
from domain.decisions import Quarantined
from tests.served.desk import ServedDesk, initialised, topic_rows

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("served_desk")]
SOURCE = "simulator:instruments=2,days=1,ticks=4000"
BROKEN = {"scored": b"no batch", "market.bars": b"no bars"}
"""One message for the decisions worker, and one for the sinks worker."""
PLACE = [name for name, _, _ in fields(Quarantined)].index("place")


@pytest.fixture
def desk(request, tmp_path, own):
    with initialised(request, ServedDesk(own, tmp_path / "served", SOURCE)) as made:
        yield made


def counted(desk):
    """Return the highest count of refused rows of each reason in the time series."""
    influx = desk.servers().influx
    asked = (
        f'from(bucket: "{influx.bucket}") |> range(start: 0) '
        '|> filter(fn: (r) => r._measurement == "health" and r._field == "refused" and r.stage == "kafka") |> max()'
    )
    with InfluxDBClient(influx.url, influx.token.get_secret_value(), org=influx.organisation) as client:
        return sum(
            record.get_value() for table in client.query_api().query(asked) for record in table.records
        )


def test_messages_that_cannot_be_read_stand_once_in_lake_journal_and_time_series(desk):
    cluster = desk.servers().kafka.cluster()
    producer = Producer(cluster.client)
    for topic, value in BROKEN.items():
        producer.produce(cluster.topic(topic), value, partition=0)
    assert producer.flush(30) == 0

    desk.start_all()
    desk.wait()

    lake = topic_rows(desk.lake(desk.folder / "mirror"), "quarantine.kafka")
    journal = desk.journal()["quarantined"]
    expected = sorted((f"{topic}:0:0", value.hex()) for topic, value in BROKEN.items())
    assert sorted(lake.select("place", "raw").rows()) == expected
    assert sorted((row[PLACE], row[PLACE + 1]) for row in journal) == expected
    assert counted(desk) == len(BROKEN)
    assert desk.kafka_rows("quarantine.kafka", (0,))["place"].to_list() == ["scored:0:0"]
