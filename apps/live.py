"""The desk as a long-running worker: paced, measured, stopped by a signal without losing anything."""

import time
from pathlib import Path
from typing import NamedTuple

import typer

from apps.actions import actions_digest, heard_beside, with_actions
from apps.health import REFERENCE, Health
from apps.metrics import Metrics, serve
from apps.provenance import keep_provenance
from apps.run_folder import RunFolder, RunFolderError
from apps.running import RunOptions, Stopwatch, peak_rss_mb, run_desk, stop_on_signal
from apps.second_feed import with_second
from apps.sources import sources_of
from apps.venues import is_live, live_source
from config.settings import read_settings
from connectors.files.lake_reference import keep_reference, kept_reference
from connectors.source import TickSource
from connectors.tick_input import Pace, Stop
from connectors.websocket.live_ticks import LiveTicks
from operators.stage import UNOBSERVED

EPOCH_SECONDS = 1.0
BATCH_ROWS = 4_096
RECORDINGS = "recordings"


class Live(NamedTuple):
    """What is run, how fast, and where its metrics are told (port 0: nowhere)."""

    source: str
    speed: float
    config: Path | None
    metrics_host: str
    metrics_port: int
    actions: Path | None = None
    against: str | None = None


def run_live(live: Live, out: Path) -> None:
    """Run the desk in `out` until it is stopped or its input ends; going on where an earlier run stopped.

    Received rows are kept in `lake/raw.*`, so that `ita replay lake:OUT` repeats the run; what a venue sends is kept
    in `recordings` before that.
    """
    settings = read_settings(live.config)
    venue = live_source(live.source, live.config) if is_live(live.source) else None
    source: TickSource = venue or with_second(
        with_actions(sources_of((live.source,), config=live.config), settings, live.actions),
        settings,
        live.against,
        live.config,
    )
    told = {"actions": actions_digest(live.actions)} if live.actions and venue is None else {}
    told |= {"against": live.against} if live.against else {}
    folder = RunFolder(out, {**told, "kind": "run", "source": live.source, "configuration": settings.digest})
    try:
        if folder.summary() is not None:
            typer.echo(f"the input of the run in {out} has ended; nothing is left to do", err=True)
            return
        health = watched(live.metrics_host, live.metrics_port)
        health.needs_shards(("0",))
        stop, watch = Stop(), Stopwatch()
        pace = Pace(live.speed, time.monotonic_ns) if live.speed > 0 else None
        options = RunOptions(
            batch_rows=BATCH_ROWS, epoch_seconds=EPOCH_SECONDS, pace=pace, raw=True, commanded=True
        )
        if venue is not None:
            venue.begin(folder.path / RECORDINGS, kept_reference(folder.lake).instruments)
            source = heard_beside(venue, settings, folder, live.actions)
        keep_provenance(folder.path, settings)
        keep_reference(folder.lake, source)
        health.has(REFERENCE)
        with stop_on_signal(stop):
            run_desk(settings, folder, source, options, stop, health)
        if stop.asked.is_set():
            typer.echo(f"stopped; the same command goes on where {out} stands", err=True)
            return
        from apps.summary import summarise  # noqa: PLC0415  it reads an embedded journal; served workers have none

        folder.finish(summarise(folder.lake, folder.journal, watch.seconds(), peak_rss_mb()))
    finally:
        if venue is not None:
            venue.close()
        folder.close()


def begin_venue(
    spec: str, folder: RunFolder, config: Path | None, shards: tuple[str, ...], mine: tuple[str, ...]
) -> LiveTicks:
    """Return a venue that is connected to, for the instruments of some shards; what it sends is kept in the folder.

    A shard owns the instruments whose places in the sorted list leave its number when divided by that of the shards. A
    worker whose shards own none connects to nothing, and tells the time. Raises SourceError, SettingsError,
    RequestFailed.
    """
    venue = live_source(spec, config)
    names = [name for place, name in enumerate(venue.instruments()) if shards[place % len(shards)] in mine]
    venue.begin(folder.path / RECORDINGS, kept_reference(folder.lake).instruments, names)
    keep_reference(folder.lake, venue)
    return venue


def watched(host: str, port: int) -> Health:
    """Return the health of a worker, told on an address with its metrics, or nowhere where the port is 0.

    The worker is not ready before it has the reference. Raises RunFolderError where the port is taken.
    """
    metrics = Metrics() if port else None
    health = Health(metrics or UNOBSERVED)
    health.needs(REFERENCE, "what the desk trades is not loaded yet")
    if metrics is None:
        return health
    try:
        serve(metrics, health, host, port)
    except OSError as error:
        raise RunFolderError(
            f"metrics cannot be told on {host}:{port}: {error.strerror}; "
            "choose another port with --metrics-port, or 0 for none"
        ) from error
    typer.echo(f"metrics: http://{host}:{port}/metrics", err=True)
    return health
