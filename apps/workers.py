"""One run on several processes: market data workers, each the owner of some shards, and one that takes the decisions.

They meet over the embedded topic `scored`. A worker ends when its parent does, and a parent ends all when one
fails, so that a
restart of the run resumes every one of them from its own recovery store.
"""

import json
import os
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from apps.actions import with_actions
from apps.assembly import assemble
from apps.failures import described
from apps.run_folder import RunPaths
from apps.running import RunOptions, book_edges, market_edges, run_flow
from apps.second_feed import with_second
from apps.sources import sources_of
from config.settings import read_settings
from connectors.tick_input import Stop
from connectors.topics.codec import MarketCodec
from connectors.topics.sink import TopicSink
from connectors.topics.source import TopicSource
from flows import decisions, market_data

SCORED = "scored"
LOST_PARENT = 3


class WorkerFailed(RuntimeError):
    """A worker process ended before its work was done."""


def run_workers(task: dict[str, Any], out: Path, workers: int, options: RunOptions) -> None:
    """Run market data on `workers` processes and the decisions on one more, until the input ends.

    `task` names sources, instruments, days and configuration. Raises WorkerFailed with the last words of the
    one that failed.
    """
    shards = [str(number) for number in range(workers)]
    common = {
        **task,
        "out": str(out),
        "shards": shards,
        "batch_rows": options.batch_rows,
        "epoch_seconds": options.epoch_seconds,
    }
    tasks = [{**common, "role": "market", "mine": [shard]} for shard in shards] + [
        {**common, "role": "decisions"}
    ]
    running = [_start(each, out) for each in tasks]
    try:
        _wait(running)
    finally:
        for process, _ in running:
            if process.poll() is None:
                process.kill()
            with process:
                process.wait()


def _start(task: dict[str, Any], out: Path) -> tuple[subprocess.Popen[bytes], Path]:
    name = task["role"] if task["role"] == "decisions" else f"market-{task['mine'][0]}"
    log = out / "logs" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as words:
        process = subprocess.Popen(  # noqa: S603  our own module, our own arguments
            [sys.executable, "-m", "apps.workers", json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=words,
            stderr=words,
        )
    return process, log


def _wait(running: list[tuple[subprocess.Popen[bytes], Path]]) -> None:
    left = list(running)
    while left:
        process, log = left[0]
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            left.append(left.pop(0))
            continue
        left.pop(0)
        if process.returncode != 0:
            words = log.read_text(errors="replace").strip().splitlines()[-1:] or ["without a word"]
            raise WorkerFailed(f"worker {log.stem} ended with {process.returncode}: {words[0]}; see {log}")


def work(task: dict[str, Any]) -> None:
    """Do one worker's part of a run."""
    settings = read_settings(Path(task["config"]) if task["config"] else None)
    names = tuple(task["instruments"]) if task["instruments"] else None
    source = sources_of(
        tuple(task["sources"]),
        names,
        task["from"],
        task["to"],
        Path(task["config"]) if task["config"] else None,
    )
    told = task.get("actions")
    source = with_actions(source, settings, Path(told) if told else None)
    config = Path(task["config"]) if task["config"] else None
    source = with_second(source, settings, task.get("against"), config)
    folder, shards = RunPaths(Path(task["out"])), tuple(task["shards"])
    made = assemble(settings, source, shards)
    options = RunOptions(task["batch_rows"], task["epoch_seconds"])
    if task["role"] == "decisions":
        scored = TopicSource(folder.topics, SCORED, shards, MarketCodec())
        stages = made.stages._replace(pages=folder.pages("decisions"))
        flow = decisions.build(scored, book_edges(settings, folder, source, made, options), stages)
        run_flow(flow, folder.recovery("decisions"), options.epoch_seconds)
        return
    mine = tuple(task["mine"])
    edges = market_edges(settings, folder, source, made, shards, mine, options, Stop())
    stages = made.stages._replace(pages=folder.pages(f"market-{mine[0]}"))
    flow = market_data.build(edges, stages, TopicSink(folder.topics, SCORED, mine, MarketCodec()))
    run_flow(flow, folder.recovery(f"market-{mine[0]}"), options.epoch_seconds)


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os._exit(LOST_PARENT)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work(json.loads(sys.argv[1]))
    except Exception as failure:  # noqa: BLE001  the last door: it goes to the log, and its words to the parent
        traceback.print_exc()
        sys.exit(described(failure))
