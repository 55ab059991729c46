"""What compliance counts: orders of the day, own prices, executions, rejections, messages, borrowed shares, links.

Each count is bounded: by the day, by its window, or by what the run trades. `compliance.py` and `settle` keep them,
the checks only read. Instants are ns UTC.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain.action_records import ActionRecord
from domain.corporate_actions import AMOUNTS, RATIOS
from operators.agenda import PRICED

ENTRIES_MAX = 10_000
LIVES = PRICED


class Tally(msgspec.Struct):
    """PT-05: what a strategy has sent today: orders, in which instruments, to which venues."""

    orders: int = 0
    instruments: set[str] = msgspec.field(default_factory=set)
    venues: set[str] = msgspec.field(default_factory=set)


class Traffic(msgspec.Struct):
    """PT-25: messages of a day as RTS 9 counts them (a new order 1, a change 2, a cancel 1), and the trades."""

    orders: int = 0
    trades: int = 0

    def ratio_of(self, orders: int) -> Decimal:
        """Return orders / trades - 1 with so many messages, the messages themselves where there was no trade."""
        return Decimal(orders) / self.trades - 1 if self.trades else Decimal(orders)


class Repeats(msgspec.Struct):
    """PT-24: when orders of a strategy in an instrument were executed since its last new signal."""

    signal_id: str = ""
    executed: deque[int] = msgspec.field(default_factory=deque)

    def within(self, now_at: int, span: int) -> int:
        """Return how many were executed in the span (ns) that ends now."""
        oldest = now_at - span
        return sum(1 for at in self.executed if at > oldest)


class Link(NamedTuple):
    """PT-46: when a session was last heard, and how often it should be (ns)."""

    heard_at: int
    interval: int


class RiskFigures(NamedTuple):
    """PT-34: a snapshot of a scope's risk, base currency, losses above 0.

    `marginal_*` are by instrument what one unit of value (base currency, signed) adds; `stress` and `marginal_stress`
    by the name of the scenario.
    """

    at: int
    value_at_risk: Decimal
    expected_shortfall: Decimal
    marginal_value_at_risk: Mapping[str, Decimal]
    marginal_expected_shortfall: Mapping[str, Decimal]
    stress: Mapping[str, Decimal] = {}
    marginal_stress: Mapping[str, Mapping[str, Decimal]] = {}


@dataclass(slots=True)
class Counters:
    """All counts of a book.

    `tallies` and `rejects` by strategy; `prices` (own limit prices of a window), `repeats` by strategy and instrument;
    `traffic` by scope and instrument; `located` units sent by locate; `executed` names the orders of the day that have
    traded; `risk` by scope, `links` by venue; `overridden` counts the overrides of the day by check (PT-45).
    """

    tallies: dict[str, Tally] = field(default_factory=dict)
    prices: dict[tuple[str, str], deque[tuple[int, Decimal]]] = field(default_factory=dict)
    repeats: dict[tuple[str, str], Repeats] = field(default_factory=dict)
    traffic: dict[tuple[str, str], Traffic] = field(default_factory=dict)
    rejects: dict[str, int] = field(default_factory=dict)
    located: dict[str, int] = field(default_factory=dict)
    executed: set[str] = field(default_factory=set)
    risk: dict[str, RiskFigures] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    overridden: dict[str, int] = field(default_factory=dict)

    def next_day(self) -> None:
        """Forget what is counted by the day."""
        self.tallies.clear()
        self.traffic.clear()
        self.executed.clear()
        self.overridden.clear()

    def first_price(self, strategy: str, symbol: str, now_at: int, span: int) -> Decimal | None:
        """Return the oldest own price of a span (ns) that ends now, None where there is none."""
        for at, price in self.prices.get((strategy, symbol), ()):
            if at > now_at - span:
                return price
        return None

    def note_price(self, strategy: str, symbol: str, price: Decimal, now_at: int, span: int) -> None:
        """Remember an own price, and forget those that are older than a span (ns)."""
        prices = self.prices.setdefault((strategy, symbol), deque())
        while prices and (prices[0][0] <= now_at - span or len(prices) >= ENTRIES_MAX):
            prices.popleft()
        prices.append((now_at, price))

    def note_signal(self, strategy: str, symbol: str, signal_id: str) -> None:
        """Begin to count anew where a signal is a new one."""
        repeats = self.repeats.get((strategy, symbol))
        if repeats is None:
            self.repeats[strategy, symbol] = Repeats(signal_id)
        elif repeats.signal_id != signal_id:
            repeats.signal_id = signal_id
            repeats.executed.clear()

    def note_execution(
        self, strategy: str, symbol: str, cl_ord_id: str, scopes: tuple[str, ...], at: int
    ) -> None:
        """Count a trade, and an order that is executed for the first time."""
        for scope in scopes:
            self.traffic_of(scope, symbol).trades += 1
        if cl_ord_id in self.executed:
            return
        self.executed.add(cl_ord_id)
        executed = self.repeats.setdefault((strategy, symbol), Repeats()).executed
        if len(executed) >= ENTRIES_MAX:
            executed.popleft()
        executed.append(at)

    def traffic_of(self, scope: str, symbol: str) -> Traffic:
        """Return the messages of a scope in an instrument, to be counted on."""
        traffic = self.traffic.get((scope, symbol))
        if traffic is None:
            traffic = self.traffic[scope, symbol] = Traffic()
        return traffic

    def note_answer(self, strategy: str, *, rejected: bool) -> None:
        """Count a rejection of the venue in a row; anything else ends the row."""
        self.rejects[strategy] = self.rejects.get(strategy, 0) + 1 if rejected else 0


def adjust(counters: Counters, action: ActionRecord) -> None:
    """Bring the own prices of an instrument over an action; all other counts have no price and no unit of shares.

    A locate of before a split is none any more (`operators.checks.short_sales`), so what it has located is let be.
    """
    for (_, symbol), prices in counters.prices.items():
        if symbol != action.instrument:
            continue
        if action.kind in RATIOS:
            moved = [(at, price / action.ratio) for at, price in prices]
        elif action.kind in AMOUNTS:
            moved = [(at, price - action.amount) for at, price in prices if price > action.amount]
        else:
            continue
        prices.clear()
        prices.extend(moved)
