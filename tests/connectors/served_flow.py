"""A flow that writes the rows of `crash_flow` to a sink on a server, and can be killed at any moment.

    python -m tests.connectors.served_flow SINK FOLDER SEED

SINK is `postgres` or `influx`; ITA_TEST_SINK holds what it is built with. `run_killed` does it with kills.
"""

import json
import os
import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.outputs import Sink
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from connectors.influx.server import InfluxServer
from connectors.influx.sink import InfluxSink
from connectors.lake.codec import MarketCodec
from connectors.postgres.sink import PostgresSink
from tests.connectors.crash_flow import EPOCH_SECONDS, PAUSE_SECONDS, UNIVERSE, Rows
from tests.connectors.own_server import ROOT

BUILT_WITH = "ITA_TEST_SINK"


def sink_of(sink: str, built_with: dict[str, Any], folder: Path) -> Sink[Any]:
    if sink == "postgres":
        return PostgresSink(**built_with)
    return InfluxSink(InfluxServer(**built_with), ("0",), folder / "refused")


def flow(
    sink: str, built_with: dict[str, Any], folder: Path, seed: int, pause_seconds: float = 0.0
) -> Dataflow:
    made = Dataflow("served")
    rows = op.input("rows", made, Rows("journal" if sink == "postgres" else "topic", seed, pause_seconds))
    if sink == "influx":
        codec = MarketCodec(UNIVERSE, "test")
        rows = op.flat_map("bars", rows, lambda item: _bars(codec, item))
    op.output("write", rows, sink_of(sink, built_with, folder))
    return made


def _bars(codec: MarketCodec, item: tuple[str, Any]) -> list[tuple[str, Any]]:
    key, batch = item
    return [(key, codec.bars(batch.bars))] if hasattr(batch, "bars") else []


def run_killed(sink: str, built_with: dict[str, Any], folder: Path, seed: int, kills: int) -> int:
    """Run the flow to its end with `kills` kills; return how many came while it was at work."""
    (folder / "recovery").mkdir(parents=True)
    init_db_dir(folder / "recovery", 1)
    moments = random.Random(seed)
    killed = 0
    for attempt in range(kills + 1):
        command = [
            sys.executable,
            "-m",
            "tests.connectors.served_flow",
            sink,
            str(folder),
            str(seed + attempt),
        ]
        environment = {**os.environ, BUILT_WITH: json.dumps(built_with)}
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            try:
                code = process.wait(moments.uniform(0.05, 0.9) if attempt < kills else None)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
        killed += code == -9
        if code == 0:
            return killed
        assert code == -9, f"the writer ended with {code}"
    raise AssertionError("the last attempt was not allowed to finish")


def main() -> None:
    """Run until the rows end, or somebody kills the process."""
    sink, folder, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    built_with = json.loads(os.environ[BUILT_WITH])
    print("ready", flush=True)  # noqa: T201  the test waits for it
    run_main(
        flow(sink, built_with, folder, seed, PAUSE_SECONDS),
        epoch_interval=timedelta(seconds=EPOCH_SECONDS),
        recovery_config=RecoveryConfig(folder / "recovery"),
    )


if __name__ == "__main__":
    main()
