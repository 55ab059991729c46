"""Positions over corporate actions: each kind worked by hand, and accounts that add up whatever happens."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.positions import Child, Holding, PositionBook, adjust, reconcile, valuation
from tests.operators.action_cases import action

D = Decimal


def book_of(quantity, cost, mark, cash="10000"):
    """Return an account that bought (or sold short) A for `cost`, which stands at `mark`."""
    book = PositionBook("main", D(cash))
    book.holdings["trend", "A"] = Holding(quantity, D(cost))
    book.cash -= D(cost)
    book.marks["A"] = D(mark)
    return book


def state(book, symbol="A"):
    held = book.holdings["trend", symbol]
    return held.quantity, held.cost, held.realised, book.cash


def test_a_holder_receives_a_dividend_and_the_mark_falls_by_it():
    book = book_of(100, 4000, 50)

    changed = adjust(book, action("cash_dividend", amount="0.47"))

    assert changed == [("trend", "A")]
    assert state(book) == (100, D(4000), D(47), D(6047))
    assert book.marks["A"] == D("49.53")
    assert valuation(book).equity == D(11000)


def test_who_is_short_pays_the_dividend():
    book = book_of(-100, -4000, 50)

    adjust(book, action("special_dividend", amount="0.47"))

    assert state(book) == (-100, D(-4000), D(-47), D(13953))
    assert (reconcile(book), valuation(book).equity) == (D(0), D(9000))


def test_who_has_sold_before_the_ex_date_receives_nothing():
    book = book_of(0, 0, 50)

    assert adjust(book, action("cash_dividend", amount="0.47")) == []
    assert state(book) == (0, D(0), D(0), D(10000))


@pytest.mark.parametrize(
    ("ratio", "quantity", "cost", "realised", "cash", "mark"),
    [("2", 206, "4120", "0", "5880", "25"), ("0.1", 10, "4000", "30", "6030", "500")],
    ids=["2 for 1", "1 for 10"],
)
def test_a_split_changes_no_value_and_pays_its_fraction_at_the_mark(
    ratio, quantity, cost, realised, cash, mark
):
    book = book_of(103, 4120, 50)

    adjust(book, action("split", ratio=ratio))

    assert state(book) == (quantity, D(cost), D(realised), D(cash))
    assert (book.marks["A"], valuation(book).equity, reconcile(book)) == (D(mark), D(11030), D(0))


def test_a_stock_dividend_spreads_the_cost():
    book = book_of(100, 4200, 50)

    adjust(book, action("stock_dividend", ratio="1.05"))

    assert state(book) == (105, D(4200), D(0), D(5800))
    assert book.holdings["trend", "A"].average_cost == 40


def test_a_spin_off_makes_a_child_lot_with_the_cost_by_relative_value():
    book = book_of(101, 5050, 60)

    changed = adjust(book, action("spin_off", amount="12", ratio="0.5", into="C"), Child("C"))

    # 12 of 60 is a fifth: 1010 of the cost go to 50.5 shares of C worth 24; the half is paid out at 12.00, cost 10.
    assert changed == [("trend", "A"), ("trend", "C")]
    assert state(book) == (101, D(4040), D(0), D("4962"))
    assert state(book, "C") == (50, D(1000), D(2), D("4962"))
    assert book.marks == {"A": D(48), "C": D(24)}
    assert (valuation(book).equity, reconcile(book)) == (D(11010), D(0))


def test_fractions_of_a_share_have_their_part_of_a_dividend_and_of_a_spin_off():
    book = book_of(10_100, 5050, 60)
    book.holdings["trend", "A"].multiplier = D("0.01")

    adjust(book, action("cash_dividend", amount="0.5"))
    adjust(book, action("spin_off", amount="11.9", ratio="0.5", into="C"), Child("C", D("0.001")))

    # 101 shares in hundredths: 50.50 in cash, then 50.5 of C in thousandths; 11.9 of 59.5 is a fifth of the cost.
    assert state(book) == (10_100, D(4040), D("50.50"), D("5000.50"))
    assert state(book, "C") == (50_500, D(1010), D(0), D("5000.50"))
    assert (valuation(book).equity, reconcile(book)) == (D(11010), D(0))


def test_a_spin_off_of_what_the_run_does_not_know_is_sold_at_its_worth():
    book = book_of(100, 5000, 60)

    adjust(book, action("spin_off", amount="12", ratio="0.5", into="C"))

    assert state(book) == (100, D(4000), D(200), D(6200))
    assert (valuation(book).equity, reconcile(book)) == (D(11000), D(0))


def test_rights_are_sold_at_their_worth_with_their_share_of_the_cost():
    book = book_of(100, 5000, 50)

    adjust(book, action("rights", amount="2"))

    assert state(book) == (100, D(4800), D(0), D(5200))
    assert (book.marks["A"], valuation(book).equity, reconcile(book)) == (D(48), D(10000), D(0))


def test_a_merger_for_cash_closes_the_position_at_its_price():
    book = book_of(100, 4000, 54)

    adjust(book, action("merger", amount="55"))

    assert state(book) == (0, D(0), D(1500), D(11500))
    assert reconcile(book) == 0


def test_a_merger_for_cash_and_stock_splits_the_cost_by_value():
    book = book_of(100, 4000, 54)

    changed = adjust(
        book, action("merger", amount="11", ratio="0.755", into="B"), Child("B", mark=D("58.278146"))
    )

    # 0.755 of B is 44.00 (to the sixth place), so a fifth of the cost, 800, goes with the cash of 1100.
    assert changed == [("trend", "A"), ("trend", "B")]
    assert state(book)[:2] == (0, D(0))
    assert round(book.holdings["trend", "A"].realised, 3) == D(300)
    half = D("0.5") * D("58.27814604")
    assert book.holdings["trend", "B"].quantity == 75
    assert round(book.cash, 2) == 6000 + 1100 + round(half, 2)
    assert reconcile(book) == 0


def test_a_merger_into_what_is_held_short_closes_as_much_of_it():
    book = book_of(100, 4000, 50)
    book.holdings["trend", "B"] = Holding(-30, D(-3000))
    book.cash += 3000
    book.marks["B"] = D(100)

    adjust(book, action("merger", ratio="0.5", into="B"), Child("B", mark=D(100)))

    # 50 B for 4000: 30 of them (2400) close the short of 3000, which earns 600; 20 stay for 1600.
    assert state(book, "B") == (20, D(1600), D(600), D(9000))
    assert (valuation(book).equity, reconcile(book)) == (D(11000), D(0))


@pytest.mark.parametrize(
    ("terms", "realised"),
    [({}, 1000), ({"amount": "12"}, -2800), ({"ratio": "0"}, -4000)],
    ids=["at the last mark", "at a price", "worth nothing"],
)
def test_a_delisting_closes_the_position(terms, realised):
    book = book_of(100, 4000, 50)

    adjust(book, action("delisting", **terms))

    assert state(book) == (0, D(0), D(realised), D(10000 + realised))
    assert reconcile(book) == 0


def test_a_rename_changes_nothing():
    book = book_of(100, 4000, 50)

    assert adjust(book, action("rename", into="NEW")) == []
    assert state(book) == (100, D(4000), D(0), D(6000))


AMOUNT = st.integers(1, 4_000).map(lambda cents: D(cents) / 100)
RATIO = st.sampled_from([D(2), D(3), D("0.1"), D("1.05"), D("0.333333333333"), D("7.5")])
KINDS = (
    "cash_dividend",
    "special_dividend",
    "split",
    "stock_dividend",
    "spin_off",
    "rights",
    "merger",
    "delisting",
)


@given(
    st.lists(st.tuples(st.sampled_from(KINDS), AMOUNT, RATIO), max_size=6),
    st.integers(-5_000, 5_000),
    st.integers(4_100, 100_000),
)
def test_cash_and_positions_reconcile_to_the_last_digit_over_any_actions(actions, quantity, mark_cents):
    mark = D(mark_cents) / 100
    book = book_of(quantity, quantity * 37, mark)

    for kind, amount, ratio in actions:
        into = "C" if kind in {"spin_off", "merger"} else ""
        adjust(
            book, action(kind, amount=str(amount), ratio=str(ratio), into=into), Child("C") if into else None
        )
        assert reconcile(book) == 0


@given(st.integers(-5_000, 5_000), st.integers(4_100, 100_000), AMOUNT, RATIO)
def test_at_the_marks_of_before_equity_changes_by_exactly_the_dividend_and_by_no_split(
    quantity, mark_cents, amount, ratio
):
    mark = D(mark_cents) / 100
    paid, split = (book_of(quantity, quantity * 37, mark) for _ in range(2))
    before = valuation(paid).equity

    adjust(paid, action("cash_dividend", amount=str(amount)))
    adjust(split, action("split", ratio=str(ratio)))

    assert valuation(paid).equity == before
    paid.marks["A"] = mark
    assert valuation(paid).equity - before == quantity * amount
    assert abs(valuation(split).equity - before) <= D("0.005") + abs(quantity) * ratio * D("1e-8")
