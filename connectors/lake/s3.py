"""A lake in an object store (any S3): an object is put whole in one request, and is there whole or not at all.

Putting the same file again leaves one. A store that is slow or gone is waited for, with capped backoff and jitter,
while rows wait in the local staging folder; what it refuses for good is a plain error.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import InvalidResponseError, S3Error, ServerError

from connectors.patience import Answer, Patience

PARQUET = "application/vnd.apache.parquet"
ROWS_HEADER = "x-amz-meta-rows"
PART_BYTES_MIN = 5 * 1024 * 1024
TIMEOUT_SECONDS = 30.0
PASSING = frozenset(
    {
        "InternalError",
        "RequestTimeout",
        "ServerBusy",
        "ServiceUnavailable",
        "SlowDown",
        "SlowDownRead",
        "SlowDownWrite",
        "XMinioServerNotInitialized",
    }
)
"""Refusals that pass by themselves."""


class StoreRefused(RuntimeError):
    """The object store refuses for good: says what, where, and what to do."""


class Bucket(NamedTuple):
    """Where the lake is, and how to sign in; every key begins with `prefix`."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"
    prefix: str = ""
    ca: Path | None = None

    def client(self, timeout_seconds: float = TIMEOUT_SECONDS) -> Minio:
        """Return a client that tries once: whoever calls says what is to be tried again."""
        address = urlsplit(self.endpoint)
        pool = urllib3.PoolManager(
            retries=False,
            timeout=urllib3.Timeout(connect=timeout_seconds, read=timeout_seconds),
            ca_certs=None if self.ca is None else str(self.ca),
        )
        return Minio(
            address.netloc,
            self.access_key,
            self.secret_key,
            secure=address.scheme == "https",
            region=self.region,
            http_client=pool,
        )

    def key(self, mark: str) -> str:
        """Return the key of a file."""
        return f"{self.prefix}{mark}"


class S3Shelf:
    """Published files as objects of a bucket; used by one thread at a time, `close` by any."""

    def __init__(self, bucket: Bucket, patience: Patience | None = None) -> None:
        self._bucket, self._client = bucket, bucket.client()
        self._patience = patience or Patience()
        self._looked = False

    def _look(self) -> None:
        """Look once whether the bucket is there: some stores answer a put without one as if they were ill."""
        if self._looked:
            return
        if not self._done("looking for the bucket", lambda: self._client.bucket_exists(self._bucket.bucket)):
            raise StoreRefused(
                f"{self._bucket.endpoint} has no bucket {self._bucket.bucket}; `ita stack init` makes it"
            )
        self._looked = True

    def rows(self, mark: str) -> int | None:
        """Return how many rows the object says that it holds, None where there is none."""
        self._look()
        bucket = self._bucket

        def asked() -> int | None:
            try:
                held = self._client.stat_object(bucket.bucket, bucket.key(mark))
            except S3Error as failure:
                if failure.code == "NoSuchKey":
                    return None
                raise
            said = held.metadata.get(ROWS_HEADER) if held.metadata else None
            if said is None:
                raise StoreRefused(
                    f"{bucket.key(mark)} in {bucket.bucket} was put there by something else: it does not say how many "
                    f"rows it holds; take it away, or give this desk another prefix"
                )
            return int(said)

        return self._done(f"looking for {mark}", asked)

    def put(self, made: Path, mark: str, rows: int) -> None:
        """Put a file in one request."""
        self._look()
        bucket, length = self._bucket, made.stat().st_size

        def asked() -> None:
            with made.open("rb") as content:
                self._client.put_object(
                    bucket.bucket,
                    bucket.key(mark),
                    content,
                    length,
                    content_type=PARQUET,
                    metadata={ROWS_HEADER: str(rows)},
                    part_size=max(length, PART_BYTES_MIN),
                )

        self._done(f"publishing {mark}", asked)

    def fetch(self, mark: str, into: Path) -> Path:
        """Download an object."""
        bucket = self._bucket
        self._done(
            f"fetching {mark}",
            lambda: self._client.fget_object(bucket.bucket, bucket.key(mark), str(into)),
        )
        return into

    def close(self) -> None:
        """End every wait for the store."""
        self._patience.stop()

    def _done(self, what: str, work: Callable[[], Answer]) -> Answer:
        try:
            return self._patience.until_done(f"{what} at {self._bucket.endpoint}", work, passes)
        except S3Error as failure:
            raise StoreRefused(
                f"{self._bucket.endpoint} refuses {what}: {failure.code}, {failure.message}; "
                f"bucket {self._bucket.bucket} has to exist (`ita stack init`) and the key needs the right to it"
            ) from failure


def passes(failure: Exception) -> bool:
    """Say whether an error passes by itself: the store is gone, slow, or says so."""
    if isinstance(failure, S3Error):
        return failure.code in PASSING or failure.response.status >= 500
    return isinstance(failure, (urllib3.exceptions.HTTPError, ServerError, InvalidResponseError, OSError))
