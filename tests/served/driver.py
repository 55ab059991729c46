"""What every driver of a whole served desk does: servers of its own, a desk on them, and a comparison in the end."""

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

from tests.served.desk import ROOT, ServedDesk, all_compared, command, embedded_replay

SERVERS = ("kafka", "influx", "s3", "postgres", "redis")
COUNTS = ("records", "missing", "twice", "different")
PATIENCE_SECONDS = 600.0
LAST_WORDS = 3_000


def addresses(base, scheme="http"):
    """Return where the servers of a run listen, by environment variable; each may take some ports that follow."""
    return {
        "ITA_KAFKA__BOOTSTRAP": f"127.0.0.1:{base}",
        "ITA_INFLUX__URL": f"{scheme}://127.0.0.1:{base + 10}",
        "ITA_S3__ENDPOINT": f"{scheme}://127.0.0.1:{base + 20}",
        "ITA_POSTGRES__PORT": str(base + 40),
        "ITA_REDIS__PORT": str(base + 50),
    }


class Driver:
    """Desk `name` runs `source` at `speed` on servers of its own, under `folder`, from port `base` on."""

    def __init__(self, name, folder, source, *, speed, shards, base):
        where = addresses(base)
        self.folder, self.source = folder, source
        self.stack = {
            **os.environ,
            **where,
            "ITA_STACK": str(folder / "stack"),
            "ITA_ENV_FILE": str(folder / "secrets.env"),
        }
        os.environ["ITA_ENV_FILE"] = self.stack["ITA_ENV_FILE"]
        self.desk = ServedDesk(
            name, folder / "served", source, speed=speed, redis_database=0, shards=shards, servers=where
        )

    def ita(self, *words):
        return subprocess.run(
            command("stack", *words), env=self.stack, cwd=ROOT, check=True, capture_output=True, text=True
        )

    def begin(self):
        """Start the servers, set them up, and start every worker."""
        self.set_up()
        self.desk.start_all()

    def set_up(self):
        """Start the servers and set them up."""
        self.ita("secrets")
        self.ita("up", "--native", *SERVERS)
        subprocess.run(
            command("stack", "init", *SERVERS),
            env={**self.stack, **self.desk.settings()},
            cwd=ROOT,
            check=True,
            stdout=sys.stderr,
        )

    def wait(self, look, patience_seconds=PATIENCE_SECONDS):
        """Wait until `look` says yes; raises TimeoutError with what every worker says and does."""
        deadline = time.monotonic() + patience_seconds
        while not look():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the desk does not go on:\n{self.stacks()}")
            time.sleep(0.2)

    def stacks(self):
        """Have every worker that is alive write where its threads are; return the last words of all."""
        for process in self.desk.workers.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGUSR1)
        time.sleep(2.0)
        return "\n".join(
            f"== {name} ({process.poll()})\n{self.desk.said(name)[-LAST_WORDS:]}"
            for name, process in self.desk.workers.items()
        )

    def end(self):
        self.desk.close()
        self.ita("down")


def main(words, name, doc, port, options_of, made, driven):
    """Replay the source of a driver embedded, drive it, compare, and print the last line.

    `options_of(parser)` adds what may be asked for, `made(options, folder)` returns the driver, and
    `driven(driver, options)` drives it to the end of its day and returns what the line says besides the counts, and
    whether all went as asked. Returns the exit code.
    """
    parser = argparse.ArgumentParser(prog=name, description=doc.partition("\n")[0])
    options_of(parser)
    parser.add_argument("--port", type=int, default=port, help="first of the ports of its servers")
    parser.add_argument("--out", type=Path, default=Path("out") / name)
    options = parser.parse_args(words)
    shutil.rmtree(options.out, ignore_errors=True)
    out = options.out.resolve()
    out.mkdir(parents=True)
    driver = made(options, out)
    embedded_replay(driver.source, out / "embedded")
    try:
        driver.begin()
        line, went_well = driven(driver, options)
        sys.stderr.write(f"the day is over: {json.dumps(line)}\n")
        found = all_compared(driver.desk, out / "embedded")
    finally:
        driver.end()
    line |= {count: found[count] for count in COUNTS}
    sys.stdout.write(json.dumps(line) + "\n")
    return 1 if found["missing"] or found["twice"] or found["different"] or not went_well else 0
