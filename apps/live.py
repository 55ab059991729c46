"""The desk as a long-running worker: paced, measured, stopped by a signal without losing anything."""

import time
from pathlib import Path
from typing import NamedTuple

import typer

from apps.metrics import Metrics, serve
from apps.run_folder import RunFolder, RunFolderError
from apps.running import RunOptions, Stopwatch, peak_rss_mb, run_desk, stop_on_signal
from apps.summary import summarise
from config.settings import read_settings
from connectors.files.lake_reference import keep_reference
from connectors.files.open_source import open_sources
from connectors.tick_input import Pace, Stop
from operators.stage import UNOBSERVED

EPOCH_SECONDS = 1.0
BATCH_ROWS = 4_096


class Live(NamedTuple):
    """What is run, how fast, and where its metrics are told (port 0: nowhere)."""

    source: str
    speed: float
    config: Path | None
    metrics_host: str
    metrics_port: int


def run_live(live: Live, out: Path) -> None:
    """Run the desk in `out` until it is stopped or its input ends; going on where an earlier run stopped.

    Received rows are kept in `lake/raw.*`, so that `ita replay lake:OUT` repeats the run.
    """
    settings = read_settings(live.config)
    source = open_sources((live.source,), None, None, None)
    folder = RunFolder(out, {"kind": "run", "source": live.source, "configuration": settings.digest})
    try:
        if folder.summary() is not None:
            typer.echo(f"the input of the run in {out} has ended; nothing is left to do", err=True)
            return
        metrics = _metrics(live)
        stop, watch = Stop(), Stopwatch()
        pace = Pace(live.speed, time.monotonic_ns) if live.speed > 0 else None
        options = RunOptions(batch_rows=BATCH_ROWS, epoch_seconds=EPOCH_SECONDS, pace=pace, raw=True)
        keep_reference(folder.lake, source)
        with stop_on_signal(stop):
            run_desk(settings, folder, source, options, stop, metrics or UNOBSERVED)
        if stop.asked.is_set():
            typer.echo(f"stopped; the same command goes on where {out} stands", err=True)
            return
        folder.finish(summarise(folder.lake, folder.journal, watch.seconds(), peak_rss_mb()))
    finally:
        folder.close()


def _metrics(live: Live) -> Metrics | None:
    if not live.metrics_port:
        return None
    metrics = Metrics()
    try:
        serve(metrics, live.metrics_host, live.metrics_port)
    except OSError as error:
        raise RunFolderError(
            f"metrics cannot be told on {live.metrics_host}:{live.metrics_port}: {error.strerror}; "
            "choose another port with --metrics-port, or 0 for none"
        ) from error
    typer.echo(f"metrics: http://{live.metrics_host}:{live.metrics_port}/metrics", err=True)
    return metrics
