"""Positions: average cost, realised and unrealised P&L, splits, and an account that adds up to the last digit."""

import pickle
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.orders import ExecType, Execution, OrdStatus, Side
from operators.positions import (
    SMALLEST,
    Holding,
    PositionBook,
    Valuation,
    apply_execution,
    apply_split,
    holding,
    reconcile,
    set_price,
    start_day,
    valuation,
)

CASH = Decimal(1_000_000)
MULTIPLIERS = {"AAA": 1, "BBB": 50}
STEP = Fraction(1, 10**8)


def fill(quantity, price, symbol="AAA", strategy="trend", commission="0", exec_type=ExecType.TRADE):
    """Return the report of a fill; a sale has a quantity below 0."""
    return Execution(
        event_at=1,
        known_at=1,
        received_at=1,
        source="venue",
        sequence=1,
        record_id="e",
        exec_id="e",
        order_id="o",
        cl_ord_id="c",
        account="main",
        strategy=strategy,
        symbol=symbol,
        side=Side.BUY if quantity > 0 else Side.SELL,
        exec_type=exec_type,
        ord_status=OrdStatus.PARTIALLY_FILLED,
        order_qty=10**6,
        leaves_qty=0,
        cum_qty=abs(quantity),
        avg_px=Decimal(price),
        transact_time=1,
        last_qty=abs(quantity),
        last_px=Decimal(price),
        commission=Decimal(commission),
    )


def booked(*fills):
    book = PositionBook("main", CASH)
    for execution in fills:
        apply_execution(book, execution, MULTIPLIERS[execution.symbol])
    return book


prices = st.integers(1, 50_000).map(lambda ticks: Decimal(ticks) / 100)
fills = st.builds(
    fill,
    st.integers(-500, 500).filter(bool),
    prices,
    st.sampled_from(["AAA", "BBB"]),
    st.sampled_from(["trend", "reversion"]),
    st.integers(0, 300).map(lambda cents: str(Decimal(cents) / 100)),
)


def naive(executions, strategy, symbol):
    """Return (quantity, average cost, realised) of a holding from its list of fills, in fractions."""
    quantity, average, realised = 0, Fraction(0), Fraction(0)
    for execution in executions:
        if (execution.strategy, execution.symbol) != (strategy, symbol):
            continue
        signed, price = execution.side.sign * execution.last_qty, Fraction(execution.last_px)
        if quantity * signed >= 0:
            average = (average * abs(quantity) + price * abs(signed)) / (abs(quantity) + abs(signed))
        else:
            closed = min(abs(signed), abs(quantity))
            realised += (price - average) * closed * (1 if quantity > 0 else -1) * MULTIPLIERS[symbol]
            average = price if abs(signed) > abs(quantity) else average
        quantity += signed
        average = average if quantity else Fraction(0)
    return quantity, average, realised


@given(st.lists(fills, max_size=30))
def test_every_holding_is_what_its_list_of_fills_says(executions):
    book = booked(*executions)

    for strategy in ("trend", "reversion"):
        for symbol in ("AAA", "BBB"):
            held = holding(book, strategy, symbol)
            quantity, average, realised = naive(executions, strategy, symbol)
            assert held.quantity == quantity
            assert abs(Fraction(held.average_cost) - average) <= STEP * len(executions)
            assert abs(Fraction(held.realised) - realised) <= STEP * len(executions)
            assert held.fees == sum(
                (e.commission for e in executions if (e.strategy, e.symbol) == (strategy, symbol)), Decimal(0)
            )


@given(st.lists(st.tuples(fills, st.sampled_from(["AAA", "BBB"]), prices), max_size=30))
def test_cash_and_positions_reconcile_exactly_after_every_fill_and_mark(steps):
    book, executions, marks = PositionBook("main", CASH), [], {}

    for execution, symbol, price in steps:
        apply_execution(book, execution, MULTIPLIERS[execution.symbol])
        set_price(book, symbol, price)
        executions.append(execution)
        marks.setdefault(execution.symbol, execution.last_px)
        marks[symbol] = price

        paid = sum(
            Fraction(e.side.sign * e.last_qty * MULTIPLIERS[e.symbol]) * Fraction(e.last_px)
            + Fraction(e.commission)
            for e in executions
        )
        quantities = defaultdict(int)
        for e in executions:
            quantities[e.symbol] += e.side.sign * e.last_qty * MULTIPLIERS[e.symbol]
        worth = sum(quantity * Fraction(marks[name]) for name, quantity in quantities.items())
        assert Fraction(valuation(book).equity) == Fraction(CASH) - paid + worth
        assert reconcile(book) == 0


@given(
    st.lists(
        st.tuples(fills, st.sampled_from(["2", "3", "0.5", "0.1", "1.5", str(Decimal(1) / 3)])), max_size=20
    )
)
def test_splits_between_fills_leave_the_account_reconciled(steps):
    book = PositionBook("main", CASH)

    for execution, ratio in steps:
        apply_execution(book, execution, MULTIPLIERS[execution.symbol])
        apply_split(book, execution.symbol, Decimal(ratio))

        assert reconcile(book) == 0
        assert all((held.quantity == 0) <= (held.cost == 0) for held in book.holdings.values())


def test_a_fill_that_adds_moves_the_average_and_one_that_takes_off_realises_against_it():
    book = booked(fill(100, "10"), fill(100, "12"), fill(-50, "14", commission="0.15"))

    held = holding(book, "trend", "AAA")

    assert held == Holding(150, Decimal(1650), Decimal(150), Decimal("0.15"), 1)
    assert held.average_cost == 11
    assert held.unrealised(Decimal(13)) == 300
    assert book.cash == CASH - 1000 - 1200 + 700 - Decimal("0.15")


@pytest.mark.parametrize(
    ("sold", "quantity", "average", "realised"),
    [(99, 1, 10, 198), (100, 0, 0, 200), (101, -1, 12, 200), (150, -50, 12, 200)],
)
def test_a_fill_that_crosses_zero_closes_all_and_opens_the_rest_at_its_price(
    sold, quantity, average, realised
):
    held = holding(booked(fill(100, "10"), fill(-sold, "12")), "trend", "AAA")

    assert (held.quantity, held.average_cost, held.realised) == (quantity, average, realised)


def test_a_short_that_is_bought_back_lower_has_earned():
    held = holding(booked(fill(-100, "10", "BBB"), fill(40, "9", "BBB")), "trend", "BBB")

    assert (held.quantity, held.average_cost, held.realised) == (-60, Decimal(10), Decimal(40 * 50))


def test_strategies_hold_the_same_instrument_apart():
    book = booked(fill(100, "10"), fill(-100, "12", strategy="reversion"))

    held = {name: holding(book, name, "AAA") for name in ("trend", "reversion", "other")}

    assert {name: (each.quantity, each.realised) for name, each in held.items()} == {
        "trend": (100, Decimal(0)),
        "reversion": (-100, Decimal(0)),
        "other": (0, Decimal(0)),
    }
    assert (valuation(book).net, valuation(book).gross) == (Decimal(0), Decimal(2000))


def test_asking_for_a_holding_makes_none():
    book = booked()

    holding(book, "trend", "AAA").quantity = 5

    assert book == PositionBook("main", CASH)


@pytest.mark.parametrize("exec_type", [kind for kind in ExecType if kind is not ExecType.TRADE])
def test_a_report_that_fills_nothing_changes_nothing(exec_type):
    book = booked()

    answer = apply_execution(book, fill(100, "10", exec_type=exec_type))

    assert (answer, book) == (None, booked())


def test_a_report_of_another_account_is_refused():
    with pytest.raises(ValueError, match="a book of account other takes no reports of account main"):
        apply_execution(PositionBook("other", CASH), fill(100, "10"))


@pytest.mark.parametrize(
    ("quantity", "ratio", "whole", "paid"),
    [
        (101, "2", 202, "0"),
        (101, "1.5", 151, "3.33"),
        (-101, "1.5", -151, "-3.33"),
        (300, str(Decimal(1) / 3), 100, "0"),
        (301, str(Decimal(1) / 3), 100, "10.00"),
        (3, "0.25", 0, "15.00"),
    ],
)
def test_a_split_divides_the_cost_and_pays_fractions_at_the_mark(quantity, ratio, whole, paid):
    book = booked(fill(quantity, "8"))
    set_price(
        book, "AAA", Decimal(10) if Decimal(ratio) > 1 else Decimal(5) if ratio == "0.25" else Decimal(10)
    )
    before = valuation(book).equity

    changed = apply_split(book, "AAA", Decimal(ratio))

    held = holding(book, "trend", "AAA")
    assert (changed, held.quantity) == (["trend"], whole)
    assert book.cash == CASH - 8 * quantity + Decimal(paid)
    assert abs(held.average_cost - (8 / Decimal(ratio) if whole else 0)) < Decimal("1e-6")
    assert abs(valuation(book).equity - before) < Decimal("0.01")
    assert reconcile(book) == 0


def test_a_split_of_one_instrument_leaves_the_others_and_the_flat_alone():
    book = booked(
        fill(10, "8"), fill(10, "8", "BBB"), fill(5, "8", strategy="flat"), fill(-5, "8", strategy="flat")
    )

    changed = apply_split(book, "AAA", Decimal(2))

    assert changed == ["trend"]
    assert holding(book, "trend", "BBB").quantity == 10
    assert book.marks == {"AAA": 4, "BBB": 8}


@pytest.mark.parametrize("ratio", ["0", "-2"])
def test_a_split_ratio_that_is_none_is_refused(ratio):
    with pytest.raises(ValueError, match=f"a split ratio is above 0; {ratio} was given for AAA"):
        apply_split(booked(), "AAA", Decimal(ratio))


def test_the_valuation_of_an_account_is_its_cash_and_its_marked_holdings():
    book = booked(fill(100, "10", commission="1"), fill(-2, "20", "BBB"))
    set_price(book, "AAA", Decimal(13))

    value = valuation(book)

    cash = CASH - 1000 - 1 + 2000
    expected = map(Decimal, (cash, -700, cash - 700, 3300, -700, 299, 0))
    assert value == Valuation(*expected)


def test_drawdown_is_measured_from_the_highest_equity_and_the_day_from_its_start():
    book = booked(fill(1000, "100"))

    walked = []
    for price in (100, 200, 150, 90):
        set_price(book, "AAA", Decimal(price))
        value = valuation(book)
        walked.append((value.day_pnl, value.drawdown))
    start_day(book)
    set_price(book, "AAA", Decimal(95))

    assert walked[:2] == [(Decimal(0), Decimal(0)), (Decimal(100_000), Decimal(0))]
    assert walked[2] == (Decimal(50_000), 1 - Decimal(1_050_000) / 1_100_000)
    assert walked[3] == (Decimal(-10_000), 1 - Decimal(990_000) / 1_100_000)
    assert valuation(book).day_pnl == 5000
    assert valuation(book).drawdown == 1 - Decimal(995_000) / 1_100_000


@given(st.lists(fills, min_size=1, max_size=10), st.data())
def test_a_book_cut_anywhere_and_resumed_from_its_pickle_goes_on_the_same(executions, data):
    cut = data.draw(st.integers(0, len(executions)))

    book = pickle.loads(pickle.dumps(booked(*executions[:cut])))
    for execution in executions[cut:]:
        apply_execution(book, execution, MULTIPLIERS[execution.symbol])

    assert book == booked(*executions)


def test_averages_that_do_not_end_as_decimals_do_not_wear_the_account_down():
    book = PositionBook("main", CASH)
    for first, second in pairwise([3, 7, 11, 13, 17] * 40):
        apply_execution(book, fill(first, "33.33"))
        apply_execution(book, fill(second, "10.01"))
        apply_execution(book, fill(-(first + second) // 3, "20.02"))

    difference = reconcile(book)

    assert difference == 0
    assert all(held.cost == held.cost.quantize(SMALLEST) for held in book.holdings.values())
