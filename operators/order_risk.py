"""The risk of a book with an order, for PT-34: VaR, ES and stress losses now, and what the order adds.

The figures are worked out for each intent from what compliance holds at that instant: positions, and the open orders as
if they were filled, at their marks. Nothing of it is a state: a memo only spares sums of values that are the same.
"""

from collections.abc import Mapping
from decimal import Decimal
from math import fsum

import numpy as np
from numpy.typing import NDArray

from analytics.scenario_book import ScenarioBook
from domain.instruments import Universe
from domain.orders import Intent
from operators.compliance_counters import RiskFigures
from operators.compliance_state import ComplianceState, set_risk
from operators.compliance_view import Market
from operators.risk_standing import ScenarioParams

PLACES = 6
"""Decimal places of a figure: a millionth of the base currency, far above the rounding of a sum."""

BOOKS_KEPT = 8


class OrderRisk:
    """Tells compliance what an intent would add to the risk of its account, strategy, desk and firm."""

    def __init__(self, universe: Universe, scenarios: ScenarioParams) -> None:
        self._index, self._given = universe.indices(), scenarios
        self._names = universe.names
        self._books: dict[bytes, ScenarioBook] = {}

    def tell(self, state: ComplianceState, intent: Intent, market: Market) -> None:
        """Set the figures of every scope of an intent; none where the instrument has no price."""
        instrument, price = market.instrument, market.reference.price
        if instrument is None or price is None or not price.is_finite() or intent.order_qty <= 0:
            return
        notional = price * instrument.unit_multiplier * market.fx * intent.order_qty * intent.side.sign
        if not notional:
            return
        for scope in state.scopes(intent.account, intent.strategy, intent.desk):
            values = self._values(state, scope)
            set_risk(state, scope, self._figures(values, intent.symbol, notional, market.now_at))

    def _values(self, state: ComplianceState, scope: str) -> NDArray[np.float64]:
        """Return what a scope holds and has asked for of each instrument, in base currency, (n,)."""
        values = np.zeros(len(self._names))
        for symbol in state.holders:
            held = state.holdings.get((scope, symbol))
            if held is not None and symbol in self._index:
                quantity = held.position + held.open_buys - held.open_sells
                values[self._index[symbol]] = float(quantity * state.unit_values.get(symbol, Decimal(0)))
        return values

    def _book(self, values: NDArray[np.float64]) -> ScenarioBook:
        key = values.tobytes()
        book = self._books.get(key)
        if book is None:
            given = self._given
            book = ScenarioBook(given.returns, given.var_confidence, given.es_confidence)
            book.set_values(values)
            while len(self._books) >= BOOKS_KEPT:
                del self._books[next(iter(self._books))]
            self._books[key] = book
        return book

    def _figures(
        self, values: NDArray[np.float64], symbol: str, notional: Decimal, now_at: int
    ) -> RiskFigures:
        order = self._book(values).marginal(self._index[symbol], float(notional))
        var, es = _exact(order.before.var), _exact(order.before.es)
        stress, marginal_stress = self._stressed(values, symbol)
        return RiskFigures(
            at=now_at,
            value_at_risk=var,
            expected_shortfall=es,
            marginal_value_at_risk={symbol: (_exact(order.after.var) - var) / notional},
            marginal_expected_shortfall={symbol: (_exact(order.after.es) - es) / notional},
            stress=stress,
            marginal_stress=marginal_stress,
        )

    def _stressed(
        self, values: NDArray[np.float64], symbol: str
    ) -> tuple[Mapping[str, Decimal], Mapping[str, Mapping[str, Decimal]]]:
        """Return the loss of each stress scenario, and what a unit of value of the instrument adds to it."""
        held, which = np.flatnonzero(values), self._index[symbol]
        losses, added = {}, {}
        for name, moves in self._given.stress.items():
            losses[name] = _exact(-fsum(float(values[at]) * float(moves[at]) for at in held))
            added[name] = {symbol: Decimal(repr(-float(moves[which])))}
        return losses, added


def _exact(figure: float) -> Decimal:
    return Decimal(repr(round(figure, PLACES)))
