"""Positions and P&L: what is held, what it cost, and what has been earned, to the last cent.

Key     account, strategy, instrument
In      Execution, corporate actions, marks
Out     Holding after it, and the account's equity
State   quantity, average cost, realised P&L and fees of each holding; cash; start-of-day and highest equity
Time    none
Silence a report that fills nothing changes nothing

Average cost: a fill that adds to a holding moves its average, one that takes off realises against it, one that crosses
zero closes all and opens the rest at its own price. Cash moves with every fill and fee, so equity = cash + market value
= starting cash + realised + unrealised - fees + carried, exactly: what a division leaves over stays in the cost.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from domain.action_records import ActionRecord
from domain.corporate_actions import RATIOS, ActionKind
from domain.money import SMALLEST, ZERO, cents
from domain.orders import ExecType, Execution, Order
from operators.agenda import Living, lives

"""Costs and split marks are multiples of this: sums of amounts below 1e19 are exact in the 28 digits of Decimal."""
Leaf = tuple[str, str]
LIVES = lives(Living.ADJUSTS, {Living.UNTOUCHED: (ActionKind.RENAME,)})
_PAYS = frozenset({ActionKind.CASH_DIVIDEND, ActionKind.SPECIAL_DIVIDEND})
_PARTS = frozenset({ActionKind.SPIN_OFF, ActionKind.RIGHTS})


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
    """One account: its holdings by (strategy, instrument), their marks, and its cash in base currency.

    `carried` is what interest, borrow fees and funding have brought, below 0 for what they have cost.
    """

    account: str
    cash: Decimal
    holdings: dict[Leaf, Holding] = field(default_factory=dict)
    marks: dict[str, Decimal] = field(default_factory=dict)
    starting_cash: Decimal = field(init=False)
    day_equity: Decimal = field(init=False)
    peak_equity: Decimal = field(init=False)
    carried: Decimal = ZERO

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


def paid(held: Holding) -> Decimal:
    """Return what a holding has brought in cash so far, in its own currency; below 0 for what it has cost."""
    return held.realised - held.fees - held.cost


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


class Child(NamedTuple):
    """The instrument that holders are given shares of: its name, multiplier, and mark where there is one."""

    symbol: str
    multiplier: int | Decimal = 1
    mark: Decimal | None = None


def adjust(book: PositionBook, action: ActionRecord, child: Child | None = None) -> list[Leaf]:
    """Let an action happen to every holding of its instrument; return the holdings that changed, in order.

    * Splits and stock dividends: `apply_split`.
    * A dividend is paid in cash, long receives and short pays; the mark falls by it.
    * A spin-off or right worth V of a mark P takes the share V/P of the cost into a lot of `child`, `ratio` of it for
      each share, fractions paid out; the mark falls by V. Without a child it is sold at what it is worth.
    * A merger pays `amount` in cash and `ratio` shares of `child`, the cost going with each by its value: shares of the
      child at its mark, else at what the mark of the instrument leaves for them, which is paid out without a child.
    * A delisting pays the last price, or `ratio` times the mark where none is said.

    Equity stays what it was but for mergers and delistings, which change it by their terms less the mark.
    """
    if action.kind in RATIOS:
        return [
            (strategy, action.instrument) for strategy in apply_split(book, action.instrument, action.ratio)
        ]
    if LIVES[action.kind] is Living.UNTOUCHED:
        return []
    held = [
        (leaf, one) for leaf, one in book.holdings.items() if leaf[1] == action.instrument and one.quantity
    ]
    mark = book.marks.get(action.instrument, ZERO)
    changed: dict[Leaf, None] = {}
    for leaf, holding_ in held:
        changed[leaf] = None
        if action.kind in _PAYS:
            _pay(book, holding_, action.amount, ZERO)
        elif action.kind in _PARTS:
            share = action.amount / mark if mark > action.amount else ZERO
            given = _part(book, leaf, action, child, share, action.amount)
            changed |= dict.fromkeys(given)
        elif action.kind is ActionKind.MERGER:
            changed |= dict.fromkeys(_merge(book, leaf, action, child, mark))
        elif action.kind is ActionKind.DELISTING:
            _pay(book, holding_, action.amount or mark * action.ratio, Decimal(1))
            holding_.quantity = 0
    if action.kind in _PAYS | _PARTS and mark > action.amount:
        book.marks[action.instrument] = mark - action.amount
    return list(changed)


def _pay(book: PositionBook, held: Holding, amount: Decimal, share: Decimal) -> None:
    """Pay an amount for each unit, in whole cents; a share of the cost (1 for all of it) is earned back by it."""
    paid = cents(held.quantity * amount * held.multiplier)
    released = held.cost if share == 1 else (held.cost * share).quantize(SMALLEST)
    held.cost -= released
    held.realised += paid - released
    book.cash += paid


def _part(
    book: PositionBook, leaf: Leaf, action: ActionRecord, child: Child | None, share: Decimal, worth: Decimal
) -> list[Leaf]:
    """Take a share of a holding's cost into a lot of the child; `worth` is what each unit parts with."""
    held = book.holdings[leaf]
    if child is None:
        _pay(book, held, worth, share)
        return []
    cost = (held.cost * share).quantize(SMALLEST)
    held.cost -= cost
    price = (worth / action.ratio).quantize(SMALLEST)
    exact = (held.quantity * held.multiplier * action.ratio / child.multiplier).quantize(Decimal("1e-9"))
    return [_deliver(book, (leaf[0], child.symbol), child, exact, cost, price)]


def _merge(
    book: PositionBook, leaf: Leaf, action: ActionRecord, child: Child | None, mark: Decimal
) -> list[Leaf]:
    """Turn a holding into cash and shares of the child."""
    held = book.holdings[leaf]
    left = max(mark - action.amount, ZERO) if action.into else ZERO
    if child is not None and child.mark is not None:
        left = (child.mark * action.ratio).quantize(SMALLEST)
    whole = left + action.amount
    given: list[Leaf] = []
    if child is not None:
        given = _part(book, leaf, action, child, left / whole if whole else Decimal(1), left)
        _pay(book, held, action.amount, Decimal(1))
    else:
        _pay(book, held, whole, Decimal(1))
    held.quantity = 0
    return given


def _deliver(
    book: PositionBook, leaf: Leaf, child: Child, exact: Decimal, cost: Decimal, price: Decimal
) -> Leaf:
    """Give units of the child with what they cost; a fraction is paid out at its price, what it meets is closed."""
    book.marks.setdefault(child.symbol, price)
    held = book.holdings.setdefault(leaf, Holding(multiplier=child.multiplier))
    whole = int(exact)
    if whole != exact:
        paid = cents((exact - whole) * price * child.multiplier)
        released = _share(cost, exact - whole, exact)
        cost -= released
        held.realised += paid - released
        book.cash += paid
    closing = min(abs(whole), abs(held.quantity)) if whole * held.quantity < 0 else 0
    if closing:
        own, came = _share(held.cost, closing, abs(held.quantity)), _share(cost, closing, abs(whole))
        held.realised -= own + came
        held.cost -= own
        cost -= came
    held.quantity += whole
    held.cost += cost
    return leaf


def carry(book: PositionBook, amount: Decimal) -> None:
    """Take interest, a borrow fee or funding in base currency, which belongs to no holding's cost."""
    exact = amount.quantize(SMALLEST)
    book.cash += exact
    book.carried += exact


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
    """Return cash + market value less (starting cash + earned - fees + carried); anything but 0 is a break."""
    earned, value = book.carried, ZERO
    for (_, symbol), held in book.holdings.items():
        mark = book.marks[symbol]
        earned += held.realised + held.unrealised(mark) - held.fees
        value += held.quantity * mark * held.multiplier
    return book.cash + value - (book.starting_cash + earned)


def start_day(book: PositionBook) -> None:
    """Measure the day's P&L from here on."""
    book.day_equity = valuation(book).equity
