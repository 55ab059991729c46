"""Compacts lakes in children that are killed (-9) just before their n-th change of files or request of the store.

    python -m tests.connectors.lake.killed_compaction

Reads lines `<n> <place>`, answers each with `killed` or `done`. A place is `exchanging <lake folder>`,
`plain <lake folder>` for a system that cannot exchange folders, or `s3 <endpoint> <prefix>`.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path

import connectors.lake.shelf
from config.servers import read_servers
from connectors.lake.compaction import Rules, compacted
from connectors.lake.s3 import S3Shelf
from connectors.lake.shelf import JOINING, STAGING, LocalShelf

NOW = 4_000_000_000 * 10**9
CHANGES = {"os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "http.client.send"}


def kill_before(change):
    seen = 0

    def look(event, _):
        nonlocal seen
        if event in CHANGES:
            seen += 1
            if seen == change:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)


def compact(place):
    if place[0] != "s3":
        lake = Path(place[1])
        if place[0] == "plain":
            connectors.lake.shelf.exchanged = lambda *_: False
        return list(compacted(LocalShelf(lake), Rules(NOW, 0, 1500), lake / STAGING / JOINING))
    bucket = read_servers().s3.place()._replace(endpoint=place[1], prefix=place[2])
    with tempfile.TemporaryDirectory() as work:
        return list(compacted(S3Shelf(bucket), Rules(NOW, 0, 1500), Path(work)))


def attempt(change, place):
    child = os.fork()
    if not child:
        code = 1
        try:
            kill_before(change)
            compact(place)
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    return {0: "done", -signal.SIGKILL: "killed"}.get(code, f"failed {code}")


def main():
    for line in sys.stdin:
        change, *place = line.split()
        sys.stdout.write(f"{attempt(int(change), place)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
