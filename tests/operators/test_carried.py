"""A desk that holds over a weekend is charged what a plain count says, and its P&L is the sum of its legs."""

import pickle
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from analytics.carry import HOUR, BorrowRate, CarryRates, CashRate, FundingRate
from domain.market import END, SECOND, Ordered, select
from domain.orders import Side
from operators.decisions import Decisions
from operators.positions import reconcile, valuation
from tests.operators import decision_case
from tests.operators.decision_case import NAMES, OPEN

ROWS, STARTING = 1_200, 10_000_000
FRIDAY_OPEN = OPEN + 24 * HOUR
CLOSE = FRIDAY_OPEN + 13 * HOUR // 2
MONDAY = FRIDAY_OPEN + 71 * HOUR + 60 * SECOND
"""A minute after the open in New York, an hour earlier than on Friday: the clocks have been put forward."""
CREDIT, DEBIT, BORROW, HARD, FUNDING = "0.0480", "0.0610", "0.0100", "0.25", "0.0002"
RATES = CarryRates(
    cash=(CashRate("USD", 0, Decimal(CREDIT), Decimal(DEBIT)),),
    borrow=(BorrowRate("*", 0, Decimal(BORROW)), BorrowRate("B", 0, Decimal(HARD))),
    funding=tuple(FundingRate(name, 0, Decimal(FUNDING), 1) for name in NAMES),
)


def run(rates, batch_rows=64, pickled=False):
    """Return state and records of a desk that trades on Friday morning and hears nothing more until Monday."""
    stage = Decisions(replace(decision_case.desk_params(), carry=rates, snapshot_nanoseconds=HOUR))
    state, answers = stage.fresh(), []
    items = decision_case.items(ROWS, batch_rows, None, FRIDAY_OPEN)
    last = items.pop()
    none = Ordered(END, select(last.ticks, slice(0, 0)), last.scores[:0])
    for item in (*items, last._replace(watermark=MONDAY), none):
        answers += stage.step(state, item)
        state = pickle.loads(pickle.dumps(state)) if pickled else state
    return state, decision_case.streams(answers)


@pytest.fixture(scope="module")
def carried():
    return run(RATES)


def held_overnight(told):
    """Return quantity and mark of each (strategy, instrument) at Friday's close, as recorded."""
    rows = [row for row in told["positions"] if row.cause == "end of session"]
    assert {row.known_at for row in rows} == {CLOSE}
    return {(row.strategy, row.symbol): (row.quantity, Fraction(row.mark)) for row in rows}


def plain(told):
    """Return the legs of carry by owner, counted hour by hour from executions, holdings and the rates alone."""
    held, cash = (
        held_overnight(told),
        {"": Fraction(STARTING), "trend": Fraction(0), "reversion": Fraction(0)},
    )
    for fill in told["oms.executions"]:
        if fill.last_qty:
            sign = 1 if fill.side is Side.BUY else -1
            cash[fill.strategy] -= sign * fill.last_qty * Fraction(fill.last_px) + Fraction(fill.commission)
    legs = {
        owner: {"financing": Fraction(0), "borrow": Fraction(0), "funding": Fraction(0)} for owner in cash
    }
    short = {name: -sum(held.get((owner, name), (0, 0))[0] for owner in cash) for name in NAMES}
    assert any(quantity > 0 for quantity in short.values())
    for at in range(FRIDAY_OPEN - FRIDAY_OPEN % HOUR + HOUR, MONDAY, HOUR):
        if at == CLOSE:
            rate = Fraction(CREDIT if sum(cash.values()) > 0 else DEBIT)
            for owner, balance in list(cash.items()):
                legs[owner]["financing"] += 3 * balance * rate / 360
            for (owner, name), (quantity, mark) in held.items():
                if short[name] > 0 and quantity < 0:
                    gross = sum(-q for (_, other), (q, _) in held.items() if other == name and q < 0)
                    fee = short[name] * mark * Fraction(HARD if name == "B" else BORROW) * 3 / 360
                    legs[owner]["borrow"] -= fee * -quantity / gross
        for (owner, _), (quantity, mark) in held.items():
            paid = quantity * mark * Fraction(FUNDING)
            legs[owner]["funding"] -= paid
            cash[owner] -= paid
    return legs


def last_rows(told):
    last = max(row.known_at for row in told["risk.exposures"])
    return {row.scope: row for row in told["risk.exposures"] if row.known_at == last}


def test_each_leg_of_carry_is_what_a_plain_count_says(carried):
    _, told = carried
    rows, expected = last_rows(told), plain(told)

    for owner in ("trend", "reversion"):
        for leg, amount in expected[owner].items():
            assert abs(Fraction(getattr(rows[f"strategy:{owner}"], f"{leg}_pnl")) - amount) < Fraction(
                1, 10**5
            )
    for leg in ("financing", "borrow", "funding"):
        whole = sum((legs[leg] for legs in expected.values()), Fraction(0))
        assert abs(Fraction(getattr(rows["account:main"], f"{leg}_pnl")) - whole) < Fraction(1, 10**5)
        assert whole != 0


def test_the_legs_add_up_to_the_pnl_exactly_and_the_books_agree(carried):
    state, told = carried
    equity = {row.known_at: row.equity for row in told["risk.snapshots"]}

    for row in told["risk.exposures"]:
        legs = row.dividend_pnl + row.financing_pnl + row.borrow_pnl + row.funding_pnl
        assert row.price_pnl + legs + row.fees + row.currency_pnl == row.pnl
        assert legs == row.carry_pnl
        if row.scope == "account:main":
            assert row.nav == equity[row.known_at] == STARTING + row.pnl
    assert reconcile(state.positions) == 0
    assert valuation(state.positions).equity == last_rows(told)["account:main"].nav


def test_interest_of_the_starting_cash_is_the_account_s_and_no_strategy_s(carried):
    _, told = carried
    rows = last_rows(told)
    own = [row for scope, row in rows.items() if scope.startswith("strategy:")]

    rest = rows["account:main"].pnl - sum(row.pnl for row in own)

    assert {row.scope for row in own} == {"strategy:trend", "strategy:reversion"}
    assert rest == Decimal(STARTING) * Decimal(CREDIT) * 3 / 360


@pytest.mark.parametrize(("batch_rows", "pickled"), [(7, False), (1_500, False), (64, True)])
def test_what_is_carried_depends_on_no_batch_and_no_restart(carried, batch_rows, pickled):
    _, told = run(RATES, batch_rows, pickled)

    assert told["risk.exposures"] == carried[1]["risk.exposures"]


def without_carry(state):
    """Return a state as a version stored it that knew of no carry but dividends."""
    del state.positions.__dict__["carried"], state.__dict__["funding_at"]
    for parts in state.risk.ledger.parts.values():
        for leg in ("financing", "borrow", "funding"):
            del parts.__dict__[leg]
    return state


def test_a_state_of_before_goes_on_and_is_charged_from_then_on(carried):
    stage = Decisions(replace(decision_case.desk_params(), carry=RATES, snapshot_nanoseconds=HOUR))
    state, answers = stage.fresh(), []
    *items, last = decision_case.items(ROWS, 64, None, FRIDAY_OPEN)
    none = Ordered(END, select(last.ticks, slice(0, 0)), last.scores[:0])

    for number, item in enumerate((*items, last._replace(watermark=MONDAY), none)):
        answers += stage.step(state, item)
        if number == len(items) // 2:
            state = without_carry(state)

    assert decision_case.streams(answers)["risk.exposures"] == carried[1]["risk.exposures"]


def test_without_rates_nothing_is_carried():
    _, told = run(CarryRates())

    assert {row.carry_pnl for row in told["risk.exposures"]} == {0}
