"""What limits of risk are compared with: each measure of standards.md 2.6 of a scope as it is now.

A measure is worked out only where a limit of that type of scope names it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.exposures import Exposures, by_name, exposures
from analytics.liquidity import concentration
from analytics.scenario_book import ScenarioBook, TailMeasures, measured_once
from domain.instruments import Instrument
from domain.money import ZERO
from operators.compliance_facts import InstrumentFacts, facts_in_units, loadings_of
from operators.compliance_rules import ComplianceParams
from operators.compliance_state import Reservation
from operators.risk_standing import RiskParams, RiskState, Standing

Floats = NDArray[np.float64]
NONE = float("nan")
GAP = 0.5
"""What the largest long position may lose at once, as a part of its value (standards.md 2.4)."""
REVERSE_LOSS = 0.1
"""The loss whose distance is measured, as a part of NAV."""


class Beside(NamedTuple):
    """What is known beside the ledger: open orders, what strategies traded today, and the inputs of the checks.

    `splits` by instrument as (at in ns UTC, ratio); `turnover` in base currency.
    """

    reservations: Iterable[Reservation]
    turnover: dict[str, Decimal]
    compliance: ComplianceParams
    splits: tuple[tuple[str, int, Decimal], ...]
    now_at: int

    def known(self, symbol: str) -> InstrumentFacts | None:
        """Return what is known of an instrument, in the units of now."""
        known = self.compliance.facts.instruments.at(symbol, self.now_at)
        own = [(at, ratio) for name, at, ratio in self.splits if name == symbol]
        return None if known is None else facts_in_units(known, own)


class Measured(NamedTuple):
    """A scope while it is measured."""

    state: RiskState
    params: RiskParams
    scope: str
    standing: Standing
    figures: "Figures"
    drawdown: float
    beside: Beside | None

    @property
    def values(self) -> Floats:
        """Return the values of what is held, in base currency."""
        return np.array(self.standing.values)

    def instruments(self) -> list[Instrument]:
        """Return the instruments that are held."""
        return [self.params.universe.of(symbol) for symbol in self.standing.symbols]


def measures_of(
    state: RiskState, params: RiskParams, found: Mapping[str, Standing], beside: Beside | None
) -> dict[tuple[str, str], float]:
    """Return by scope and name what is limited: sizes without sign, losses in percent, groups by their largest.

    What is not known is NaN.
    """
    measures: dict[tuple[str, str], float] = {}
    for scope, standing, figures in figured(state, params, found):
        drawdown = drawn_down(state, params, scope, figures.nav)
        measured = Measured(state, params, scope, standing, figures, drawdown, beside)
        wanted = params.limits.measures_of(scope.partition(":")[0])
        measures.update(((scope, name), MEASURES[name](measured)) for name in MEASURES if name in wanted)
    return measures


def drawn_down(state: RiskState, params: RiskParams, scope: str, nav: Decimal) -> float:
    """Return how far NAV is below the highest of a scope, which is noted; a fraction, 0 where that is not above 0."""
    state.peaks[scope] = peak = max(state.peaks.get(scope, params.starting_cash), nav)
    return float(1 - nav / peak) if peak > 0 else 0.0


def _since(at: Measured, start: Decimal) -> float:
    """Return the loss since a P&L, percent of the NAV of then."""
    before = at.params.starting_cash + start
    lost = start - at.standing.parts.total
    return 100.0 * float(lost) / float(before) if before > 0 else NONE


def _largest(at: Measured, names: Iterable[str]) -> float:
    """Return the largest net value of a group, its sign left out."""
    return max((abs(net) for _, net in by_name(at.values, list(names)).values()), default=0.0)


def _factor(at: Measured) -> float:
    """Return the largest exposure to a factor: the sum of loading times value."""
    found: dict[str, float] = {}
    for symbol, value in zip(at.standing.symbols, at.standing.values, strict=True):
        known = None if at.beside is None else at.beside.known(symbol)
        for name, loading in () if known is None else loadings_of(known.factors):
            found[name] = found.get(name, 0.0) + float(loading) * value
    return max(map(abs, found.values()), default=0.0)


def _country(at: Measured) -> float:
    if at.beside is None:
        return NONE
    known = (at.beside.known(symbol) for symbol in at.standing.symbols)
    return _largest(at, ["" if each is None else each.country for each in known])


def _share(name: str, part: Callable[[Beside], Decimal]) -> Callable[[Measured], float]:
    """Return the measure of the largest holding as a share of something that is known of its instrument."""

    def measure(at: Measured) -> float:
        if at.beside is None:
            return NONE
        shares = [0.0]
        for symbol, quantity in zip(at.standing.symbols, at.standing.quantities, strict=True):
            whole = getattr(at.beside.known(symbol), name, None)
            if whole is not None:
                shares.append(abs(quantity) / float(whole * part(at.beside)))
        return max(shares)

    return measure


def _all(_: Beside) -> Decimal:
    return Decimal(1)


def _sold_daily(beside: Beside) -> Decimal:
    return beside.compliance.liquidation_share


def _margin(at: Measured) -> float:
    """Return what must be covered, as a part of NAV."""
    if at.beside is None or at.figures.nav <= 0:
        return NONE
    needed = 0.0
    for instrument, value in zip(at.instruments(), at.standing.values, strict=True):
        row = at.beside.compliance.facts.margin_rates.at(instrument.tier, at.beside.now_at)
        if row is None:
            return NONE
        needed += abs(value) * float(row.rate_percent) / 100.0
    return needed / float(at.figures.nav)


def _open_orders(at: Measured) -> float:
    """Return what working orders come to."""
    kind, _, name = at.scope.partition(":")
    total = ZERO
    for each in () if at.beside is None else at.beside.reservations:
        own = {"strategy": each.strategy, "instrument": each.symbol}.get(kind, name)
        if own == name:
            total += (each.quantity - each.filled) * each.unit_notional
    return float(total)


def _turnover(at: Measured) -> float:
    kind, _, name = at.scope.partition(":")
    if at.beside is None:
        return NONE
    traded = at.beside.turnover
    return float(traded.get(name, ZERO) if kind == "strategy" else sum(traded.values(), ZERO))


def _credit(at: Measured) -> float:
    """Return the cash that is borrowed, over all currencies; the starting cash is in base currency."""
    ledger, borrowed = at.state.ledger, ZERO
    cash = {at.params.base_currency: at.params.starting_cash}
    for (_, currency), amount in ledger.cash.items():
        cash[currency] = cash.get(currency, ZERO) + amount
    for currency, amount in cash.items():
        borrowed += max(-amount, ZERO) * ledger.rate(currency)
    return float(borrowed)


def _stress_worst(at: Measured) -> float:
    """Return what the worst scenario loses, a gap of the largest long position being one of them."""
    if at.params.shocks is None:
        return NONE
    gap = GAP * max(at.standing.values, default=0.0)
    earned = _spread(at.params, at.values, at.standing.symbols) @ at.params.shocks
    return max(gap, -float(earned.min(initial=0.0)), 0.0)


def _reverse_distance(at: Measured) -> float:
    """Return how many deviations of a day a loss of a tenth of NAV is away; infinite where nothing moves."""
    given = at.params.scenarios
    if given is None or at.figures.nav <= 0:
        return NONE
    earned = _spread(at.params, at.values, at.standing.symbols) @ given.returns
    deviation = float(earned.std(ddof=1))
    return REVERSE_LOSS * float(at.figures.nav) / deviation if deviation > 0 else float("inf")


def _component_var(at: Measured) -> float:
    """Return the largest component VaR of a position."""
    given = at.params.scenarios
    if given is None:
        return NONE
    book = ScenarioBook(given.returns, given.var_confidence, given.es_confidence)
    book.set_values(_spread(at.params, at.values, at.standing.symbols))
    return max(float(book.components()[0].max()), 0.0)


def _foreign(at: Measured) -> float:
    held = at.figures.currencies.items()
    return max((abs(net) for name, net in held if name != at.params.base_currency), default=0.0)


MEASURES: dict[str, Callable[[Measured], float]] = {
    "gross": lambda at: at.figures.exposed.gross,
    "net": lambda at: abs(at.figures.exposed.net),
    "long": lambda at: at.figures.exposed.long,
    "short": lambda at: at.figures.exposed.short,
    "beta_adjusted": lambda at: abs(at.figures.exposed.beta_adjusted),
    "leverage_gross": lambda at: at.figures.exposed.leverage_gross,
    "leverage_net": lambda at: abs(at.figures.exposed.leverage_net),
    "hhi": lambda at: at.figures.hhi,
    "var": lambda at: NONE if at.figures.tail is None else at.figures.tail.var,
    "es": lambda at: NONE if at.figures.tail is None else at.figures.tail.es,
    "component_var": _component_var,
    "stress_worst": _stress_worst,
    "reverse_stress_distance": _reverse_distance,
    "sector": lambda at: max((abs(net) for name, net in at.figures.sectors.items() if name), default=0.0),
    "country": _country,
    "currency": _foreign,
    "factor": _factor,
    "issuer": lambda at: _largest(at, [each.issuer or each.name for each in at.instruments()]),
    "venue": _open_orders,
    "open_orders": _open_orders,
    "turnover": _turnover,
    "credit": _credit,
    "margin": _margin,
    "ownership": _share("shares_outstanding", _all),
    "adv_share": _share("adv20", _all),
    "days_to_liquidate": _share("adv20", _sold_daily),
    "daily_loss": lambda at: _since(at, at.state.day_start.get(at.scope, ZERO)),
    "weekly_loss": lambda at: _since(at, at.state.week_start.get(at.scope, ZERO)),
    "drawdown": lambda at: 100.0 * at.drawdown,
}
"""How each measure is worked out. All orders go to one venue, so what is at it is what is open."""


class Figures:
    """What is measured of a standing, in base currency, each figure when it is first asked for.

    `scope` is the one, or one of those, that stand so.
    """

    def __init__(self, state: RiskState, params: RiskParams, scope: str, standing: Standing) -> None:
        self._state, self._params, self._scope, self._standing = state, params, scope, standing
        self.nav = params.starting_cash + standing.parts.total

    @cached_property
    def _values(self) -> Floats:
        return np.array(self._standing.values)

    @cached_property
    def _instruments(self) -> list[Instrument]:
        return [self._params.universe.of(symbol) for symbol in self._standing.symbols]

    @cached_property
    def exposed(self) -> Exposures:
        """Return gross, net, long, short, beta and leverage."""
        betas = np.array([each.beta for each in self._instruments])
        return exposures(self._values, betas, float(self.nav))

    @cached_property
    def hhi(self) -> float:
        """Return the concentration of the values."""
        return concentration(self._values).hhi

    @cached_property
    def tail(self) -> TailMeasures | None:
        """Return VaR and ES by the desk's scenarios, None where it has none."""
        return _tail(self._params, self._values, self._standing.symbols)

    @cached_property
    def sectors(self) -> dict[str, float]:
        """Return the net value in each sector."""
        found = by_name(self._values, [each.sector for each in self._instruments])
        return {name: net for name, (_, net) in found.items()}

    @cached_property
    def currencies(self) -> dict[str, float]:
        """Return the net value in each currency, cash with it."""
        return _currencies(self._state, self._params, self._scope, self._standing, self._instruments)


def figured(
    state: RiskState, params: RiskParams, found: Mapping[str, Standing]
) -> Iterator[tuple[str, Standing, Figures]]:
    """Give each scope with its figures; account, desk, firm and trader stand alike and share theirs."""
    shared: dict[int, Figures] = {}
    for scope, standing in found.items():
        figures = shared.get(id(standing))
        if figures is None:
            figures = shared[id(standing)] = Figures(state, params, scope, standing)
        yield scope, standing, figures


def _tail(params: RiskParams, values: Floats, symbols: list[str]) -> TailMeasures | None:
    """Return VaR and ES of holdings by the desk's scenarios."""
    given = params.scenarios
    if given is None:
        return None
    return measured_once(
        _spread(params, values, symbols), given.returns, given.var_confidence, given.es_confidence
    )


def _spread(params: RiskParams, values: Floats, symbols: list[str]) -> Floats:
    """Return values of holdings as one value for each instrument of the universe, in its order."""
    spread = np.zeros(len(params.universe))
    for value, symbol in zip(values, symbols, strict=True):
        spread[params.universe.index(symbol)] += value
    return spread


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
