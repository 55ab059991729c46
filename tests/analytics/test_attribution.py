"""P&L by where it comes from: whatever happens, the parts add up to what cash and holdings have become."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.attribution import Ledger, Leg, Parts, Rate

D = Decimal
SYMBOLS = {"AA": "USD", "BB": "EUR", "CC": "JPY"}
PRICE = st.decimals(D("0.01"), D(500), places=2)
STRATEGY = st.sampled_from(["trend", "pairs"])
EVENT = st.one_of(
    st.tuples(
        st.just("fill"),
        STRATEGY,
        st.sampled_from([*SYMBOLS]),
        st.integers(-5_000, 5_000),
        PRICE,
        st.decimals(0, 20, places=2),
    ),
    st.tuples(st.just("mark"), st.sampled_from([*SYMBOLS]), PRICE),
    st.tuples(st.just("rate"), st.sampled_from(["EUR", "JPY"]), st.decimals(D("0.002"), D(2), places=5)),
    st.tuples(
        st.just("carry"),
        STRATEGY,
        st.sampled_from(["USD", "EUR"]),
        st.decimals(-500, 500, places=2),
    ),
    st.tuples(
        st.just("act"),
        STRATEGY,
        st.sampled_from([*SYMBOLS]),
        st.integers(-5_000, 5_000),
        PRICE,
        st.decimals(-500, 500, places=2),
    ),
    st.tuples(st.just("split"), st.sampled_from([*SYMBOLS]), st.sampled_from([D(2), D("0.1"), D("1.5")])),
)


def apply(ledger, event, at):
    match event:
        case ("fill", strategy, symbol, quantity, price, fee):
            leg = Leg(0, price, 1, SYMBOLS[symbol], at)
            ledger.fill(strategy, symbol, quantity, price, fee, leg)
        case ("mark", symbol, price):
            ledger.mark(symbol, price, at)
        case ("rate", currency, rate):
            ledger.set_rate(currency, rate, at)
        case ("carry", strategy, currency, amount):
            ledger.carry(strategy, currency, amount)
        case ("act", strategy, symbol, quantity, price, paid):
            ledger.act(strategy, symbol, Leg(quantity, price, 1, SYMBOLS[symbol], at), paid, paid / 2)
        case ("split", symbol, ratio):
            ledger.split(symbol, ratio, None)


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENT, max_size=40))
def test_the_parts_add_up_to_the_change_of_nav_after_every_event(events):
    ledger = Ledger()

    for at, event in enumerate(events):
        apply(ledger, event, at)
        for strategy, parts in ledger.parts.items():
            assert abs(parts.total - ledger.earned(strategy)) < D("1e-8")


def test_a_round_trip_in_a_foreign_currency_is_told_apart():
    ledger = Ledger()
    ledger.set_rate("EUR", D("1.10"), 1)

    ledger.fill("trend", "BB", 100, D(50), D(2), Leg(0, D(50), 1, "EUR", 1))
    ledger.mark("BB", D(53), 2)
    ledger.set_rate("EUR", D("1.20"), 3)
    ledger.carry("trend", "EUR", D(10))
    ledger.fill("trend", "BB", -100, D(52), D(2), Leg(0, D(52), 1, "EUR", 4))

    assert ledger.parts["trend"] == Parts(
        price=D(300) * D("1.10") - D(100) * D("1.20"),
        carry=D(10) * D("1.20"),
        fees=-D(2) * D("1.10") - D(2) * D("1.20"),
        currency=D(298) * D("0.10"),
    )
    assert ledger.earned("trend") == D(206) * D("1.20") == ledger.parts["trend"].total
    assert ledger.rates["EUR"] == Rate(D("1.20"), 3)


def test_a_dividend_is_carry_and_the_fall_of_its_price_is_price():
    ledger = Ledger()
    ledger.set_rate("EUR", D("1.10"), 1)
    ledger.fill("trend", "BB", 100, D(50), D(0), Leg(0, D(50), 1, "EUR", 1))

    ledger.act("trend", "BB", Leg(100, D("49.5"), 1, "EUR", 2), D(50), D(50))

    assert ledger.parts["trend"] == Parts(price=D("-55.00"), carry=D("55.00"))


def test_a_spin_off_moves_value_from_parent_to_child_and_earns_nothing():
    ledger = Ledger()
    ledger.fill("trend", "AA", 100, D(60), D(0), Leg(0, D(60), 1, "USD", 1))

    ledger.act("trend", "AA", Leg(100, D(48), 1, "USD", 2), D(1200))
    ledger.act("trend", "CC", Leg(50, D(24), 1, "USD", 2), D(-1200))

    assert ledger.parts["trend"] == Parts()
    assert ledger.cash == {("trend", "USD"): D(-6000)}


@pytest.mark.parametrize(
    ("price", "paid", "earned"), [(None, D("20.00"), D(0)), (D(41), D("20.50"), D("151.50"))]
)
def test_a_split_pays_the_fraction_out_at_its_mark_and_the_rest_is_price(price, paid, earned):
    ledger = Ledger()
    ledger.fill("trend", "AA", 101, D(60), D(0), Leg(0, D(60), 1, "USD", 1))

    ledger.split("AA", D("1.5"), price)

    assert ledger.legs["AA"]["trend"] == Leg(151, price or D(40), 1, "USD", 1)
    assert ledger.cash == {("trend", "USD"): D(-6060) + paid}
    assert ledger.parts == {"trend": Parts(price=earned)}


def test_a_split_by_a_ratio_of_many_digits_leaves_whole_units_whole():
    ledger = Ledger()
    ledger.fill("trend", "AA", 3000, D(10), D(0), Leg(0, D(10), 1, "USD", 1))

    ledger.split("AA", D(1) / D(3), D(30))

    assert ledger.legs["AA"]["trend"] == Leg(1000, D(30), 1, "USD", 1)
    assert (ledger.cash, ledger.parts) == ({("trend", "USD"): D(-30_000)}, {"trend": Parts()})


def test_a_currency_without_a_rate_is_named_and_one_that_gets_one_moves_currency_alone():
    ledger = Ledger()
    ledger.fill("trend", "BB", 10, D(50), D(0), Leg(0, D(55), 1, "EUR", 1))

    assert ledger.unconverted() == ["EUR"]

    ledger.set_rate("EUR", D("1.5"), 2)
    assert ledger.unconverted() == []
    assert ledger.parts["trend"] == Parts(price=D(50), currency=D(25))


def test_a_rate_of_the_same_instant_as_the_last_takes_its_place():
    ledger = Ledger()
    ledger.set_rate("EUR", D(1), 5)
    ledger.carry("trend", "EUR", D(10))

    ledger.set_rate("EUR", D(2), 5)

    assert ledger.rates == {"EUR": Rate(D(2), 5)}
    assert ledger.parts == {"trend": Parts(carry=D(10), currency=D(10))}


@pytest.mark.parametrize(("currency", "rate", "at"), [("USD", D(1), 9), ("EUR", D(0), 9), ("EUR", D(1), 4)])
def test_a_rate_that_cannot_be_is_refused(currency, rate, at):
    ledger = Ledger()
    ledger.set_rate("EUR", D(1), 5)

    with pytest.raises(ValueError, match="not the base, above 0, and not older than the last"):
        ledger.set_rate(currency, rate, at)
