"""Sends lines to InfluxDB from threads of its own, until each is acknowledged or written down as refused.

A batch is some lanes of lines that go at the same time, because the server works on one request at a time of each
connection; a point's series is in one lane, and the next batch waits for all of them, so a later line of a point
always comes after its earlier one. A lane with a line that the server refuses is halved until the line stands alone:
all lines before and after it are stored. While the server is gone or too busy the lane is sent again and again, and
whoever has more to send waits. Sending a line twice leaves one point.
"""

import json
import logging
import queue
import re
import threading
from pathlib import Path

import msgspec
import pyarrow as pa
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from connectors.influx.codec import body_of
from connectors.influx.server import InfluxServer
from connectors.patience import Patience
from connectors.trust import advice, lasting, wants_tls

TIMEOUT_SECONDS = 30
BATCHES_WAITING_MAX = 2
LANES = 2
REFUSED_KEPT_MAX = 10_000
WORDS_MAX = 500
PARTLY = 422
HALVED = frozenset({400, 413, PARTLY})
BUSY = frozenset({0, 408, 425, 429})
DROPPED = re.compile(r"dropped=(\d+)")

Batch = tuple[pa.StringArray, ...]
"""The lanes of a batch, none of them empty."""

_log = logging.getLogger("ita.connectors")


class InfluxRefused(RuntimeError):
    """The server answered, and what was asked is not allowed or not there."""


class Rejected(msgspec.Struct, frozen=True):
    """A line that the server refused, and its words."""

    reason: str
    line: str


class RejectedLines:
    """The refused lines of a shard in a file of JSON lines, each once; past `REFUSED_KEPT_MAX` they only count."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.count = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._kept: set[Rejected] = set()
        whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
        if whole:
            self._kept.update(msgspec.json.decode(line, type=Rejected) for line in whole.split(b"\n"))
        path.write_bytes(whole + b"\n" if whole else b"")  # a line that a kill cut off is refused again

    def add(self, rejected: list[Rejected]) -> None:
        """Write down what is not there yet."""
        self.count += len(rejected)
        room = REFUSED_KEPT_MAX - len(self._kept)
        new = [each for each in dict.fromkeys(rejected) if each not in self._kept][:room]
        self._kept.update(new)
        with self._path.open("ab") as file:
            file.writelines(msgspec.json.encode(each) + b"\n" for each in new)


class LineWriter:
    """Takes batches of lines and sends them in order; `refused` keeps what the server does not take."""

    def __init__(self, server: InfluxServer, refused: RejectedLines, patience: Patience) -> None:
        self._server, self._refused, self._patience = server, refused, patience
        self._client = InfluxDBClient(
            url=server.url,
            token=server.token,
            org=server.organisation,
            timeout=TIMEOUT_SECONDS * 1000,
            enable_gzip=server.gzip,
            ssl_ca_cert=server.ca or None,
            retries=False,
        )
        self._api = self._client.write_api(write_options=SYNCHRONOUS)
        self._what = f"bucket {server.bucket} at {server.url}"
        self._failure: BaseException | None = None
        self._waiting: queue.Queue[Batch | None] = queue.Queue(BATCHES_WAITING_MAX)
        self._thread = threading.Thread(target=self._run, name="influx", daemon=True)
        self._thread.start()

    def put(self, batch: Batch) -> None:
        """Hand a batch over; waits while too many are waiting. Raises what sending has met, InfluxRefused above all."""
        self._raise()
        self._waiting.put(batch)

    def drain(self) -> None:
        """Return when everything that was handed over is acknowledged or written down; raises as `put` does."""
        self._waiting.join()
        self._raise()

    def close(self, left: list[Batch], wait_seconds: float) -> bool:
        """End; say whether everything was sent within so many seconds, `left` as the last."""
        sending = threading.Thread(target=self._send_left, args=(left,), name="influx-last", daemon=True)
        sending.start()
        sending.join(wait_seconds)
        whole = not sending.is_alive() and self._failure is None
        self._patience.stop()
        sending.join()
        self._waiting.put(None)
        self._thread.join()
        self._client.close()  # type: ignore[no-untyped-call]  # as the library has it
        return whole

    def _send_left(self, left: list[Batch]) -> None:
        for batch in left:
            self._waiting.put(batch)
        self._waiting.join()

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        while True:
            batch = self._waiting.get()
            try:
                if batch is None:
                    return
                if self._failure is None:
                    self._refused_to_file(self._store(batch), sum(map(len, batch)))
            except BaseException as failure:  # noqa: BLE001  it is raised where the flow hands over more
                self._failure = failure
            finally:
                self._waiting.task_done()

    def _refused_to_file(self, rejected: list[Rejected], count: int) -> None:
        if rejected:
            self._refused.add(rejected)
            _log.warning(
                "%s refused %d of %d lines; the first: %s",
                self._what,
                len(rejected),
                count,
                rejected[0].reason,
            )

    def _store(self, batch: Batch) -> list[Rejected]:
        """Send a batch; return the lines that are refused, found by halving."""
        answers: dict[int, ApiException | None] = {}
        self._patience.until_done(self._what, lambda: self._send_lanes(batch, answers), passes)
        failures = [(batch[lane], failure) for lane, failure in sorted(answers.items()) if failure]
        return [each for lines, failure in failures for each in self._halved(lines, failure)]

    def _halved(self, lines: pa.StringArray, failure: ApiException) -> list[Rejected]:
        """Return the refused among lines of which the server has refused at least one."""
        reason = message_of(failure)
        dropped = DROPPED.search(reason) if failure.status == PARTLY else None
        if len(lines) == 1 or (dropped and int(dropped[1]) >= len(lines)):
            return [Rejected(reason, line.rstrip("\n")) for line in lines.to_pylist()]
        half = len(lines) // 2
        return self._store((lines.slice(0, half),)) + self._store((lines.slice(half),))

    def _send_lanes(self, batch: Batch, answers: dict[int, ApiException | None]) -> None:
        """Send at once the lanes that have no answer yet, and add it; raises what stops one, the lasting first."""
        stopped: list[Exception] = []

        def send(lane: int) -> None:
            try:
                answers[lane] = self._send(batch[lane])
            except Exception as failure:  # noqa: BLE001  it is raised below, in the thread that waits
                stopped.append(failure)

        first, *others = [lane for lane in range(len(batch)) if lane not in answers]
        beside = [
            threading.Thread(target=send, args=(lane,), name=f"influx-{lane}", daemon=True) for lane in others
        ]
        for thread in beside:
            thread.start()
        send(first)
        for thread in beside:
            thread.join()
        if stopped:
            raise min(stopped, key=passes)

    def _send(self, lines: pa.StringArray) -> ApiException | None:
        """Send lines once; return the answer where it is about the lines."""
        try:
            self._api.write(bucket=self._server.bucket, record=bytes(body_of(lines)))
        except ApiException as failure:
            if lasting(failure):
                said = f"{self._what} cannot be spoken to: {message_of(failure)}; {advice('INFLUX')}"
                raise InfluxRefused(said) from failure
            if failure.status in HALVED:
                return failure
            if passes(failure):
                raise
            raise InfluxRefused(
                f"{self._what} refuses: {failure.status} {message_of(failure)}; `ita stack init` makes the bucket, and "
                f"the token comes from ITA_INFLUX__TOKEN"
            ) from failure
        except (HTTPError, OSError) as failure:
            if wants_tls(self._server.url):
                said = f"{self._what} speaks TLS, and http is configured; {advice('INFLUX')}"
                raise InfluxRefused(said) from failure
            raise
        return None


def passes(failure: Exception) -> bool:
    """Say whether an error is the server's absence or its being busy, which ends by itself."""
    if lasting(failure):
        return False
    if isinstance(failure, ApiException):
        return failure.status in BUSY or (failure.status or 0) >= 500
    return isinstance(failure, HTTPError | ConnectionError | TimeoutError)


def message_of(failure: ApiException) -> str:
    """Return the server's own words, on one line; it repeats whole lines, so they are cut short."""
    try:
        said = json.loads(failure.body or "")["message"]
    except (ValueError, KeyError, TypeError):
        said = failure.body or failure.reason
    return " ".join(str(said).split())[:WORDS_MAX]
