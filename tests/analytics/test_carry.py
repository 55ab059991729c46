"""Carry: interest, borrow fees and funding are what a plain day-by-day count says, and owners add up to the account."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.carry import (
    ANY,
    HOUR,
    SMALLEST,
    BorrowRate,
    CarryPart,
    CarryRates,
    CashRate,
    FundingRate,
    Holding,
    Posting,
    borrow_fees,
    funding,
    interest,
)
from domain.market import END

D = Decimal
FRIDAY = (date(2024, 3, 8) - date(1970, 1, 1)).days
MONDAY = FRIDAY + 3
RATES = CarryRates(
    cash=(
        CashRate("USD", 0, D("0.05"), D("0.07")),
        CashRate("USD", FRIDAY + 2, D("0.04"), D("0.06")),
        CashRate("GBP", 0, D("0.03"), D("0.08")),
    ),
    borrow=(BorrowRate(ANY, 0, D("0.0030")), BorrowRate("HARD", FRIDAY, D("0.36"))),
    funding=(FundingRate("PERP", 0, D("0.0001"), 8), FundingRate("PERP", 24 * HOUR, D("-0.0002"), 4)),
)
MONEY = st.decimals(D(-1_000_000), D(1_000_000), places=2)
OWNERS = st.sampled_from(["", "trend", "pairs"])


def test_a_weekend_is_three_nights_each_at_the_rate_of_its_day():
    made = interest({("", "USD"): D(360_000)}, RATES, FRIDAY, MONDAY)

    assert made == [Posting("", "USD", D("50") + D("50") + D("40"), CarryPart.FINANCING)]


@pytest.mark.parametrize(("currency", "year"), [("USD", 360), ("EUR", 360), ("GBP", 365), ("JPY", 365)])
def test_a_year_has_the_days_of_its_money_market(currency, year):
    rates = CarryRates(cash=(CashRate(currency, 0, D("0.01"), D("0.01")),))

    made = interest({("a", currency): D(100 * year)}, rates, FRIDAY, FRIDAY + 1)

    assert made == [Posting("a", currency, D(1), CarryPart.FINANCING)]
    assert CarryRates(days_in_year={currency: 366}).year(currency) == 366


def test_what_one_strategy_borrows_of_a_rich_account_costs_what_the_account_would_earn():
    made = interest({("", "USD"): D(1_000_000), ("trend", "USD"): D(-360_000)}, RATES, FRIDAY, FRIDAY + 1)

    assert [posting.amount for posting in made] == [D("138.88888889"), D("-50")]


def oracle(balances, first, last):
    """Count night by night in fractions, from the calendar."""
    owed = dict.fromkeys(balances, Fraction(0))
    for number in range(first, last):
        day = date(1970, 1, 1) + timedelta(days=number)
        for owner, currency in balances:
            whole = sum(amount for (_, other), amount in balances.items() if other == currency)
            if currency == "USD":
                credit, debit, year = (
                    ("0.05", "0.07", 360) if day < date(2024, 3, 10) else ("0.04", "0.06", 360)
                )
            elif currency == "GBP":
                credit, debit, year = "0.03", "0.08", 365
            else:
                continue
            rate = Fraction(credit if whole > 0 else debit)
            owed[owner, currency] += Fraction(balances[owner, currency]) * rate / year
    return owed


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.tuples(OWNERS, st.sampled_from(["USD", "GBP", "CHF"])), MONEY, max_size=6),
    st.integers(0, 5),
)
def test_interest_is_what_a_plain_count_in_fractions_says(balances, nights):
    made = {
        (each.owner, each.currency): each.amount
        for each in interest(balances, RATES, FRIDAY, FRIDAY + nights)
    }

    for key, owed in oracle(balances, FRIDAY, FRIDAY + nights).items():
        assert abs(Fraction(made.get(key, D(0))) - owed) <= Fraction(SMALLEST) / 2


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.tuples(OWNERS, st.sampled_from(["EASY", "HARD"])), st.integers(-10_000, 10_000), max_size=6
    ),
    st.integers(1, 4),
)
def test_borrow_fees_of_strategies_add_up_to_the_fee_of_what_the_account_is_short(held, nights):
    price = {"EASY": D("12.34"), "HARD": D("250.5")}
    holdings = [
        Holding(owner, name, "USD", quantity, price[name]) for (owner, name), quantity in held.items()
    ]

    made = borrow_fees(holdings, RATES, FRIDAY, FRIDAY + nights)

    for name, rate in (("EASY", "0.0030"), ("HARD", "0.36")):
        short = max(0, -sum(quantity for (_, other), quantity in held.items() if other == name))
        owed = Fraction(short) * Fraction(price[name]) * Fraction(rate) * nights / 360
        alone = borrow_fees(
            [each for each in holdings if each.instrument == name], RATES, FRIDAY, FRIDAY + nights
        )
        assert (
            abs(sum((Fraction(each.amount) for each in alone), Fraction(0)) + owed) <= Fraction(SMALLEST) / 2
        )
        assert {each.owner for each in alone} <= {
            owner for (owner, other), quantity in held.items() if quantity < 0
        }
        assert all(each in made for each in alone)


def test_funding_passes_from_long_to_short_at_its_hours_by_the_rate_of_then():
    holdings = [Holding("a", "PERP", "USD", 3, D(100)), Holding("b", "PERP", "USD", -5, D(100))]
    holdings.append(Holding("a", "OTHER", "USD", 9, D(100)))

    first, between, later = (funding(holdings, RATES, hours * HOUR) for hours in (16, 4, 28))

    assert [(each.owner, each.amount) for each in first] == [("a", D("-0.03")), ("b", D("0.05"))]
    assert between == []
    assert [(each.owner, each.amount) for each in later] == [("a", D("0.06")), ("b", D("-0.1"))]


def test_the_next_funding_is_after_the_instant_and_the_beginning_of_its_row():
    assert RATES.next_funding(0) == 8 * HOUR
    assert RATES.next_funding(8 * HOUR - 1) == 8 * HOUR
    assert RATES.next_funding(24 * HOUR) == 28 * HOUR
    assert CarryRates().next_funding(0) == END
