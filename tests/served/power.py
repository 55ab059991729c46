"""Takes the power from a whole served desk: every worker and every server is killed at once, again and again.

    python -m tests.served.power --losses 3 --seed 7

Servers of its own are started beside any others, under a folder of its own. A loss comes in the middle of the day: not
before each shard and the book have gone on since the one before, and up to `--wait-seconds` later, as the seed says.
Then all servers are started again, and all workers. The last line is JSON. Exit code 1 where anything is missing, there
twice, or different from an uninterrupted embedded run, or where the day was over before all losses had come.
"""

import os
import random
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.served.driver import SERVERS, Driver, main
from tests.served.topics import ends_of

SOURCE = "simulator:instruments=4,days=1,ticks=16000"
SHARDS = 4
SPEED = 1_500.0
PATIENCE_SECONDS = 400.0
PORT = 26_400


class Power(Driver):
    """A desk and its servers, on one supply."""

    def __init__(self, folder, losses, seed, wait_seconds, base):
        super().__init__("power", folder, SOURCE, speed=SPEED, shards=("0-3",), base=base)
        self.wanted, self.moments, self.wait_seconds = losses, random.Random(seed), wait_seconds
        self.losses = 0

    def ends(self):
        cluster = self.desk.servers().kafka.cluster()
        return [*ends_of(cluster, "scored", SHARDS), *ends_of(cluster, "risk.snapshots", 1)]

    def lose(self):
        """Kill everything, and start everything again."""
        stack = Path(self.stack["ITA_STACK"])
        servers = [int((stack / name / "pid").read_text().split()[0]) for name in SERVERS]
        for process in self.desk.workers.values():
            process.kill()
        for number in servers:
            with suppress(ProcessLookupError):
                os.killpg(number, signal.SIGKILL)
        for process in self.desk.workers.values():
            process.wait()
        self.ita("up", "--native", *SERVERS)
        self.desk.start_all()
        self.losses += 1
        sys.stderr.write(f"{self.losses} of {self.wanted} losses\n")

    def day(self):
        """Lose the power as often as wanted, each time when all has gone on, and wait for the end of the day."""
        for _ in range(self.wanted):
            before = self.ends()
            self.wait(lambda before=before: self.goes_on(before), PATIENCE_SECONDS)
            time.sleep(self.moments.uniform(0.0, self.wait_seconds))
            if self.desk.look():
                return
            self.lose()
        self.wait(self.desk.look, PATIENCE_SECONDS)

    def goes_on(self, before):
        self.desk.look()
        return all(map(int.__gt__, self.ends(), before))


def options_of(parser):
    parser.add_argument("--losses", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--wait-seconds", type=float, default=2.0, help="after everything went on, at most")


def made(options, folder):
    return Power(folder, options.losses, options.seed, options.wait_seconds, options.port)


def driven(power, options):
    power.day()
    return {"losses": power.losses, "seed": options.seed}, power.losses == options.losses


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], "power", __doc__, PORT, options_of, made, driven))
