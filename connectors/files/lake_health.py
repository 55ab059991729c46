"""What feeds said of their own health, and the corporate actions of a recorded run, so that a replay hears of both.

It hears at the same instants. What the quality stage found out is left out: it follows from the rows, and is found out
again.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.lake.names import files_of
from connectors.lake.schemas import ACTIONS, HEALTH, INSTANT
from connectors.source import SourceError
from domain.action_records import ActionRecord, actions_in_order
from domain.health import FOUND_OUT, MarketHealth, in_order
from domain.market import Chunk, empty_ticks

Kept = TypeVar("Kept", bound=msgspec.Struct)


def said_health(lake: Path, start: int, stop: int, wanted: Collection[str]) -> Iterator[Chunk]:
    """Yield what was said of wanted instruments from `start` to before `stop` (ns UTC); raises SourceError."""
    said = [
        record
        for record in _records(lake, HEALTH, MarketHealth)
        if start <= record.known_at < stop
        and record.instrument in wanted
        and not record.source.startswith(FOUND_OUT)
    ]
    if said:
        yield Chunk(empty_ticks(), (), in_order(said))


def told_actions(lake: Path, start: int, stop: int, wanted: Collection[str]) -> Iterator[Chunk]:
    """Yield the actions of wanted instruments that were known from `start` to before `stop`; raises SourceError."""
    told = [
        record
        for record in _records(lake, ACTIONS, ActionRecord)
        if start <= record.known_at < stop and record.instrument in wanted
    ]
    if told:
        yield Chunk(empty_ticks(), actions=actions_in_order(told))


def _records(lake: Path, topic: str, kind: type[Kept]) -> list[Kept]:
    """Return all records of a topic."""
    found: list[Kept] = []
    for path in files_of(lake, topic):
        try:
            table = pq.read_table(path, partitioning=None)
            rows = table.cast(
                pa.schema(
                    [(one.name, pa.int64() if one.type == INSTANT else one.type) for one in table.schema]
                )
            )
            found += [msgspec.convert(row, kind) for row in rows.to_pylist()]
        except (pa.ArrowException, msgspec.MsgspecError, OSError) as failure:
            raise SourceError(f"{path} cannot be read ({failure}); restore it, or take it away") from failure
    return found
