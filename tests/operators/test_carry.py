"""Carry of the book: dividends on their ex-date, received or paid, and what is no dividend stays price."""

from decimal import Decimal

import pytest

from analytics.attribution import Leg, Parts
from domain.instruments import Instrument
from operators.risk import Held, adjust
from operators.risk_standing import RiskState
from tests.operators.action_cases import action


@pytest.mark.parametrize(
    ("kind", "quantity", "mark", "paid", "parts"),
    [
        ("cash_dividend", 100, "99.5", "50", Parts(price=Decimal(-55), carry=Decimal(55))),
        ("cash_dividend", -100, "99.5", "-50", Parts(price=Decimal(55), carry=Decimal(-55))),
        ("special_dividend", 100, "96", "400", Parts(price=Decimal(-440), carry=Decimal(440))),
        ("delisting", 100, "0", "2000", Parts(price=Decimal(-8_800))),
    ],
)
def test_a_dividend_is_carry_in_base_currency_and_parts_are_what_is_there(kind, quantity, mark, paid, parts):
    state = RiskState()
    state.ledger.set_rate("EUR", Decimal("1.10"), 1)
    leg = Leg(0, Decimal(100), 1, "EUR", 1)
    state.ledger.fill("trend", "A", quantity, Decimal(100), Decimal(0), leg)

    held = Held(quantity, Decimal(mark), Decimal(paid))
    adjust(state, ("trend", Instrument(name="A", currency="EUR")), held, action(kind, at=2))

    assert state.ledger.parts["trend"] == parts
    assert state.ledger.earned("trend") == parts.total
