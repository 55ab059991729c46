"""Built history: the closed bars that a late trade, a correction or a cancel may still revise."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.bar_kinds import BUILT_BAR
from domain.market import Kind, Malformed, Ticks
from operators.agenda import Living, lives

LIVES = lives(Living.UNTOUCHED)
"""Bars stay in the prices of their time."""


@dataclass
class BuiltHistory:
    """Rows 0 to `count` of `rows` are the last versions of the closed bars of one name, in order of closing."""

    rows: NDArray[np.void] = field(default_factory=lambda: np.empty(0, BUILT_BAR))
    count: int = 0

    def append(self, bars: NDArray[np.void]) -> None:
        """Keep closed bars."""
        count = self.count + len(bars)
        if count > len(self.rows):
            grown = np.zeros(max(64, 2 * count), BUILT_BAR)
            grown[: self.count] = self.rows[: self.count]
            self.rows = grown
        self.rows[self.count : count] = bars
        self.count = count

    def forget(self, before_at: int) -> None:
        """Let go of bars that closed before an instant (ns UTC), when they are half of what is held or more."""
        held = self.rows[: self.count]
        old = held["close_at"] < before_at
        if 2 * int(old.sum()) >= self.count > 0:
            self.rows = held[~old].copy()
            self.count = len(self.rows)

    def of(self, instrument: int) -> NDArray[np.intp]:
        """Return where the bars of an instrument stand."""
        return np.flatnonzero(self.rows["instrument"][: self.count] == instrument)

    def at(self, instrument: int, number: int) -> int | None:
        """Return where a bar stands; None where it is not held."""
        held = self.rows[: self.count]
        found = np.flatnonzero((held["instrument"] == instrument) & (held["number"] == number))
        return int(found[-1]) if len(found) else None

    def covering(self, instrument: int, event_at: int, before: int) -> int | None:
        """Return where the first bar with a lower number than `before` stands that closed at or after an instant.

        Where all of them closed before it, the last of them; None where none is held.
        """
        held = self.of(instrument)
        held = held[self.rows["number"][held] < before]
        if not len(held):
            return None
        held = held[np.argsort(self.rows["number"][held])]
        later = held[self.rows["close_at"][held] >= event_at]
        return int(later[0] if len(later) else held[-1])


def refusal_of(ticks: Ticks, row: int, reason: str, names: tuple[str, str, str]) -> Malformed:
    """Return the quarantine entry of a row that revised no bar; `names` of the source, the instrument and the bars."""
    source, name, bars = names
    sequence = 0 if ticks.sequence is None else int(ticks.sequence[row])
    kind = Kind.TRADE if ticks.kind is None else Kind(int(ticks.kind[row]))
    values: dict[str, Any] = {
        "kind": kind.name,
        "event_at": int(ticks.event_at[row]),
        "price": float(ticks.price[row]),
        "size": float(ticks.size[row]),
    }
    return Malformed(source, f"{name}:{sequence}:{bars}", reason, repr(values), int(ticks.known_at[row]))
