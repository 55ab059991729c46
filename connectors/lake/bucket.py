"""Where a lake is in an object store; its client is loaded when it is asked for."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from minio import Minio
    from urllib3 import PoolManager

TIMEOUT_SECONDS = 30.0


class Bucket(NamedTuple):
    """Where the lake is, and how to sign in; every key begins with `prefix`."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"
    prefix: str = ""
    ca: Path | None = None

    def client(self, timeout_seconds: float = TIMEOUT_SECONDS) -> "Minio":
        """Return a client that tries once: whoever calls says what is to be tried again."""
        from minio import Minio  # noqa: PLC0415  loaded when it is asked for

        address = urlsplit(self.endpoint)
        return Minio(
            address.netloc,
            self.access_key,
            self.secret_key,
            secure=address.scheme == "https",
            region=self.region,
            http_client=self.pool(timeout_seconds),
        )

    def pool(self, timeout_seconds: float = TIMEOUT_SECONDS) -> "PoolManager":
        """Return connections that try once, and check the server's certificate with the authority."""
        from urllib3 import PoolManager, Timeout  # noqa: PLC0415

        return PoolManager(
            retries=False,
            timeout=Timeout(connect=timeout_seconds, read=timeout_seconds),
            ca_certs=None if self.ca is None else str(self.ca),
        )

    def key(self, mark: str) -> str:
        """Return the key of a file."""
        return f"{self.prefix}{mark}"
