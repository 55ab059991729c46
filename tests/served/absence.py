"""Takes each server of a whole served desk away for a while under load, and compares every store in the end.

    python -m tests.served.absence --seconds 60

As `tests.served.chaos`, with servers of its own; workers are left alone. One server after the other is killed and
stays away; meanwhile the memory of the workers is watched. The last line is JSON: `away`, by server, has the most that
the workers' memory grew while it was away (MB), and what they said of it. Exit code 1 where anything is missing, there
twice, or different, or where a worker ended.
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

from tests.served.chaos import SERVERS, SOURCE, Chaos
from tests.served.desk import all_compared, embedded_replay

BACK_SECONDS = 8.0
MEGABYTE = 1e6
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Absence(Chaos):
    """A desk whose servers go away one after the other."""

    def __init__(self, folder, seconds, base):
        strikes = len(SERVERS)
        super().__init__(folder, strikes, 0, seconds + BACK_SECONDS, base)
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


def main(words):
    parser = argparse.ArgumentParser(prog="absence", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each server stays away")
    parser.add_argument("--port", type=int, default=28_600, help="first of the ports of its servers")
    parser.add_argument("--out", type=Path, default=Path("out/absence"))
    options = parser.parse_args(words)
    shutil.rmtree(options.out, ignore_errors=True)
    out = options.out.resolve()
    out.mkdir(parents=True)
    embedded_replay(SOURCE, out / "embedded")
    absence = Absence(out, options.seconds, options.port)
    try:
        absence.begin()
        away = {server: absence.away(server) for server in SERVERS}
        absence.finish(patience_seconds=600.0)
        found = all_compared(absence.desk, out / "embedded")
    finally:
        absence.end()
    line = {"seconds": options.seconds, "away": away}
    line |= {name: found[name] for name in ("records", "missing", "twice", "different")}
    sys.stdout.write(json.dumps(line) + "\n")
    lost = any(found[name] for name in ("missing", "twice", "different"))
    return 1 if lost or any(each["ended"] for each in away.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
