"""What the audit trail costs: records a second appended and hashed, and verified, beside SHA-256 alone.

    python benchmarks/audit.py            # a simulated day's decision records, over and over under other names
    python benchmarks/audit.py --quick

Processor time of one process on one core, in turns in the same run. `append` takes records that are bytes of JSON
already, numbers them, chains them, grows the Merkle tree, makes signed heads and writes the files; `encode` turns
records into those bytes; `encode_and_append` is both. `verify` reads the files, hashes every row and every node again,
and checks the signature of each head. The reference is one `hashlib.sha256` over the bytes of each row and nothing
else: no chain, no tree, no file. `ratio` is how many times as long ours takes.

`all_processors` is what the check is like as it comes, a long log hashed by a process for each processor.
`verify_all_processor_seconds` is what all of them spent together, `verify_all_per_second` rows a second of it times the
processors: what a machine with nothing else to do comes near to. `verify_all_wall_per_second` is rows a second of the
clock on the wall, whatever else the machine does, beside `sha256_wall_per_second` of one process in the same turns.

Two kinds of records are measured: `order events` are orders, cancels, executions and intents, about half a kilobyte
each; `all` is everything that the desk decides, a third of its bytes being verdicts with all their checks.
"""

import argparse
import gc
import json
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import msgspec

from apps.replaying import Request, replayed
from connectors.audit import block_pool
from connectors.audit.entries import EntryCodec
from connectors.audit.keys import PublicKeys, create_key, read_key
from connectors.audit.log import AuditLog
from connectors.audit.personal import People
from connectors.audit.reader import rows_of
from connectors.audit.rows import lines_of, segments
from connectors.audit.verification import verify
from connectors.lake.schemas import DECISIONS
from domain.envelope import Record

SIMULATED = "simulator:instruments=40,days=1,ticks=400000"
QUICK = "simulator:instruments=4,days=1,ticks=20000"
WRITER = "decisions"
ROWS = 200_000
ROWS_QUICK = 5_000
BATCH = 500
ORDER_EVENTS = frozenset({"intents", "oms.orders", "oms.cancels", "oms.executions"})


def day_of_records(source: str, folder: Path) -> list[tuple[str, Record]]:
    """Run the embedded desk over a source; return its decision records with their topics, as its audit has them."""
    replayed(Request((source,), None, None, None, 1, 65_536, None), folder)
    entries = (msgspec.json.decode(each.row.entry) for each in rows_of(folder / "audit", WRITER))
    return [(entry["stream"], _record(entry)) for entry in entries]


def _record(entry: dict[str, Any]) -> Record:
    made = msgspec.convert(entry["payload"], DECISIONS[entry["stream"]])
    assert isinstance(made, Record)
    return made


def _renamed(record: Record, record_id: str) -> Record:
    named = msgspec.structs.replace(record, record_id=record_id)
    assert isinstance(named, Record)
    return named


def multiplied(records: Sequence[tuple[str, Record]], rows: int) -> list[tuple[str, Record]]:
    """Return records over and over, each time under other names."""
    made: list[tuple[str, Record]] = []
    for times in range(-(-rows // len(records))):
        made += [(topic, _renamed(record, f"{times:04d}{record.record_id[4:]}")) for topic, record in records]
    return made[:rows]


def spent(work: Callable[[], Any]) -> float:
    gc.collect()
    began = process_time()
    work()
    return process_time() - began


class Case:
    """Records of one kind, ready to be written and checked."""

    def __init__(self, records: Sequence[tuple[str, Record]], folder: Path) -> None:
        self.records, self.folder = records, folder
        self.key = read_key(folder / "signing.pem")
        self.keys = PublicKeys(folder / "signing.pem.pub")
        self.codec = EntryCodec(WRITER, People(folder / "people"))
        self.batches = [records[first : first + BATCH] for first in range(0, len(records), BATCH)]
        self.bodies = [self.codec.bodies(batch) for batch in self.batches]
        self.names = [[record.record_id for _, record in batch] for batch in self.batches]
        self.append()
        self.lines = list(lines_of(segments(folder / "audit" / WRITER)))

    def encode(self) -> None:
        for batch in self.batches:
            self.codec.bodies(batch)

    def append(self) -> None:
        shutil.rmtree(self.folder / "audit", ignore_errors=True)
        log = AuditLog(self.folder / "audit", WRITER, key=self.key)
        for bodies, names in zip(self.bodies, self.names, strict=True):
            log.append(bodies, names)
        log.make_head()
        log.synchronise()
        log.close()

    def verify(self) -> None:
        found = verify(self.folder / "audit", WRITER, self.keys)
        if found.findings or found.rows != len(self.records):
            raise RuntimeError(f"the log is not what was written: {found}")

    def verify_alone(self) -> None:
        with on_one_processor():
            self.verify()

    def reference(self) -> None:
        for line in self.lines:
            sha256(line).digest()


@contextmanager
def on_one_processor() -> Iterator[None]:
    """Let no log be long enough to be worth another process."""
    long, block_pool.LONG_BYTES = block_pool.LONG_BYTES, sys.maxsize
    try:
        yield
    finally:
        block_pool.LONG_BYTES = long


def spent_together(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds of all processes, and those of the clock on the wall."""
    gc.collect()
    began, at = _processor_seconds(), perf_counter()
    work()
    return _processor_seconds() - began, perf_counter() - at


def _processor_seconds() -> float:
    """Return what this process has spent, and its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def on_all_processors(case: Case, repeat: int) -> dict[str, Any]:
    """Return rows a second of a check with every processor, beside SHA-256 alone on the wall."""
    processors = len(os.sched_getaffinity(0))
    rounds = [(spent_together(case.verify), spent_together(case.reference)[1]) for _ in range(repeat)]
    together = median(ours[0] for ours, _ in rounds)
    wall, reference = median(ours[1] for ours, _ in rounds), median(alone for _, alone in rounds)
    count = len(case.records)
    return {
        "processors": processors,
        "verify_all_processor_seconds": round(together, 3),
        "verify_all_per_second": round(count * processors / together),
        "verify_all_wall_per_second": round(count / wall),
        "sha256_wall_per_second": round(count / reference),
        "verify_wall_ratio": round(wall / reference, 2),
    }


def measured(case: Case, repeat: int) -> dict[str, Any]:
    """Return records a second of processor time of each way, and what SHA-256 alone comes to."""
    ways = {
        "encode": case.encode,
        "append": case.append,
        "verify": case.verify_alone,
        "sha256": case.reference,
    }
    rounds = [{name: spent(work) for name, work in ways.items()} for _ in range(repeat)]
    seconds = {name: median(each[name] for each in rounds) for name in ways}
    count = len(case.records)
    return {
        "records": count,
        "bytes_a_row": round(sum(map(len, case.lines)) / count),
        **{f"{name}_per_second": round(count / taken) for name, taken in seconds.items()},
        "encode_and_append_per_second": round(count / (seconds["encode"] + seconds["append"])),
        "encode_and_append_ratio": round((seconds["encode"] + seconds["append"]) / seconds["sha256"], 2),
        **{f"{name}_ratio": round(seconds[name] / seconds["sha256"], 2) for name in ("append", "verify")},
        "all_processors": on_all_processors(case, repeat),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few records, one round: does it work?")
    parser.add_argument("--repeat", type=int, default=5, help="rounds; medians count")
    given = parser.parse_args()
    rows = ROWS_QUICK if given.quick else ROWS
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        create_key(folder / "signing.pem")
        records = day_of_records(QUICK if given.quick else SIMULATED, folder / "run")
        kinds = {
            "order events": [each for each in records if each[0] in ORDER_EVENTS],
            "all": records,
        }
        found = {
            name: measured(Case(multiplied(some, rows), folder), 1 if given.quick else given.repeat)
            for name, some in kinds.items()
        }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
