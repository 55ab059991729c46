"""Books that come again by leaving their channel and joining it, one instrument after the other.

Only what belongs to the book of that instrument is left and joined: whatever else is subscribed to goes on. A step is
sent when the one before it is confirmed, since a venue that is asked to join what it has not left yet may refuse.
"""

from collections import deque
from collections.abc import Callable, Sequence

from connectors.websocket.venue import Answer, Subscription

Answering = Callable[[bytes], Answer | None]
Sending = Callable[[str], None]


class Renewals:
    """The books of one connection that are fetched again; `answer` reads a frame as `Venue.answer` does.

    `seconds` is how long the confirmation of a step is waited for.
    """

    def __init__(self, answer: Answering, send: Sending, seconds: float) -> None:
        self._answer, self._send, self._seconds = answer, send, seconds
        self._waiting: deque[tuple[str, Sequence[Subscription]]] = deque()
        self._symbol = ""
        self._steps: deque[Subscription] = deque()
        self._awaited: frozenset[str] = frozenset()
        self._ends = 0.0

    def begin(self, symbol: str, steps: Sequence[Subscription], now: float) -> str:
        """Have the book of a symbol fetched by these steps, at once or after those that were wanted before (now: s).

        Returns the symbol where its last step has been sent.
        """
        self._waiting.append((symbol, steps))
        return "" if self._awaited else self._go_on(now)

    def heard(self, frame: bytes, now: float) -> tuple[str, str]:
        """Take a frame; return the symbol whose last step has been sent, and why a step was refused, or empty."""
        answer = self._answer(frame) if self._awaited else None
        if answer is None:
            return "", ""
        if answer.refused:
            return "", answer.refused
        self._awaited -= answer.confirmed
        return "" if self._awaited else self._go_on(now), ""

    def late(self, now: float) -> str:
        """Return the symbol whose step was not confirmed in time, empty where none is waited for too long."""
        return self._symbol if self._awaited and now > self._ends else ""

    def _go_on(self, now: float) -> str:
        """Send the next step of this symbol, or the first of the next one."""
        if not self._steps and self._waiting:
            self._symbol, steps = self._waiting.popleft()
            self._steps.extend(steps)
        if not self._steps:
            return ""
        step = self._steps.popleft()
        self._awaited, self._ends = step.awaits, now + self._seconds
        self._send(step.text)
        return "" if self._steps else self._symbol
