"""Orders, positions and reconciliations as tables for people."""

from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from apps.local_time import stamp
from apps.orders import OrderLine, OrderStory
from apps.positions import PositionLine
from apps.reconciling import Reconciliation

SHORT = 10
WIDE = 150


def _table(title: str, *columns: str, right: frozenset[str] = frozenset()) -> Table:
    table = Table(title=title)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left")
    return table


def print_orders(orders: Sequence[OrderLine], of: int) -> None:
    """Print orders, the newest last; `of` is how many there are."""
    right = frozenset({"quantity", "filled", "average", "open"})
    names = (
        "order",
        "sent",
        "strategy",
        "instrument",
        "side",
        "quantity",
        "price",
        "status",
        "filled",
        "average",
    )
    table = _table(f"{len(orders)} of {of} orders", *names, "breaks", right=right)
    for order in orders:
        table.add_row(
            order.order_id[:SHORT],
            stamp(order.sent_at),
            order.strategy,
            order.instrument,
            order.side,
            f"{order.order_qty:,}",
            f"{order.price}" if order.price is not None else order.ord_type,
            order.status,
            f"{order.cum_qty:,}",
            _money(order.avg_px) if order.cum_qty else "",
            f"{order.open_breaks}" if order.open_breaks else "",
        )
    _console().print(table)


def print_story(story: OrderStory) -> None:
    """Print an order and its history."""
    print_orders([story.order], 1)
    table = _table(f"history of {story.order.order_id}", "known", "what", "status", "in words")
    for each in story.history:
        table.add_row(stamp(each.at), each.what, each.status, each.text)
    _console().print(table)


def print_positions(lines: Sequence[PositionLine]) -> None:
    """Print positions."""
    numbers = ("quantity", "average cost", "mark", "realised", "unrealised", "fees", "total")
    table = _table("positions", "account", "strategy", "instrument", *numbers, right=frozenset(numbers))
    for line in lines:
        cost = "" if line.average_cost is None else _money(line.average_cost)
        amounts = (line.realised, line.unrealised, line.fees, line.total)
        table.add_row(
            line.account,
            line.strategy,
            line.instrument,
            f"{line.quantity:,}",
            cost,
            _money(line.mark),
            *map(_money, amounts),
        )
    _console().print(table)


def print_reconciliation(done: Reconciliation) -> None:
    """Print what differs."""
    compared = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in done.compared.items())
    if not done.differences:
        _console().print(f"no difference: {compared}")
        return
    table = _table(
        f"{len(done.differences)} differences over {compared}", "kind", "left", "right", "key", "difference"
    )
    for each in done.differences:
        table.add_row(each.kind, each.left, each.right, each.key, each.difference)
    _console().print(table)


def _console() -> Console:
    """Return where tables are printed; what is no terminal is wide enough for them."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"
