"""Kills random processes of a whole served desk, servers too, and compares every store with an uninterrupted run.

    python -m tests.served.chaos --kills 100 --seed 7

Servers of its own are started beside any others, under a folder of its own. The seed decides who is killed and
when; a worker is started again at once, a server as soon as its script can. The last line is JSON. Exit code 1 where
anything is missing, there twice, or different.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tests.served.desk import ROOT, ServedDesk, all_compared, command, embedded_replay

SERVERS = ("kafka", "influx", "s3", "postgres", "redis")
SHARDS = ("0-1", "2-3")
DAY_SECONDS = 24_000.0
"""A simulated day, from before its open to after its close."""
STRIKE_SECONDS = 8.0
"""How long it takes to kill a process and start it again on a busy machine, on average."""
SOURCE = "simulator:instruments=8,days=1,ticks=60000"
BEGIN_SECONDS = 12.0


def addresses(base):
    """Return where the servers of a run listen, by environment variable."""
    return {
        "ITA_KAFKA__BOOTSTRAP": f"127.0.0.1:{base}",
        "ITA_INFLUX__URL": f"http://127.0.0.1:{base + 10}",
        "ITA_S3__ENDPOINT": f"http://127.0.0.1:{base + 20}",
        "ITA_POSTGRES__PORT": str(base + 40),
        "ITA_REDIS__PORT": str(base + 50),
    }


class Chaos:
    """One run: its servers, its desk, and who was killed."""

    def __init__(self, folder, kills, seed, every_seconds, base):
        self.folder, self.kills, self.seed, self.every_seconds = folder, kills, seed, every_seconds
        self.moments = random.Random(seed)
        self.killed = Counter()
        where = addresses(base)
        self.stack = {
            **os.environ,
            **where,
            "ITA_STACK": str(folder / "stack"),
            "ITA_ENV_FILE": str(folder / "secrets.env"),
        }
        os.environ["ITA_ENV_FILE"] = self.stack["ITA_ENV_FILE"]
        speed = DAY_SECONDS / (kills * (every_seconds + STRIKE_SECONDS) + 2 * BEGIN_SECONDS)
        self.desk = ServedDesk(
            "chaos", folder / "served", SOURCE, speed=speed, redis_database=0, shards=SHARDS, servers=where
        )

    def ita(self, *words):
        return subprocess.run(
            command("stack", *words), env=self.stack, cwd=ROOT, check=True, capture_output=True, text=True
        )

    def begin(self):
        self.ita("secrets")
        self.ita("up", "--native", *SERVERS)
        subprocess.run(
            command("stack", "init", *SERVERS),
            env={**self.stack, **self.desk.environment},
            cwd=ROOT,
            check=True,
        )
        self.desk.start_all()
        time.sleep(BEGIN_SECONDS)

    def strike(self):
        """Kill one process and have it started again."""
        alive = sorted(name for name, process in self.desk.workers.items() if process.poll() is None)
        victim = self.moments.choice([*alive, *SERVERS])
        if victim in SERVERS:
            self.ita("kill", victim)
            self.ita("up", "--native", victim)
        else:
            self.desk.kill(victim)
            self.desk.start(victim)
        self.killed[victim] += 1
        sys.stderr.write(f"{sum(self.killed.values())} of {self.kills}: {victim}\n")

    def run(self):
        """Kill until all kills are done."""
        next_at = time.monotonic()
        while sum(self.killed.values()) < self.kills and not self.desk.look():
            if time.monotonic() >= next_at:
                self.strike()
                next_at = time.monotonic() + self.moments.uniform(0.2, 1.8) * self.every_seconds
            time.sleep(0.05)

    def finish(self, patience_seconds):
        """Wait until every worker has come to its end."""
        deadline = time.monotonic() + patience_seconds
        while not self.desk.look():
            if time.monotonic() > deadline:
                said = {name: self.desk.said(name)[-400:] for name in self.desk.workers}
                raise TimeoutError(f"the desk does not come to its end: {said}")
            time.sleep(0.2)

    def end(self):
        self.desk.close()
        self.ita("down")


def main(words):
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--every-seconds", type=float, default=4.0, help="between two kills, on average")
    parser.add_argument("--port", type=int, default=28_400, help="first of the ports of its servers")
    parser.add_argument("--out", type=Path, default=Path("out/chaos"))
    options = parser.parse_args(words)
    shutil.rmtree(options.out, ignore_errors=True)
    out = options.out.resolve()
    out.mkdir(parents=True)
    embedded_replay(SOURCE, out / "embedded")
    chaos = Chaos(out, options.kills, options.seed, options.every_seconds, options.port)
    try:
        chaos.begin()
        chaos.run()
        chaos.finish(patience_seconds=600.0)
        found = all_compared(chaos.desk, out / "embedded")
    finally:
        chaos.end()
    line = {"kills": sum(chaos.killed.values()), "by_process": dict(sorted(chaos.killed.items()))}
    line |= {name: found[name] for name in ("records", "missing", "twice", "different")}
    sys.stdout.write(json.dumps({**line, "seed": options.seed}) + "\n")
    return 1 if found["missing"] or found["twice"] or found["different"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
