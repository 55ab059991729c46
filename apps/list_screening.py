"""Lists of names compared with a desk's parties in a process beside it, so that the desk goes on meanwhile."""

import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec

from domain.controls import Command
from operators.party_screening import Parties, Screened, screened

SECONDS_MAX = 300.0
NICENESS = 5


class ListScreener:
    """Compares one list after the other with whom a desk trades; the process ends with each."""

    def __init__(self, parties: Parties) -> None:
        self._parties = parties
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="list-screening")

    def __call__(self, command: Command) -> "Future[Command]":
        """Return the command as it will be: with what was found, or why the list is refused."""
        return self._threads.submit(self._screened, command)

    def _screened(self, command: Command) -> Command:
        work = msgspec.json.encode((command.details, self._parties))
        try:
            done = subprocess.run(
                [sys.executable, "-m", "apps.list_screening"],
                input=work,
                capture_output=True,
                timeout=SECONDS_MAX,
                check=False,
            )
            said, failed = done.stdout.decode(), done.returncode != 0
            why = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        except (OSError, subprocess.TimeoutExpired) as error:
            said, failed, why = "", True, str(error)
        if failed:
            said = msgspec.json.encode(Screened(refused=f"the list could not be compared: {why}")).decode()
        return msgspec.structs.replace(command, details=said)


def main() -> None:
    """Compare the list and the names that come in, and write what was found."""
    os.nice(NICENESS)
    details, parties = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[str, Parties])
    sys.stdout.write(screened(details, parties))


if __name__ == "__main__":
    main()
