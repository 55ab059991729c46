"""Takes each server of a whole served desk away for a while under load, and compares every store in the end.

    python -m tests.served.absence --seconds 60

As `tests.served.chaos`, with servers of its own; workers are left alone. One server after the other is killed and
stays away; meanwhile the memory of the workers is watched. The last line is JSON: `away`, by server, has the most that
the workers' memory grew while it was away (MB), and what they said of it. Exit code 1 where anything is missing, there
twice, or different, or where a worker ended.
"""

import os
import sys
import time
from pathlib import Path

from tests.served.chaos import BEGIN_SECONDS, DAY_SECONDS, SHARDS, SOURCE, STRIKE_SECONDS
from tests.served.driver import SERVERS, Driver, main

BACK_SECONDS = 8.0
MEGABYTE = 1e6
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PORT = 28_600


class Absence(Driver):
    """A desk whose servers go away one after the other."""

    def __init__(self, folder, seconds, base):
        day = len(SERVERS) * (seconds + BACK_SECONDS + STRIKE_SECONDS) + 2 * BEGIN_SECONDS
        super().__init__("absence", folder, SOURCE, speed=DAY_SECONDS / day, shards=SHARDS, base=base)
        self.seconds = seconds

    def memory(self):
        """Return the resident bytes of each worker that is alive, as Linux says."""
        return {
            name: int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * PAGE_BYTES
            for name, process in self.desk.workers.items()
            if process.poll() is None
        }

    def away(self, server):
        """Take a server away and bring it back; return how much memory grew, and what was said of it."""
        lines = {name: len(self.desk.said(name).splitlines()) for name in self.desk.workers}
        before, grown = self.memory(), 0.0
        self.ita("kill", server)
        until = time.monotonic() + self.seconds
        while time.monotonic() < until:
            now = self.memory()
            grown = max(grown, *((now[name] - before[name]) / MEGABYTE for name in now if name in before))
            time.sleep(0.5)
        self.ita("up", "--native", server)
        time.sleep(BACK_SECONDS)
        said = [
            line
            for name, known in lines.items()
            for line in self.desk.said(name).splitlines()[known:]
            if "wait" in line
        ]
        ended = [name for name, process in self.desk.workers.items() if process.poll() not in (None, 0)]
        sys.stderr.write(f"{server}: {grown:.0f} MB, {len(said)} lines, ended: {ended}\n")
        return {"grown_megabytes": round(grown, 1), "said": said[:2], "ended": ended}


def options_of(parser):
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each server stays away")


def made(options, folder):
    return Absence(folder, options.seconds, options.port)


def driven(absence, options):
    time.sleep(BEGIN_SECONDS)
    away = {server: absence.away(server) for server in SERVERS}
    absence.wait(absence.desk.look)
    return {"seconds": options.seconds, "away": away}, not any(each["ended"] for each in away.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], "absence", __doc__, PORT, options_of, made, driven))
