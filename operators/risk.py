"""Risk of the book as it is now: where does each scope stand, and which limits of risk has that crossed?

Key     book
In      fills, marks, corporate actions, and the minute
Out     ScopeRisk of each scope each minute; Breach for each limit that was neared, crossed or left
State   the ledger of holdings and cash, rates of currencies, highest and start-of-day P&L of each scope, limits watched
Time    the minute, and the instants at which a limit begins or ends
Silence what crosses no limit says nothing between the minutes

Scopes are the account, each strategy, the desk and the firm; a strategy is measured against all of its account's cash.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from analytics.attribution import Leg, Parts
from analytics.risk_limits import LimitEvent, watch
from domain.action_records import ActionRecord
from domain.corporate_actions import ActionKind
from domain.decisions import Breach, ScopeRisk
from domain.envelope import record_id
from domain.instruments import Instrument, Universe
from domain.market import SECOND
from domain.money import ZERO
from domain.orders import Order
from operators.agenda import Living, lives
from operators.positions import PositionBook
from operators.risk_measures import Beside, Figures, drawn_down, figured, measures_of
from operators.risk_standing import RiskParams, RiskState, Standing, judged, standing_of, standings

DRIVERS = 5
LIVES = lives(Living.ADJUSTS, {Living.UNTOUCHED: (ActionKind.RENAME,)})
_DIVIDENDS = frozenset({ActionKind.CASH_DIVIDEND, ActionKind.SPECIAL_DIVIDEND})


def seed(state: RiskState, params: RiskParams, book: PositionBook) -> None:
    """Take in what a book held before its risk was kept; a new book holds nothing."""
    if state.seeded:
        return
    state.seeded, state.ledger.base = True, params.base_currency
    for (strategy, symbol), held in book.holdings.items():
        instrument, mark = params.universe.of(symbol), book.marks[symbol]
        leg = Leg(held.quantity, mark, held.multiplier, instrument.currency, 0)
        state.ledger.legs.setdefault(symbol, {})[strategy] = leg
        key = strategy, instrument.currency
        paid = held.realised - held.fees - held.cost
        state.ledger.cash[key] = state.ledger.cash.get(key, ZERO) + paid
        parts = state.ledger.parts.setdefault(strategy, Parts())
        parts.price += held.realised + held.unrealised(mark)
        parts.fees -= held.fees


def take_fill(
    state: RiskState, order: Order, fill: tuple[int, Decimal, Decimal], instrument: Instrument, now_at: int
) -> None:
    """Take a fill of an order: signed quantity, price, and commission in the instrument's currency."""
    quantity, price, commission = fill
    leg = Leg(0, price, instrument.unit_multiplier, instrument.currency, now_at)
    state.ledger.fill(order.strategy, order.symbol, quantity, price, commission, leg)


class Held(NamedTuple):
    """A holding as it is since an action: its quantity and mark, and what it was paid in cash by that."""

    quantity: int
    mark: Decimal
    paid: Decimal


def adjust(state: RiskState, owner: tuple[str, Instrument], held: Held, action: ActionRecord) -> None:
    """Let an action that is no split happen to a holding of a strategy; a dividend is carry.

    Peaks, the day's start and limits are in money, and stay.
    """
    strategy, instrument = owner
    leg = Leg(held.quantity, held.mark, instrument.unit_multiplier, instrument.currency, action.effective_at)
    carry = held.paid if action.kind in _DIVIDENDS else ZERO
    state.ledger.act(strategy, instrument.name, leg, held.paid, carry)


def take_rates(state: RiskState, params: RiskParams, marks: Iterable[tuple[str, Decimal, int]]) -> None:
    """Take the marks (name, price, ns UTC) of currency pairs as rates: EURUSD and EUR-USD are euros in dollars."""
    ending = params.base_currency
    for name, price, at in marks:
        currency = name.removesuffix(ending).rstrip("-/")
        known = state.ledger.rates.get(currency)
        if price > 0 and (known is None or (at >= known.at and price != known.rate)):
            state.ledger.set_rate(currency, price, at)


def pairs_of(universe: Universe, base_currency: str) -> tuple[str, ...]:
    """Return the instruments that are rates of the currencies that others trade in."""
    wanted = {instrument.currency for instrument in universe.instruments} - {base_currency}
    names = {f"{currency}{part}{base_currency}" for currency in wanted for part in ("", "-", "/")}
    return tuple(name for name in universe.names if name in names)


def start_day(state: RiskState, params: RiskParams) -> None:
    """Measure the day's P&L of every scope from here on."""
    for scope, standing in standings(state, params).items():
        state.day_start[scope] = standing.parts.total
    state.day_start[f"trader:{params.trader}"] = state.day_start[f"firm:{params.firm}"]


def measured_at(state: RiskState, params: RiskParams, now_at: int, sequence: int) -> list[ScopeRisk]:
    """Return where each scope stands; `sequence` is the number of the first record."""
    return [
        _scope_risk(state, params, scope, standing, figures, now_at, sequence + number)
        for number, (scope, standing, figures) in enumerate(figured(state, params, standings(state, params)))
    ]


def judge(
    state: RiskState,
    params: RiskParams,
    now_at: int,
    day: int,
    *,
    is_active: bool,
    beside: Beside | None = None,
) -> list[LimitEvent]:
    """Return which limits were neared, crossed or left since the book was judged last; `day` since 1970."""
    state.judged_at = max(now_at, state.judged_at)
    _begin_week(state, day)
    if not params.limits.rows:
        return []
    measured = measures_of(state, params, judged(state, params), beside)
    return watch(state.watched, params.limits, measured, now_at, day, is_active=is_active)


def _begin_week(state: RiskState, day: int) -> None:
    """Measure the week's P&L from the end of the session before its first day; weeks begin on a Monday."""
    week = (day + 3) // 7
    if week != state.week:
        state.week, state.week_start = week, dict(state.day_start)


def breach_of_event(
    state: RiskState, params: RiskParams, event: LimitEvent, sequence: int, control_id: str = ""
) -> Breach:
    """Return the record of a change of a limit, with the largest positions of its scope."""
    standing = standing_of(state, params, event.scope)
    largest = sorted(
        zip(standing.values, standing.symbols, strict=True), key=lambda row: (-abs(row[0]), row[1])
    )
    return Breach(
        event_at=event.at,
        known_at=event.at,
        received_at=event.at,
        source="risk",
        sequence=sequence,
        record_id=record_id("limit event", event.breach_id, event.event, event.at, sequence),
        breach_id=event.breach_id,
        limit_id=event.limit.limit_id,
        scope=event.scope,
        measured=event.measured,
        limit=event.limit.hard,
        level=event.level.name.lower(),
        action=event.action,
        event=event.event,
        measure=event.limit.measure,
        utilisation=event.utilisation,
        remaining=event.remaining.name.lower(),
        cause="active" if event.is_active else "passive",
        limit_version=event.limit.version,
        first_seen_at=event.first_seen_at,
        state=event.state,
        waived_until=event.until,
        control_id=control_id,
        drivers=tuple(f"{symbol}={value:.2f}" for value, symbol in largest[:DRIVERS] if value),
    )


def _scope_risk(
    state: RiskState,
    params: RiskParams,
    scope: str,
    standing: Standing,
    figures: Figures,
    now_at: int,
    sequence: int,
) -> ScopeRisk:
    parts, oldest = standing.parts, standing.oldest_at
    return ScopeRisk(
        event_at=now_at,
        known_at=now_at,
        received_at=now_at,
        source="risk",
        sequence=sequence,
        record_id=record_id("scope risk", scope, now_at, sequence),
        scope=scope,
        nav=figures.nav,
        pnl=parts.total,
        price_pnl=parts.price,
        carry_pnl=parts.carry,
        fees=parts.fees,
        currency_pnl=parts.currency,
        day_pnl=parts.total - state.day_start.get(scope, ZERO),
        drawdown=drawn_down(state, params, scope, figures.nav),
        **figures.exposed._asdict(),
        hhi=figures.hhi,
        var=None if figures.tail is None else figures.tail.var,
        es=None if figures.tail is None else figures.tail.es,
        sectors=tuple(figures.sectors),
        sector_net=tuple(figures.sectors.values()),
        currencies=tuple(figures.currencies),
        currency_net=tuple(figures.currencies.values()),
        unconverted=tuple(state.ledger.unconverted()),
        mark_age_seconds=None if oldest is None else (now_at - oldest) / SECOND,
        dividend_pnl=parts.dividends,
        financing_pnl=parts.financing,
        borrow_pnl=parts.borrow,
        funding_pnl=parts.funding,
    )
