"""Ports of loopback for servers of tests, below those that connections take for themselves.

A server that is started again finds its port free: nobody's connection can have taken it meanwhile.
"""

import random
import socket

PORTS = range(20_000, 25_000)


def free_port() -> int:
    """Return a port on which nothing listens, nor on the one after it."""
    while True:
        port = random.choice(PORTS)
        try:
            for each in (port, port + 1):
                with socket.socket() as taken:
                    taken.bind(("127.0.0.1", each))
        except OSError:
            continue
        return port
