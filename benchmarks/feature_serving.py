"""Online features from Redis: how long a model waits for them, through Feast's SDK, its server, and plain redis-py.

    python benchmarks/feature_serving.py

The newest rows of 100 instruments are pushed to a Redis database of this benchmark's own, which has to be empty and is
emptied at the end. Then 20 features of one instrument, and of all 100, are asked in turns: by `read_online` of this
project (Feast's SDK), over HTTP from `ita features serve` on a connection that stays open, and by HMGET of the same
fields of the same hashes with redis-py, in a pipeline where there are many. Times are milliseconds from the question
to decoded values; the plain client's values stay the bytes they are. `ratio` is the plain client's median over the
other's, of one run and in turns, so that load meets all alike.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from apps.feature_server import ASKING
from apps.run_folder import MANIFEST, RunPaths
from apps.served import online_store
from config.servers import Redis as Place
from config.servers import read_servers
from connectors.feast.codec import END_OF_FEATURES
from connectors.feast.sink import FeastPartition
from connectors.feast.store import VIEW, open_store, prepare, read_online
from domain.market import BAR, SECOND, FeatureRows
from feature_repo.declarations import declarations
from features.catalogue import CATALOGUE

ROOT = Path(__file__).resolve().parents[1]
DATABASE = 13
INSTRUMENTS = tuple(f"I{number:03d}" for number in range(100))
FEATURES = tuple(line.name for line in CATALOGUE[:20])
AT = 1_709_821_800 * SECOND
WARM_UPS = 20

Way = Callable[[], Any]


class Sides(NamedTuple):
    """The three ways to ask for the same values."""

    plain: Way
    sdk: Way
    server: Way


def kept(out: Path, place: Place) -> None:
    """Make a run's folder whose online store is on Redis, and push a row of each instrument."""
    (out / MANIFEST).write_text("{}")
    folder, online = RunPaths(out).feature_store, online_store(place)
    bars = np.zeros(len(INSTRUMENTS), BAR)
    bars["instrument"], bars["close_at"], bars["known_at"] = range(len(INSTRUMENTS)), AT, AT
    values = np.random.default_rng(7).normal(size=(len(CATALOGUE), len(INSTRUMENTS)))
    prepare(folder, INSTRUMENTS, CATALOGUE, declarations, online)
    sink = FeastPartition(folder, INSTRUMENTS, CATALOGUE, declarations, online=online)
    sink.write_batch([FeatureRows(bars, values), END_OF_FEATURES])
    sink.close()


@contextmanager
def own_database(place: Place) -> Iterator[Any]:
    """Yield a plain client of the benchmark's database; raises SystemExit where there is something in it."""
    from redis import Redis  # noqa: PLC0415  comes with Feast

    client = Redis(
        host=place.host,
        port=place.port,
        db=place.database,
        username=place.user or None,
        password=place.password.get_secret_value() or None,
        ssl=place.tls,
        ssl_ca_certs=None if place.ca is None else str(place.ca),
    )
    with client:
        if client.dbsize():
            raise SystemExit(
                f"database {place.database} of {place.host}:{place.port} is not empty; empty it first"
            )
        try:
            yield client
        finally:
            client.flushdb()


@contextmanager
def served(out: Path) -> Iterator[HTTPConnection]:
    """Yield a connection to `ita features serve`."""
    command = [sys.executable, "-m", "apps.cli.main", "features", "serve", "--out", str(out), "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            said = next(line for line in process.stderr or () if "features: http://" in line)
            connection = HTTPConnection(said.split("//")[1].partition("/")[0], timeout=60)
            yield connection
            connection.close()
        finally:
            process.terminate()
            process.communicate()


def plain_way(client: Any, names: Sequence[str]) -> Way:
    """Return what asks Redis for the fields of the features in the hashes of the instruments."""
    from feast.infra.online_stores.helpers import _mmh3  # noqa: PLC0415  with Feast

    held = client.keys()
    keys = [next(key for key in held if name.encode() in key) for name in names]
    fields = [_mmh3(f"{VIEW}:{feature}") for feature in FEATURES]

    def ask() -> list[list[bytes]]:
        if len(keys) == 1:
            return [client.hmget(keys[0], fields)]
        pipeline = client.pipeline(transaction=False)
        for key in keys:
            pipeline.hmget(key, fields)
        rows: list[list[bytes]] = pipeline.execute()
        return rows

    if any(value is None for row in ask() for value in row):
        raise SystemExit(
            "the plain client does not find the values that Feast wrote; has its layout changed?"
        )
    return ask


def sides(client: Any, store: Any, connection: HTTPConnection, names: Sequence[str]) -> Sides:
    """Return the ways to ask for the features of instruments, after making sure that both of Feast's agree."""
    asked = {"features": [f"{VIEW}:{name}" for name in FEATURES], "entities": {"instrument": list(names)}}
    body = json.dumps(asked).encode()

    def over_http() -> dict[str, list[Any]]:
        connection.request("POST", ASKING, body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        columns = zip(answer["metadata"]["feature_names"], answer["results"], strict=True)
        return {name: column["values"] for name, column in columns}

    def by_sdk() -> dict[str, list[Any]]:
        return read_online(store, names, FEATURES)

    if by_sdk() != over_http():
        raise SystemExit("the feature server and Feast's SDK give different values")
    return Sides(plain_way(client, names), by_sdk, over_http)


def timed(ways: Sides, count: int) -> dict[str, Any]:
    """Ask in turns; return milliseconds at the median and at 99 % of each way, and how the medians compare."""
    spent: dict[str, list[float]] = {name: [] for name in Sides._fields}
    for turn in range(count + WARM_UPS):
        for name, ask in ways._asdict().items():
            began = perf_counter()
            ask()
            if turn >= WARM_UPS:
                spent[name].append((perf_counter() - began) * 1000)
    found: dict[str, Any] = {}
    for name, times in spent.items():
        middle, high = np.quantile(times, (0.5, 0.99))
        found[name] = {"p50_ms": round(float(middle), 3), "p99_ms": round(float(high), 3)}
    for name in ("sdk", "server"):
        found[name]["ratio"] = round(found["plain"]["p50_ms"] / found[name]["p50_ms"], 4)
    return found


def measured(count: int) -> dict[str, Any]:
    """Return the figures of one instrument and of all."""
    place = read_servers().redis.model_copy(update={"database": DATABASE})
    with own_database(place) as client, TemporaryDirectory() as folder:
        kept(Path(folder), place)
        store = open_store(RunPaths(Path(folder)).feature_store)
        with served(Path(folder)) as connection:
            one, many = (
                timed(sides(client, store, connection, names), asked)
                for names, asked in ((INSTRUMENTS[:1], count), (INSTRUMENTS, max(1, count // 5)))
            )
    return {
        "features": len(FEATURES),
        "asked": count,
        "one_instrument": one,
        f"{len(INSTRUMENTS)}_instruments": many,
        "load": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    """Print the figures as one line of JSON."""
    parser = argparse.ArgumentParser(
        description="Online features from Redis: SDK, server, and plain redis-py."
    )
    parser.add_argument("--asked", type=int, default=2000, help="how often one instrument is asked for")
    parser.add_argument("--quick", action="store_true", help="ask 25 times: does it work?")
    chosen = parser.parse_args()
    if chosen.asked < 1:
        parser.error(f"--asked is at least 1; {chosen.asked} was given")
    print(json.dumps(measured(25 if chosen.quick else chosen.asked)))


if __name__ == "__main__":
    main()
