"""How the simulated venue fills orders: from quotes, from trades, in their queue, at the opening and at the close."""

from collections.abc import Callable
from decimal import Decimal

from domain.money import exact_price, whole_units
from domain.order_messages import SpecialOrder
from domain.orders import ExecType, Execution, LastLiquidityInd, OrdType, TimeInForce
from operators.venue_params import VenueParams
from operators.venue_state import Resting, Taken, Top, VenueState, fill, finish, join_queue, report

AUCTIONS = frozenset({TimeInForce.AT_THE_OPENING, TimeInForce.AT_THE_CLOSE})


def see(state: VenueState, instrument: int, top: Top) -> None:
    """Look at a quote: of a side that shows something else than before, nothing has been taken."""
    for sign in (1, -1):
        shown, before = top.opposite(sign), state.taken.get((instrument, sign))
        if before is None or before[:2] != shown:
            state.taken[instrument, sign] = Taken(*shown, 0)


def takeable(state: VenueState, held: Resting) -> tuple[int, Decimal] | None:
    """Return how much an order can take from the opposite quote that was seen last, and at which price."""
    sign = held.order.side.sign
    seen = state.taken[held.instrument, sign]
    shown = whole_units(seen.size, held.unit)
    if not (seen.price > 0 and shown > seen.quantity):
        return None
    price = exact_price(seen.price, held.tick_size, sign)
    quantity = min(_part(held), shown - seen.quantity)
    if quantity < 1 or not held.accepts(price):
        return None
    return quantity, price


def _part(held: Resting) -> int:
    """Return how much of an order may be filled at once: what is left, of an iceberg what is left of the part shown."""
    return min(held.leaves_qty, held.shown) if held.display_qty else held.leaves_qty


def take(
    state: VenueState, params: VenueParams, held: Resting, now_at: int, *, arriving: bool
) -> list[Execution]:
    """Fill an order from the opposite quote that was seen last, as far as price and size allow."""
    found = takeable(state, held)
    if found is None:
        return []
    quantity, price = found
    sign, limit = held.order.side.sign, held.limit
    fill_price = price if arriving or limit is None else limit
    liquidity = LastLiquidityInd.REMOVED if arriving else LastLiquidityInd.ADDED
    made = fill(state, params, held, quantity, fill_price, now_at, liquidity)
    seen = state.taken[held.instrument, sign]
    state.taken[held.instrument, sign] = seen._replace(quantity=seen.quantity + made.last_qty)
    _behind_others(state, held)
    return [made]


def fill_from_trade(
    state: VenueState, params: VenueParams, instrument: int, price: float, size: float, top: Top, now_at: int
) -> list[Execution]:
    """Fill resting orders from a trade: through the limit, at the limit, or where the opposite side is not quoted."""
    made: list[Execution] = []
    resting = queue(state, instrument)
    left = whole_units(size, resting[0].unit) if resting else 0
    share = int(left * Decimal(repr(params.participation_max)))
    for held in resting:
        sign, limit = held.order.side.sign, held.limit
        exact = exact_price(price, held.tick_size, sign)
        quoted = top.opposite(sign)[0] > 0
        if not held.accepts(exact) or (quoted and limit is None):
            continue
        through = quoted and exact != limit
        room = left if through else _share(params, held, left, share)
        quantity = min(_part(held), room)
        if quantity < 1:
            continue
        fill_price = limit if quoted and limit is not None else exact
        report_made = fill(state, params, held, quantity, fill_price, now_at, LastLiquidityInd.ADDED)
        made.append(report_made)
        _behind_others(state, held)
        left -= report_made.last_qty
        share -= 0 if through else report_made.last_qty
    return made


def _share(params: VenueParams, held: Resting, left: int, share: int) -> int:
    """Return how much of a trade at its limit an order may have: a share, or what is traded behind those before it."""
    if not params.queue:
        return min(left, share)
    ahead = held.ahead or 0
    held.ahead = max(0, ahead - left)
    return max(0, left - ahead)


def _behind_others(state: VenueState, held: Resting) -> None:
    """Let an iceberg whose part was filled show the next one, behind those that are there."""
    if held.display_qty and held.shown == held.display_qty and held.order.order_id in state.orders:
        join_queue(state, held)


def watch_queue(state: VenueState, instrument: int, top: Top) -> None:
    """Note how much is shown at the price of each resting order: what comes first stays first, what leaves leaves.

    An order that came before its price was shown, or at a better one, has nobody before it.
    """
    for name in state.resting.get(instrument, ()):
        held = state.orders[name]
        if held.limit is None or not held.triggered:
            continue
        shown, size = top.own(held.order.side.sign)
        level = exact_price(shown, held.tick_size / 2) if shown > 0 else None
        if level == held.limit:
            shown = whole_units(size, held.unit)
            held.ahead = shown if held.ahead is None else min(held.ahead, shown)
        elif level is None or (held.limit - level) * held.order.side.sign > 0:
            held.ahead = 0


def queue(state: VenueState, instrument: int) -> list[Resting]:
    """Return the resting orders of an instrument that may trade now, better prices first, then earlier arrivals."""
    resting = [state.orders[order_id] for order_id in state.resting.get(instrument, ())]
    ready = [held for held in resting if held.triggered and held.order.time_in_force not in AUCTIONS]
    return sorted(ready, key=_eagerness)


def _eagerness(held: Resting) -> tuple[bool, Decimal]:
    """Return what sorts the readiest payer first; orders at the market come before all limits."""
    limit = held.limit
    return (False, Decimal(0)) if limit is None else (True, -held.order.side.sign * limit)


def trigger(
    state: VenueState, params: VenueParams, instrument: int, price: float, now_at: int
) -> list[Execution]:
    """Let stops work whose StopPx a trade has reached: at or above it for a buy, at or below it for a sale."""
    made: list[Execution] = []
    for name in list(state.resting.get(instrument, ())):
        held = state.orders[name]
        if held.triggered or not isinstance(held.order, SpecialOrder) or held.order.stop_px is None:
            continue
        sign = held.order.side.sign
        if (exact_price(price, held.tick_size, sign) - held.order.stop_px) * sign < 0:
            continue
        held.triggered = True
        made.append(report(state, params, held, ExecType.TRIGGERED, now_at, text="the stop was reached"))
        if (held.instrument, sign) in state.taken:
            made += take(state, params, held, now_at, arriving=True)
    return made


def auction(
    state: VenueState,
    params: VenueParams,
    instrument: int,
    which: TimeInForce,
    price: float,
    now_at: int,
) -> list[Execution]:
    """Fill the orders of an auction at its price, whole; those whose limit does not allow it end unfilled."""
    made: list[Execution] = []
    for name in list(state.resting.get(instrument, ())):
        held = state.orders[name]
        if held.order.time_in_force is not which:
            continue
        exact = exact_price(price, held.tick_size, held.order.side.sign) if price > 0 else None
        if exact is not None and held.accepts(exact):
            while held.order.order_id in state.orders:
                quantity = held.leaves_qty
                made.append(fill(state, params, held, quantity, exact, now_at, LastLiquidityInd.ADDED))
        else:
            made.append(
                finish(state, params, held, ExecType.EXPIRED, now_at, "the auction did not reach its price")
            )
    return made


def available(state: VenueState, held: Resting) -> int:
    """Return how much an order could have at once; what fill-or-kill asks."""
    found = takeable(state, held)
    return found[0] if found is not None else 0


def is_stop(held: Resting) -> bool:
    """Say whether an order waits for a price."""
    return held.order.ord_type in {OrdType.STOP, OrdType.STOP_LIMIT}


TopOf = Callable[[int], Top]
