"""Risk of the book as it is now: where does each scope stand, and which limits of risk has that crossed?

Key     book
In      fills, marks, splits, and the minute
Out     ScopeRisk of each scope each minute; Breach for each limit that was neared, crossed or left
State   the ledger of holdings and cash, rates of currencies, highest and start-of-day P&L of each scope, limits watched
Time    the minute, and the instants at which a limit begins or ends
Silence what crosses no limit says nothing between the minutes

Scopes are the account, each strategy, the desk and the firm; a strategy is measured against all of its account's cash.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.attribution import Ledger, Leg, Parts
from analytics.exposures import Exposures, by_name, exposures
from analytics.liquidity import concentration
from analytics.risk_limits import FOREVER, LimitEvent, LimitWatch, RiskLimits, watch
from analytics.scenario_book import TailMeasures, measured_once
from domain.decisions import Breach, ScopeRisk
from domain.envelope import record_id
from domain.instruments import Instrument, Universe
from domain.market import SECOND
from domain.money import ZERO
from domain.orders import Order
from operators.positions import PositionBook

DRIVERS = 5


class ScenarioParams(NamedTuple):
    """Returns of every instrument of the universe in scenarios (n, s), and the confidences of VaR and ES."""

    returns: NDArray[np.float64]
    var_confidence: float = 0.99
    es_confidence: float = 0.975


class RiskParams(NamedTuple):
    """Who the scopes are, what is traded, which limits are watched, and by which scenarios VaR is told."""

    universe: Universe
    account: str
    desk: str
    firm: str
    base_currency: str
    starting_cash: Decimal
    limits: RiskLimits
    scenarios: ScenarioParams | None = None


@dataclass
class RiskState:
    """All the memory of the risk of one book; `seeded` once the holdings of a book that was there before are in it."""

    ledger: Ledger = field(default_factory=Ledger)
    seeded: bool = False
    peaks: dict[str, Decimal] = field(default_factory=dict)
    day_start: dict[str, Decimal] = field(default_factory=dict)
    watched: LimitWatch = field(default_factory=LimitWatch)
    judged_at: int = 0

    def limits_at(self, limits: RiskLimits) -> int:
        """Return when a limit next begins or ends (ns UTC); never before the book was judged once."""
        return limits.next_change(self.judged_at) if self.judged_at else FOREVER


class Standing(NamedTuple):
    """A scope as it is now: P&L by part, and its legs as columns."""

    parts: Parts
    values: list[float]
    symbols: list[str]
    oldest_at: int | None


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
    for scope, standing in _standings(state, params).items():
        state.day_start[scope] = standing.parts.total


def measured_at(state: RiskState, params: RiskParams, now_at: int, sequence: int) -> list[ScopeRisk]:
    """Return where each scope stands; `sequence` is the number of the first record."""
    return [
        _scope_risk(state, params, scope, standing, now_at, sequence + number)
        for number, (scope, standing) in enumerate(_standings(state, params).items())
    ]


def judge(
    state: RiskState,
    params: RiskParams,
    now_at: int,
    day: int,
    *,
    is_active: bool,
) -> list[LimitEvent]:
    """Return which limits were neared, crossed or left since the book was judged last."""
    state.judged_at = max(now_at, state.judged_at)
    if not params.limits.rows:
        return []
    measured: dict[tuple[str, str], float] = {}
    for scope, standing in _standings(state, params).items():
        if scope.partition(":")[0] in params.limits.scope_types:
            for measure, value in _measures(state, params, scope, standing):
                measured[scope, measure] = value
    return watch(state.watched, params.limits, measured, now_at, day, is_active=is_active)


def _measures(
    state: RiskState, params: RiskParams, scope: str, standing: Standing
) -> Iterator[tuple[str, float]]:
    """Yield what limits are compared with: sizes without their sign, losses in percent, groups by their largest."""
    figures = _figures(state, params, scope, standing)
    exposed, foreign = figures.exposed, dict(figures.currencies)
    foreign.pop(params.base_currency, None)
    started = float(figures.nav - figures.day_pnl)
    yield "gross", exposed.gross
    yield "net", abs(exposed.net)
    yield "long", exposed.long
    yield "short", exposed.short
    yield "beta_adjusted", abs(exposed.beta_adjusted)
    yield "leverage_gross", exposed.leverage_gross
    yield "leverage_net", abs(exposed.leverage_net)
    yield "hhi", figures.hhi
    if figures.tail is not None:
        yield "var", figures.tail.var
        yield "es", figures.tail.es
    yield "sector", max((abs(net) for name, net in figures.sectors.items() if name), default=0.0)
    yield "currency", max((abs(net) for net in foreign.values()), default=0.0)
    yield "daily_loss", -100.0 * float(figures.day_pnl) / started if started > 0 else float("nan")
    yield "drawdown", 100.0 * figures.drawdown


class Figures(NamedTuple):
    """What is measured of a scope, in base currency; drawdown is a fraction of its highest NAV."""

    nav: Decimal
    day_pnl: Decimal
    drawdown: float
    exposed: Exposures
    hhi: float
    tail: TailMeasures | None
    sectors: dict[str, float]
    currencies: dict[str, float]


def _tail(params: RiskParams, values: NDArray[np.float64], symbols: list[str]) -> TailMeasures | None:
    """Return VaR and ES of holdings by the desk's scenarios."""
    given = params.scenarios
    if given is None:
        return None
    rows = given.returns[[params.universe.index(symbol) for symbol in symbols]]
    return measured_once(values, rows, given.var_confidence, given.es_confidence)


def _figures(state: RiskState, params: RiskParams, scope: str, standing: Standing) -> Figures:
    values = np.array(standing.values)
    instruments = [params.universe.of(symbol) for symbol in standing.symbols]
    total = standing.parts.total
    nav = params.starting_cash + total
    state.peaks[scope] = peak = max(state.peaks.get(scope, params.starting_cash), nav)
    return Figures(
        nav,
        total - state.day_start.get(scope, ZERO),
        float(1 - nav / peak) if peak > 0 else 0.0,
        exposures(values, np.array([each.beta for each in instruments]), float(nav)),
        concentration(values).hhi,
        _tail(params, values, standing.symbols),
        {name: net for name, (_, net) in by_name(values, [each.sector for each in instruments]).items()},
        _currencies(state, params, scope, standing, instruments),
    )


def breach_of_event(state: RiskState, params: RiskParams, event: LimitEvent, sequence: int) -> Breach:
    """Return the record of a change of a limit, with the largest positions of its scope."""
    standing = _standings(state, params)[event.scope]
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
        drivers=tuple(f"{symbol}={value:.2f}" for value, symbol in largest[:DRIVERS] if value),
    )


def _standings(state: RiskState, params: RiskParams) -> dict[str, Standing]:
    """Return every scope as it is now, strategies in the order in which they first traded."""
    ledger = state.ledger
    owned = {strategy: Standing(parts, [], [], None) for strategy, parts in ledger.parts.items()}
    for strategy, symbol, leg in ledger.held():
        standing = owned[strategy]
        if leg.quantity:
            standing.values.append(float(leg.value * ledger.rate(leg.currency)))
            standing.symbols.append(symbol)
            oldest = leg.marked_at if standing.oldest_at is None else min(standing.oldest_at, leg.marked_at)
            owned[strategy] = standing._replace(oldest_at=oldest)
    whole = Standing(
        Parts(
            sum((each.parts.price for each in owned.values()), ZERO),
            sum((each.parts.carry for each in owned.values()), ZERO),
            sum((each.parts.fees for each in owned.values()), ZERO),
            sum((each.parts.currency for each in owned.values()), ZERO),
        ),
        *_netted(owned.values()),
        min((each.oldest_at for each in owned.values() if each.oldest_at is not None), default=None),
    )
    book = {f"account:{params.account}": whole, f"desk:{params.desk}": whole, f"firm:{params.firm}": whole}
    return {**book, **{f"strategy:{strategy}": standing for strategy, standing in owned.items()}}


def _netted(standings: Iterable[Standing]) -> tuple[list[float], list[str]]:
    """Return the holdings of all strategies, one for each instrument: what one is long another may be short."""
    net: dict[str, float] = {}
    for standing in standings:
        for value, symbol in zip(standing.values, standing.symbols, strict=True):
            net[symbol] = net.get(symbol, 0.0) + value
    return list(net.values()), list(net)


def _scope_risk(
    state: RiskState, params: RiskParams, scope: str, standing: Standing, now_at: int, sequence: int
) -> ScopeRisk:
    parts, figures, oldest = standing.parts, _figures(state, params, scope, standing), standing.oldest_at
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
        day_pnl=figures.day_pnl,
        drawdown=figures.drawdown,
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
    )


def _currencies(
    state: RiskState,
    params: RiskParams,
    scope: str,
    standing: Standing,
    instruments: list[Instrument],
) -> dict[str, float]:
    """Return the net value in each currency, cash with it; the starting cash is the account's, in base currency."""
    kind, _, name = scope.partition(":")
    own = kind == "strategy"
    found = {} if own else {params.base_currency: float(params.starting_cash)}
    for (strategy, currency), cash in state.ledger.cash.items():
        if not own or strategy == name:
            found[currency] = found.get(currency, 0.0) + float(cash * state.ledger.rate(currency))
    for value, instrument in zip(standing.values, instruments, strict=True):
        found[instrument.currency] = found.get(instrument.currency, 0.0) + value
    return dict(sorted(found.items()))
