"""What feeds said of their own health in a recorded run, so that a replay hears it at the same instants.

What the quality stage found out is left out: it follows from the rows, and is found out again.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from connectors.lake.names import files_of
from connectors.lake.schemas import HEALTH, INSTANT
from connectors.source import SourceError
from domain.health import FOUND_OUT, MarketHealth, in_order
from domain.market import Chunk, empty_ticks


def said_health(lake: Path, start: int, stop: int, wanted: Collection[str]) -> Iterator[Chunk]:
    """Yield what was said of wanted instruments from `start` to before `stop` (ns UTC); raises SourceError."""
    said: list[MarketHealth] = []
    for path in files_of(lake, HEALTH):
        try:
            table = pq.read_table(path, partitioning=None)
            rows = table.cast(
                pa.schema(
                    [(one.name, pa.int64() if one.type == INSTANT else one.type) for one in table.schema]
                )
            )
            records = msgspec.convert(rows.to_pylist(), list[MarketHealth])
        except (pa.ArrowException, msgspec.MsgspecError, OSError) as failure:
            raise SourceError(f"{path} cannot be read ({failure}); restore it, or take it away") from failure
        said += [
            record
            for record in records
            if start <= record.known_at < stop
            and record.instrument in wanted
            and not record.source.startswith(FOUND_OUT)
        ]
    if said:
        yield Chunk(empty_ticks(), (), in_order(said))
