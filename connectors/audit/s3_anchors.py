"""Anchors as locked objects of a bucket (S3 Object Lock): nobody may change or delete one before its time.

In compliance mode not even the account's owner may; in governance mode who has the right to bypass it may. What counts
of a name is the version that was put first: later ones can be added, and are no anchors.
"""

import io
from datetime import UTC, datetime, timedelta
from typing import Literal

import urllib3
from minio.error import MinioException, S3Error
from minio.retention import Retention

from connectors.audit.anchors import AnchorRefused
from connectors.lake.bucket import Bucket

JSON = "application/json"
Lock = Literal["compliance", "governance", "none"]


class S3Place:
    """A bucket, with object lock unless `lock` is none; raises AnchorRefused for one that has none."""

    def __init__(self, bucket: Bucket, lock: Lock, days: int) -> None:
        self._bucket, self._lock, self._days = bucket, lock, days
        self._client = bucket.client()
        self._looked = False

    def create(self) -> None:
        """Make the bucket, locked where a lock is wanted; one that is there already stays as it is."""
        try:
            if not self._client.bucket_exists(self._bucket.bucket):
                self._client.make_bucket(self._bucket.bucket, object_lock=self._lock != "none")
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as failure:
            raise self._refused(failure) from failure

    def names(self, under: str) -> list[str]:
        """Return the names of the anchors that begin with `under`, sorted."""
        try:
            found = self._client.list_objects(
                self._bucket.bucket,
                self._bucket.key(under),
                recursive=True,
                include_version=self._lock != "none",
            )
            return sorted(
                {
                    one.object_name.removeprefix(self._bucket.prefix)
                    for one in found
                    if one.object_name and one.object_name.endswith(".json")
                }
            )
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as failure:
            raise self._refused(failure) from failure

    def read(self, name: str) -> bytes:
        """Return an anchor, the version that was put first; a mark of deletion hides none."""
        key = self._bucket.key(name)
        try:
            version = self._first_version(key) if self._lock != "none" else None
            answer = self._client.get_object(self._bucket.bucket, key, version_id=version)
            try:
                return answer.read()
            finally:
                answer.close()
                answer.release_conn()
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as failure:
            raise self._refused(failure) from failure

    def _first_version(self, key: str) -> str | None:
        found = self._client.list_objects(self._bucket.bucket, key, include_version=True)
        versions = [one for one in found if one.object_name == key and not one.is_delete_marker]
        first = min(
            versions, key=lambda one: one.last_modified or datetime.max.replace(tzinfo=UTC), default=None
        )
        return None if first is None else first.version_id

    def put(self, name: str, content: bytes) -> None:
        """Keep an anchor, locked; one of that name that is there already stays."""
        self._look()
        if name in self.names(name):
            return
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=self._days)
        retention = None if self._lock == "none" else Retention(self._lock.upper(), until)
        try:
            self._client.put_object(
                self._bucket.bucket,
                self._bucket.key(name),
                io.BytesIO(content),
                len(content),
                content_type=JSON,
                retention=retention,
            )
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as failure:
            raise self._refused(failure) from failure

    def _look(self) -> None:
        """Look once whether the bucket locks its objects."""
        if self._looked or self._lock == "none":
            return
        try:
            if not self._client.bucket_exists(self._bucket.bucket):
                raise self._refused(FileNotFoundError("it is not there"))
            self._client.get_object_lock_config(self._bucket.bucket)
        except S3Error as failure:
            if failure.code == "ObjectLockConfigurationNotFoundError":
                raise AnchorRefused(
                    f"bucket {self._bucket.bucket} at {self._bucket.endpoint} has no object lock, so anchors there "
                    f"could be deleted; make another with `ita audit anchor --create`, or set anchors.lock to none"
                ) from failure
            raise self._refused(failure) from failure
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as failure:
            raise self._refused(failure) from failure
        self._looked = True

    def _refused(self, failure: Exception) -> AnchorRefused:
        said = getattr(failure, "code", None) or " ".join(str(failure).split())
        return AnchorRefused(
            f"{self._bucket.endpoint} refuses bucket {self._bucket.bucket}: {said}; `ita audit anchor --create` makes "
            f"it, and the key comes from ITA_S3__ACCESS_KEY and ITA_S3__SECRET_KEY"
        )
