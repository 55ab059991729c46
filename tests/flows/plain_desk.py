"""The stages of the desk in a plain loop: what a run answers without Bytewax, files or processes.

It reads through the real input partition and hands on what the flow hands on, so that a run of the flow can be held
against it, and the memory of the book can be looked at when the input has ended.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from apps.assembly import Assembly, assemble
from config.settings import Settings, read_settings
from connectors.source import TickSource
from connectors.tick_input import Stop, TickInput
from domain.market import END, Malformed, MarketBatch, Ordered, row_count
from flows.stages import ForBook, streams
from operators.decision_records import Decided
from operators.desk_state import DeskState
from operators.sequence import SequenceState
from operators.stage import Stage


class Walked(NamedTuple):
    """What a run answered: scored batches by shard, ordered batches, decisions, and the book at the end."""

    made: Assembly
    scored: list[tuple[str, MarketBatch]]
    ordered: list[Ordered]
    decided: list[Decided]
    book: DeskState

    def records(self) -> dict[str, tuple[Any, ...]]:
        """Return the decision records by topic."""
        joined: dict[str, list[Any]] = {}
        for decided in self.decided:
            for topic, records in streams(decided):
                joined.setdefault(topic, []).extend(records)
        return {topic: tuple(records) for topic, records in joined.items()}

    def refused(self) -> tuple[Malformed, ...]:
        """Return every row that was refused."""
        return tuple(entry for _, batch in self.scored for entry in batch.malformed)


def walk(
    source: TickSource,
    batch_rows: int = 4_096,
    shards: tuple[str, ...] = ("0",),
    settings: Settings | None = None,
) -> Walked:
    """Run a source through all stages, its shards in turns."""
    made = assemble(settings or read_settings(), source, shards)
    index = {name: number for number, name in enumerate(made.universe.names)}
    given = TickInput(source, index, shards, shards, batch_rows, Stop())
    market = [
        made.stages.normalise,
        made.stages.best_quotes,
        made.stages.quality,
        made.stages.bars,
        made.stages.quote_bars,
        made.stages.features,
        made.stages.signals,
    ]
    states = {shard: [stage.fresh() for stage in market] for shard in shards}
    universe = made.stages.universe
    together = [] if universe is None else [universe.cross_section, universe.signals]
    seen = [stage.fresh() for stage in together]
    gathered: SequenceState = made.stages.sequence.fresh()
    walked = Walked(made, [], [], [], made.stages.decisions.fresh())
    for shard, batch in _in_turns([given.build_part("ticks", shard, None) for shard in shards]):
        for scored in _through(market, states[shard], batch):
            walked.scored.append((shard, scored))
            _, sent = ForBook(made.stages).here((shard, scored))
            for ordered in _through(together, seen, *made.stages.sequence.step(gathered, sent)):
                walked.ordered.append(ordered)
                walked.decided.extend(made.stages.decisions.step(walked.book, ordered))
    return walked


def _through(stages: list[Stage[Any]], states: list[Any], *items: Any) -> list[Any]:
    answers = list(items)
    for stage, state in zip(stages, states, strict=True):
        answers = [answer for item in answers for answer in stage.step(state, item)]
    return answers


def _in_turns(parts: list[Any]) -> Iterator[tuple[str, MarketBatch]]:
    """Yield batches of the parts in turns until all have ended."""
    try:
        left = list(parts)
        while left:
            for part in tuple(left):
                try:
                    yield from part.next_batch()
                except StopIteration:
                    left.remove(part)
    finally:
        for part in parts:
            part.close()


def source_rows(source: TickSource) -> list[tuple[int, int, int]]:
    """Return (instrument, kind, sequence) of every row of a source, read directly."""
    index = {name: number for number, name in enumerate(source.instruments())}
    owned = np.ones(len(index), np.bool_)
    rows = []
    for segment in source.segments():
        for chunk in source.read(segment, index, owned):
            ticks = chunk.ticks
            assert ticks.kind is not None
            assert ticks.sequence is not None
            rows += list(
                zip(ticks.instrument.tolist(), ticks.kind.tolist(), ticks.sequence.tolist(), strict=True)
            )
    return rows


def passed_rows(walked: Walked) -> list[tuple[int, int, int]]:
    """Return (instrument, kind, sequence) of every row that the market stages let pass."""
    rows = []
    for _, batch in walked.scored:
        ticks = batch.ticks
        if row_count(ticks):
            assert ticks.kind is not None
            assert ticks.sequence is not None
            rows += list(
                zip(ticks.instrument.tolist(), ticks.kind.tolist(), ticks.sequence.tolist(), strict=True)
            )
    return rows


def ended(walked: Walked) -> bool:
    """Say whether the input and every stage came to the end."""
    return walked.decided[-1].watermark == END
