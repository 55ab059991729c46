"""Reconciles what the desk holds: orders with the drop copy, positions with executions, both with a statement."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from apps.orders import OWN, KeptOrders
from apps.positions import FIELDS, added, lines_of
from apps.statement_file import Row, TheirStatement
from connectors.relational.journal import JournalReader
from domain.decisions import Position
from domain.order_messages import DropCopy, OrderReport
from domain.orders import ExecType, Execution
from operators.orders import OrderState, apply_report, name_of
from operators.reconciliation import DESK, DROP_COPY, Statement, differences, statement_of

EXECUTIONS, POSITIONS, STATEMENT = "executions", "positions", "statement"
ZERO = Decimal(0)
Leaf = tuple[str, str, str]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing on which two records do not agree: their names, what it is, and what each of them says."""

    kind: str
    left: str
    right: str
    key: str
    difference: str


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared, how many of each, and every difference."""

    compared: dict[str, int]
    differences: tuple[Difference, ...]


def reconcile(journal: JournalReader, statement: TheirStatement | None, tolerance: Decimal) -> Reconciliation:
    """Compare the desk's records with each other, and with a `statement`; amounts may differ by `tolerance`."""
    kept = KeptOrders(journal)
    copies = journal.all(DropCopy)
    positions = journal.all(Position)
    found = [*_open_breaks(kept), *_by_drop_copy(kept, copies), *_by_executions(kept, positions)]
    compared = {
        "orders": len(kept.orders),
        "drop_copy_reports": len(copies),
        "positions": len(_last(positions)),
    }
    if statement is not None:
        compared[f"statement_{statement.kind}"] = len(statement.rows)
        if statement.kind == POSITIONS:
            found += _against_positions(positions, statement, tolerance)
        else:
            found += _against_executions(kept, statement, tolerance)
    return Reconciliation(compared=compared, differences=tuple(found))


def _open_breaks(kept: KeptOrders) -> list[Difference]:
    """Return the breaks that the desk has recorded and nothing has resolved."""
    return [
        Difference(kind=each.kind, left=each.left, right=each.right, key=each.key, difference=each.difference)
        for order_id in sorted(kept.breaks)
        for each in kept.open_breaks(order_id)
    ]


def _by_drop_copy(kept: KeptOrders, copies: Iterable[DropCopy]) -> list[Difference]:
    """Compare what the desk's reports come to with what the drop copy comes to, order by order."""
    states: dict[str, OrderState] = {}
    found = []
    for report in sorted(copies, key=lambda each: each.sequence):
        if report.order_id not in kept.orders:
            found.append(
                _differs("unknown_order", DROP_COPY, f"order:{report.order_id}", "the desk has no such order")
            )
            continue
        ours = states.get(report.order_id)
        if ours is None:
            known = kept.state(report.order_id)
            ours = states[report.order_id] = OrderState(known.order, known.requests)
        apply_report(ours, report)
    for order_id, theirs in sorted(states.items()):
        text = differences(statement_of(kept.state(order_id)), _stated(kept, order_id, theirs))
        if text:
            found.append(_differs("order_differs", DROP_COPY, f"order:{order_id}", text))
    return found


def _stated(kept: KeptOrders, order_id: str, theirs: OrderState) -> Statement:
    """Return what the drop copy says of an order, with the refusals, which do not stand on it."""
    for refusal in kept.reports.get(order_id, ()):
        if not isinstance(refusal, Execution):
            apply_report(theirs, refusal)
    return statement_of(theirs)


def _differs(kind: str, right: str, key: str, text: str, left: str = DESK) -> Difference:
    return Difference(kind=kind, left=left, right=right, key=key, difference=text)


def _by_executions(kept: KeptOrders, positions: Sequence[Position]) -> list[Difference]:
    """Compare positions with the fills that stand before them; a split in between multiplies what came before it."""
    booked = {each.cause for each in positions}
    events: dict[Leaf, list[tuple[int, int, Decimal]]] = defaultdict(list)
    fees: dict[Leaf, Decimal] = defaultdict(Decimal)
    imputed: dict[Leaf, int] = defaultdict(int)
    found = []
    for order_id, order in kept.orders.items():
        leaf = (order.account, order.strategy, order.symbol)
        known_at = {name_of(each): each.known_at for each in kept.reports.get(order_id, ())}
        state = kept.state(order_id)
        imputed[leaf] += order.side.sign * state.imputed_qty
        for name, fill in state.fills.items():
            if fill.amended_by:
                continue
            events[leaf].append((known_at[name], 1, Decimal(order.side.sign * fill.quantity)))
            fees[leaf] += fill.commission
            if f"execution {name}" not in booked:
                text = f"{order.side.sign * fill.quantity} were filled, no position follows"
                found.append(_differs("fill_not_booked", POSITIONS, f"execution:{name}", text, EXECUTIONS))
    for each in positions:
        if each.cause.startswith("split "):
            leaf = (each.account, each.strategy, each.symbol)
            events[leaf].append((each.known_at, 0, Decimal(each.cause.split()[1])))
    for leaf, position in sorted(_last(positions).items()):
        key = "position:" + "/".join(leaf)
        quantity = _run(events[leaf]) + imputed[leaf]
        if position.quantity != quantity:
            text = f"quantity: {position.quantity} and {quantity}"
            found.append(_differs("position_differs", EXECUTIONS, key, text, POSITIONS))
        if position.fees != fees[leaf]:
            text = f"fees: {position.fees} and {fees[leaf]}"
            found.append(_differs("fees_differ", EXECUTIONS, key, text, POSITIONS))
    return found


def _run(events: Iterable[tuple[int, int, Decimal]]) -> int:
    """Return the quantity that fills (1) and splits (0), with their instants, come to."""
    quantity = 0
    for _, is_fill, amount in sorted(events):
        quantity = quantity + int(amount) if is_fill else int((quantity * amount).quantize(Decimal("1e-9")))
    return quantity


def _last(positions: Iterable[Position]) -> dict[Leaf, Position]:
    ordered = sorted(positions, key=lambda each: (each.known_at, each.sequence))
    return {(each.account, each.strategy, each.symbol): each for each in ordered}


def _trades(kept: KeptOrders) -> list[Execution]:
    """Return every fill and every correction that the desk has recorded, its own ones included."""
    return [
        each
        for reports in kept.reports.values()
        for each in reports
        if isinstance(each, Execution) and each.exec_type in {ExecType.TRADE, ExecType.TRADE_CORRECT}
    ]


def standing_fills(kept: KeptOrders) -> dict[str, Execution]:
    """Return the fills that stand: neither busted nor corrected away, and none of the desk's own making."""
    gone = {
        each.exec_ref_id
        for reports in kept.reports.values()
        for each in reports
        if isinstance(each, OrderReport) and each.exec_type in {ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT}
    }
    return {each.exec_id: each for each in _trades(kept) if each.exec_id not in gone and each.source != OWN}


def _against_positions(
    positions: Iterable[Position], statement: TheirStatement, tolerance: Decimal
) -> list[Difference]:
    """Compare the last positions with a statement of positions, by as many names as it has."""
    by = tuple(name for name in FIELDS if name in statement.columns)
    ours = {
        tuple(getattr(line, name) for name in by): line
        for line in added(lines_of(_last(positions).values()), by)
    }
    theirs, found = _summed(statement.rows, by)
    for key in sorted({*ours, *theirs}):
        line, row = ours.get(key), theirs.get(key)
        name = "position:" + "/".join(key)
        held = {"quantity": Decimal(line.quantity) if line is not None else ZERO}
        if line is not None:
            held |= {"realised": line.realised, "fees": line.fees, "average_cost": line.average_cost or ZERO}
        given = row if row is not None else {"quantity": ZERO}
        for what, amount in given.items():
            mine = held.get(what, ZERO)
            allowed = ZERO if what == "quantity" else tolerance
            if abs(mine - amount) > allowed:
                found.append(_differs("position_differs", STATEMENT, name, f"{what}: {mine} and {amount}"))
    return found


def _summed(
    rows: Iterable[Row], by: tuple[str, ...]
) -> tuple[dict[tuple[str, ...], dict[str, Decimal]], list[Difference]]:
    """Return the amounts of each key; a key that comes twice is a difference, and its first row holds."""
    theirs: dict[tuple[str, ...], dict[str, Decimal]] = {}
    found = []
    for row in rows:
        key = tuple(row.words[name] for name in by)
        if key in theirs:
            name = "position:" + "/".join(key)
            found.append(
                _differs("repeated_row", STATEMENT, name, f"line {row.line} says it again", STATEMENT)
            )
            continue
        theirs[key] = {name: amount for name, amount in row.amounts.items() if name != "price"}
    return theirs, found


def _against_executions(kept: KeptOrders, statement: TheirStatement, tolerance: Decimal) -> list[Difference]:
    """Compare the fills that stand with a statement of executions, by ExecID."""
    ours = standing_fills(kept)
    found: list[Difference] = []
    seen: set[str] = set()
    for row in statement.rows:
        exec_id = row.words["exec_id"]
        key = f"execution:{exec_id}"
        mine = ours.get(exec_id)
        if exec_id in seen:
            found.append(
                _differs("repeated_row", STATEMENT, key, f"line {row.line} says it again", STATEMENT)
            )
        elif mine is None:
            told = f"{row.amounts['quantity']} {row.words['instrument']} at {row.amounts['price']}"
            text = f"only the statement has it: {told}"
            found.append(_differs("missing_fill", STATEMENT, key, text))
        else:
            found += _fill_differs(mine, row, key, tolerance)
        seen.add(exec_id)
    for exec_id in sorted(ours.keys() - seen):
        each = ours[exec_id]
        text = f"only the desk has it: {each.side.sign * each.last_qty} {each.symbol} at {each.last_px}"
        found.append(_differs("unknown_fill", STATEMENT, f"execution:{exec_id}", text))
    return found


def _fill_differs(mine: Execution, row: Row, key: str, tolerance: Decimal) -> list[Difference]:
    """Return what a fill and a line of a statement do not agree in."""
    pairs: list[tuple[str, Decimal | str, Decimal | str]] = [
        ("instrument", mine.symbol, row.words["instrument"]),
        ("quantity", Decimal(mine.side.sign * mine.last_qty), row.amounts["quantity"]),
        ("price", mine.last_px or ZERO, row.amounts["price"]),
    ]
    if row.words.get("order_id"):
        pairs.append(("order_id", mine.order_id, row.words["order_id"]))
    text = "; ".join(f"{name}: {ours} and {theirs}" for name, ours, theirs in pairs if ours != theirs)
    fees = row.amounts.get("fees")
    if fees is not None and abs(fees - mine.commission) > tolerance:
        text += f"{'; ' if text else ''}fees: {mine.commission} and {fees}"
    return [_differs("fill_differs", STATEMENT, key, text)] if text else []
