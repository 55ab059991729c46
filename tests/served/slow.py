"""Has a whole served desk run with every server half a second away, and compares every store in the end.

    python -m tests.served.slow --delay 0.5 --cuts 1

As `tests.served.chaos`, with servers of its own; workers and servers are left alone. Between the workers and each
server stands a proxy that holds every byte for `--delay` seconds, each way, while the day comes as fast as it goes;
`--cuts` times, each time when the day has gone on, it resets every connection to every server. The last line is JSON:
`memory_megabytes` has the most that each worker ever had in memory, `said` what it said of waiting, `ended` those that
ended with an error. Exit code 1 where anything is missing, there twice, or different, or where a worker ended so.
"""

import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.served.driver import SERVERS, Driver, addresses, main
from tests.served.slow_proxy import SlowProxy
from tests.served.topics import ends_of

SOURCE = "simulator:instruments=2,days=1,ticks=4000"
SHARDS = 4
KILOBYTES = 1e3
FACED = 60
"""How many ports after a server's its proxy listens."""
PLACES = dict(zip(SERVERS, (0, 10, 20, 40, 50), strict=True))
PORT = 25_400


class Slow(Driver):
    """A desk that sees its servers through proxies only."""

    def __init__(self, folder, source, base):
        super().__init__("slow", folder, source, speed=0.0, shards=("0-3",), base=base)
        self.desk.environment.update(addresses(base + FACED))
        self.stack["ITA_KAFKA_ADVERTISED"] = f"127.0.0.1:{base + FACED}"
        self.proxies = {name: SlowProxy(base + FACED + after, base + after) for name, after in PLACES.items()}
        self.opened = ExitStack()
        self.memory = {}

    def begin(self):
        for proxy in self.proxies.values():
            self.opened.enter_context(proxy)
        super().begin()

    def slow_down(self, seconds):
        for proxy in self.proxies.values():
            proxy.delay_seconds = seconds

    def cut(self):
        return {name: proxy.cut() for name, proxy in self.proxies.items()}

    def look(self):
        """Return whether every worker has ended, and note the most that each has ever had in memory."""
        states = {name: process.poll() for name, process in self.desk.workers.items()}
        for name in [name for name, code in states.items() if code is None]:
            self.memory[name] = max(self.memory.get(name, 0.0), most_megabytes(self.desk.workers[name].pid))
        return any(states.values()) or all(code == 0 for code in states.values())

    def goes_on(self, before):
        return self.look() or sum(self.ends()) > sum(before)

    def ends(self):
        """Return how far the shards are, as the broker itself says."""
        cluster = self.desk.servers().kafka.cluster()
        return ends_of(cluster, "features", SHARDS)

    def said(self):
        """Return the lines of each worker that tell of waiting, and how often each was said."""
        return {
            name: Counter(line for line in self.desk.said(name).splitlines() if "wait" in line)
            for name in self.desk.workers
        }

    def end(self):
        self.slow_down(0.0)
        super().end()
        self.opened.close()


def most_megabytes(pid):
    """Return the most that a process ever had in memory, 0 for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return max((int(line.split()[1]) / KILOBYTES for line in lines if line.startswith("VmHWM")), default=0.0)


def options_of(parser):
    parser.add_argument("--delay", type=float, default=0.5, help="seconds that each byte is held, each way")
    parser.add_argument("--cuts", type=int, default=1, help="how often all connections are reset")
    parser.add_argument("--patience", type=float, default=1_800.0, help="seconds that the day may take")
    parser.add_argument("--source", default=SOURCE, help="the day that is run")


def made(options, folder):
    return Slow(folder, options.source, options.port)


def driven(slow, options):
    slow.slow_down(options.delay)
    began, cut = time.monotonic(), []
    for _ in range(options.cuts):
        before = slow.ends()
        slow.wait(lambda before=before: slow.goes_on(before), options.patience)
        cut.append(slow.cut())
    slow.wait(slow.look, options.patience)
    seconds = time.monotonic() - began
    slow.slow_down(0.0)
    ended = {
        name: slow.desk.said(name)[-1000:] for name, process in slow.desk.workers.items() if process.poll()
    }
    memory = {name: round(most) for name, most in slow.memory.items()}
    line = {"delay_seconds": options.delay, "seconds": round(seconds, 1), "cut": cut, "ended": ended}
    return line | {"memory_megabytes": memory, "said": slow.said()}, not ended


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], "slow", __doc__, PORT, options_of, made, driven))
