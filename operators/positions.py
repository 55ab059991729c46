"""Positions and P&L: what is held, what it cost, and what has been earned, to the last cent.

Key     account, strategy, instrument
In      Execution, splits, marks
Out     Holding after it, and the account's equity
State   quantity, average cost, realised P&L and fees of each holding; cash; start-of-day and highest equity
Time    none
Silence a report that fills nothing changes nothing

Average cost: a fill that adds to a holding moves its average, one that takes off realises against it, one that crosses
zero closes all and opens the rest at its own price. Cash moves with every fill and fee, so equity = cash + market value
= starting cash + realised + unrealised - fees, exactly: what a division leaves over stays in the cost.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from domain.money import ZERO, cents
from domain.orders import ExecType, Execution, Order

SMALLEST = Decimal("0.00000001")
"""Costs and split marks are multiples of this: sums of amounts below 1e19 are exact in the 28 digits of Decimal."""
Leaf = tuple[str, str]


@dataclass
class Holding:
    """A strategy's holding of an instrument; `cost` is what the open quantity cost altogether (signed)."""

    quantity: int = 0
    cost: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    multiplier: int | Decimal = 1

    @property
    def average_cost(self) -> Decimal:
        """Return the average cost of one unit, 0 where nothing is held."""
        return self.cost / (self.quantity * self.multiplier) if self.quantity else ZERO

    def unrealised(self, mark: Decimal) -> Decimal:
        """Return what closing at `mark` would realise."""
        return self.quantity * mark * self.multiplier - self.cost


@dataclass
class PositionBook:
    """One account: its holdings by (strategy, instrument), their marks, and its cash in base currency."""

    account: str
    cash: Decimal
    holdings: dict[Leaf, Holding] = field(default_factory=dict)
    marks: dict[str, Decimal] = field(default_factory=dict)
    starting_cash: Decimal = field(init=False)
    day_equity: Decimal = field(init=False)
    peak_equity: Decimal = field(init=False)

    def __post_init__(self) -> None:
        """Begin the first day with the starting cash."""
        self.starting_cash = self.day_equity = self.peak_equity = self.cash


class Valuation(NamedTuple):
    """An account in base currency: equity = cash + market_value; drawdown from the highest equity, a fraction."""

    cash: Decimal
    market_value: Decimal
    equity: Decimal
    gross: Decimal
    net: Decimal
    day_pnl: Decimal
    drawdown: Decimal


def holding(book: PositionBook, strategy: str, symbol: str) -> Holding:
    """Return a strategy's holding of an instrument; not to be changed."""
    return book.holdings.get((strategy, symbol)) or Holding()


def apply_execution(
    book: PositionBook, execution: Execution, multiplier: int | Decimal = 1
) -> Holding | None:
    """Take a fill into the book; return the holding after it, None where the report fills nothing.

    Each report is to be given once: the order state machine leaves repeated ones out. Raises ValueError for a report of
    another account.
    """
    if execution.account != book.account:
        raise ValueError(f"a book of account {book.account} takes no reports of account {execution.account}")
    if execution.exec_type is not ExecType.TRADE or execution.last_px is None:
        return None
    return _book(
        book,
        (execution.strategy, execution.symbol),
        execution.side.sign * execution.last_qty,
        execution.last_px,
        execution.commission,
        multiplier,
    )


def apply_change(
    book: PositionBook,
    order: Order,
    quantity: int,
    price: Decimal,
    commission: Decimal,
    multiplier: int | Decimal = 1,
) -> Holding:
    """Take a change of an order's fills into the book: `quantity` in the order's direction, below 0 for a bust.

    What is taken back is booked as the opposite trade at the same price, so cash and quantity are as if it had never
    been; what it had realised in between stays realised.
    """
    leaf = (order.strategy, order.symbol)
    return _book(book, leaf, order.side.sign * quantity, price, commission, multiplier)


def _book(
    book: PositionBook,
    leaf: Leaf,
    signed: int,
    price: Decimal,
    commission: Decimal,
    multiplier: int | Decimal,
) -> Holding:
    """Take a signed quantity at a price into a holding."""
    held = book.holdings.setdefault(leaf, Holding(multiplier=multiplier))
    value = price * held.multiplier
    closing = min(abs(signed), abs(held.quantity)) if held.quantity * signed < 0 else 0
    if closing:
        released = _share(held.cost, closing, abs(held.quantity))
        sign = 1 if held.quantity > 0 else -1
        held.realised += sign * closing * value - released
        held.cost -= released
        held.quantity -= sign * closing
    opening = abs(signed) - closing
    if opening:
        sign = 1 if signed > 0 else -1
        held.cost += sign * opening * value
        held.quantity += sign * opening
    held.fees += commission
    book.cash -= signed * value + commission
    book.marks.setdefault(leaf[1], price)
    return held


def _share(cost: Decimal, part: Decimal | int, whole: Decimal | int) -> Decimal:
    """Return the part of a cost, to a hundred-millionth, so that every later sum is exact."""
    return cost if part == whole else (cost * part / whole).quantize(SMALLEST)


def apply_split(book: PositionBook, symbol: str, ratio: Decimal) -> list[str]:
    """Split every holding of an instrument; fractions are paid out in cash at the split mark. Return whose changed.

    Average cost is divided by the ratio, the mark too; a fraction is realised at the mark, in whole cents. A new
    quantity is read to a billionth of a unit, because the ratio of 1 for 3 does not end as a decimal. Raises
    ValueError for a ratio that is not above 0.
    """
    if ratio <= 0:
        raise ValueError(f"a split ratio is above 0; {ratio} was given for {symbol}")
    mark = book.marks.get(symbol)
    if mark is not None:
        book.marks[symbol] = mark = (mark / ratio).quantize(SMALLEST)
    changed = []
    for (strategy, held_symbol), held in book.holdings.items():
        if held_symbol != symbol or held.quantity == 0:
            continue
        exact = (held.quantity * ratio).quantize(Decimal("1e-9"))
        whole = int(exact)
        if whole != exact:
            price = mark if mark is not None else held.average_cost / ratio
            paid = cents((exact - whole) * price * held.multiplier)
            released = _share(held.cost, exact - whole, exact)
            held.cost -= released
            held.realised += paid - released
            book.cash += paid
        held.quantity = whole
        changed.append(strategy)
    return changed


def set_price(book: PositionBook, symbol: str, price: Decimal) -> None:
    """Mark an instrument at `price` from now on."""
    book.marks[symbol] = price


def valuation(book: PositionBook) -> Valuation:
    """Return the account at its marks; the highest equity is kept up."""
    gross = net = ZERO
    for (_, symbol), held in book.holdings.items():
        if held.quantity:
            value = held.quantity * book.marks[symbol] * held.multiplier
            gross, net = gross + abs(value), net + value
    equity = book.cash + net
    book.peak_equity = max(book.peak_equity, equity)
    drawdown = 1 - equity / book.peak_equity if book.peak_equity > 0 else ZERO
    return Valuation(book.cash, net, equity, gross, net, equity - book.day_equity, drawdown)


def reconcile(book: PositionBook) -> Decimal:
    """Return cash + market value less (starting cash + realised + unrealised - fees); anything but 0 is a break."""
    earned = value = ZERO
    for (_, symbol), held in book.holdings.items():
        mark = book.marks[symbol]
        earned += held.realised + held.unrealised(mark) - held.fees
        value += held.quantity * mark * held.multiplier
    return book.cash + value - (book.starting_cash + earned)


def start_day(book: PositionBook) -> None:
    """Measure the day's P&L from here on."""
    book.day_equity = valuation(book).equity
