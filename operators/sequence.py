"""Sequence: what happened first, over all shards?

Key     book
In      (shard, MarketBatch)
Out     Ordered: all that shards say of ticks, scores, health, features and actions, in one total order, up to the
        lowest watermark
State   rows that are not complete yet, and each shard's watermark
Time    the watermarks'; a shard that has not spoken holds everything back
Silence never: every row leaves once, in its place; nothing after this depends on shard or arrival
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from domain.action_records import ActionRecord, actions_in_order
from domain.health import MarketHealth, in_order
from domain.market import (
    END,
    SCORE,
    FeatureRows,
    MarketBatch,
    Ordered,
    Ticks,
    canonical_order,
    concatenate,
    empty_ticks,
    row_count,
    select,
)
from operators.agenda import Living, lives
from operators.stage import Stage

LIVES = lives(Living.UNTOUCHED)
PARTS_MAX = 16

Part = TypeVar("Part")


class WatermarkWentBack(RuntimeError):
    """A shard said that it was further than it now says it is: rows may have been ordered wrongly."""


@dataclass
class SequenceState:
    """What is waiting, by shard; `released_at` is the watermark up to which everything has left.

    `health`, `features` and `actions` wait in one list each for all shards: they are little, and put in order when
    they leave.
    """

    ticks: dict[str, list[Ticks]] = field(default_factory=dict)
    scores: dict[str, list[NDArray[np.void]]] = field(default_factory=dict)
    watermarks: dict[str, int] = field(default_factory=dict)
    released_at: int = -1
    health: list[MarketHealth] = field(default_factory=list)
    features: list[FeatureRows] = field(default_factory=list)
    actions: list[ActionRecord] = field(default_factory=list)

    def __setstate__(self, stored: dict[str, Any]) -> None:
        """Be what was stored, also by a version that knew of no health, no features or no corporate actions."""
        self.__dict__.update({"health": [], "features": [], "actions": [], **stored})


class Sequence(Stage[SequenceState]):
    """Batches of several shards to one order; where it `compares`, with the features that batches bring."""

    layout = "2"

    def __init__(self, shards: tuple[str, ...], *, compares: bool = False) -> None:
        self.shards = shards
        self.compares = compares

    def fresh(self) -> SequenceState:
        """Return the memory of a book that has heard of no shard."""
        return SequenceState(
            {shard: [] for shard in self.shards},
            {shard: [] for shard in self.shards},
            dict.fromkeys(self.shards, -1),
        )

    def step(self, state: SequenceState, item: tuple[str, MarketBatch]) -> list[Ordered]:
        """Take a shard's batch in; answer with what is complete now."""
        shard, batch = item
        if batch.watermark < state.watermarks[shard]:
            raise WatermarkWentBack(
                f"shard {shard} was at {state.watermarks[shard]} and now says {batch.watermark}"
            )
        state.watermarks[shard] = batch.watermark
        if row_count(batch.ticks):
            _wait(state.ticks[shard], batch.ticks, row_count, concatenate)
        if batch.scores is not None and len(batch.scores):
            _wait(state.scores[shard], batch.scores, len, np.concatenate)
        state.health += batch.health
        if self.compares and batch.features is not None and len(batch.features.bars):
            state.features.append(batch.features)
        state.actions += batch.actions
        complete_at = min(state.watermarks.values())
        if complete_at <= state.released_at:
            return []
        state.released_at = complete_at
        return [
            Ordered(
                complete_at,
                self._ticks(state, complete_at),
                self._scores(state, complete_at),
                batch.arrived,
                _health(state, complete_at),
                _features(state, complete_at),
                _actions(state, complete_at),
            )
        ]

    def _ticks(self, state: SequenceState, complete_at: int) -> Ticks:
        released: list[Ticks] = []
        shards = 0
        for shard in self.shards:
            before = len(released)
            kept: list[Ticks] = []
            for part in state.ticks[shard]:
                count = row_count(part)
                cut = count if complete_at == END else int(np.searchsorted(part.known_at, complete_at))
                if cut == 0:
                    kept.append(part)
                    continue
                released.append(select(part, slice(0, cut)))
                if cut < count:
                    kept.append(select(part, slice(cut, None)))
            state.ticks[shard] = kept
            shards += len(released) > before
        if not released:
            return empty_ticks()
        joined = concatenate(released)
        return joined if shards == 1 else select(joined, canonical_order(joined))

    def _scores(self, state: SequenceState, complete_at: int) -> NDArray[np.void]:
        released = [np.empty(0, SCORE)]
        for shard in self.shards:
            kept: list[NDArray[np.void]] = []
            for part in state.scores[shard]:
                ready = (part["known_at"] < complete_at) | (complete_at == END)
                if not ready.any():
                    kept.append(part)
                    continue
                released.append(part[ready])
                if not ready.all():
                    kept.append(part[~ready])
            state.scores[shard] = kept
        scores = np.concatenate(released)
        return scores[
            np.lexsort((scores["close_at"], scores["strategy"], scores["instrument"], scores["known_at"]))
        ]


def _health(state: SequenceState, complete_at: int) -> tuple[MarketHealth, ...]:
    """Let health leave that was known before an instant (ns UTC), in order."""
    if not state.health:
        return ()
    ready = [row for row in state.health if row.known_at < complete_at or complete_at == END]
    state.health = [row for row in state.health if not (row.known_at < complete_at or complete_at == END)]
    return in_order(ready)


def _features(state: SequenceState, complete_at: int) -> FeatureRows | None:
    """Let feature rows leave that were known before an instant (ns UTC), in order; None where there are none."""
    if not state.features:
        return None
    kept: list[FeatureRows] = []
    left: list[FeatureRows] = []
    for part in state.features:
        ready = (part.bars["known_at"] < complete_at) | (complete_at == END)
        if ready.any():
            left.append(FeatureRows(part.bars[ready], part.values[:, ready]))
        if not ready.all():
            kept.append(FeatureRows(part.bars[~ready], part.values[:, ~ready]))
    state.features = kept
    if not left:
        return None
    bars = np.concatenate([part.bars for part in left])
    values = np.concatenate([part.values for part in left], axis=1)
    order = np.lexsort((bars["version"], bars["close_at"], bars["instrument"], bars["known_at"]))
    return FeatureRows(bars[order], values[:, order])


def _actions(state: SequenceState, complete_at: int) -> tuple[ActionRecord, ...]:
    """Let actions leave that were known before an instant (ns UTC), in order."""
    if not state.actions:
        return ()
    ready = [row for row in state.actions if row.known_at < complete_at or complete_at == END]
    state.actions = [row for row in state.actions if not (row.known_at < complete_at or complete_at == END)]
    return actions_in_order(ready)


def _wait(
    parts: list[Part], part: Part, size: Callable[[Part], int], join: Callable[[list[Part]], Part]
) -> None:
    """Put a part at the end of what waits.

    Where a shard is far ahead of another, the smallest parts are joined, so that few of them wait and each row is
    copied seldom: otherwise every step and every snapshot would go over thousands.
    """
    parts.append(part)
    while len(parts) > PARTS_MAX and size(parts[-2]) <= 2 * size(parts[-1]):
        last = parts.pop()
        parts[-1] = join([parts[-1], last])
