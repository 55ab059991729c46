"""Commands that took effect in a recorded run, as `risk.controls` of its lake has them."""

from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from connectors.lake.names import files_of
from domain.controls import Control

TOPIC = "risk.controls"
INSTANTS = ("event_at", "known_at", "received_at")


def recorded_controls(lake: Path) -> tuple[Control, ...]:
    """Return the controls of a lake in the order in which they took effect; none where it has no such topic."""
    found: dict[str, Control] = {}
    for path in files_of(lake, TOPIC):
        table = pq.read_table(path, partitioning=None)
        for name in INSTANTS:
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, table[name].cast("int64"))
        for row in table.to_pylist():
            control = msgspec.convert(row, Control)
            found[control.record_id] = control
    return tuple(sorted(found.values(), key=lambda control: (control.known_at, control.sequence)))
