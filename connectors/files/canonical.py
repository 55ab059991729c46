"""Streams of rows that are in order of time, made one stream in canonical order and cut into chunks."""

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.source import CHUNK_ROWS
from domain.action_records import ActionRecord, actions_in_order
from domain.health import MarketHealth, in_order
from domain.market import Chunk, Malformed, Ticks, concatenate, empty_ticks, row_count, select


def canonical_chunks(
    streams: Sequence[Iterator[Chunk]], ranks: Sequence[int] | None = None
) -> Iterator[Chunk]:
    """Yield the rows of all streams in canonical order, about `CHUNK_ROWS` at a time, no instant split over two.

    Each stream has its rows in order of known_at; rows of one instant may come in any order. `ranks` orders the
    sources of the streams (all one source where it is left out). Memory: two chunks, and one batch of each stream.
    """
    pending: list[Ticks] = []
    refused: list[Malformed] = []
    health: list[MarketHealth] = []
    actions: list[ActionRecord] = []
    waiting = 0
    for ticks, malformed, said, told in _in_time(streams, ranks or [0] * len(streams)):
        if waiting >= CHUNK_ROWS:
            yield _chunk(pending, refused, health, actions)
            pending, refused, health, actions, waiting = [], [], [], [], 0
        refused += malformed
        health += said
        actions += told
        if row_count(ticks):
            pending.append(ticks)
            waiting += row_count(ticks)
    if pending or refused or health or actions:
        yield _chunk(pending, refused, health, actions)


def _chunk(
    parts: list[Ticks], refused: list[Malformed], health: list[MarketHealth], actions: list[ActionRecord]
) -> Chunk:
    refused.sort(key=lambda row: (row.known_at, row.place))
    ticks = concatenate(parts) if parts else empty_ticks()
    return Chunk(ticks, tuple(refused), in_order(health), actions_in_order(actions))


class _Stream:
    """One stream and the rows of it that wait for the others."""

    def __init__(self, chunks: Iterator[Chunk], rank: int) -> None:
        self._chunks = chunks
        self.rank = rank
        self.held: deque[Ticks] = deque()
        self.malformed: list[Malformed] = []
        self.health: list[MarketHealth] = []
        self.actions: list[ActionRecord] = []
        self.ended = False

    def fill(self, horizon: int | None = None) -> None:
        """Read until rows after `horizon` are held (any rows where it is None), or the stream ends."""
        while not self.ended and (not self.held or (horizon is not None and self.last_at() <= horizon)):
            chunk = next(self._chunks, None)
            if chunk is None:
                self.ended = True
                return
            self.malformed += chunk.malformed
            self.health += chunk.health
            self.actions += chunk.actions
            if row_count(chunk.ticks):
                self.held.append(chunk.ticks)

    def last_at(self) -> int:
        return int(self.held[-1].known_at[-1])

    def take(self, horizon: int | None) -> list[Ticks]:
        """Give up the held rows before `horizon` (all where it is None)."""
        taken: list[Ticks] = []
        while self.held:
            ticks = self.held.popleft()
            stop = row_count(ticks) if horizon is None else int(np.searchsorted(ticks.known_at, horizon))
            if stop:
                taken.append(select(ticks, slice(0, stop)))
            if stop < row_count(ticks):
                self.held.appendleft(select(ticks, slice(stop, None)))
                break
        return taken

    def take_malformed(self) -> list[Malformed]:
        taken, self.malformed = self.malformed, []
        return taken

    def take_health(self, horizon: int | None) -> list[MarketHealth]:
        """Give up what was said before `horizon` (all where it is None)."""
        taken = [said for said in self.health if horizon is None or said.known_at < horizon]
        self.health = self.health[len(taken) :]
        return taken

    def take_actions(self, horizon: int | None) -> list[ActionRecord]:
        """Give up the corporate actions that were known before `horizon` (all where it is None)."""
        taken = [told for told in self.actions if horizon is None or told.known_at < horizon]
        self.actions = self.actions[len(taken) :]
        return taken


def _in_time(
    chunks: Sequence[Iterator[Chunk]], ranks: Sequence[int]
) -> Iterator[tuple[Ticks, list[Malformed], list[MarketHealth], list[ActionRecord]]]:
    """Yield rows of all streams in canonical order, in batches that end between two instants."""
    streams = [_Stream(one, rank) for one, rank in zip(chunks, ranks, strict=True)]
    reached: int | None = None
    while True:
        for stream in streams:
            stream.fill(reached)
        live = [stream for stream in streams if not stream.ended]
        reached = min((stream.last_at() for stream in live), default=None)
        taken: list[Ticks] = []
        taken_ranks: list[int] = []
        for stream in streams:
            parts = stream.take(reached)
            taken += parts
            taken_ranks += [stream.rank] * sum(map(row_count, parts))
        refused = [row for stream in streams for row in stream.take_malformed()]
        said = [row for stream in streams for row in stream.take_health(reached)]
        told = [row for stream in streams for row in stream.take_actions(reached)]
        if taken:
            yield _ordered(concatenate(taken), np.array(taken_ranks, np.int32)), refused, said, told
        elif refused or said or told:
            yield empty_ticks(), refused, said, told
        if not live:
            return


def _ordered(ticks: Ticks, ranks: NDArray[np.int32]) -> Ticks:
    """Return rows in canonical order."""
    falls = np.diff(ticks.known_at) < 0
    if falls.any():
        order = np.argsort(ticks.known_at, kind="stable")
        ticks, ranks = select(ticks, order), ranks[order]
    return _ties_ordered(ticks, ranks)


def _ties_ordered(ticks: Ticks, ranks: NDArray[np.int32]) -> Ticks:
    """Return rows that are in order of known_at with those of one instant in canonical order too."""
    same = np.diff(ticks.known_at) == 0
    if not same.any():
        return ticks
    tied = np.zeros(row_count(ticks), np.bool_)
    tied[1:] |= same
    tied[:-1] |= same
    at = np.flatnonzero(tied)
    keys = [
        column[at] for column in (ticks.sequence, ranks, ticks.instrument, ticks.kind) if column is not None
    ]
    within = np.lexsort((*keys, ticks.known_at[at]))
    if (within == np.arange(len(at))).all():
        return ticks
    order = np.arange(row_count(ticks))
    order[at] = at[within]
    return select(ticks, order)
