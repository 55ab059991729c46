"""Runs a desk in an output folder, in one process or in several that meet over embedded topics, and sums it up."""

import gc
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType

import bytewax.testing
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig

from apps.assembly import Assembly, assemble
from apps.audit_trail import audit_sink
from apps.list_screening import ListScreener
from apps.run_folder import RunPaths
from config.settings import Settings
from connectors.beside import BesideSink
from connectors.endings import raised_at_the_end
from connectors.feast.sink import FeastSink
from connectors.files.command_file import CommandFile
from connectors.lake.codec import MarketCodec
from connectors.lake.lanes import rows_in
from connectors.lake.sink import LakeSink
from connectors.live_input import Live, LiveInput
from connectors.screened_commands import ScreenedCommands
from connectors.source import TickSource
from connectors.tick_input import Pace, Stop, TickInput
from feature_repo.declarations import declarations
from flows import desk
from flows.decisions import DecisionEdges
from flows.market_data import MarketEdges
from flows.stages import BOOK, UNIVERSE, UniverseRows
from operators.backlog import Backlog
from operators.controls import NOTHING_BEFORE, Before
from operators.decisions import Decisions
from operators.party_screening import parties_of
from operators.people import NOBODY, People
from operators.stage import UNOBSERVED, Observer

PUSH_SECONDS = 1.0
LIVE_COLLECTION = (50_000, 50, 1_000)
LIVE_SWITCH_SECONDS = 0.0002


@dataclass(frozen=True)
class RunOptions:
    """How a run is run: rows a batch, seconds between snapshots, pace (None: full speed), raw rows kept or not.

    `commanded` says whether it follows the commands that are given to it in its folder; `people` do what they do by
    themselves.
    """

    batch_rows: int = 16_384
    epoch_seconds: float = 2.0
    pace: Pace | None = None
    raw: bool = False
    durable: bool = True
    commanded: bool = False
    people: People = NOBODY


def market_edges(
    settings: Settings,
    folder: RunPaths,
    source: TickSource,
    made: Assembly,
    shards: tuple[str, ...],
    mine: tuple[str, ...],
    options: RunOptions,
    stop: Stop,
) -> MarketEdges:
    """Return the edges of the market data of some shards."""
    return MarketEdges(
        ticks=(LiveInput if isinstance(source, Live) else TickInput)(
            source, made.universe.indices(), shards, mine, options.batch_rows, stop, options.pace
        ),
        lake=BesideSink(
            LakeSink(
                folder.lake,
                mine,
                market_codec(settings, source, made),
                rows_per_file=settings.base.lake.rows_per_file,
                durable=options.durable,
            ),
            rows_in,
        ),
        feature_store=FeastSink(
            folder.feature_store,
            mine,
            made.universe.names,
            made.lines,
            declarations,
            push_seconds=PUSH_SECONDS if options.pace else None,
        ),
        raw=options.raw,
    )


def market_codec(settings: Settings, source: TickSource, made: Assembly) -> MarketCodec:
    """Return what turns columns into lake rows."""
    strategies = [strategy.name for strategy in settings.strategies]
    comparisons = [line.name for line in made.comparisons]
    built = () if made.stages.built is None else made.stages.built.params.specs
    return MarketCodec(
        made.universe,
        source.name,
        made.features,
        strategies,
        comparisons,
        built=tuple(spec.name for spec in built),
    )


def decision_edges(settings: Settings, folder: RunPaths, options: RunOptions) -> DecisionEdges:
    """Return the edges of the book."""
    from connectors.sqlite.sink import JournalSink  # noqa: PLC0415  served workers have another journal

    lake = LakeSink(
        folder.lake, (BOOK,), rows_per_file=settings.base.lake.rows_per_file, durable=options.durable
    )
    return DecisionEdges(BesideSink(lake, rows_in), JournalSink(folder.journal), audit_sink(settings, folder))


def book_edges(
    settings: Settings, folder: RunPaths, source: TickSource, made: Assembly, options: RunOptions
) -> DecisionEdges:
    """Return the edges of the book, and the door of what is said of the universe where instruments are compared."""
    edges = decision_edges(settings, folder, options)
    if made.stages.universe is None:
        return edges
    lake = LakeSink(
        folder.lake, (UNIVERSE,), rows_per_file=settings.base.lake.rows_per_file, durable=options.durable
    )
    rows = UniverseRows(market_codec(settings, source, made), made.stages.universe)
    return edges._replace(universe=BesideSink(lake, rows_in), universe_rows=rows)


def run_desk(
    settings: Settings,
    folder: RunPaths,
    source: TickSource,
    options: RunOptions,
    stop: Stop,
    observer: Observer = UNOBSERVED,
) -> None:
    """Run the whole desk in this process until its input ends or `stop` is asked."""
    shards = ("0",)
    made = assemble(settings, source, shards, observer)
    stages, commands = made.stages._replace(pages=folder.pages("desk")), None
    if options.commanded:
        backlog, params = Backlog(), stages.decisions.params
        before = said_before(folder.journal)
        stages = stages._replace(decisions=Decisions(params, backlog, before, controlled=True))
        given = CommandFile(folder.commands, BOOK, lambda: backlog.is_over or stop.asked.is_set())
        commands = ScreenedCommands(
            given, ListScreener(parties_of(params.universe.instruments, settings.facts))
        )
    elif options.people is not NOBODY:
        stages = stages._replace(decisions=Decisions(stages.decisions.params, people=options.people))
    flow = desk.build(
        market_edges(settings, folder, source, made, shards, shards, options, stop),
        book_edges(settings, folder, source, made, options),
        stages,
        commands,
    )
    run_flow(flow, folder.recovery("desk"), options.epoch_seconds, live=options.pace is not None)


def said_before(journal: Path) -> Before:
    """Return which commands took effect in a run, and until when (ns UTC) it has said what it decides."""
    if not journal.exists():
        return NOTHING_BEFORE
    from connectors.sqlite.journal import Journal  # noqa: PLC0415  served workers have another journal

    with Journal(journal) as kept:
        said_until = kept.last_known_at()
        return Before(tuple(kept.controls()), said_until + 1 if said_until else 0)


def run_flow(flow: Dataflow, recovery: RecoveryConfig, epoch_seconds: float, *, live: bool = False) -> None:
    """Run a flow in this process, resuming where its recovery store stands; `live` where answers must be prompt."""
    with promptly() if live else nullcontext(), raised_at_the_end():
        bytewax.testing.run_main(
            flow, epoch_interval=timedelta(seconds=epoch_seconds), recovery_config=recovery
        )


@contextmanager
def promptly() -> Iterator[None]:
    """Keep Python out of the way of a flow: seldom collect garbage, never what is there already; yield the GIL soon."""
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*LIVE_COLLECTION)
    sys.setswitchinterval(LIVE_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@contextmanager
def stop_on_signal(stop: Stop) -> Iterator[None]:
    """Ask for a stop when SIGTERM or SIGINT comes, instead of dying."""

    def asked(_number: int, _frame: FrameType | None) -> None:
        stop.asked.set()

    before = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def peak_rss_mb() -> float:
    """Return the most memory that this process, or any child that has ended, has held, in MB."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


class Stopwatch:
    """Measures how long a run took."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds since it was made."""
        return time.perf_counter() - self._began
