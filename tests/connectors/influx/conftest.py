"""An InfluxDB server of these tests' own, and a bucket of its own for each test."""

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import urllib3

from connectors.influx.server import InfluxServer
from tests.connectors.own_server import ROOT, OwnServer, absent

READY_SECONDS = 60
POOL = urllib3.PoolManager(retries=False)


class Bucket(NamedTuple):
    """A bucket, and the server that it is on."""

    process: OwnServer
    server: InfluxServer

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = POOL.request(
            method,
            self.server.url + path,
            body=body if isinstance(body, bytes) else json.dumps(body),
            headers={"Authorization": f"Token {self.server.token}", **headers},
        )
        assert answer.status < 300, answer.data
        return answer.data

    def points(self, measurement: str = "") -> list[dict[str, Any]]:
        """Return every point with its tags and fields, in order of time and tags."""
        of_measurement = f'|> filter(fn: (r) => r._measurement == "{measurement}")' if measurement else ""
        query = (
            f'from(bucket: "{self.server.bucket}") |> range(start: 0, stop: 2100-01-01T00:00:00Z) {of_measurement} '
            "|> map(fn: (r) => ({r with _time: int(v: r._time), _value: string(v: r._value)}))"
        )
        text = self.call(
            "POST",
            f"/api/v2/query?org={self.server.organisation}",
            query.encode(),
            **{"Content-Type": "application/vnd.flux", "Accept": "application/csv"},
        ).decode()
        made: dict[Any, dict[str, Any]] = {}
        for block in text.strip().split("\r\n\r\n"):
            names, *rows = [line.split(",") for line in block.split("\r\n") if line]
            for row in rows:
                values = {name: value for name, value in zip(names, row, strict=True) if name and value}
                field, value = values.pop("_field"), values.pop("_value")
                for name in ("result", "table", "_start", "_stop"):
                    values.pop(name)
                at = int(values.pop("_time"))
                point = made.setdefault((at, tuple(sorted(values.items()))), {"time": at, **values})
                point[field] = value
        return [made[key] for key in sorted(made)]


def _wait_until_ready(bucket: Bucket) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            bucket.call("GET", "/ready")
        except (urllib3.exceptions.HTTPError, AssertionError):
            if time.monotonic() > deadline:
                raise
        else:
            return


@pytest.fixture(scope="session")
def own_influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    process = OwnServer("influx", tmp_path_factory.mktemp("influx"), {})
    if not process.is_installed("influxdb/influxd"):
        absent(f"InfluxDB is not installed; `ita stack up` builds it ({ROOT / 'infra' / 'native'})")
    try:
        process.start()
        token = secrets.token_hex(12)
        made = Bucket(process, InfluxServer(f"http://127.0.0.1:{process.port}", "test", "first", token))
        _wait_until_ready(made)
        setup = {"org": "test", "bucket": "first", "username": "admin", "password": token, "token": token}
        made.call("POST", "/api/v2/setup", setup)
        yield made
    finally:
        process.remove()


@pytest.fixture
def bucket(own_influx: Bucket) -> Bucket:
    _wait_until_ready(own_influx)
    organisations = json.loads(own_influx.call("GET", "/api/v2/orgs"))["orgs"]
    identifier = next(each["id"] for each in organisations if each["name"] == "test")
    name = f"test-{secrets.token_hex(6)}"
    own_influx.call("POST", "/api/v2/buckets", {"orgID": identifier, "name": name})
    return own_influx._replace(server=own_influx.server._replace(bucket=name))
