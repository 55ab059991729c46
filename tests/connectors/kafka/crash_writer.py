"""A flow that writes rows to Kafka in batches of random size, and can be killed at any moment.

    python -m tests.connectors.kafka.crash_writer BOOTSTRAP PREFIX FOLDER BATCH_SEED

It prints `ready` before it starts. Its rows never change; how they are batched follows BATCH_SEED.
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bytewax.operators as op
import numpy as np
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.recovery import RecoveryConfig
from bytewax.testing import run_main

from connectors.kafka.client import KafkaCluster
from connectors.kafka.codec import KafkaCodec
from connectors.kafka.sink import KafkaSink
from connectors.lake.codec import END_OF_INPUT
from tests.connectors.kafka.desk import MARKET, TOPICS, items_of

ROWS = 6_000
BATCH_ROWS_MAX = 40
PAUSE_SECONDS = 0.01
EPOCH_SECONDS = 0.2


class Rows(FixedPartitionedSource):
    """Emits the rows in random batches."""

    def __init__(self, seed):
        self._seed = seed

    def list_parts(self):
        return ["rows"]

    def build_part(self, step_id, for_part, resume_state):
        return RowsPart(self._seed, resume_state or 0)


class RowsPart(StatefulSourcePartition):
    """Emits the rows from a place on; past the last one stands the end of input."""

    def __init__(self, seed, at):
        self._at = at
        self._generator = np.random.default_rng(seed)

    def next_batch(self):
        if self._at > ROWS:
            raise StopIteration
        time.sleep(PAUSE_SECONDS)
        if self._at == ROWS:
            self._at += 1
            return [("0", END_OF_INPUT)]
        first, self._at = self._at, min(ROWS, self._at + int(self._generator.integers(1, BATCH_ROWS_MAX)))
        return [("0", item) for item in items_of(first, self._at)]

    def next_awake(self):
        return datetime(2000, 1, 1, tzinfo=UTC)

    def snapshot(self):
        return self._at


def main():
    """Run until the rows end, or somebody kills the process."""
    bootstrap, prefix, folder, seed = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    items_of(0, 1)
    cluster = KafkaCluster({"bootstrap.servers": bootstrap}, prefix)
    flow = Dataflow("crash")
    source = op.input("rows", flow, Rows(seed))
    op.output("write", source, KafkaSink(cluster, "desk", {"0": 0}, TOPICS, KafkaCodec(), MARKET))
    print("ready", flush=True)  # noqa: T201  the test waits for it
    run_main(flow, epoch_interval=timedelta(seconds=EPOCH_SECONDS), recovery_config=RecoveryConfig(folder))


if __name__ == "__main__":
    main()
