"""A lake in an object store (any S3): an object is put whole in one request, and is there whole or not at all.

Putting the same file again leaves one. A store that is slow or gone is waited for, with capped backoff and jitter,
while rows wait in the local staging folder; what it refuses for good is a plain error.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import urllib3
from minio.deleteobjects import DeleteObject
from minio.error import InvalidResponseError, S3Error, ServerError

from connectors.lake.bucket import Bucket
from connectors.lake.shelf import Joined, Kept
from connectors.patience import Answer, Patience
from connectors.trust import advice, lasting, wants_tls

PARQUET = "application/vnd.apache.parquet"
ROWS_HEADER = "x-amz-meta-rows"
UNSAID = "unsaid"
PART_BYTES_MIN = 5 * 1024 * 1024
NANOSECONDS = 1_000_000_000
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
        if not self._done("looking for the bucket", self._answers):
            raise StoreRefused(
                f"{self._bucket.endpoint} has no bucket {self._bucket.bucket}; `ita stack init` makes it"
            )
        self._looked = True

    def _answers(self) -> bool:
        """Ask for what stands below the prefix: a key that may touch nothing else may not ask for the bucket."""
        try:
            next(iter(self._client.list_objects(self._bucket.bucket, self._bucket.prefix)), None)
        except S3Error as failure:
            if failure.code == "NoSuchBucket":
                return False
            raise
        except (urllib3.exceptions.HTTPError, OSError) as failure:
            if wants_tls(self._bucket.endpoint):
                raise StoreRefused(
                    f"{self._bucket.endpoint} speaks TLS, and http is configured; {advice('S3')}"
                ) from failure
            raise
        return True

    def rows(self, mark: str) -> int | None:
        """Return how many rows the object says that it holds, None where there is none.

        One that was put back from a copy may not say it any more; it is read then.
        """
        self._look()
        bucket = self._bucket

        def asked() -> str | None:
            try:
                held = self._client.stat_object(bucket.bucket, bucket.key(mark))
            except S3Error as failure:
                if failure.code == "NoSuchKey":
                    return None
                raise
            return (held.metadata or {}).get(ROWS_HEADER, UNSAID)

        said = self._done(f"looking for {mark}", asked)
        return self._read_rows(mark) if said == UNSAID else None if said is None else int(said)

    def _read_rows(self, mark: str) -> int:
        """Return how many rows an object holds; raises StoreRefused where it is no Parquet file."""
        with tempfile.TemporaryDirectory() as folder:
            try:
                return int(pq.read_metadata(self.fetch(mark, Path(folder) / "read.parquet")).num_rows)
            except pa.ArrowException as failure:
                raise StoreRefused(
                    f"{self._bucket.key(mark)} in {self._bucket.bucket} was put there by something else: it is no "
                    f"Parquet file; take it away, or give this desk another prefix"
                ) from failure

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

    def kept(self, under: str) -> list[Kept]:
        """Return the files whose names begin with `under`, in order of their names."""
        self._look()
        bucket = self._bucket

        def asked() -> list[Kept]:
            found = self._client.list_objects(bucket.bucket, bucket.key(under), recursive=True)
            return [
                Kept(
                    one.object_name.removeprefix(bucket.prefix),
                    int(one.last_modified.timestamp() * NANOSECONDS),
                )
                for one in found
                if one.object_name and one.object_name.endswith(".parquet") and one.last_modified
            ]

        return sorted(self._done(f"listing {under or 'the lake'}", asked))

    def replace(self, folder: str, joined: Sequence[Joined]) -> None:
        """Put joined files of a folder, then take away the files they stand for, in as few requests as there can be."""
        for each in joined:
            self.put(each.made, each.mark, each.rows)
        self.remove([part for each in joined for part in each.parts])

    def remove(self, marks: Sequence[str]) -> None:
        """Take files away; one that is gone already is none."""
        bucket = self._bucket

        def asked() -> None:
            gone = [DeleteObject(bucket.key(mark)) for mark in marks]
            for refusal in self._client.remove_objects(bucket.bucket, gone):
                raise StoreRefused(
                    f"{bucket.endpoint} keeps {refusal.name}: {refusal.code}, {refusal.message}; the key needs the "
                    f"right to delete below {bucket.prefix or 'all of it'}, and an object lock has to be over"
                )

        self._done("taking away joined files", asked)

    def tidy(self) -> None:
        """Do nothing: a compaction that was killed leaves whole objects, and only such."""

    def close(self) -> None:
        """End every wait for the store."""
        self._patience.stop()

    def _done(self, what: str, work: Callable[[], Answer]) -> Answer:
        try:
            return self._patience.until_done(f"{what} at {self._bucket.endpoint}", work, passes)
        except S3Error as failure:
            raise StoreRefused(
                f"{self._bucket.endpoint} refuses {what}: {failure.code}, {failure.message}; "
                f"bucket {self._bucket.bucket} has to exist (`ita stack init`) and the key needs the right to "
                f"{self._bucket.prefix or 'all of it'}; it comes from ITA_S3__ACCESS_KEY and ITA_S3__SECRET_KEY"
            ) from failure
        except (urllib3.exceptions.HTTPError, InvalidResponseError) as failure:
            said = " ".join(str(failure).split())
            raise StoreRefused(
                f"{self._bucket.endpoint} cannot be spoken to: {said}; {advice('S3')}"
            ) from failure


def passes(failure: Exception) -> bool:
    """Say whether an error passes by itself: the store is gone, slow, or says so."""
    if lasting(failure):
        return False
    if isinstance(failure, S3Error):
        return failure.code in PASSING or failure.response.status >= 500
    gone = (ConnectionError, TimeoutError, urllib3.exceptions.HTTPError)
    return isinstance(failure, (*gone, ServerError, InvalidResponseError))
