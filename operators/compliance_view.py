"""What a check may see: the market as the desk knows it, and the intent made ready for comparing.

`Market` is what the caller brings. `view_of` adds what compliance knows: the rules, the state (to be read
only), the bounds that meet this intent, and the numbers that several checks need, worked out once. Numbers
are looked at for sanity before anything compares them (PT-07): in a view that is not `sane` no quantity or
price may be used, in one that is not `identified` no name may be looked up.
"""

from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from domain.health import MarketHealth
from domain.instruments import Instrument
from domain.market import Session
from domain.orders import Intent, Side
from operators.compliance_changes import Change, Equity
from operators.compliance_facts import InstrumentFacts, facts_in_units
from operators.compliance_rules import ComplianceParams
from operators.compliance_state import ComplianceState, Exposure, Holding, Reservation
from operators.group_exposures import ONE, ZERO, GroupExposure
from operators.intent_defects import Defect, defects_of_names, defects_of_numbers, priced
from operators.limits import Sheet, in_units

SOURCES = ("mid", "last_trade", "prior_close")
_EMPTY = Holding()
_NONE = Exposure()
_NOTHING = GroupExposure()
_BUY = Side.BUY


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


class Handling(NamedTuple):
    """How an order is to be handled beyond its terms.

    `replaces` is the OrigClOrdID(41) of an order that this one stands for, `iso` an intermarket sweep (ExecInst f),
    `locate_id` the borrowed shares of a short sale, `exemption` ShortSaleExemptionReason(1688), `principal` whether
    the firm trades for itself. `display_qty` is DisplayQty(1138), how much of it is shown, and `min_qty` MinQty(110),
    the least that it may trade; units, None where the order says nothing of it.
    """

    replaces: str = ""
    iso: bool = False
    locate_id: str = ""
    exemption: int | None = None
    principal: bool = True
    display_qty: int | None = None
    min_qty: int | None = None


class Protected(NamedTuple):
    """The protected quote of a venue (Reg NMS 611), None for a side that it does not show."""

    venue: str
    bid: Decimal | None
    ask: Decimal | None


class Approval(NamedTuple):
    """A held intent is put again: who asked and who approved, until when (ns UTC), and which checks had held it."""

    maker: str
    checker: str
    expires_at: int
    checks: frozenset[str]


class Override(NamedTuple):
    """PT-45: one check may be passed over for one order until an instant (ns UTC)."""

    check: str
    expires_at: int
    maker: str
    checker: str
    reason: str


class Market(NamedTuple):
    """What the caller knows at the instant of the decision.

    `now_at` is the event time of the decision (ns UTC), `trading_day` the day it belongs to (days since
    1970-01-01), `instrument` None where the universe has none of that name, `closes_at` the end of the
    present session where it is known, `fx` what one unit of the instrument's currency is worth in base
    currency, `ready` whether the replay that restores the state is through, `health` what restricts trading in the
    instrument because of its data, None where nothing does. `bid` and `ask` are the best quote, None for a side that
    nobody quotes, `sigma` the volatility of a minute (fraction), `protected` the quotes of each venue where they are
    known, `short_sale_restricted` whether the desk itself has seen the trigger of Rule 201. `approval` and `overrides`
    are of an intent that was held or refused and is put again. `splits` are those that the instrument has gone
    through, as (effective_at in ns UTC, ratio), `limits_since` is when the limits were stated.
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
    bid: Decimal | None = None
    ask: Decimal | None = None
    sigma: Decimal | None = None
    protected: tuple[Protected, ...] | None = None
    short_sale_restricted: bool = False
    handling: Handling = Handling()
    approval: Approval | None = None
    overrides: tuple[Override, ...] = ()
    splits: tuple[tuple[int, Decimal], ...] = ()
    limits_since: int = -1

    @property
    def again(self) -> bool:
        """Say whether the intent was judged before, and is put again."""
        return self.approval is not None or bool(self.overrides)


class View(msgspec.Struct, gc=False):
    """All that a check may see of one intent.

    `price` is the limit price (None for a market order), `unit_value` what one unit is worth at the reference
    price and `unit_notional` what one unit may cost or bring, both in base currency and None where nothing
    prices it; `measured` is `notional` as a number to report. A sale is taken at the dearer of its limit and the
    reference, since a limit only says what it must bring at least. `replaced` is the open order that this one stands
    for, `reduces` says that it asks for no more than that order, at no worse a price: no size or limit can fail it.
    `in_parts` says that a unit is another quantity than one share, contract or coin.
    """

    market: Market
    params: ComplianceParams
    state: ComplianceState
    symbol: str
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
    measured: float
    replaced: Reservation | None
    reduces: bool
    in_parts: bool
    memo: dict[str, Any]

    def holding(self, scope: str, symbol: str) -> Holding:
        """Return what a scope holds and has asked for in an instrument, a replaced order left out; do not change."""
        held = self.state.holdings.get((scope, symbol), _EMPTY)
        old = self.replaced
        if old is None or scope not in old.scopes or symbol != old.symbol:
            return held
        left = old.quantity - old.filled
        buys, sells = (left, 0) if old.sign > 0 else (0, left)
        made = Holding(held.position, held.open_buys - buys, held.open_sells - sells)
        unit = self.state.unit_values.get(symbol, ZERO)
        made.high = (made.position + made.open_buys) * unit
        made.low = (made.position - made.open_sells) * unit
        made.gross = max(abs(made.high), abs(made.low))
        return made

    def amount(self, quantity: int) -> Decimal | int:
        """Return how many shares, contracts or coins a quantity (units) is, as limits on quantities are written."""
        instrument = self.market.instrument
        return instrument.amount(quantity) if self.in_parts and instrument is not None else quantity

    def exposure(self, scope: str) -> Exposure:
        """Return the exposures of a scope, a replaced order left out; not to be changed."""
        everything = self.state.exposures.get(scope, _NONE)
        old = self.replaced
        if old is None or scope not in old.scopes:
            return everything
        was, now = self.state.holdings[scope, old.symbol], self.holding(scope, old.symbol)
        return Exposure(
            everything.gross - was.gross + now.gross,
            everything.high - was.high + now.high,
            everything.low - was.low + now.low,
            everything.open_notional - (old.quantity - old.filled) * old.unit_notional,
        )

    def change(self, scope: str) -> Change:
        """Return what the order makes of the position of a scope in its instrument; worked out once a scope."""
        made: Change | None = self.memo.get(scope)
        if made is None:
            made = self.memo[scope] = self._change(scope)
        return made

    def _change(self, scope: str) -> Change:
        symbol = self.market.instrument.name if self.market.instrument is not None else ""
        was, unit = self.state.holdings.get((scope, symbol), _EMPTY), self.unit_value or ZERO
        held = was if self.replaced is None else self.holding(scope, symbol)
        high, low = held.position + held.open_buys, held.position - held.open_sells
        high_after, low_after = (high + self.quantity, low) if self.sign > 0 else (high, low - self.quantity)
        wide, wide_after = max(high, -high, low, -low), max(high_after, -high_after, low_after, -low_after)
        value_after, everything = wide_after * unit, self.exposure(scope)
        if symbol != self.symbol:
            held = self.holding(scope, self.symbol)
        gross_after = everything.gross - held.gross + value_after
        equity = self.state.equities.get(scope)
        return Change(
            scope,
            was,
            held,
            everything,
            high,
            low,
            wide,
            high_after,
            low_after,
            wide_after,
            unit,
            value_after,
            gross_after,
            float(gross_after),
            Equity(equity, float(equity)) if equity is not None and equity.is_finite() else None,
        )

    def known(self) -> InstrumentFacts | None:
        """Return what is known of the instrument beyond its terms; looked up once."""
        if "known" not in self.memo:
            instrument = self.market.instrument
            known = self.params.known(instrument.name, self.market.now_at) if instrument else None
            self.memo["known"] = facts_in_units(known, self.market.splits) if known is not None else None
        found: InstrumentFacts | None = self.memo["known"]
        return found

    def gross_after(self, change: Change, group: str, weight: Decimal) -> Decimal:
        """Return the gross value (base currency) of a change's scope in a group after the order.

        `weight` (at least 0) is that of the instrument in the group; worst case of open orders, the instrument at the
        reference price.
        """
        rest = self.state.groups.get((change.scope, group), _NOTHING)
        if weight is ONE:
            return rest.gross - change.was.gross + change.value_after
        return rest.gross - change.was.gross * weight + change.value_after * weight

    def gross_before(self, change: Change, group: str, weight: Decimal) -> Decimal:
        """Return the gross value (base currency) of a change's scope in a group before the order."""
        rest = self.state.groups.get((change.scope, group), _NOTHING)
        return rest.gross - change.was.gross * weight + change.value * weight

    def net_after(self, change: Change, group: str, weight: Decimal) -> Decimal:
        """Return the larger magnitude of the net value of a change's scope in a group after the order."""
        return self._net(change, group, weight, change.high_after, change.low_after)

    def net_before(self, change: Change, group: str, weight: Decimal) -> Decimal:
        """Return the larger magnitude of the net value of a change's scope in a group before the order."""
        return self._net(change, group, weight, change.high, change.low)

    def _net(self, change: Change, group: str, weight: Decimal, high: int, low: int) -> Decimal:
        """Return the larger magnitude of a scope's net value in a group, with so many units of the instrument."""
        rest = self.state.groups.get((change.scope, group), _NOTHING)
        was, unit = change.was, change.unit * weight
        if weight < ZERO:
            upper = abs(rest.high - was.low * weight + low * unit)
            lower = abs(rest.low - was.high * weight + high * unit)
        else:
            upper = abs(rest.high - was.high * weight + high * unit)
            lower = abs(rest.low - was.low * weight + low * unit)
        if lower > upper:
            return lower
        return upper


def choose_reference(
    now_at: int, age_max: int, mid: Reference, last_trade: Reference, prior_close: Reference
) -> Reference:
    """Return the first rung whose price is young enough: mid, last eligible trade, else prior close.

    `age_max` in ns. The prior close is never young; PT-12 accepts it only where the rules say so. Source:
    standards.md PT-12.
    """
    for rung in (mid, last_trade):
        if priced(rung.price) is not None and 0 <= now_at - rung.at <= age_max:
            return rung
    return next((rung for rung in (prior_close, last_trade, mid) if priced(rung.price) is not None), mid)


def view_of(state: ComplianceState, params: ComplianceParams, intent: Intent, market: Market) -> View:
    """Return what the checks may see of `intent`; never raises, whatever the intent holds."""
    instrument = market.instrument
    names = defects_of_names(intent)
    defects = names + defects_of_numbers(intent, instrument)
    sane = not defects
    symbol = str(intent.symbol)
    sheet = params.limits.sheet(
        str(intent.account),
        str(intent.strategy),
        str(intent.desk),
        symbol,
        instrument.tier if instrument else "",
        market.now_at,
    )
    if market.splits:
        sheet = in_units(sheet, [split for split in market.splits if split[0] > market.limits_since])
    reference = priced(market.reference.price)
    price = intent.price if sane else None
    unit_value = unit_notional = notional = None
    if sane and instrument is not None and (fx := priced(market.fx)) is not None:
        factor = instrument.unit_multiplier * fx
        if reference is not None:
            unit_value = reference * factor
        worst = price if price is not None else reference
        if worst is not None and intent.side is not _BUY:
            worst = max(worst, reference) if reference is not None else None
        if worst is not None:
            unit_notional = worst * factor
            notional = unit_notional * intent.order_qty
    replaced = None
    if market.handling.replaces:
        replaced = state.reservations.get(market.handling.replaces)
    return View(
        market,
        params,
        state,
        symbol,
        sheet,
        defects,
        not names,
        sane,
        (1 if intent.side is _BUY else -1) if sane else 0,
        intent.order_qty if sane else 0,
        price,
        reference,
        unit_value,
        unit_notional,
        notional,
        0.0 if notional is None else float(notional),
        replaced,
        replaced is not None and sane and _reduces(replaced, intent),
        instrument is not None and instrument.unit != 1,
        {},
    )


def _reduces(old: Reservation, intent: Intent) -> bool:
    """Say whether a replace asks for no more units than are open, at no worse a price, on the same side."""
    if (old.symbol, old.account, old.strategy) != (intent.symbol, intent.account, intent.strategy):
        return False
    if old.sign != intent.side.sign or intent.order_qty > old.quantity - old.filled:
        return False
    if old.price is None or intent.price is None:
        return old.price is intent.price
    return intent.price == old.price or (intent.price < old.price) is (old.sign > 0)
