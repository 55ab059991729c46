"""What a check may see: the market as the desk knows it, and the intent made ready for comparing.

`Market` is what the caller brings. `view_of` adds what compliance knows: the rules, the state (to be read
only), the bounds that meet this intent, and the numbers that several checks need, worked out once. Numbers
are looked at for sanity before anything compares them (PT-07): in a view that is not `sane` no quantity or
price may be used, in one that is not `identified` no name may be looked up.
"""

from decimal import Decimal
from typing import NamedTuple

from domain.health import MarketHealth
from domain.instruments import Instrument
from domain.market import Session
from domain.orders import Intent, OrdType, Side, TimeInForce
from operators.compliance_rules import ComplianceParams
from operators.compliance_state import ComplianceState, Exposure, Holding
from operators.limits import Sheet

QUANTITY_MAX = 10**12
PRICE_MIN = Decimal("1E-9")
PRICE_MAX = Decimal("1E12")
SOURCES = ("mid", "last_trade", "prior_close")
_EMPTY = Holding()
_NONE = Exposure()


class Watermarks(NamedTuple):
    """Up to which event time (ns UTC) each input of a decision is known (PT-02)."""

    positions_at: int
    orders_at: int
    prices_at: int
    limits_at: int
    profit_at: int


class Reference(NamedTuple):
    """A reference price in the instrument's currency, its rung of `SOURCES`, and its event time (ns UTC)."""

    price: Decimal | None
    source: str
    at: int


class Market(NamedTuple):
    """What the caller knows at the instant of the decision.

    `now_at` is the event time of the decision (ns UTC), `trading_day` the day it belongs to (days since
    1970-01-01), `instrument` None where the universe has none of that name, `closes_at` the end of the
    present session where it is known, `fx` what one unit of the instrument's currency is worth in base
    currency, `ready` whether the replay that restores the state is through, `health` what restricts trading in the
    instrument because of its data, None where nothing does.
    """

    now_at: int
    trading_day: int
    instrument: Instrument | None
    session: Session
    halted: bool
    reference: Reference
    watermarks: Watermarks
    closes_at: int | None = None
    fx: Decimal = Decimal(1)
    ready: bool = True
    health: MarketHealth | None = None


class Defect(NamedTuple):
    """What is malformed in an intent: field, FIX OrdRejReason(103), what was given and what is allowed."""

    field: str
    reason: int
    given: str
    allowed: str


class View(NamedTuple):
    """All that a check may see of one intent.

    `price` is the limit price (None for a market order), `unit_value` what one unit is worth at the reference
    price and `unit_notional` what one unit may cost or bring, both in base currency and None where nothing
    prices it. A sale is taken at the dearer of its limit and the reference, since a limit only says what it
    must bring at least.
    """

    market: Market
    params: ComplianceParams
    state: ComplianceState
    sheet: Sheet
    defects: tuple[Defect, ...]
    identified: bool
    sane: bool
    sign: int
    quantity: int
    price: Decimal | None
    reference: Decimal | None
    unit_value: Decimal | None
    unit_notional: Decimal | None
    notional: Decimal | None

    def holding(self, scope: str, symbol: str) -> Holding:
        """Return what a scope holds and has asked for in an instrument; not to be changed."""
        return self.state.holdings.get((scope, symbol), _EMPTY)

    def amount(self, quantity: int) -> Decimal | int:
        """Return how many shares, contracts or coins a quantity (units) is, as limits on quantities are written."""
        instrument = self.market.instrument
        return quantity if instrument is None or instrument.unit == 1 else instrument.amount(quantity)

    def exposure(self, scope: str) -> Exposure:
        """Return the exposures of a scope; not to be changed."""
        return self.state.exposures.get(scope, _NONE)


def choose_reference(
    now_at: int, age_max: int, mid: Reference, last_trade: Reference, prior_close: Reference
) -> Reference:
    """Return the first rung whose price is young enough: mid, last eligible trade, else prior close.

    `age_max` in ns. The prior close is never young; PT-12 accepts it only where the rules say so. Source:
    standards.md PT-12.
    """
    for rung in (mid, last_trade):
        if _priced(rung.price) is not None and 0 <= now_at - rung.at <= age_max:
            return rung
    return next((rung for rung in (prior_close, last_trade, mid) if _priced(rung.price) is not None), mid)


def view_of(state: ComplianceState, params: ComplianceParams, intent: Intent, market: Market) -> View:
    """Return what the checks may see of `intent`; never raises, whatever the intent holds."""
    instrument = market.instrument
    names = defects_of_names(intent)
    defects = names + defects_of_numbers(intent, instrument)
    sane = not defects
    sheet = params.limits.sheet(
        str(intent.account),
        str(intent.strategy),
        str(intent.desk),
        str(intent.symbol),
        instrument.tier if instrument else "",
        market.now_at,
    )
    reference = _priced(market.reference.price)
    price = intent.price if sane else None
    unit_value = unit_notional = notional = None
    if sane and instrument is not None and (fx := _priced(market.fx)) is not None:
        factor = instrument.unit_multiplier * fx
        if reference is not None:
            unit_value = reference * factor
        worst = price if price is not None else reference
        if worst is not None and intent.side is not Side.BUY:
            worst = max(worst, reference) if reference is not None else None
        if worst is not None:
            unit_notional = worst * factor
            notional = unit_notional * intent.order_qty
    return View(
        market,
        params,
        state,
        sheet,
        defects,
        not names,
        sane,
        intent.side.sign if sane else 0,
        intent.order_qty if sane else 0,
        price,
        reference,
        unit_value,
        unit_notional,
        notional,
    )


def defects_of_names(intent: Intent) -> tuple[Defect, ...]:
    """Return the names of an intent that are no names."""
    if (
        all(
            type(name) is str and name
            for name in (
                intent.cl_ord_id,
                intent.account,
                intent.trader,
                intent.strategy,
                intent.symbol,
                intent.desk,
            )
        )
        and type(intent.ex_destination) is str
    ):
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
    if price is not None and _priced(price) is None:
        found.append(Defect("price", 11, repr(price), f"a Decimal from {PRICE_MIN} to {PRICE_MAX}"))
    if (price is None) is not (intent.ord_type is OrdType.MARKET):
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


def _priced(price: object) -> Decimal | None:
    """Return a price that can be compared and multiplied without surprise, or None."""
    if type(price) is Decimal and price.is_finite() and PRICE_MIN <= price <= PRICE_MAX:
        return price
    return None
