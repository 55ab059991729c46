"""How far the machine's clock is ahead of a venue's: the least that receipt lies after the event, lately.

What is received can only be delayed, so the least delay of a while is the closest look at the difference of the clocks
(with the shortest way over the network in it). The while is a window of buckets, so that drift is followed: D. L.
Mills, Network Time Protocol, RFC 5905, section 10 (clock filter), with a window in time in place of eight samples.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

BUCKET_NANOSECONDS = 10 * 10**9
BUCKETS = 30


class ClockOffset:
    """The offset over the last five minutes, in buckets of ten seconds."""

    def __init__(self) -> None:
        self._buckets: deque[tuple[int, int]] = deque(maxlen=BUCKETS)

    def saw(self, received_at: NDArray[np.int64], event_at: NDArray[np.int64]) -> None:
        """Note rows in order of receipt, by both clocks (ns UTC)."""
        if not len(received_at):
            return
        numbers = received_at // BUCKET_NANOSECONDS
        delays = received_at - event_at
        for number in np.unique(numbers):
            least = int(delays[numbers == number].min())
            if self._buckets and self._buckets[-1][0] == number:
                least = min(least, self._buckets.pop()[1])
            self._buckets.append((int(number), least))
        while self._buckets[0][0] <= self._buckets[-1][0] - BUCKETS:
            self._buckets.popleft()

    def nanoseconds(self) -> int | None:
        """Return how far our clock is ahead, None before anything was seen."""
        return min((least for _, least in self._buckets), default=None)
