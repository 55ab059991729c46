"""Random sessions against a lying venue: at the end desk, venue and drop copy agree, or a break names the difference.

    python -m tests.operators.venue_sessions --sessions 10000 --seed 7

Each session has a venue of its own temper, a market that walks at random, and a desk that sends orders of all types,
cancels and replaces them. The last line is a JSON object; exit code 1 where anything differed without a break.
"""

import argparse
import json
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from time import perf_counter
from typing import Any

from domain.market import END
from domain.order_messages import ExecInst, OrderRequest, Report, RequestKind, SpecialOrder
from domain.orders import OrdStatus, OrdType, Side, TimeInForce
from operators.order_ledger import (
    Ledger,
    Taken,
    ask_about,
    enter,
    next_overdue,
    questions,
    settle_accounts,
    take,
    take_over,
)
from operators.order_requests import Terms, unanswered
from operators.orders import OrderState, apply_report
from operators.positions import PositionBook, apply_change, holding
from operators.reconciliation import (
    DROP_COPY,
    VENUE,
    Found,
    Statement,
    differences,
    open_breaks,
    statement_of,
)
from operators.venue import arrivals, end_of_session, next_arrival, on_quote, on_trade, submit
from operators.venue import ask as ask_venue
from operators.venue_line import read_drop_copy
from operators.venue_params import (
    PROBABILITIES,
    SECOND,
    FeeTier,
    Latency,
    LatencyKind,
    LineParams,
    VenueParams,
)
from operators.venue_state import Resting, Top, VenueState

TICK = Decimal("0.01")
TIMEOUT = 3 * SECOND
STEPS = 60
AFTERWARDS = 120 * SECOND
CASH = Decimal(1_000_000)
SPAN = {
    "lost_acknowledgements": 0.3,
    "late_fills": 0.3,
    "duplicates": 0.3,
    "reordered": 0.4,
    "rejects": 0.1,
    "partial_fills": 0.5,
    "busts": 0.15,
    "corrections": 0.15,
    "refusals": 0.2,
    "drop_copy_losses": 0.1,
}
TYPES = ("limit", "market", "stop", "stop_limit", "ioc", "fok", "post_only", "iceberg", "on_close", "on_open")


def temper(chance: random.Random, *, sound_drop_copy: bool) -> VenueParams:
    """Return how a venue behaves: each of its faults is there in two sessions of three."""
    faults = {name: chance.choice((0, 1, 1)) * chance.uniform(0, SPAN[name]) for name in PROBABILITIES}
    if sound_drop_copy:
        faults["drop_copy_losses"] = 0.0
    latencies = (
        Latency(nanoseconds=chance.randrange(SECOND)),
        Latency(LatencyKind.LOGNORMAL, chance.randrange(1, SECOND), chance.uniform(0, 1.5)),
        Latency(LatencyKind.EMPIRICAL, samples=tuple(chance.randrange(2 * SECOND) for _ in range(5))),
    )
    line = LineParams(
        **faults,
        report_latency=chance.choice(latencies),
        late_nanoseconds=chance.randrange(40 * SECOND),
        reorder_nanoseconds=chance.randrange(3 * SECOND),
        amend_nanoseconds=chance.randrange(1, 20 * SECOND),
        pending_nanoseconds=chance.choice((0, chance.randrange(2 * SECOND))),
        disconnect_every=chance.choice((0, 30 * SECOND)),
        cancel_on_disconnect=chance.random() < 0.7,
    )
    return VenueParams(
        latency_nanoseconds=500_000,
        seed=chance.randrange(2**32),
        latency=chance.choice(latencies),
        participation_max=0.5,
        fees=(
            FeeTier(0, Decimal("-0.001"), Decimal("0.003")),
            FeeTier(500, Decimal("-0.002"), Decimal("0.002")),
        ),
        queue=chance.random() < 0.5,
        line=line,
    )


@dataclass
class Session:
    """One session: a venue, its market, and a desk with its ledger and book; all that was found to differ."""

    number: str
    params: VenueParams
    chance: random.Random
    venue: VenueState = field(default_factory=VenueState)
    ledger: Ledger = field(default_factory=Ledger)
    book: PositionBook = field(default_factory=lambda: PositionBook("main", CASH))
    found: list[Found] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    mid: int = 10_000
    now_at: int = 0
    is_open: bool = False
    heard: list[Report] = field(default_factory=list)

    def top(self, _which: int = 0) -> Top:
        """Return the market."""
        return Top(
            (self.mid - 1) / 100,
            float(self.size(1)),
            (self.mid + 1) / 100,
            float(self.size(2)),
            False,
            self.is_open,
        )

    def size(self, side: int) -> int:
        """Return a size that stands as long as the price does."""
        return 20 + (self.mid * 7919 + side * 104_729) % 180

    def until(self, now_at: int) -> None:
        """Let happen what is due by an instant, in order."""
        while True:
            due_at = min(next_arrival(self.venue), next_overdue(self.ledger, TIMEOUT))
            if due_at > now_at:
                self.now_at = now_at
                return
            self.now_at = max(self.now_at, due_at)
            self.hear(arrivals(self.venue, self.params, self.top, self.now_at))
            for request in questions(self.ledger, self.now_at, TIMEOUT, self.sent + 1):
                self.counts["status_requests"] += 1
                self.send(request)
        raise AssertionError

    def hear(self, reports: list[Report]) -> None:
        """Take reports in, and book what follows."""
        for report in reports:
            self.counts["reports_heard"] += 1
            self.follow(take(self.ledger, report))

    def follow(self, taken: Taken) -> None:
        """Book changes and keep breaks."""
        self.counts[f"answer:{taken.answer}"] += 1
        self.found += taken.found
        for change in taken.changes:
            apply_change(self.book, change.order, change.quantity, change.price, change.commission)

    def send(self, request: OrderRequest) -> None:
        """Send a request about an order."""
        self.sent += 1
        ask_venue(self.venue, self.params, request, self.now_at)

    def order(self) -> None:
        """Send an order of a random type."""
        kind = self.chance.choice(TYPES[:-1] if self.is_open else ("on_open",))
        self.sent += 1
        order = _order(f"{self.number}-{self.sent}", kind, self)
        self.counts["orders"] += 1
        self.counts[f"type:{kind}"] += 1
        enter(self.ledger, order)
        submit(self.venue, self.params, order, 0, TICK, self.now_at)

    def request(self, kind: RequestKind) -> None:
        """Cancel or replace an order that works by what the desk knows, whatever else is pending."""
        working = [state for state in self.ledger.orders.values() if not state.is_over]
        if not working:
            return
        state = self.chance.choice(working)
        terms = None
        if kind is RequestKind.REPLACE:
            price = state.price and state.price + self.chance.randrange(-3, 4) * TICK
            terms = Terms(max(1, state.order_qty + self.chance.randrange(-60, 60)), price)
        self.counts["unanswered_before"] += len(unanswered(state)) > 0
        self.counts[f"requests:{kind.name.lower()}"] += 1
        self.send(ask_about(self.ledger, state, kind, self.now_at, self.sent + 1, "asked at random", terms))

    def market(self) -> None:
        """Let the market move: a quote, a trade, or both."""
        self.mid += self.chance.choice((-2, -1, -1, 0, 0, 1, 1, 2))
        self.hear(on_quote(self.venue, self.params, 0, self.top(), self.now_at))
        if self.chance.random() < 0.7:
            price = (self.mid + self.chance.choice((-1, 1))) / 100
            size = float(self.chance.randrange(1, 200))
            self.hear(on_trade(self.venue, self.params, 0, price, size, self.top(), self.now_at))

    def run(self) -> "Session":
        """Go through the session, and settle accounts behind it."""
        for step in range(STEPS):
            self.until(self.now_at + self.chance.randrange(2 * SECOND))
            self.is_open = step >= 3
            draw = self.chance.random()
            if draw < 0.25:
                self.order()
            elif draw < 0.35:
                self.request(RequestKind.CANCEL)
            elif draw < 0.45:
                self.request(RequestKind.REPLACE)
            if self.is_open:
                self.market()
        self.hear(end_of_session(self.venue, self.params, self.now_at))
        self.is_open = False
        self.until(self.now_at + AFTERWARDS)
        self.settle()
        return self

    def settle(self) -> None:
        """Compare the three records of every order."""
        said = {order_id: _true(self.venue.known(order_id)) for order_id in self.ledger.orders}
        before = {order_id: statement_of(state) for order_id, state in self.ledger.orders.items()}
        self.counts["agreed_before_drop_copy"] += sum(said[name] in {None, before[name]} for name in said)
        copied = read_drop_copy(self.venue.line, END - 1)
        self.counts["reports_said"] += self.venue.sequence
        self.follow(take_over(self.ledger, copied))
        ends = {order_id: told for order_id, told in said.items() if told is not None}
        self.found += settle_accounts(self.ledger, ends, VENUE)
        self.found += open_breaks(self.ledger.orders, _from(copied, self.ledger), DROP_COPY)


def _order(name: str, kind: str, session: Session) -> SpecialOrder:
    """Return an order of a type, near the market."""
    chance, mid = session.chance, session.mid
    side = chance.choice((Side.BUY, Side.SELL))
    quantity = chance.randrange(1, 200)
    types = {
        "market": OrdType.MARKET,
        "on_close": OrdType.MARKET,
        "on_open": OrdType.MARKET,
        "stop": OrdType.STOP,
    }
    ord_type = OrdType.STOP_LIMIT if kind == "stop_limit" else types.get(kind, OrdType.LIMIT)
    priced = ord_type in {OrdType.LIMIT, OrdType.STOP_LIMIT}
    forces = {
        "ioc": TimeInForce.IMMEDIATE_OR_CANCEL,
        "fok": TimeInForce.FILL_OR_KILL,
        "on_close": TimeInForce.AT_THE_CLOSE,
        "on_open": TimeInForce.AT_THE_OPENING,
    }
    return SpecialOrder(
        event_at=session.now_at,
        known_at=session.now_at,
        received_at=session.now_at,
        source="decisions",
        sequence=session.sent,
        record_id=name,
        cl_ord_id=f"c-{name}",
        account="main",
        desk="equities",
        trader="ann",
        strategy="trend",
        symbol="AAA",
        side=side,
        order_qty=quantity,
        ord_type=ord_type,
        time_in_force=forces.get(kind, TimeInForce.DAY),
        transact_time=session.now_at,
        ex_destination="XSIM",
        price=(mid + chance.randrange(-3, 4)) * TICK if priced else None,
        order_id=name,
        decision_id="d",
        stop_px=(mid + side.sign * chance.randrange(4)) * TICK if "stop" in kind else None,
        exec_inst=ExecInst.PARTICIPATE_DONT_INITIATE if kind == "post_only" else None,
        display_qty=max(1, quantity // 4) if kind == "iceberg" else None,
    )


def _true(held: Resting | None) -> Statement | None:
    """Return what the venue holds of an order; None where it never came there."""
    if held is None:
        return None
    return Statement(held.status, held.order_qty, held.cum_qty, held.notional.quantize(Decimal("0.00000001")))


def _from(reports: list[Report], ledger: Ledger) -> dict[str, Statement]:
    """Return what the drop copy comes to, order by order, read by itself."""
    states: dict[str, OrderState] = {}
    for report in reports:
        known = ledger.orders[report.order_id]
        state = states.setdefault(report.order_id, OrderState(known.order, dict(known.requests)))
        apply_report(state, report)
    return {order_id: statement_of(state) for order_id, state in states.items()}


def silent(session: Session) -> list[str]:
    """Return the orders in which desk and venue differ, or which are open, and that no open break names."""
    named = {found.order_id for found in session.found if not found.resolved}
    wrong = []
    for order_id, state in session.ledger.orders.items():
        said = _true(session.venue.known(order_id))
        if said is None:
            differs = "" if state.status is OrdStatus.REJECTED else "never came to the venue"
        else:
            differs = differences(statement_of(state), said)
        if differs and order_id not in named:
            wrong.append(f"{order_id}: {differs}")
    return wrong


def astray(session: Session) -> str:
    """Say where the position is not what the orders' fills come to; empty where it is (invariant 6)."""
    states = session.ledger.orders.values()
    quantity = sum(state.order.side.sign * state.cum_qty for state in states)
    held = holding(session.book, "trend", "AAA")
    spent = sum((state.order.side.sign * state.notional for state in states), Decimal(0))
    paid = CASH - session.book.cash - held.fees
    if held.quantity == quantity and abs(paid - spent) < Decimal("0.001"):
        return ""
    return f"position {held.quantity} paid {paid}, fills {quantity} at {spent}"


def play(number: int, seed: int, *, sound_drop_copy: bool = False) -> Session:
    """Play one session."""
    chance = random.Random(f"{seed}/{number}")
    return Session(str(number), temper(chance, sound_drop_copy=sound_drop_copy), chance).run()


def tally(first: int, sessions: int, seed: int) -> dict[str, Any]:
    """Play sessions and count what came of them; every second one has a drop copy that loses nothing."""
    counts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    wrong: list[str] = []
    began = perf_counter()
    for number in range(first, first + sessions):
        sound = number % 2 == 0
        session = play(number, seed, sound_drop_copy=sound)
        counts.update(session.counts)
        opened = [found for found in session.found if not found.resolved]
        kinds.update(f"{found.kind}{' resolved' if found.resolved else ''}" for found in session.found)
        final = [f for f in opened if f.kind in {"order_differs", "not_over", "imputed", "unknown_order"}]
        counts["orders_that_agree"] += len(session.ledger.orders) - len({found.order_id for found in final})
        counts["sessions_with_open_differences"] += bool(final)
        wrong += [f"session {number}: {text}" for text in silent(session)]
        if sound and final:
            wrong.append(f"session {number}: the drop copy is sound, and yet {final[0]}")
        stray = astray(session)
        if stray:
            wrong.append(f"session {number}: {stray}")
    return {
        "sessions": sessions,
        "seed": seed,
        **{name: counts[name] for name in sorted(counts)},
        "breaks": dict(sorted(kinds.items())),
        "silent_differences": len(wrong),
        "first_wrong": wrong[:5],
        "seconds": round(perf_counter() - began, 1),
    }


def main() -> int:
    """Play sessions; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--first", type=int, default=0, help="number of the first session")
    given = parser.parse_args()
    told = tally(given.first, given.sessions, given.seed)
    sys.stdout.write(json.dumps(told) + "\n")
    return 1 if told["silent_differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
