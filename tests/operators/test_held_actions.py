"""The whole desk holds a position over each kind of action, and book, compliance and cash agree behind it."""

from decimal import Decimal

import pytest

from domain.corporate_actions import ActionKind
from domain.market import SECOND
from operators.decisions import Decisions
from operators.positions import reconcile, valuation
from tests.operators import decision_case
from tests.operators.action_cases import one_of_each

ROWS, AT = 6_000, decision_case.OPEN + 700 * SECOND
ACTIONS = one_of_each("B", "C", AT)
D = Decimal


def run(action=None):
    """Return the records of a run and the book after it."""
    stage = Decisions(decision_case.desk_params())
    book, answers = stage.fresh(), []
    for number, item in enumerate(decision_case.items(ROWS, 64, None)):
        told = (action,) if action is not None and not number else ()
        answers += stage.step(book, item._replace(actions=told))
    return decision_case.streams(answers), book


@pytest.fixture(scope="module")
def held():
    """Return quantity, cost and realised P&L of B by strategy at the instant of the action, without one."""
    records, _ = run()
    last = {p.strategy: p for p in records["positions"] if p.symbol == "B" and p.known_at <= AT}
    found = {
        name: (p.quantity, p.average_cost * p.quantity, p.realised, p.mark)
        for name, p in last.items()
        if p.quantity
    }
    assert found
    return found


def by_hand(kind, quantity, cost, realised):
    """Return what is held of B behind an action, but for parts of a cent, None where the mark decides."""
    match kind:
        case "cash_dividend":
            return quantity, cost, realised + quantity * D("0.5")
        case "special_dividend":
            return quantity, cost, realised + quantity * 4
        case "split":
            return 2 * quantity, cost, realised
        case "stock_dividend":
            return int(quantity * D("1.25")), None, None
        case "spin_off" | "rights":
            return quantity, None, None
        case _:
            return 0, D(0), None


@pytest.mark.parametrize("kind", sorted(set(ACTIONS) - {"rename"}))
def test_a_position_is_carried_over_each_kind_of_action(held, kind):
    records, book = run(ACTIONS[kind])

    after = of_action(records, "B")
    assert set(after) == set(held)
    for name, (quantity, cost, realised, _) in held.items():
        found = (after[name].quantity, after[name].average_cost * after[name].quantity, after[name].realised)
        for value, expected in zip(found, by_hand(kind, quantity, cost, realised), strict=True):
            assert expected is None or abs(value - expected) < D("0.00001")
    compliance = {(leaf.strategy, leaf.symbol): q for leaf, q in book.compliance.positions.items() if q}
    assert compliance == {key: one.quantity for key, one in book.positions.holdings.items() if one.quantity}
    assert reconcile(book.positions) == 0


def of_action(records, symbol):
    """Return the position records that the action made, by strategy."""
    mine = [p for p in records["positions"] if p.symbol == symbol and p.known_at == AT]
    return {p.strategy: p for p in mine if "execution" not in p.cause}


def test_a_spin_off_gives_child_lots_with_the_cost_that_left_their_parents(held):
    records, _ = run(ACTIONS["spin_off"])
    bare, _ = run()

    parents, children = of_action(records, "B"), of_action(records, "C")
    before = {p.strategy: p for p in bare["positions"] if p.symbol == "C" and p.known_at <= AT}
    assert set(children) == set(held)
    for name, (quantity, cost, _, _) in held.items():
        left = cost - parents[name].average_cost * parents[name].quantity
        assert abs(left / cost - 8 / (parents[name].mark + 8)) < D("0.00001")
        had = before[name].quantity if name in before else 0
        assert children[name].quantity - had == int(quantity * D("0.5"))


@pytest.mark.parametrize("kind", sorted(ACTIONS))
def test_what_was_earned_by_part_comes_to_what_the_book_has_earned_and_a_dividend_is_carry(held, kind):
    _, book = run(ACTIONS[kind])

    ledger = book.risk.ledger
    whole = sum((parts.total for parts in ledger.parts.values()), D(0))
    assert abs(whole - (valuation(book.positions).equity - book.positions.starting_cash)) < D("0.01")
    carried = {name: parts.carry for name, parts in ledger.parts.items() if parts.carry}
    paid = ACTIONS[kind].amount if kind in {"cash_dividend", "special_dividend"} else D(0)
    assert carried == {name: quantity * paid for name, (quantity, *_) in held.items() if paid}
    for (strategy, symbol), one in book.positions.holdings.items():
        assert ledger.legs[symbol][strategy].quantity == one.quantity


def test_a_rename_leaves_every_record_of_the_run_as_it_was():
    renamed, plain = run(ACTIONS[ActionKind.RENAME]), run()

    assert renamed[0] == plain[0]
