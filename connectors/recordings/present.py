"""A recorded session moved to the present: the instants in its messages, and nothing else of them.

Venues write instants as seconds (with or without a fraction), milliseconds, microseconds or nanoseconds since 1970, or
as ISO text; what looks like one and lies within the session is one. The digits after the point stay as many.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal

SECOND = 10**9
MARGIN = 600 * SECOND
_DIGITS = re.compile(r"(?<![\d.])(\d{10})(\d{3}|\d{6}|\d{9})?(\.\d{1,9})?(?![\d.])")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


class Present:
    """Moves the instants of a session so that `first_at` becomes `now_at`, going `speed` times as fast (all ns UTC)."""

    def __init__(self, first_at: int, last_at: int, now_at: int, speed: float) -> None:
        self._first_at, self._now_at, self._speed = first_at, now_at, speed or 1.0
        self._from, self._to = first_at - MARGIN, last_at + MARGIN

    def moved(self, text: str) -> str:
        """Return a message with its instants moved."""
        return _ISO.sub(self._iso, _DIGITS.sub(self._number, text))

    def _at(self, instant: int) -> int:
        return self._now_at + int((instant - self._first_at) / self._speed)

    def _number(self, found: re.Match[str]) -> str:
        whole, rest, fraction = found[1], found[2] or "", found[3] or ""
        unit = 10 ** (9 - len(rest))
        instant = int(Decimal(whole + rest + fraction) * unit)
        if not self._from <= instant <= self._to or (rest and fraction):
            return found[0]
        places = len(fraction) - 1 if fraction else 0
        moved = self._at(instant) * 10**places // unit
        if not fraction:
            return str(moved)
        return f"{moved // 10**places}.{moved % 10**places:0{places}d}"

    def _iso(self, found: re.Match[str]) -> str:
        fraction = (found[1] or ".")[1:]
        base = datetime.fromisoformat(found[0][:19]).replace(tzinfo=UTC)
        instant = int(base.timestamp()) * SECOND + int(fraction.ljust(9, "0"))
        if not self._from <= instant <= self._to:
            return found[0]
        seconds, rest = divmod(self._at(instant), SECOND)
        told = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{told}.{f'{rest:09d}'[: len(fraction)]}Z" if fraction else f"{told}Z"
