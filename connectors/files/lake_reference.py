"""What a recorded source knew of its instruments, kept beside its ticks so that a replay knows it too."""

import os
from collections.abc import Collection
from pathlib import Path

import msgspec

from connectors.source import SourceError, TickSource
from domain.controls import Control
from domain.instruments import Instrument, Split

REFERENCE = "reference.json"


class Reference(msgspec.Struct, frozen=True):
    """Instruments and splits of a source, and the commands that took effect in its run; empty where none were kept."""

    instruments: tuple[Instrument, ...] = ()
    splits: tuple[Split, ...] = ()
    controls: tuple[Control, ...] = ()

    def of(self, names: Collection[str]) -> "Reference":
        """Return what is said of these instruments."""
        return Reference(
            tuple(one for one in self.instruments if one.name in names),
            tuple(split for split in self.splits if split.instrument in names),
            self.controls,
        )


def keep_reference(lake: Path, source: TickSource) -> None:
    """Write what a source knows to `<lake>/reference.json`, whole or not at all; doing it again changes nothing."""
    content = msgspec.json.encode(Reference(source.reference(), source.splits()))
    lake.mkdir(parents=True, exist_ok=True)
    made = lake / f".{REFERENCE}.{os.getpid()}"
    made.write_bytes(msgspec.json.format(content))
    made.replace(lake / REFERENCE)


def kept_reference(lake: Path) -> Reference:
    """Return what was kept beside a lake's ticks; raises SourceError where it cannot be read."""
    path = lake / REFERENCE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Reference) if path.exists() else Reference()
    except (msgspec.MsgspecError, ValueError, OSError) as failure:
        raise SourceError(f"{path} cannot be read ({failure}); restore it, or take it away") from failure
