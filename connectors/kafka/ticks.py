"""Ticks that Kafka holds, as a source to replay: the same rows in the same order as a lake of the same run gives.

Nothing is committed and nobody else's reading is touched. What was committed when the source was opened is read,
in order of known_at over all topics and partitions. A message that cannot be read is a malformed row. Opening reads
the range once, to know its instruments and days. Memory: one message of each partition, and 8 MiB fetched ahead.
"""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from connectors.files.canonical import canonical_chunks
from connectors.files.column_mapping import mapped, roles_of
from connectors.files.new_york import day_bounds, days_of
from connectors.kafka.client import Doubt, KafkaCluster, KafkaRefused, Place, Watch, consumer_of
from connectors.kafka.codec import Damaged, KafkaCodec
from connectors.kafka.tails import edges_of, first_at, partitions_of, read_to_end
from connectors.kafka.told import Told
from connectors.lake.codec import END_OF_INPUT, Rows
from connectors.source import SourceError, selected_days, selected_names
from domain.controls import Control
from domain.instruments import Instrument, Split
from domain.market import END, Chunk, Malformed, Ticks, complete_ticks, empty_ticks

RAW = ("raw.trades", "raw.quotes")
NOTHING_TOLD = Told()
AHEAD_KILOBYTES = 8_192
_KEPT = frozenset(name for name in Ticks._fields if not name.startswith("best_"))


class _Span(NamedTuple):
    """Messages of a place, the last one included."""

    first: int
    last: int


class KafkaTicks:
    """The ticks of trades and quotes topics.

    `first` and `last` are ISO dates of New York (inclusive) or ISO instants with a zone (from, and to before).
    `told` is what is known of the instruments, of feeds and of corporate actions. `name` is that of the source that was
    recorded (`kafka` where there were several), so that a replay gives rows the ids they had. Raises SourceError where
    a topic is missing, the broker refuses or does not answer, or nothing asked for is held.
    """

    def __init__(
        self,
        cluster: KafkaCluster,
        topics: Sequence[str] = RAW,
        instruments: tuple[str, ...] | None = None,
        first: str | None = None,
        last: str | None = None,
        told: Told = NOTHING_TOLD,
    ) -> None:
        self._cluster, self._codec = cluster, KafkaCodec()
        self._watch = Watch("kafka replay")
        self._from_at = 0 if first is None else _instant(first, last=False)
        self._to_at = END if last is None else _instant(last, last=True)
        self._spans: dict[str, dict[Place, _Span]] = {}
        names: set[str] = set()
        sources: set[str] = set()
        for place, span in self._bounds(topics).items():
            self._scan(place, span, names, sources)
        where = f"kafka:{','.join(topics)}"
        self._days = selected_days(self._spans, None, None, f"{where} from {first} to {last}")
        self.name = sources.pop() if len(sources) == 1 else "kafka"
        self._names = selected_names(names, instruments)
        self._told = told.of(self._names)

    def instruments(self) -> tuple[str, ...]:
        """Return the names that the rows carry, sorted."""
        return self._names

    def reference(self) -> tuple[Instrument, ...]:
        """Return what is known of the instruments."""
        return self._told.instruments

    def splits(self) -> tuple[Split, ...]:
        """Return the splits that are known of."""
        return self._told.splits

    def controls(self) -> tuple[Control, ...]:
        """Return the commands that took effect in the run that wrote the topics."""
        return self._told.controls

    def segments(self) -> tuple[str, ...]:
        """Return the New York days in which rows were known."""
        return self._days

    def read(self, segment: str, index: Mapping[str, int], owned: NDArray[np.bool_]) -> Iterator[Chunk]:
        """Yield the day's rows of the owned instruments in canonical order; raises SourceError."""
        start, stop = day_bounds(segment)
        within = (max(start, self._from_at), min(stop, self._to_at))
        wanted = {name: index[name] for name in self._names if name in index and owned[index[name]]}
        first = bool(len(owned) and owned[0])
        spans = self._spans[segment].items()
        since = 0 if segment == self._days[0] else within[0]
        told = self._told.chunks(within, since, wanted)
        return canonical_chunks(
            [*(self._chunks(*span, within, wanted, damage=first) for span in spans), told]
        )

    def _bounds(self, topics: Sequence[str]) -> dict[Place, _Span]:
        """Return which messages of each partition may hold rows of the time asked for."""
        seeker = consumer_of(
            self._cluster,
            self._watch,
            enable_partition_eof=True,
            fetch_wait_max_ms=10,
            max_partition_fetch_bytes=1,
        )
        spans = {}
        try:
            for topic in topics:
                for place in partitions_of(seeker, self._cluster, self._watch, topic):
                    first, end = edges_of(seeker, self._cluster, self._watch, place)
                    if self._from_at:
                        first = first_at(seeker, self._cluster, self._watch, place, self._from_at)
                    if self._to_at < END:
                        over = first_at(seeker, self._cluster, self._watch, place, self._to_at)
                        end = min(end, over + 1)
                    spans[place] = _Span(first, end - 1)
        except (KafkaRefused, Doubt) as failure:
            raise SourceError(str(failure)) from failure
        finally:
            seeker.close()
        return spans

    def _scan(self, place: Place, span: _Span, names: set[str], sources: set[str]) -> None:
        """Note the names and sources of a partition's rows, and which messages hold rows of which day."""
        for offset, item in self._items(place, span):
            if isinstance(item, Damaged):
                continue
            known_at = _known_at(item)
            inside = (known_at >= self._from_at) & (known_at < self._to_at)
            if not inside.any():
                continue
            for day in days_of(known_at[inside]):
                spans = self._spans.setdefault(day, {})
                spans[place] = _Span(spans[place].first if place in spans else offset, offset)
            rows = item.filter(pa.array(inside))
            names |= set(pc.unique(rows.column("instrument")).to_pylist())
            sources |= set(pc.unique(rows.column("source")).to_pylist())

    def _items(self, place: Place, span: _Span) -> Iterator[tuple[int, pa.Table | Damaged]]:
        """Yield the columns of messages with their offsets; raises SourceError."""
        if span.last < span.first:
            return
        consumer = consumer_of(
            self._cluster,
            self._watch,
            enable_partition_eof=True,
            queued_max_messages_kbytes=AHEAD_KILOBYTES,
        )
        try:
            for _, message in read_to_end(consumer, self._cluster, self._watch, {place: span.first}):
                offset = message.offset() or 0
                if offset > span.last:
                    return
                item = self._codec.decode(*place, offset, message.headers(), message.value())  # type: ignore[arg-type]
                if isinstance(item, Damaged):
                    yield offset, item
                elif isinstance(item, Rows) and item is not END_OF_INPUT:
                    yield offset, item.table
                elif item is not END_OF_INPUT:
                    raise SourceError(f"topic {place.topic} holds no ticks; name trades or quotes topics")
        except (KafkaRefused, Doubt) as failure:
            raise SourceError(str(failure)) from failure
        finally:
            consumer.close()

    def _chunks(
        self, place: Place, span: _Span, within: tuple[int, int], wanted: Mapping[str, int], *, damage: bool
    ) -> Iterator[Chunk]:
        """Yield the rows of a partition that were known in time and are of the wanted instruments."""
        reached = within[0]
        for offset, item in self._items(place, span):
            name = f"{place.topic}:{place.partition}:{offset}"
            if isinstance(item, Damaged):
                if damage:
                    row = Malformed(self.name, name, item.reason, item.value.hex(), reached)
                    yield Chunk(empty_ticks(), (row,))
                continue
            for batch in item.select([one for one in item.column_names if one in _KEPT]).to_batches():
                rows = mapped(batch, roles_of(batch.schema.names, name))
                which = np.array([wanted.get(one, -1) for one in rows.names], np.int32)[rows.codes]
                known_at = rows.columns["known_at"]
                mine = (which >= 0) & (known_at >= within[0]) & (known_at < within[1])
                if rows.faults.any():
                    raise SourceError(f"{name} holds a row that cannot be read")
                columns = {one: column[mine] for one, column in rows.columns.items()}
                yield Chunk(complete_ticks({**columns, "instrument": which[mine]}))
                reached = max(reached, int(known_at[-1]))


def _known_at(table: pa.Table) -> NDArray[np.int64]:
    known_at: NDArray[np.int64] = table.column("known_at").cast(pa.int64()).to_numpy()
    return known_at


def _instant(text: str, *, last: bool) -> int:
    """Return the instant (ns UTC) that an ISO date or instant begins at, or, as the last, ends before."""
    try:
        if len(text) == 10:
            return day_bounds(datetime.date.fromisoformat(text).isoformat())[int(last)]
        since = datetime.datetime.fromisoformat(text) - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    except (ValueError, TypeError) as wrong:
        raise SourceError(
            f"a time is a date YYYY-MM-DD or an ISO instant with a zone; {text!r} was given"
        ) from wrong
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000
