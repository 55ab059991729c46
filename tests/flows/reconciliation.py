"""The book worked out again from nothing but its executions, in exact fractions and without any of the desk's code."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from domain.orders import ExecType, Execution

Leaf = tuple[str, str, str]


@dataclass
class Naive:
    """What a leaf (account, strategy, instrument) comes to: units, what was paid for them, and fees."""

    quantity: int = 0
    paid: Fraction = Fraction(0)
    fees: Fraction = Fraction(0)


@dataclass
class NaiveBook:
    """Every leaf, and all cash that went out."""

    leaves: dict[Leaf, Naive] = field(default_factory=lambda: defaultdict(Naive))
    spent: Fraction = Fraction(0)

    def take(self, execution: Execution) -> None:
        """Take a report in."""
        if execution.exec_type is not ExecType.TRADE:
            return
        leaf = self.leaves[execution.account, execution.strategy, execution.symbol]
        signed = execution.side.sign * execution.last_qty
        value = signed * Fraction(execution.last_px)
        leaf.quantity += signed
        leaf.paid += value
        leaf.fees += Fraction(execution.commission)
        self.spent += value + Fraction(execution.commission)


def breaks(records: Mapping[str, Sequence[Any]], starting_cash: int) -> list[str]:
    """Return every position and snapshot that is not what the executions before it come to.

    A position after an execution is compared behind that execution; total P&L at its mark = quantity x mark - paid -
    fees. A snapshot is compared behind all executions of its instant and before.
    """
    book, found = NaiveBook(), []
    after = {position.cause: position for position in records["positions"]}
    snapshots = list(records["risk.snapshots"])
    for execution in records["oms.executions"]:
        while snapshots and snapshots[0].event_at < execution.event_at:
            found += _snapshot(book, snapshots.pop(0), starting_cash)
        book.take(execution)
        position = after.get(f"execution {execution.exec_id}")
        if position is not None:
            found += _position(book, position)
        elif execution.exec_type is ExecType.TRADE:
            found.append(f"execution {execution.exec_id} has no position after it")
    for snapshot in snapshots:
        found += _snapshot(book, snapshot, starting_cash)
    last = {(p.account, p.strategy, p.symbol): p for p in records["positions"]}
    for leaf, naive in book.leaves.items():
        if last[leaf].quantity != naive.quantity:
            found.append(f"{leaf} ends with {last[leaf].quantity}, executions say {naive.quantity}")
    return found


def _position(book: NaiveBook, position: Any) -> list[str]:
    naive = book.leaves[position.account, position.strategy, position.symbol]
    earned = Fraction(position.realised) + Fraction(position.unrealised) - Fraction(position.fees)
    expected = naive.quantity * Fraction(position.mark) - naive.paid - naive.fees
    same = (position.quantity, Fraction(position.fees), earned) == (naive.quantity, naive.fees, expected)
    return [] if same else [f"position {position.record_id} of {position.cause}: {position} is not {naive}"]


def _snapshot(book: NaiveBook, snapshot: Any, starting_cash: int) -> list[str]:
    found = []
    if Fraction(snapshot.cash) != starting_cash - book.spent:
        found.append(
            f"snapshot at {snapshot.event_at}: cash {snapshot.cash}, executions say {book.spent} spent"
        )
    if snapshot.cash + snapshot.market_value != snapshot.equity or snapshot.net != snapshot.market_value:
        found.append(f"snapshot at {snapshot.event_at}: equity is not cash + market value: {snapshot}")
    return found
