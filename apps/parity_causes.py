"""Why two runs part: other input, data that came at another time, configuration, code, or none of these."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from apps.local_time import stamp
from apps.run_folder import MANIFEST
from domain.market import Int64

CAUSES = ("input", "late data", "configuration", "code", "non-determinism")
KEYS_TOLD = 6
TICKS = ("market.trades", "market.quotes")
"""Their `sequence` counts the rows of a source, so that what came earlier or later moves those of others, too."""
MARKET_PLANE = ("raw.", "market.", "quarantine.", "features", "scores")


class Input(NamedTuple):
    """What was received differs from `known_at` (ns UTC) on: `kind` input or late data, of one instrument or of all.

    Not `sure` where a row is missing among those that the desk let through, which its rules may have done.
    """

    known_at: int
    instrument: str
    kind: str
    words: str
    sure: bool = True


class Cause(NamedTuple):
    """One of CAUSES, and what speaks for it."""

    name: str
    evidence: str


class Made(NamedTuple):
    """What a run was made by, flattened: configuration by key, code by package and library; empty where not kept."""

    configuration: dict[str, str]
    code: dict[str, str]
    sources: str

    @classmethod
    def of(cls, run: Path, kept: list[dict[str, Any]]) -> "Made":
        """Return what made the run in a folder, from what it keeps of it."""
        manifest: dict[str, Any] = (
            json.loads((run / MANIFEST).read_text()) if (run / MANIFEST).exists() else {}
        )
        sources = json.dumps(manifest.get("sources") or manifest.get("source"))
        if not kept:
            return cls({"configuration": str(manifest.get("configuration", ""))}, {}, sources)
        configuration = {
            f"{number}:{key}" if number else key: value
            for number, made in enumerate(kept)
            for key, value in _flat(made["configuration"])
        }
        code = {
            f"{number}:{key}" if number else key: value
            for number, made in enumerate(kept)
            for key, value in _flat({**made["code"]["packages"], **made["code"]["versions"]})
        }
        return cls(configuration, code, sources)


class Causes:
    """What may have made two runs part, and from when on each of it counts."""

    def __init__(self, made: tuple[Made, Made], inputs: tuple[Input, ...]) -> None:
        self._inputs = tuple(sorted(inputs))
        self._configuration = _apart(made[0].configuration, made[1].configuration)
        self._code = _apart(made[0].code, made[1].code)
        self._parted_at: int | None = None

    def of(self, topic: str, known_at: int, instrument: str) -> Cause:
        """Return the cause of a difference that was known at an instant (ns UTC).

        What was received counts where it differs at or before that instant: of the same instrument first, and of any
        other where that may have moved it, or nothing else is another. Where an earlier difference of those that were
        asked about has come of configuration or code, decisions that follow go by that, and not by what was received
        later of another instrument.
        """
        before = [one for one in self._inputs if one.known_at <= known_at and (one.sure or not self.changed)]
        own = [one for one in before if one.instrument in {instrument, ""}]
        across = not (topic.startswith(MARKET_PLANE) and instrument and self.changed) or topic in TICKS
        found = own or (before if across else [])
        decided = not topic.startswith(MARKET_PLANE)
        if found and not (not own and decided and self._parted_before(found)):
            first = min(found, key=lambda one: (one.known_at, one.kind))
            whose = f", {first.instrument}" if first.instrument else ""
            return Cause(first.kind, f"{first.words}{whose}")
        if self.changed and (self._parted_at is None or known_at < self._parted_at):
            self._parted_at = known_at
        if self._configuration:
            also = "; the code differs, too" if self._code else ""
            return Cause("configuration", f"{_told(self._configuration)}{also}")
        if self._code:
            return Cause("code", _told(self._code))
        return Cause("non-determinism", "input, configuration and code are the same")

    def counted(self, topic: str, known_at: Int64, instruments: Sequence[str]) -> dict[str, Int64]:
        """Return the instants (ns UTC, sorted) of a topic's differences by cause; `instruments` are whose they are."""
        received = np.array([one.known_at for one in self._inputs], np.int64)
        groups: dict[tuple[str, int], list[int]] = {}
        before = np.searchsorted(received, known_at, "right")
        for instrument, place, at in zip(instruments, before.tolist(), known_at.tolist(), strict=True):
            groups.setdefault((instrument, place), []).append(at)
        found: dict[str, list[int]] = {}
        for (instrument, _), instants in groups.items():
            found.setdefault(self.of(topic, instants[0], instrument).name, []).extend(instants)
        return {name: np.sort(np.array(found[name], np.int64)) for name in CAUSES if name in found}

    def planted(self) -> list[tuple[str, str]]:
        """Return all that is another in what the runs received and were made by: (cause, what it is)."""
        told = [
            (
                one.kind,
                f"{one.words}{f', {one.instrument}' if one.instrument else ''}, from {stamp(one.known_at)}",
            )
            for one in self._inputs
        ]
        if self._configuration:
            told.append(("configuration", _told(self._configuration)))
        if self._code:
            told.append(("code", _told(self._code)))
        return told

    def _parted_before(self, received: Sequence[Input]) -> bool:
        """Return whether configuration or code had made the runs part before any of this was received."""
        return self._parted_at is not None and self._parted_at < min(one.known_at for one in received)

    @property
    def changed(self) -> bool:
        """Return whether configuration or code are others."""
        return bool(self._configuration or self._code)


def _flat(values: Any, before: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(values, dict):
        for key, value in values.items():
            yield from _flat(value, f"{before}.{key}" if before else str(key))
    elif isinstance(values, list):
        for number, value in enumerate(values):
            named = value.get("limit_id") or value.get("name") if isinstance(value, dict) else None
            yield from _flat(value, f"{before}[{named or number}]")
    else:
        yield before, json.dumps(values)


def _apart(left: dict[str, str], right: dict[str, str]) -> dict[str, tuple[str, str]]:
    names = sorted({*left, *right})
    return {
        name: (left.get(name, "-"), right.get(name, "-"))
        for name in names
        if left.get(name) != right.get(name)
    }


def _told(apart: dict[str, tuple[str, str]]) -> str:
    short = [f"{name}: {left:.40} and {right:.40}" for name, (left, right) in apart.items()]
    more = f", and {len(short) - KEYS_TOLD} more" if len(short) > KEYS_TOLD else ""
    return "; ".join(short[:KEYS_TOLD]) + more
