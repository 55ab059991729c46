"""Why two runs part: other input, data that came at another time, configuration, code, or none of these."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from apps.run_folder import MANIFEST

CAUSES = ("input", "late data", "configuration", "code", "non-determinism")
KEYS_TOLD = 6
ACROSS = ("features", "scores")
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

    def of(self, topic: str, known_at: int, instrument: str) -> Cause:
        """Return the cause of a difference that was known at an instant (ns UTC).

        What was received counts where it differs at or before that instant: of the same instrument first, and of any
        other where decisions are concerned, or features that look across.
        """
        before = [one for one in self._inputs if one.known_at <= known_at and (one.sure or not self.changed)]
        own = [one for one in before if one.instrument in {instrument, ""}]
        across = (
            not topic.startswith(MARKET_PLANE) or not instrument or (topic in ACROSS and not self.changed)
        )
        found = own or (before if across else [])
        if found:
            first = min(found, key=lambda one: (one.known_at, one.kind))
            whose = f" of {first.instrument}" if first.instrument else ""
            return Cause(first.kind, f"{first.words}{whose}")
        if self._configuration:
            also = "; the code differs, too" if self._code else ""
            return Cause("configuration", f"{_told(self._configuration)}{also}")
        if self._code:
            return Cause("code", _told(self._code))
        return Cause("non-determinism", "input, configuration and code are the same")

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
