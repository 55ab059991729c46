"""A stack of its own with TLS and sign-in on every server, for one desk, and what its accounts say to each server."""

import os
import shutil
import socket
import time
from contextlib import contextmanager

import pyarrow as pa
from typer.testing import CliRunner

from apps.cli.stack import app
from config.servers import account_file, read_servers
from connectors.influx.writer import LineWriter, RejectedLines
from connectors.kafka.tails import partition_count
from connectors.lake.s3 import S3Shelf
from connectors.patience import Patience
from connectors.postgres.connection import connected
from tests.connectors.own_server import OwnServer
from tests.served.desk import ServedDesk
from tests.served.driver import SERVERS, addresses

MINIO_BINARY = "s3/bin/minio"
BASE_PORT = 27_400
SECONDS = 30.0
WRONG = "not-this-one"


class SecuredStack:
    """Servers with TLS and sign-in, and the desk that runs on them."""

    def __init__(self, folder, source, base=BASE_PORT):
        self.folder = folder
        self.file = folder / "secrets.env"
        self.tls = folder / "secrets.env.d"
        self.servers_run = (*SERVERS, *(["minio"] if OwnServer.is_installed(MINIO_BINARY) else []))
        self.minio_endpoint = f"https://127.0.0.1:{base + 120}"
        where = {
            **addresses(base, "https"),
            "ITA_STACK": str(folder / "stack"),
            "ITA_ENV_FILE": str(self.file),
        }
        with without_settings():
            self.desk = ServedDesk("secured", folder / "served", source, redis_database=0, servers=where)

    def ita(self, *words):
        """Run a command of `ita stack` here, as the operator; return what it said."""
        with self.desk.environ():
            answer = CliRunner().invoke(app, list(words))
        assert answer.exit_code == 0, (words, answer.output, answer.exception)
        return answer.output

    def begin(self):
        said = self.ita("secrets", "--secure")
        said += self.ita("up", "--native", "--secure", *self.servers_run)
        return said + self.ita("init", *self.servers_run)

    def end(self):
        self.desk.close()
        self.ita("down", *self.servers_run)
        elsewhere = self.folder / "stack" / "postgres" / "data.place"
        if elsewhere.exists():
            shutil.rmtree(elsewhere.read_text().strip(), ignore_errors=True)

    @contextmanager
    def signed_in_as(self, account=None, **settings):
        """Be in the environment of a process of that account, None for the operator."""
        with self.desk.environ():
            if account is not None:
                os.environ["ITA_ENV_FILE"] = str(account_file(account))
            os.environ.update(settings)
            yield read_servers()

    def servers(self, account=None, **settings):
        """Return the servers as a process of an account reads them."""
        with self.signed_in_as(account, **settings) as servers:
            return servers


def until_listening(port, seconds=30):
    """Wait until something listens on a port of loopback."""
    deadline = time.monotonic() + seconds
    while True:
        with socket.socket() as wire:
            if wire.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, f"nothing listens on port {port}"
        time.sleep(0.05)


@contextmanager
def without_settings():
    """Be in an environment without settings of ours, but for whether servers are required."""
    kept = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("ITA_") and name != "ITA_SERVED"]:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def scored_partitions(servers):
    return partition_count(servers.kafka.cluster(), "scored")


def desk_connection(stack, account, **settings):
    return connected(stack.servers(account, **settings).postgres.url())


def written(server, folder, line="trial value=1i 1\n"):
    """Write a line as the sink does; return what was refused of it."""
    refused = RejectedLines(folder / "refused.jsonl")
    writer = LineWriter(server, refused, Patience())
    try:
        writer.put((pa.array([line]),))
        writer.drain()
    finally:
        writer.close([], SECONDS)
    return refused.count


def put(bucket, tmp_path, mark="trial"):
    made = tmp_path / "made"
    made.write_bytes(b"content")
    shelf = S3Shelf(bucket, Patience())
    shelf.put(made, mark, 1)
    return shelf.rows(mark)
