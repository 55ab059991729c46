"""Ports of loopback for servers of tests, below those that connections take for themselves.

A server that is started again finds its port free: nobody's connection can have taken it meanwhile.
"""

import random
import socket

PORTS = range(20_000, 25_000)
CONNECTIONS_FROM = 32_768
SEAWEEDFS = (*range(2, 9), 10_008)
"""After its own port and the next, SeaweedFS listens on those that are so many further."""


def free_port(*further: int) -> int:
    """Return a port on which nothing listens, nor on the one after it, nor on those that are so many `further`.

    Those, too, are below the ports that connections take.
    """
    while True:
        port = random.choice(PORTS)
        if port + max(further, default=0) >= CONNECTIONS_FROM:
            continue
        try:
            for each in (port, port + 1, *(port + more for more in further)):
                with socket.socket() as taken:
                    taken.bind(("127.0.0.1", each))
        except OSError:
            continue
        return port
