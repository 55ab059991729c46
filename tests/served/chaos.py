"""Kills random processes of a whole served desk, servers too, and compares every store with an uninterrupted run.

    python -m tests.served.chaos --kills 100 --seed 7

Servers of its own are started beside any others, under a folder of its own. The seed decides who is killed and
when; a worker is started again at once, a server as soon as its script can. What is left of the day after the last
kill comes as fast as it goes. The last line is JSON. Exit code 1 where
anything is missing, there twice, or different.
"""

import random
import sys
import time
from collections import Counter
from itertools import cycle, dropwhile, islice

from tests.served.driver import SERVERS, Driver, main

SHARDS = ("0-1", "2-3")
DAY_SECONDS = 24_000.0
"""A simulated day, from before its open to after its close."""
STRIKE_SECONDS = 30.0
"""How long it may take to kill a process and start it again, where setting all servers up takes no longer than that."""
SOURCE = "simulator:instruments=8,days=1,ticks=60000"
BEGIN_SECONDS = 12.0
PORT = 28_400


def schedule(seed, kills, every_seconds, names):
    """Return whom to kill and how many seconds after the kill before, `every_seconds` on average: the seed's alone."""
    moments = random.Random(seed)
    return [
        (moments.choice(names), moments.uniform(0.2, 1.8) * every_seconds if number else 0.0)
        for number in range(kills)
    ]


class Chaos(Driver):
    """One run: its servers, its desk, and who was killed."""

    def __init__(self, folder, source, kills, seed, every_seconds, base):
        super().__init__("chaos", folder, source, speed=1.0, shards=SHARDS, base=base)
        self.every_seconds = every_seconds
        self.names = (*sorted(self.desk.commands), *SERVERS)
        self.schedule = schedule(seed, kills, every_seconds, self.names)
        self.killed = Counter()

    def begin(self):
        """Start everything, at a speed at which the day does not end before the kills on this machine."""
        began = time.monotonic()
        self.set_up()
        strike_seconds = max(STRIKE_SECONDS, time.monotonic() - began)
        seconds = len(self.schedule) * (self.every_seconds + strike_seconds) + 2 * BEGIN_SECONDS
        self.desk.start_at(DAY_SECONDS / seconds)
        self.desk.start_all()

    def strike(self, chosen):
        """Kill one process and have it started again: the one chosen, or the next by name where its day is over."""
        from_there = islice(dropwhile(lambda name: name != chosen, cycle(self.names)), len(self.names))
        victim = next(name for name in from_there if name in SERVERS or self.lives(name))
        if victim in SERVERS:
            self.ita("kill", victim)
            self.ita("up", "--native", victim)
        else:
            self.desk.kill(victim)
            self.desk.start(victim)
        self.killed[victim] += 1
        sys.stderr.write(f"{self.killed.total()} of {len(self.schedule)}: {victim}\n")

    def lives(self, worker):
        return self.desk.workers[worker].poll() is None

    def run(self):
        """Make the kills of the schedule, as far as the day goes."""
        time.sleep(BEGIN_SECONDS)
        for chosen, after_seconds in self.schedule:
            until = time.monotonic() + after_seconds
            while not self.desk.look() and time.monotonic() < until:
                time.sleep(0.05)
            if self.desk.look():
                return
            self.strike(chosen)


def options_of(parser):
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--source", default=SOURCE, help="the day that is run; one of the simulator")
    parser.add_argument("--every-seconds", type=float, default=4.0, help="between two kills, on average")


def made(options, folder):
    return Chaos(folder, options.source, options.kills, options.seed, options.every_seconds, options.port)


def driven(chaos, options):
    chaos.run()
    chaos.desk.pace(0.0)
    chaos.wait(chaos.desk.look)
    killed = dict(sorted(chaos.killed.items()))
    return {"kills": chaos.killed.total(), "by_process": killed, "seed": options.seed}, True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], "chaos", __doc__, PORT, options_of, made, driven))
