"""The sinks of the served desk, each against the plain client in a loop with the best batch size.

    python benchmarks/sinks.py

A simulated day is run through the embedded desk; what came of it is written, in turns and to places of their own
that are taken away at the end:

- PostgreSQL: the day's decision records, five times over under different names, through PostgresSink, and their ready
  rows by plain psycopg: a transaction for each batch, by COPY and by executemany. Every turn has a new schema with the
  desk's tables and indexes.
- S3: the files of the day's lake, through S3Shelf.put, and by put_object of plain minio.
- InfluxDB: the day's bars and features, through InfluxSink from columns until its snapshot, and the ready lines of the
  same points, those of the shard's health with them, by the plain client's synchronous write. Every turn has a new
  bucket.

Plain loops get what is ready to send: turning records into rows and columns into lines is counted for the sinks alone,
and `conversion_share` says what part of the sink's seconds it takes by itself. Each way is tried with each batch
size, and the best median of either side counts. `ratio` is plain seconds over sink seconds;
`ratio_from_the_same_input` adds the conversion to the plain loop, which would have to do it too.
"""

import argparse
import gc
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any
from urllib.parse import quote
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import msgspec
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import urllib3
from bytewax.testing import TestingSink
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS

from apps.assembly import assemble
from apps.run_folder import RunPaths
from apps.running import RunOptions, decision_edges, market_edges, run_flow
from apps.stack.passwords import read_secrets
from apps.stack.set_up import OWNER
from config.servers import Influx, Postgres, read_servers
from config.settings import read_settings
from connectors.files.open_source import open_source
from connectors.influx.codec import body_of, lines_of
from connectors.influx.health import HealthMeter
from connectors.influx.server import InfluxServer
from connectors.influx.sink import InfluxSink
from connectors.lake.codec import Rows
from connectors.lake.lanes import LakeItem
from connectors.lake.s3 import S3Shelf
from connectors.postgres.migrations import upgrade
from connectors.postgres.models import TABLES
from connectors.postgres.sink import PostgresSink
from connectors.relational.codec import Row, rows_of
from connectors.tick_input import Stop
from flows import desk

SIMULATED = "simulator:instruments=40,days=1,ticks=400000"
QUICK = "simulator:instruments=4,days=1,ticks=20000"
SHARDS = ("0",)
RECORD_BATCHES = (1_000, 10_000)
LINE_BATCHES = (5_000, 20_000, 50_000)
RECORDS_TIMES = 5
FILES_MIN = 60
SERIES = ("market.bars", "features")

Turn = Callable[[], float]


def seconds_of(work: Callable[[], Any]) -> float:
    gc.collect()
    began = perf_counter()
    work()
    return perf_counter() - began


def in_turns(turns: dict[str, Turn], repeat: int) -> dict[str, float]:
    """Return the median seconds of each turn; a first round is not counted where there are several."""
    rounds = [{name: turn() for name, turn in turns.items()} for _ in range(repeat + (repeat > 1))]
    counted = rounds[1:] or rounds
    return {name: median(each[name] for each in counted) for name in turns}


def compared(found: dict[str, float], conversion_seconds: float, **counts: float) -> dict[str, Any]:
    """Return the best of the sink against the best plain loop."""
    ours = min((name for name in found if name.startswith("sink")), key=found.__getitem__)
    plain = min((name for name in found if not name.startswith("sink")), key=found.__getitem__)
    return {
        **{f"{name}_per_second": round(count / found[ours], 1) for name, count in counts.items()},
        **{f"plain_{name}_per_second": round(count / found[plain], 1) for name, count in counts.items()},
        "ratio": round(found[plain] / found[ours], 2),
        "best": [ours, plain],
        "ratio_from_the_same_input": round((found[plain] + conversion_seconds) / found[ours], 2),
        "conversion_share": round(conversion_seconds / found[ours], 2),
        "seconds": {name: round(spent, 3) for name, spent in found.items()},
    }


def desk_day(given: str, folder: Path) -> list[Any]:
    """Run the embedded desk over a source into a folder; return its decision records in order."""
    settings, source, paths = read_settings(None), open_source(given), RunPaths(folder)
    written: list[Any] = []
    made = assemble(settings, source, SHARDS)
    edges = market_edges(settings, paths, source, made, SHARDS, SHARDS, RunOptions(), Stop())
    book = decision_edges(settings, paths, RunOptions())._replace(journal=TestingSink(written))
    flow = desk.build(
        edges._replace(feature_store=None), book, made.stages._replace(pages=paths.pages("desk"))
    )
    run_flow(flow, paths.recovery("desk"), RunOptions().epoch_seconds)
    return [record for _, records in written for record in records]


def pieces(things: Sequence[Any], size: int) -> list[Any]:
    """Return things cut into batches."""
    return [things[first : first + size] for first in range(0, len(things), size)]


@contextmanager
def own_schema(postgres: Postgres) -> Iterator[str]:
    """Make a schema with the desk's tables, yield its name, and drop it."""
    owner = postgres.url(OWNER, read_secrets()["ITA_POSTGRES_OWNER__PASSWORD"])
    name = f"benchmark_{uuid4().hex[:10]}"
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
        try:
            upgrade(in_schema(owner, name))
            yield name
        finally:
            connection.execute(f"DROP SCHEMA {name} CASCADE".encode())


def in_schema(url: str, schema: str) -> str:
    """Return an address whose tables are in a schema."""
    return f"{url}&options={quote(f'-csearch_path={schema}')}"


def sunk_records(postgres: Postgres, batches: list[list[Any]]) -> float:
    """Write records through the sink."""
    with own_schema(postgres) as schema:
        part = PostgresSink(in_schema(postgres.url(), schema)).build_part("", "journal", None)
        try:
            return seconds_of(lambda: deque(map(part.write_batch, batches), maxlen=0))
        finally:
            part.close()


def copied(connection: psycopg.Connection[Any], table: str, rows: list[Row]) -> None:
    with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def inserted(connection: psycopg.Connection[Any], table: str, rows: list[Row]) -> None:
    places = ", ".join(["%s"] * len(rows[0]))
    connection.cursor().executemany(f"INSERT INTO {table} VALUES ({places})".encode(), rows)


def plain_records(
    postgres: Postgres, batches: list[dict[str, list[Row]]], write: Callable[..., None]
) -> float:
    """Write ready rows by psycopg alone."""

    def work(connection: psycopg.Connection[Any]) -> None:
        for batch in batches:
            with connection.transaction():
                for table, rows in batch.items():
                    write(connection, table, rows)

    with (
        own_schema(postgres) as schema,
        psycopg.connect(in_schema(postgres.url(), schema), autocommit=True) as held,
    ):
        return seconds_of(lambda: work(held))


def postgres_figures(records: list[Any], repeat: int) -> dict[str, Any]:
    postgres = read_servers().postgres
    turns: dict[str, Turn] = {}
    for size in RECORD_BATCHES:
        batches = pieces(records, size)
        rows = [rows_of(batch, TABLES) for batch in batches]
        turns[f"sink {size}"] = partial(sunk_records, postgres, batches)
        turns[f"copy {size}"] = partial(plain_records, postgres, rows, copied)
        turns[f"executemany {size}"] = partial(plain_records, postgres, rows, inserted)
    found = in_turns(turns, repeat)
    row_count = sum(len(many) for many in rows_of(records, TABLES).values())
    conversion = seconds_of(lambda: rows_of(records, TABLES))
    return compared(found, conversion, records=len(records), rows=row_count)


def s3_figures(lake: Path, repeat: int) -> dict[str, Any]:
    s3 = read_servers().s3
    bucket = s3.model_copy(update={"prefix": f"benchmark-{uuid4().hex[:10]}/"}).place()
    files = sorted(lake.rglob("*.parquet"))
    marked = [(path, f"{at:04}/{path.name}") for at, path in enumerate(files * -(-FILES_MIN // len(files)))]
    shelf, client = S3Shelf(bucket), bucket.client()

    def shelved() -> None:
        for path, mark in marked:
            shelf.put(path, mark, 1)

    def put() -> None:
        for path, mark in marked:
            with path.open("rb") as content:
                client.put_object(bucket.bucket, bucket.key(mark), content, path.stat().st_size)

    try:
        found = in_turns({"sink": lambda: seconds_of(shelved), "put_object": lambda: seconds_of(put)}, repeat)
    finally:
        for left in list(client.list_objects(bucket.bucket, bucket.prefix, recursive=True)):
            client.remove_object(bucket.bucket, left.object_name or "")
        shelf.close()
    megabytes = sum(path.stat().st_size for path, _ in marked) / 1e6
    return compared(found, 0.0, objects=len(marked), megabytes=megabytes)


def called(influx: Influx, method: str, path: str, body: Any = None) -> Any:
    """Call InfluxDB and return its answer; raises RuntimeError with its words."""
    answer = urllib3.request(
        method,
        influx.url + path,
        json=body,
        headers={"Authorization": f"Token {influx.token.get_secret_value()}"},
    )
    if answer.status >= 300:
        raise RuntimeError(f"{influx.url}{path} says {answer.status}: {answer.data.decode()}")
    return json.loads(answer.data or b"null")


@contextmanager
def own_bucket(influx: Influx) -> Iterator[InfluxServer]:
    """Make a bucket, yield the server with it, and delete it."""
    name = f"benchmark-{uuid4().hex[:10]}"
    organisation = called(influx, "GET", f"/api/v2/orgs?org={influx.organisation}")["orgs"][0]["id"]
    made = called(influx, "POST", "/api/v2/buckets", {"orgID": organisation, "name": name})
    try:
        yield influx.place()._replace(bucket=name)
    finally:
        called(influx, "DELETE", f"/api/v2/buckets/{made['id']}")


def sunk_points(influx: Influx, rows: list[LakeItem], size: int) -> float:
    """Write points through the sink until all are acknowledged."""
    with own_bucket(influx) as server, TemporaryDirectory(prefix="sinks_") as folder:
        part = InfluxSink(server, SHARDS, Path(folder), lines_max=size).build_part("", "0", None)

        def work() -> None:
            part.write_batch(rows)
            part.snapshot()

        try:
            return seconds_of(work)
        finally:
            part.close()


def plain_points(influx: Influx, bodies: list[bytes]) -> float:
    """Write ready lines by the client library alone."""
    with (
        own_bucket(influx) as server,
        InfluxDBClient(server.url, server.token, org=server.organisation, timeout=60_000) as client,
    ):
        api = client.write_api(write_options=SYNCHRONOUS)
        return seconds_of(lambda: [api.write(server.bucket, record=body) for body in bodies])


def points_of(series: list[Rows]) -> pa.StringArray:
    """Return the lines that the sink writes of rows until its snapshot."""
    meter = HealthMeter(SHARDS[0])
    made: list[pa.StringArray] = []
    for rows in series:
        known_at = rows.table.column("known_at").cast(pa.int64()).to_numpy(zero_copy_only=False)
        made += [meter.rows(rows.topic, known_at), *lines_of(rows)]
    return pa.concat_arrays(made)


def influx_figures(lake: Path, repeat: int) -> dict[str, Any]:
    influx = read_servers().influx
    rows: list[LakeItem] = [
        Rows(topic, batch)
        for topic in SERIES
        for path in sorted((lake / topic).rglob("*.parquet"))
        for batch in pq.ParquetFile(path).iter_batches(4_096)
    ]
    series = [each for each in rows if isinstance(each, Rows)]
    lines = points_of(series)
    turns: dict[str, Turn] = {}
    for size in LINE_BATCHES:
        cut = [lines.slice(first, size) for first in range(0, len(lines), size)]
        turns[f"sink {size}"] = partial(sunk_points, influx, rows, size)
        turns[f"write {size}"] = partial(plain_points, influx, [bytes(body_of(piece)) for piece in cut])
    found = in_turns(turns, repeat)
    conversion = seconds_of(lambda: points_of(series))
    return compared(found, conversion, points=len(lines), megabytes=len(body_of(lines)) / 1e6)


def many_times(records: list[Any], times: int) -> list[Any]:
    """Return records again and again, each time under other names."""
    return [
        msgspec.structs.replace(record, record_id=f"{record.record_id}-{time}")
        for time in range(times)
        for record in records
    ]


def measure(given: str, repeat: int, times: int, only: str | None) -> dict[str, Any]:
    """Return the line of a source, of all sinks or one."""
    load = os.getloadavg()[0]
    with TemporaryDirectory(prefix="sinks_") as folder:
        records = desk_day(given, Path(folder))
        lake = RunPaths(Path(folder)).lake
        sinks: dict[str, Callable[[], Any]] = {
            "postgres": lambda: postgres_figures(many_times(records, times), repeat),
            "s3": lambda: s3_figures(lake, repeat),
            "influx": lambda: influx_figures(lake, repeat),
        }
        line = {"source": given} | {name: sink() for name, sink in sinks.items() if only in (None, name)}
    return {**line, "repeat": repeat, "load_average": [round(load, 1), round(os.getloadavg()[0], 1)]}


def asked(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sinks.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--source", default=SIMULATED, help="where the ticks of the day come from")
    parser.add_argument("--repeat", type=int, default=3, help="turns of each")
    parser.add_argument("--only", choices=("postgres", "s3", "influx"), help="measure one of the sinks")
    parser.add_argument("--quick", action="store_true", help="a small simulated day, one turn")
    return parser.parse_args(words)


def main(words: list[str]) -> None:
    options = asked(words)
    if options.quick:
        print(json.dumps(measure(QUICK, repeat=1, times=1, only=options.only)))
    else:
        print(json.dumps(measure(options.source, options.repeat, RECORDS_TIMES, options.only)))


if __name__ == "__main__":
    main(sys.argv[1:])
