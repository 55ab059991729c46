"""Commands to a served desk as people give them, and what is waited for meanwhile."""

import subprocess
import time
from datetime import UTC, datetime

from tests.served.desk import ROOT, command

PATIENCE_SECONDS = 180
BEFORE_THE_DAY = datetime.min.replace(tzinfo=UTC)


def said_to(desk, *words, who="ann"):
    """Give a command; return what was said of it."""
    done = subprocess.run(
        command(*words, "--who", who, "--wait", str(PATIENCE_SECONDS)),
        env=desk.settings(),
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def wait_for(desk, topic, since=BEFORE_THE_DAY):
    """Wait until a record of a topic is there that was known at `since` or later."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (rows := desk.kafka_rows(topic, (0,))).height or rows["known_at"].max() < since:
        assert time.monotonic() < deadline, {name: desk.said(name)[-500:] for name in desk.workers}
        time.sleep(0.3)
