"""Takes the power from a whole served desk: every worker and every server is killed at once, again and again.

    python -m tests.served.power --losses 3 --seed 7

Servers of its own are started beside any others, under a folder of its own. A loss comes in the middle of the day: not
before each shard and the book have gone on since the one before, and up to `--wait-seconds` later, as the seed says.
Then all servers are started again, and all workers. The last line is JSON. Exit code 1 where anything is missing, there
twice, or different from an uninterrupted embedded run, or where the day was over before all losses had come.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.served.chaos import SERVERS, Chaos, addresses
from tests.served.desk import ROOT, ServedDesk, all_compared, command, embedded_replay
from tests.served.topics import ends_of

SOURCE = "simulator:instruments=4,days=1,ticks=16000"
SHARDS = 4
SPEED = 1_500.0
PATIENCE_SECONDS = 400.0


class Power(Chaos):
    """A desk and its servers, on one supply."""

    def __init__(self, folder, losses, seed, wait_seconds, base):
        super().__init__(folder, losses, seed, wait_seconds, base)
        self.desk = ServedDesk(
            "power",
            folder / "served",
            SOURCE,
            speed=SPEED,
            redis_database=0,
            shards=("0-3",),
            servers=addresses(base),
        )
        self.losses = 0

    def begin(self):
        self.ita("secrets")
        self.ita("up", "--native", *SERVERS)
        subprocess.run(
            command("stack", "init", *SERVERS),
            env={**self.stack, **self.desk.environment},
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        self.desk.start_all()

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
        sys.stderr.write(f"{self.losses} of {self.kills} losses\n")

    def day(self):
        """Lose the power as often as wanted, each time when all has gone on, and wait for the end of the day."""
        for _ in range(self.kills):
            before = self.ends()
            self.wait(lambda before=before: all(map(int.__gt__, self.ends(), before)))
            time.sleep(self.moments.uniform(0.0, self.every_seconds))
            if self.desk.look():
                return
            self.lose()
        self.wait(self.desk.look)

    def wait(self, look):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not look():
            self.desk.look()
            if time.monotonic() > deadline:
                said = {name: self.desk.said(name)[-400:] for name in self.desk.workers}
                raise TimeoutError(f"the desk does not go on: {said}")
            time.sleep(0.2)


def main(words):
    parser = argparse.ArgumentParser(prog="power", description=__doc__.partition("\n")[0])
    parser.add_argument("--losses", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--wait-seconds", type=float, default=2.0, help="after everything went on, at most")
    parser.add_argument("--port", type=int, default=26_400, help="first of the ports of its servers")
    parser.add_argument("--out", type=Path, default=Path("out/power"))
    options = parser.parse_args(words)
    shutil.rmtree(options.out, ignore_errors=True)
    out = options.out.resolve()
    out.mkdir(parents=True)
    embedded_replay(SOURCE, out / "embedded")
    power = Power(out, options.losses, options.seed, options.wait_seconds, options.port)
    try:
        power.begin()
        power.day()
        found = all_compared(power.desk, out / "embedded")
    finally:
        power.end()
    line = {"losses": power.losses, "seed": options.seed}
    line |= {name: found[name] for name in ("records", "missing", "twice", "different")}
    sys.stdout.write(json.dumps(line) + "\n")
    wrong = found["missing"] or found["twice"] or found["different"] or power.losses < options.losses
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
