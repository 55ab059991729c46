"""A process that claims units and holds them: says `held` when it does, and why it ends.

python -m tests.connectors.kafka.claimant BOOTSTRAP PREFIX HOST KIND UNIT...
"""

import os
import sys
import threading

from connectors.kafka.claims import Claim, Home
from connectors.kafka.client import KafkaCluster


def say(words):
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def lost(words):
    say(f"lost: {words}")
    os._exit(1)


def main(bootstrap, prefix, host, kind, *units):
    cluster = KafkaCluster({"bootstrap.servers": bootstrap}, prefix)
    Claim(cluster, kind, units, Home(host, "/desk", host), known_dead=lambda _: False, lost=lost).take()
    say("held")
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
