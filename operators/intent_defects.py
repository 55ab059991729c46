"""What is malformed in an intent, looked at before any number of it is compared (PT-07)."""

from decimal import Decimal
from typing import NamedTuple

from domain.instruments import Instrument
from domain.orders import Intent, OrdType, Side, TimeInForce

QUANTITY_MAX = 10**12
PRICE_MIN = Decimal("1E-9")
PRICE_MAX = Decimal("1E12")
_MARKET = OrdType.MARKET


class Defect(NamedTuple):
    """What is malformed in an intent: field, FIX OrdRejReason(103), what was given and what is allowed."""

    field: str
    reason: int
    given: str
    allowed: str


def defects_of_names(intent: Intent) -> tuple[Defect, ...]:
    """Return the names of an intent that are no names."""
    order, account, trader = intent.cl_ord_id, intent.account, intent.trader
    strategy, symbol, desk = intent.strategy, intent.symbol, intent.desk
    named = (
        type(order) is type(account) is type(trader) is type(strategy) is type(symbol) is type(desk) is str
    )
    if named and type(intent.ex_destination) is str and all((order, account, trader, strategy, symbol, desk)):
        return ()
    fields = ("cl_ord_id", "account", "trader", "strategy", "symbol", "desk", "ex_destination")
    return tuple(
        Defect(field, 11, repr(getattr(intent, field)), "a name")
        for field in fields
        if type(getattr(intent, field)) is not str
        or not (getattr(intent, field) or field == "ex_destination")
    )


def defects_of_numbers(intent: Intent, instrument: Instrument | None) -> tuple[Defect, ...]:
    """Return what is malformed in the enums and numbers of an intent (PT-07), before they are compared."""
    found = []
    if not (type(intent.side) is Side and type(intent.ord_type) is OrdType):
        found += _unlike(intent, {"side": Side, "ord_type": OrdType})
    if type(intent.time_in_force) is not TimeInForce:
        found += _unlike(intent, {"time_in_force": TimeInForce})
    if not (type(intent.transact_time) is int and type(intent.signal_at) is int):
        found += _unlike(intent, {"transact_time": int, "signal_at": int})
    quantity = intent.order_qty
    if type(quantity) is not int or not 0 < quantity <= QUANTITY_MAX:
        found.append(Defect("order_qty", 13, repr(quantity), f"a whole number from 1 to {QUANTITY_MAX}"))
    price = intent.price
    if price is not None and priced(price) is None:
        found.append(Defect("price", 11, repr(price), f"a Decimal from {PRICE_MIN} to {PRICE_MAX}"))
    if (price is None) is not (intent.ord_type is _MARKET):
        found.append(Defect("price", 11, repr(price), "a price for a limit order, none for a market order"))
    if instrument is not None and intent.currency != instrument.currency:
        found.append(Defect("currency", 11, repr(intent.currency), instrument.currency))
    return tuple(found)


def _unlike(intent: Intent, kinds: dict[str, type]) -> list[Defect]:
    """Return the fields that are not of their kind."""
    return [
        Defect(field, 11, repr(getattr(intent, field)), kind.__name__)
        for field, kind in kinds.items()
        if type(getattr(intent, field)) is not kind
    ]


def priced(price: object) -> Decimal | None:
    """Return a price that can be compared and multiplied without surprise, or None."""
    if type(price) is Decimal and price.is_finite() and PRICE_MIN <= price <= PRICE_MAX:
        return price
    return None
