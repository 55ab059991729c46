"""How long to wait before the next attempt, and before the next message: backoff with jitter, and an allowance."""

import random

from connectors.websocket.clock import Clock


class Backoff:
    """Pauses that double from `first_seconds` to `cap_seconds`, each drawn from half of it to all of it.

    Success for `steady_seconds` begins again from the first. Raises ValueError where the pauses cannot grow.
    """

    def __init__(self, first_seconds: float = 0.25, cap_seconds: float = 30.0, seed: int = 0) -> None:
        if not 0 < first_seconds <= cap_seconds:
            raise ValueError(
                f"pauses grow from above 0 to the cap; {first_seconds} and {cap_seconds} seconds were given"
            )
        self._first, self._cap = first_seconds, cap_seconds
        self._pause = first_seconds
        self._random = random.Random(seed)  # noqa: S311  spreads the load, decides nothing

    def next_seconds(self) -> float:
        """Return the next pause."""
        pause, self._pause = self._pause, min(2 * self._pause, self._cap)
        return pause * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin again from the first pause."""
        self._pause = self._first


class Allowance:
    """A bucket of `burst` tokens that fills at `rate` a second; who finds it empty waits."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        if not (rate > 0 and burst >= 1):
            raise ValueError(
                f"an allowance needs a rate above 0 and a burst of at least 1; {rate} and {burst} were given"
            )
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens = float(burst)
        self._at = clock.seconds()

    def take(self) -> bool:
        """Take a token, waiting for it; return False where waiting was stopped."""
        now = self._clock.seconds()
        self._tokens = min(float(self._burst), self._tokens + (now - self._at) * self._rate)
        self._at = now
        self._tokens -= 1
        return self._tokens >= 0 or not self._clock.wait(-self._tokens / self._rate)

    def pause(self, seconds: float) -> None:
        """Give nothing out for so long: the venue has said so."""
        self._tokens = min(self._tokens, 0.0) - seconds * self._rate
