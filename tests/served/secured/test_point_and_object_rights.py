"""InfluxDB and S3 let each account write where it is to write, and nowhere else."""

import io
import uuid

import pytest
from minio.error import S3Error

from apps.stack.readiness import influx_answer
from connectors.influx.codec import MEASUREMENTS
from connectors.influx.writer import InfluxRefused
from connectors.lake.s3 import S3Shelf, StoreRefused
from connectors.patience import Patience
from tests.connectors.own_server import absent
from tests.served.points import summed_up
from tests.served.secured_stack import (
    WRONG,
    put,
    written,
)

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("secured_desk")]


def test_an_influx_token_writes_its_bucket_and_no_other(stack, tmp_path):
    operator, sinks = stack.servers().influx, stack.servers("sinks").influx
    found = influx_answer(operator, f"/api/v2/orgs?org={operator.organisation}")[1]["orgs"][0]
    elsewhere = f"elsewhere-{uuid.uuid4().hex[:6]}"
    made, _ = influx_answer(
        operator, "/api/v2/buckets", {"orgID": found["id"], "name": elsewhere, "retentionRules": []}
    )

    assert made == 201
    assert written(sinks.place(), tmp_path) == 0
    with pytest.raises(InfluxRefused, match=f"bucket {elsewhere} at .* refuses: 40[34].*ITA_INFLUX__TOKEN"):
        written(sinks.place()._replace(bucket=elsewhere), tmp_path)


@pytest.mark.parametrize(
    ("account", "settings", "said"),
    [
        ("reader", {}, "refuses: 40[34]"),
        ("sinks", {"ITA_INFLUX__TOKEN": WRONG}, "refuses: 401"),
    ],
)
def test_influx_takes_points_from_nobody_else(stack, tmp_path, account, settings, said):
    with pytest.raises(InfluxRefused, match=said):
        written(stack.servers(account, **settings).influx.place(), tmp_path)


def test_a_reader_reads_the_points(ran):
    influx = ran.servers("reader").influx

    assert summed_up(influx, influx.bucket, MEASUREMENTS["market.bars"][0].name)


def test_a_plain_word_to_influx_is_a_refusal_and_not_a_bad_line(stack, tmp_path):
    server = stack.servers("sinks").influx.place()

    with pytest.raises(InfluxRefused, match=r"(to an HTTPS server|speaks TLS).*ITA_INFLUX__CA"):
        written(server._replace(url=server.url.replace("https", "http")), tmp_path)


@pytest.fixture(params=["SeaweedFS", "MinIO"])
def store(request, stack):
    """Return the settings that choose an S3 server."""
    if request.param == "SeaweedFS":
        return {}
    if "minio" not in stack.servers_run:
        absent("no MinIO is installed here; `ita stack up --native minio` installs it")
    return {"ITA_S3__ENDPOINT": stack.minio_endpoint}


def test_an_s3_key_writes_below_its_prefix(stack, tmp_path, store):
    assert put(stack.servers("sinks", **store).s3.place(), tmp_path) == 1


def test_a_plain_word_to_s3_is_refused_for_good(stack, tmp_path):
    place = stack.servers("sinks").s3.place()

    with pytest.raises(StoreRefused, match=r"(to an HTTPS server|speaks TLS).*ITA_S3__CA"):
        put(place._replace(endpoint=place.endpoint.replace("https", "http")), tmp_path)


@pytest.mark.parametrize(
    ("account", "settings"),
    [
        ("sinks", {"ITA_S3__PREFIX": "other/"}),
        ("sinks", {"ITA_S3__PREFIX": ""}),
        ("sinks", {"ITA_S3__SECRET_KEY": WRONG}),
        ("reader", {}),
    ],
)
def test_an_s3_key_writes_nowhere_else(stack, tmp_path, store, account, settings):
    with pytest.raises(StoreRefused, match=r"refuses.*ITA_S3__ACCESS_KEY and ITA_S3__SECRET_KEY"):
        put(stack.servers(account, **store, **settings).s3.place(), tmp_path)


def test_an_s3_key_puts_nothing_in_another_place_itself(stack, store):
    place = stack.servers("sinks", **store).s3.place()

    with pytest.raises(S3Error) as refused_put:
        place.client().put_object(place.bucket, "other/trial", io.BytesIO(b"x"), 1)

    assert refused_put.value.code == "AccessDenied"


def test_an_s3_key_reads_no_other_prefix(stack, tmp_path, store):
    put(stack.servers(**store).s3.place()._replace(prefix="other/"), tmp_path)
    shelf = S3Shelf(stack.servers("sinks", **store).s3.place()._replace(prefix="other/"), Patience())

    with pytest.raises(StoreRefused, match="refuses"):
        shelf.fetch("trial", tmp_path / "stolen")
