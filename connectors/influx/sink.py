"""Points are written at least once and stand once: the same line again overwrites itself, a revision its older value.

An item is `(shard, what)` as the lake takes it: Rows, MarketBatch, Records or Refused. Bars, features, positions and
risk snapshots become points (`docs/influx.md`); quarantined rows and the numbers of rows are counted as the shard's
health; everything else is left alone. `(shard, END_OF_INPUT)` writes what is left.

    sink = InfluxSink(InfluxServer(url, "ita", "desk", token), ("0", "1"), folder / "refused", codec)
    op.output("to_influx", op.merge("kept", market, verdicts), sink)

Lines go in batches of `lines_max`, or of a second, each shared by two connections; a snapshot returns only when the
server has acknowledged all of them. Refused lines are kept with the server's words in
`<refused>/influx-<shard>.jsonl`. While the server is gone or busy the flow waits: at most four batches are in memory.
"""

import logging
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from time import monotonic

import numpy as np
import pyarrow as pa
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from numpy.typing import NDArray

from connectors.influx.codec import MEASUREMENTS, joined, laned, lines_of
from connectors.influx.health import HealthMeter, HealthState
from connectors.influx.server import InfluxServer
from connectors.influx.writer import LANES, Batch, LineWriter, RejectedLines
from connectors.lake.codec import MarketCodec, Rows, record_rows
from connectors.lake.lanes import LakeItem, Records, Refused
from connectors.patience import Patience
from domain.market import MarketBatch

LINES_MAX = 50_000
HELD_SECONDS = 1.0
CLOSE_SECONDS = 10.0
QUARANTINE = "quarantine."

_log = logging.getLogger("ita.connectors")


class InfluxSink(FixedPartitionedSink[LakeItem, HealthState]):
    """Writes each shard of a run to a bucket.

    `refused` is the folder of the refused lines. `codec` is needed where market data comes as MarketBatch.
    Raises ValueError where shards are missing or named twice, or `lines_max` is none of 1 to 50,000.
    """

    def __init__(
        self,
        server: InfluxServer,
        shards: tuple[str, ...],
        refused: Path,
        codec: MarketCodec | None = None,
        *,
        lines_max: int = LINES_MAX,
        patience: Patience | None = None,
    ) -> None:
        if not shards or len(set(shards)) != len(shards):
            raise ValueError(f"shards need different names; {shards} were given")
        if not 1 <= lines_max <= LINES_MAX:
            raise ValueError(f"lines_max is 1 to {LINES_MAX}; {lines_max} was given")
        self._server, self._shards, self._codec = server, tuple(sorted(shards)), codec
        self._refused, self._lines_max, self._patience = Path(refused), lines_max, patience

    def list_parts(self) -> list[str]:
        """Return the shards."""
        return list(self._shards)

    def part_fn(self, item_key: str) -> int:
        """Return the place of a shard among the shards; raises ValueError for one that was not named."""
        if item_key not in self._shards:
            raise ValueError(
                f"points are written of shards {', '.join(self._shards)}; a row of shard {item_key!r} was given"
            )
        return self._shards.index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: HealthState | None) -> "InfluxPartition":
        """Return the writer of one shard."""
        refused = self._refused / f"influx-{for_part}.jsonl"
        return InfluxPartition(
            self._server,
            for_part,
            refused,
            self._codec,
            resume_state,
            lines_max=self._lines_max,
            patience=self._patience,
        )


class InfluxPartition(StatefulSinkPartition[LakeItem, HealthState]):
    """Writes the points of one shard; works without a dataflow too. Its state is the shard's health."""

    def __init__(
        self,
        server: InfluxServer,
        shard: str,
        refused: Path,
        codec: MarketCodec | None = None,
        state: HealthState | None = None,
        *,
        lines_max: int = LINES_MAX,
        patience: Patience | None = None,
    ) -> None:
        self._codec, self._lines_max = codec, lines_max
        self._meter = HealthMeter(shard, state)
        self.refused = RejectedLines(refused)
        self._writer = LineWriter(server, self.refused, patience or Patience())
        self._rows: dict[str, list[Rows]] = {}
        self._health: list[pa.StringArray] = []
        self._held_count, self._held_since = 0, 0.0

    def write_batch(self, values: list[LakeItem]) -> None:
        """Take items in; waits where the server does not keep up.

        Raises InfluxRefused where the server's answer does not mend by waiting, and TypeError where a MarketBatch
        comes without a codec.
        """
        for item in values:
            for made in self._made(item):
                self._hold(made)
            if isinstance(item, Rows) and not item.topic:
                self._release()
                self._writer.drain()
        if self._held_count and monotonic() - self._held_since >= HELD_SECONDS:
            self._release()

    def _made(self, item: LakeItem) -> Iterator[Rows | pa.StringArray]:
        """Yield the rows of an item that become points, and the points of the shard's health."""
        match item:
            case Rows(""):
                yield self._meter.end()
            case Rows(topic) if topic.startswith(QUARANTINE):
                columns = (item.table.column("reason"), item.table.column("known_at").cast(pa.int64()))
                refused = zip(*(column.to_pylist() for column in columns), strict=True)
                yield self._meter.refused(topic.removeprefix(QUARANTINE), list(refused))
            case Rows():
                yield self._meter.rows(item.topic, _instants(item.table))
                yield item
            case MarketBatch():
                yield from self._market(item)
            case Refused(stage, rows):
                yield self._meter.refused(stage, [(row.reason, row.known_at) for row in rows])
            case Records(topic, records) if topic.startswith(QUARANTINE):
                reasons = attrgetter("reason", "known_at")
                yield self._meter.refused(
                    topic.removeprefix(QUARANTINE), [reasons(record) for record in records]
                )
            case Records(topic, records) if records:
                known = attrgetter("known_at")
                known_at = np.array([known(record) for record in records], np.int64)
                yield self._meter.rows(topic, known_at)
                if topic in MEASUREMENTS:
                    yield record_rows(topic, records)

    def _market(self, batch: MarketBatch) -> Iterator[Rows | pa.StringArray]:
        if self._codec is None:
            raise TypeError("points of a MarketBatch need a MarketCodec; the sink was built without one")
        yield self._meter.rows("market", batch.ticks.known_at)
        if batch.bars is not None and len(batch.bars):
            yield self._codec.bars(batch.bars)
        if batch.features is not None and len(batch.features.bars):
            yield self._codec.features(batch.features)

    def _hold(self, made: Rows | pa.StringArray) -> None:
        """Keep rows and lines until enough have come: many small tables together cost little more than one."""
        if isinstance(made, Rows):
            if made.topic not in MEASUREMENTS or not made.table.num_rows:
                return
            self._rows.setdefault(made.topic, []).append(made)
            count = made.table.num_rows * len(MEASUREMENTS[made.topic])
        elif count := len(made):
            self._health.append(made)
        self._held_since = self._held_since if self._held_count else monotonic()
        self._held_count += count
        if self._held_count >= self._lines_max:
            self._release()

    def _batches(self) -> Iterator[Batch]:
        """Yield what is held as lines, in batches of at most `lines_max`, and hold nothing any more."""
        lanes: list[list[pa.StringArray]] = [[] for _ in range(min(LANES, self._lines_max))]
        for many in self._rows.values():
            for lane, rows in zip(lanes, laned(joined(many), len(lanes)), strict=True):
                lane.extend(lines_of(rows))
        lanes[0].extend(self._health)
        self._rows, self._health, self._held_count = {}, [], 0
        whole = [pa.concat_arrays(lane) for lane in lanes if lane]
        size = self._lines_max // len(lanes)
        for first in range(0, max(map(len, whole), default=0), size):
            yield tuple(lane.slice(first, size) for lane in whole if first < len(lane))

    def _release(self) -> None:
        """Hand over what is held."""
        for batch in self._batches():
            self._writer.put(batch)

    def snapshot(self) -> HealthState:
        """Return the health once everything that was taken in is acknowledged."""
        self._release()
        self._writer.drain()
        return self._meter.state()

    def close(self) -> None:
        """Send what is left, as far as the server takes it within some seconds; the next start writes it again."""
        if not self._writer.close(list(self._batches()), CLOSE_SECONDS):
            _log.warning(
                "points after the last snapshot were not acknowledged; the next start writes them again"
            )


def _instants(table: pa.Table | pa.RecordBatch) -> NDArray[np.int64]:
    column = table.column("known_at")
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    instants: NDArray[np.int64] = whole.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return instants
