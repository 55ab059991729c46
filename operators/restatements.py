"""Restatements: what is left of an open order once its instrument has gone through a corporate action?

Key     order
In      ActionRecord and the order, with what is filled of it
Out     the order restated (FIX ExecRestatementReason 378 = 0, GT corporate action), or that it is to be cancelled
State   none
Time    none
Silence what the action leaves as it is stays as it is

A split multiplies quantity and CumQty and divides the price; what does not come to a whole unit is left out, and an
order of which nothing is left is cancelled. What is paid or parted with lowers the limit of a buy and the stop of a
sale, with its limit, and leaves the limit of a sale and the stop of a buy (FINRA Rule 5330). Prices go to the tick that
is worse for the order's chance and never for its owner. After a merger or delisting there is nothing to buy or sell:
the order is cancelled. The value of what was filled stays.
"""

from decimal import Decimal
from typing import NamedTuple

import msgspec

from domain.action_records import ENDS, ActionRecord
from domain.corporate_actions import AMOUNTS, RATIOS
from domain.money import ZERO
from domain.order_messages import SpecialOrder
from domain.orders import Order, Side

FINEST = Decimal("1e-9")


class Restated(NamedTuple):
    """An order as it is after an action, how much of it is filled in the new units, and whether it goes on."""

    order: Order
    cum_qty: int
    lives: bool = True


class Restatement(NamedTuple):
    """An action that has taken effect on an order, and the tick of its instrument."""

    action: ActionRecord
    tick_size: Decimal


def in_units(quantity: int, ratio: Decimal) -> int:
    """Return a number of units of before as one of after, what does not come to a whole unit left out."""
    return int((quantity * ratio).quantize(FINEST))


def restate(order: Order, cum_qty: int, action: ActionRecord, tick_size: Decimal) -> Restated:
    """Return what an action makes of an order with `cum_qty` units filled; the same one where nothing changes."""
    if action.instrument != order.symbol:
        return Restated(order, cum_qty)
    if action.kind in ENDS:
        return Restated(order, cum_qty, lives=False)
    if action.kind in RATIOS:
        return _in_new_units(order, cum_qty, action.ratio, tick_size)
    return (
        _lowered(order, cum_qty, action.amount, tick_size)
        if action.kind in AMOUNTS
        else Restated(order, cum_qty)
    )


def _lowered(order: Order, cum_qty: int, amount: Decimal, tick_size: Decimal) -> Restated:
    """Return an order with its prices lowered by what a share parts with, where its price is below the market."""
    stop_px = order.stop_px if isinstance(order, SpecialOrder) else None
    below = order.side is Side.BUY if stop_px is None else order.side is not Side.BUY
    prices = [price for price in (order.price, stop_px) if price is not None]
    if not below or not prices:
        return Restated(order, cum_qty)
    if min(prices) - amount < tick_size:
        return Restated(order, cum_qty, lives=False)
    if order.price is not None:
        order = msgspec.structs.replace(order, price=_passive(order.price - amount, order.side, tick_size))
    if isinstance(order, SpecialOrder) and stop_px is not None:
        order = msgspec.structs.replace(order, stop_px=_passive(stop_px - amount, Side.BUY, tick_size))
    return Restated(order, cum_qty)


def _in_new_units(order: Order, cum_qty: int, ratio: Decimal, tick_size: Decimal) -> Restated:
    """Return an order in the units of after a split; one that was filled whole stays so."""
    filled, left = in_units(cum_qty, ratio), in_units(order.order_qty - cum_qty, ratio)
    if filled + left < 1 or (left < 1 and order.order_qty > cum_qty):
        return Restated(order, cum_qty, lives=False)
    price = None if order.price is None else _passive(order.price / ratio, order.side, tick_size)
    made = msgspec.structs.replace(order, order_qty=filled + left, price=price)
    if isinstance(made, SpecialOrder):
        stop_px = None if made.stop_px is None else _passive(made.stop_px / ratio, order.side, tick_size)
        shown = None if made.display_qty is None else max(1, in_units(made.display_qty, ratio))
        made = msgspec.structs.replace(made, stop_px=stop_px, display_qty=shown)
    return Restated(made, filled)


def _passive(price: Decimal, side: Side, tick_size: Decimal) -> Decimal:
    """Return a price on the grid of ticks, down for a buy and up for a sale, at least one tick."""
    ticks, over = divmod(price, tick_size)
    if side is not Side.BUY and over > ZERO:
        ticks += 1
    return max(ticks, Decimal(1)) * tick_size
