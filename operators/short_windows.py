"""Memory over short spans of event time: rolling sums, message buckets, and how often a thing was seen.

Everything forgets by the instants it is given, never by a clock of its own. A rolling sum holds at most
`ENTRIES_MAX` entries: a full one adds to its newest entry, which makes it forget later, never sooner. What is
seen in a span is bounded by PT-23: only what was allowed or held is noted, and a thing is held at most once.
"""

from collections import deque
from collections.abc import Hashable
from decimal import Decimal
from math import ceil

from domain.market import SECOND

ENTRIES_MAX = 10_000
ZERO = Decimal(0)


class RollingSum:
    """Notional and quantity sent within a span (ns): what was sent at `t` counts while now - t < span."""

    __slots__ = ("entries", "notional", "quantity", "span")

    def __init__(self, span: int) -> None:
        self.span = span
        self.entries: deque[tuple[int, Decimal, int]] = deque()
        self.notional = ZERO
        self.quantity = 0

    def forget(self, now_at: int) -> None:
        """Drop what no longer counts at `now_at` (ns UTC)."""
        entries = self.entries
        oldest = now_at - self.span
        while entries and entries[0][0] <= oldest:
            _, notional, quantity = entries.popleft()
            self.notional -= notional
            self.quantity -= quantity

    def add(self, now_at: int, notional: Decimal, quantity: int) -> None:
        """Count what is sent at `now_at` (ns UTC)."""
        self.forget(now_at)
        self.notional += notional
        self.quantity += quantity
        if len(self.entries) >= ENTRIES_MAX:
            _, last_notional, last_quantity = self.entries.pop()
            notional, quantity = notional + last_notional, quantity + last_quantity
        self.entries.append((now_at, notional, quantity))

    def restate(self, ratio: Decimal) -> None:
        """Count units of before a split as those of after it, in whole units, rather too many than too few."""
        self.entries = deque(
            (at, notional, ceil(quantity * ratio)) for at, notional, quantity in self.entries
        )
        self.quantity = sum(quantity for _, _, quantity in self.entries)

    def __reduce__(self) -> tuple[object, ...]:
        """Be pickled by value, empty sums as their span alone: there are hundreds, stored at each snapshot."""
        if not self.entries and not self.notional:
            return RollingSum, (self.span,)
        return _rolling_sum, (self.span, list(self.entries), self.notional, self.quantity)


def _rolling_sum(
    span: int, entries: list[tuple[int, Decimal, int]], notional: Decimal, quantity: int
) -> RollingSum:
    made = RollingSum(span)
    made.entries.extend(entries)
    made.notional, made.quantity = notional, quantity
    return made


class MessageBucket:
    """Messages spent, draining at `rate` a second; full at one second's worth (PT-23).

    `spent` is in message-nanoseconds (one message is 10**9), so the arithmetic is exact.
    """

    __slots__ = ("at", "spent")

    def __init__(self) -> None:
        self.at = 0
        self.spent = 0

    def spent_at(self, now_at: int, rate: int) -> int:
        """Return what is still spent at `now_at` (ns UTC) where `rate` messages drain a second."""
        return max(0, self.spent - max(0, now_at - self.at) * rate)

    def spend(self, now_at: int, rate: int) -> None:
        """Count one message; what cannot be blocked may overdraw by one second's worth, no further."""
        self.spent = min(self.spent_at(now_at, rate) + SECOND, 2 * rate * SECOND)
        self.at = max(self.at, now_at)


class Recent:
    """How often a thing was seen within a span (ns), both ends included (PT-11)."""

    __slots__ = ("counts", "entries")

    def __init__(self) -> None:
        self.entries: deque[tuple[int, Hashable]] = deque()
        self.counts: dict[Hashable, int] = {}

    def count(self, thing: Hashable, now_at: int, span: int) -> int:
        """Return how often `thing` was seen in the span that ends at `now_at` (ns UTC)."""
        oldest = now_at - span
        while self.entries and self.entries[0][0] < oldest:
            _, old = self.entries.popleft()
            if self.counts[old] == 1:
                del self.counts[old]
            else:
                self.counts[old] -= 1
        return self.counts.get(thing, 0)

    def see(self, thing: Hashable, now_at: int) -> None:
        """Note that `thing` was seen at `now_at` (ns UTC)."""
        self.entries.append((now_at, thing))
        self.counts[thing] = self.counts.get(thing, 0) + 1
