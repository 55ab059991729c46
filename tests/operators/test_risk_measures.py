"""Each measure that a limit of risk may name, of one small book, against the same worked out by hand or plainly."""

from decimal import Decimal

import numpy as np
import pytest

from analytics.attribution import Leg
from analytics.risk_limit_rows import RISK_MEASURES, RiskLimit, RiskLimits
from domain.instruments import Instrument, Universe
from operators.compliance_facts import facts_of
from operators.compliance_rules import ComplianceParams, RightsTable
from operators.compliance_state import Reservation
from operators.limits import LimitTable, Scopes
from operators.risk_measures import MEASURES, Beside, measures_of
from operators.risk_standing import RiskParams, RiskState, ScenarioParams, judged

FIRM = "firm:firm"
NAV = 100_000 - 3_000 - 5 - 2_000 + 1_100
VALUES = np.array([27_000.0, -12_000.0, 23_100.0])
"""300 A at 90, 200 B short at 60, 100 C at 210 euros of 1.10 dollars; bought at 100, sold at 50, bought at 200."""
RETURNS = 0.01 * np.random.default_rng(17).standard_t(5, (3, 250))
SHOCKS = np.array([[-0.2, 0.3], [-0.2, 0.3], [-0.1, 0.3]])
UNIVERSE = Universe(
    (
        Instrument(name="A", issuer="X", sector="tech", beta=1.2, tier="liquid"),
        Instrument(name="B", issuer="X", sector="tech", beta=0.5, tier="mid"),
        Instrument(name="C", issuer="Y", sector="banks", beta=1.0, tier="liquid", currency="EUR"),
    )
)
KNOWN = {
    "instruments": [
        {
            "instrument": "A",
            "adv20": 1_500,
            "shares_outstanding": 10_000,
            "country": "US",
            "factors": "value:0.5 size:-1",
        },
        {
            "instrument": "B",
            "adv20": 4_000,
            "shares_outstanding": 1_000,
            "country": "US",
            "factors": "value:1",
        },
        {"instrument": "C", "adv20": 250, "shares_outstanding": 5_000, "country": "DE", "factors": "size:2"},
    ],
    "margin_rates": [{"tier": "liquid", "rate_percent": 25}, {"tier": "mid", "rate_percent": 50}],
}


def tail(confidence_var, confidence_es):
    """Return VaR, ES, and the scenario that is the VaR, written out."""
    losses = [
        -float(sum(value * move for value, move in zip(VALUES, moves, strict=True))) for moves in RETURNS.T
    ]
    order = sorted(range(250), key=losses.__getitem__)
    rank = -(-250 * round(confidence_var * 1000) // 1000) - 1
    beyond = 250 * (1 - confidence_es)
    whole = int(beyond)
    worst = [losses[place] for place in order[::-1]]
    return losses[order[rank]], (sum(worst[:whole]) + (beyond - whole) * worst[whole]) / beyond, order[rank]


VAR, ES, PLACE = tail(0.99, 0.975)
EXPECTED = {
    "gross": 62_100.0,
    "net": 38_100.0,
    "long": 50_100.0,
    "short": 12_000.0,
    "beta_adjusted": 1.2 * 27_000 - 0.5 * 12_000 + 23_100,
    "leverage_gross": 62_100 / NAV,
    "leverage_net": 38_100 / NAV,
    "hhi": (27_000**2 + 12_000**2 + 23_100**2) / 62_100**2,
    "var": VAR,
    "es": ES,
    "component_var": max(-VALUES * RETURNS[:, PLACE]),
    "stress_worst": 13_500.0,
    "reverse_stress_distance": 0.1 * NAV / np.std(VALUES @ RETURNS, ddof=1),
    "sector": 23_100.0,
    "country": 23_100.0,
    "currency": 1_100.0,
    "factor": 2 * 23_100 - 27_000,
    "issuer": 23_100.0,
    "venue": 60 * 90 + 10 * 60,
    "open_orders": 60 * 90 + 10 * 60,
    "turnover": 7_500.0,
    "credit": 22_000.0,
    "margin": (0.25 * (27_000 + 23_100) + 0.5 * 12_000) / NAV,
    "ownership": 200 / 1_000,
    "adv_share": 100 / 250,
    "days_to_liquidate": 100 / 250 / 0.2,
    "daily_loss": 100 * (1_000 + 100_000 - NAV) / 101_000,
    "weekly_loss": 100 * (100_000 - NAV) / 100_000,
    "drawdown": 100 * (1 - NAV / 104_000),
}


def open_order(symbol, quantity, filled, price):
    scopes = Scopes("account:main", "strategy:trend", "desk:equities", FIRM)
    return Reservation("main", "trend", "equities", scopes, symbol, 1, quantity, filled, Decimal(price))


@pytest.fixture(scope="module")
def measured():
    """Return every measure of the firm that holds the book."""
    rows = [
        RiskLimit(
            limit_id=name,
            measure=name,
            scope_type="firm",
            scope_id="firm",
            hard=1.0,
            unit=row.unit,
            rationale="a test",
        )
        for name, row in RISK_MEASURES.items()
    ]
    params = RiskParams(
        UNIVERSE, "main", "equities", "firm", "USD", Decimal(100_000), RiskLimits(rows), ScenarioParams(RETURNS),
        "ann", SHOCKS,
    )  # fmt: skip
    state = RiskState()
    state.ledger.set_rate("EUR", Decimal("1.10"), 1)
    for name, quantity, price, fee, mark, currency in (
        ("A", 300, 100, 5, 90, "USD"),
        ("B", -200, 50, 0, 60, "USD"),
        ("C", 100, 200, 0, 210, "EUR"),
    ):
        leg = Leg(0, Decimal(price), 1, currency, 1)
        state.ledger.fill("trend", name, quantity, Decimal(price), Decimal(fee), leg)
        state.ledger.mark(name, Decimal(mark), 2)
    state.day_start[FIRM], state.peaks[FIRM] = Decimal(1_000), Decimal(104_000)
    compliance = ComplianceParams(LimitTable(()), RightsTable({}, {}, {}), facts=facts_of(KNOWN))
    orders = (open_order("A", 100, 40, 90), open_order("B", 10, 0, 60))
    turnover = {"trend": Decimal(7_000), "other": Decimal(500)}
    beside = Beside(orders, turnover, compliance, (), 3)
    found = {FIRM: judged(state, params)[FIRM]}
    return {name: value for (_, name), value in measures_of(state, params, found, beside).items()}


@pytest.mark.parametrize("name", sorted(RISK_MEASURES))
def test_a_measure_is_what_it_is_by_hand(name, measured):
    assert measured[name] == pytest.approx(float(EXPECTED[name]), rel=1e-9)


def test_there_is_an_expected_value_of_every_measure_and_no_other():
    assert set(EXPECTED) == set(RISK_MEASURES) == set(MEASURES)
    assert len(EXPECTED) == 29
