"""The points of a served desk on InfluxDB, summed up by series and field, and those that there should be.

What should be there is written from the rows of an embedded run into a bucket beside the desk's, in the order of
versions, so that the server itself merges revisions in the same way; then both buckets are summed up alike.
"""

import csv
import io
import json
from contextlib import contextmanager

import polars as pl
import urllib3

from connectors.influx.codec import MEASUREMENTS, body_of, lines_of
from connectors.lake.codec import Rows

LINES = 20_000
SERIES = ("_measurement", "_field", "instrument", "interval", "account", "strategy")


def called(influx, method, path, body=None, **headers):
    pool = urllib3.PoolManager(ca_certs=None if influx.ca is None else str(influx.ca))
    answer = pool.request(
        method,
        influx.url + path,
        body=body if isinstance(body, (bytes, memoryview, type(None))) else json.dumps(body).encode(),
        headers={"Authorization": f"Token {influx.token.get_secret_value()}", **headers},
    )
    assert answer.status < 300, answer.data
    return answer.data


@contextmanager
def own_bucket(influx, name):
    (organisation,) = json.loads(called(influx, "GET", f"/api/v2/orgs?org={influx.organisation}"))["orgs"]
    json_body = {"Content-Type": "application/json"}
    made = called(influx, "POST", "/api/v2/buckets", {"orgID": organisation["id"], "name": name}, **json_body)
    yield name
    called(influx, "DELETE", f"/api/v2/buckets/{json.loads(made)['id']}")


def write_points(influx, bucket, topic, rows):
    """Write the points of a topic's rows, later versions last; a topic without rows has no columns either."""
    if not rows.height:
        return
    order = "version" if "version" in rows.columns else "sequence"
    sorted_rows = rows.sort(order, maintain_order=True)
    for start in range(0, sorted_rows.height, LINES):
        for lines in lines_of(Rows(topic, sorted_rows.slice(start, LINES).to_arrow())):
            if len(lines):
                path = f"/api/v2/write?org={influx.organisation}&bucket={bucket}&precision=ns"
                called(influx, "POST", path, bytes(body_of(lines)))


def summed_up(influx, bucket, measurement):
    """Return count and sum of every field of every series of a measurement."""
    found = {}
    for kind in ("count", "sum"):
        query = (
            f'from(bucket: "{bucket}") |> range(start: 0, stop: 2100-01-01T00:00:00Z) '
            f'|> filter(fn: (r) => r._measurement == "{measurement}") |> {kind}() '
            "|> map(fn: (r) => ({r with _value: string(v: r._value)}))"
        )
        text = called(
            influx,
            "POST",
            f"/api/v2/query?org={influx.organisation}",
            query.encode(),
            **{"Content-Type": "application/vnd.flux", "Accept": "application/csv"},
        ).decode()
        names = None
        for row in csv.reader(io.StringIO(text)):
            if "_value" in row:
                names = row
            elif row and names:
                values = dict(zip(names, row, strict=True))
                found.setdefault(tuple(values.get(name, "") for name in SERIES), {})[kind] = values["_value"]
    return found


def points_compared(influx, topic_rows):
    """Compare the points of a desk with those of an embedded run's rows; return the counts."""
    total = {"records": 0, "missing": 0, "twice": 0, "different": 0}
    with own_bucket(influx, f"{influx.bucket}-expected") as bucket:
        for topic, measurements in MEASUREMENTS.items():
            rows = topic_rows(topic)
            write_points(influx, bucket, topic, rows.cast({pl.Categorical: pl.String}))
            for measurement in measurements:
                there = summed_up(influx, influx.bucket, measurement.name)
                for series, wanted in summed_up(influx, bucket, measurement.name).items():
                    held = there.pop(series, {"count": "0", "sum": ""})
                    total["records"] += int(wanted["count"])
                    total["missing"] += max(0, int(wanted["count"]) - int(held["count"]))
                    total["different"] += held != wanted
                total["different"] += len(there)
    return total
