"""Where each scope of a book stands: its P&L by part, and what it holds, made of one ledger.

`RiskState` is the memory of `operators.risk`; `standings` reads it. Scopes are the account, each strategy, the desk,
the firm, the trader, and each instrument that is held.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.attribution import TREASURY, Ledger, Parts
from analytics.risk_limit_rows import FOREVER, RiskLimits
from analytics.risk_limits import LimitWatch
from domain.instruments import Universe


class ScenarioParams(NamedTuple):
    """Returns of every instrument of the universe in scenarios (n, s), and the confidences of VaR and ES.

    `stress` are moves of the instruments (n,) by the name of a stress scenario.
    """

    returns: NDArray[np.float64]
    var_confidence: float = 0.99
    es_confidence: float = 0.975
    stress: Mapping[str, NDArray[np.float64]] = {}


class RiskParams(NamedTuple):
    """Who the scopes are, what is traded, which limits are watched, and by which scenarios VaR is told.

    `shocks` are the moves of every instrument of the universe in stress scenarios (n, k), fractions in base currency.
    """

    universe: Universe
    account: str
    desk: str
    firm: str
    base_currency: str
    starting_cash: Decimal
    limits: RiskLimits
    scenarios: ScenarioParams | None = None
    trader: str = ""
    shocks: NDArray[np.float64] | None = None


@dataclass
class RiskState:
    """All the memory of the risk of one book; `seeded` once the holdings of a book that was there before are in it.

    `day_start` and `week_start` have the P&L of each scope at the end of the session before the day and the week.
    """

    ledger: Ledger = field(default_factory=Ledger)
    seeded: bool = False
    peaks: dict[str, Decimal] = field(default_factory=dict)
    day_start: dict[str, Decimal] = field(default_factory=dict)
    watched: LimitWatch = field(default_factory=LimitWatch)
    judged_at: int = 0
    week_start: dict[str, Decimal] = field(default_factory=dict)
    week: int = -1

    def __setstate__(self, stored: dict[str, Any]) -> None:
        """Be what was stored, also by a version that measured no week."""
        self.week_start, self.week = dict(stored.get("day_start", {})), -1
        self.__dict__.update(stored)

    def limits_at(self, limits: RiskLimits) -> int:
        """Return when a limit, a waiver or a time to answer next begins or ends (ns UTC), once judged."""
        if not self.judged_at:
            return FOREVER
        after, watched = self.judged_at, self.watched
        return min(limits.next_change(after), watched.waiver_ends(after), watched.deadline(after))


class Standing(NamedTuple):
    """A scope as it is now: P&L by part, and its legs as columns; quantities in units."""

    parts: Parts
    values: list[float]
    symbols: list[str]
    oldest_at: int | None
    quantities: list[int]


def standings(state: RiskState, params: RiskParams) -> dict[str, Standing]:
    """Return account, desk, firm and each strategy as they are now, strategies as they first traded."""
    ledger = state.ledger
    owned = {strategy: Standing(parts, [], [], None, []) for strategy, parts in ledger.parts.items()}
    for strategy, symbol, leg in ledger.held():
        standing = owned[strategy]
        if leg.quantity:
            standing.values.append(float(leg.value * ledger.rate(leg.currency)))
            standing.symbols.append(symbol)
            standing.quantities.append(leg.quantity)
            oldest = leg.marked_at if standing.oldest_at is None else min(standing.oldest_at, leg.marked_at)
            owned[strategy] = standing._replace(oldest_at=oldest)
    values, symbols, quantities = _netted(owned.values())
    whole = Standing(
        sum((each.parts for each in owned.values()), Parts()),
        values,
        symbols,
        min((each.oldest_at for each in owned.values() if each.oldest_at is not None), default=None),
        quantities,
    )
    book = {f"account:{params.account}": whole, f"desk:{params.desk}": whole, f"firm:{params.firm}": whole}
    own = {f"strategy:{name}": standing for name, standing in owned.items() if name != TREASURY}
    return {**book, **own}


def judged(state: RiskState, params: RiskParams) -> dict[str, Standing]:
    """Return the scopes that have limits: those above, the trader, and each instrument that is held or was watched.

    The whole book is one trader's. P&L is kept by strategy, so an instrument has none of its own.
    """
    found, wanted = standings(state, params), params.limits.scope_types
    whole = found[f"firm:{params.firm}"]
    kept = {scope: standing for scope, standing in found.items() if scope.partition(":")[0] in wanted}
    if "trader" in wanted:
        kept[f"trader:{params.trader}"] = whole
    if "instrument" in wanted:
        held = zip(whole.symbols, whole.values, whole.quantities, strict=True)
        alone = {
            symbol: Standing(Parts(), [value], [symbol], whole.oldest_at, [quantity])
            for symbol, value, quantity in held
        }
        for symbol in dict.fromkeys((*alone, *state.watched.names("instrument"))):
            kept[f"instrument:{symbol}"] = alone.get(symbol, Standing(Parts(), [], [], None, []))
    return kept


def standing_of(state: RiskState, params: RiskParams, scope: str) -> Standing:
    """Return a scope as it is now; one that holds nothing is empty."""
    kind, _, name = scope.partition(":")
    found = standings(state, params)
    whole = found[f"firm:{params.firm}"]
    if kind == "instrument":
        rows = zip(whole.symbols, whole.values, whole.quantities, strict=True)
        own = [(value, quantity) for symbol, value, quantity in rows if symbol == name]
        values, quantities = [value for value, _ in own], [quantity for _, quantity in own]
        return Standing(Parts(), values, [name] * len(own), whole.oldest_at, quantities)
    return whole if kind == "trader" else found.get(scope, Standing(Parts(), [], [], None, []))


def _netted(standings: Iterable[Standing]) -> tuple[list[float], list[str], list[int]]:
    """Return the holdings of all strategies, one for each instrument: what one is long another may be short."""
    net: dict[str, float] = {}
    units: dict[str, int] = {}
    for standing in standings:
        for value, symbol, quantity in zip(
            standing.values, standing.symbols, standing.quantities, strict=True
        ):
            net[symbol] = net.get(symbol, 0.0) + value
            units[symbol] = units.get(symbol, 0) + quantity
    return list(net.values()), list(net), list(units.values())
