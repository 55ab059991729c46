"""The scenarios of FIX Appendix D that standards.md 5.1 names: each is told, and the order comes to what it must."""

from decimal import Decimal

import pytest

from domain.order_messages import CxlRejReason, RequestKind
from domain.orders import ExecType, OrdStatus
from operators.order_rules import BREAKS, Applied
from tests.operators.order_life import Life, deliver, shown

CANCEL, REPLACE = RequestKind.CANCEL, RequestKind.REPLACE


def filled() -> Life:
    return Life().new().fill(20).fill(80)


def part_filled_done_for_day() -> Life:
    life = Life().new().fill(20)
    life.true = life.true.__class__(acknowledged=True, other=OrdStatus.DONE_FOR_DAY)
    life.say(ExecType.DONE_FOR_DAY)
    return life


def cancel_of_zero_filled() -> Life:
    life = Life().new()
    name = life.ask(CANCEL)
    return life.pending(name).accept(name)


def cancel_of_part_filled_with_fills_while_pending() -> Life:
    life = Life().new().fill(20)
    name = life.ask(CANCEL)
    return life.pending(name).fill(30).accept(name)


def filled_before_cancel_accepted() -> Life:
    life = Life().new().fill(20)
    name = life.ask(CANCEL)
    return life.pending(name).fill(80).refuse(name, CxlRejReason.TOO_LATE)


def replace_up_zero_filled() -> Life:
    life = Life().new()
    name = life.ask(REPLACE, 150)
    return life.pending(name).accept(name).fill(150)


def replace_up_part_filled_with_fill_while_pending() -> Life:
    life = Life().new().fill(20)
    name = life.ask(REPLACE, 150)
    return life.pending(name).fill(10).accept(name).fill(50)


def replace_up_of_a_filled_order() -> Life:
    life = Life().new().fill(100)
    name = life.ask(REPLACE, 120)
    return life.pending(name).accept(name).fill(20)


def price_replace_rejected_since_filled() -> Life:
    life = Life().new()
    name = life.ask(REPLACE, 100, "102")
    return life.pending(name).fill(100).refuse(name)


def replace_down_above_cum_qty() -> Life:
    life = Life().new().fill(20)
    name = life.ask(REPLACE, 60)
    return life.pending(name).accept(name)


def replace_down_to_cum_qty() -> Life:
    life = Life().new().fill(20)
    name = life.ask(REPLACE, 20)
    return life.pending(name).accept(name)


def replace_down_below_cum_qty() -> Life:
    life = Life().new().fill(20)
    name = life.ask(REPLACE, 10)
    return life.pending(name).accept(name)


def two_sequential_replaces() -> Life:
    life = Life().new()
    first = life.ask(REPLACE, 120)
    life.pending(first).accept(first).fill(20)
    life.asked.cl_ord_id = first
    second = life.ask(REPLACE, 140)
    return life.pending(second).accept(second)


def replace_rejected_before_pending() -> Life:
    life = Life().new().fill(20)
    name = life.ask(REPLACE, 150)
    return life.refuse(name, CxlRejReason.OTHER).fill(10)


def replace_rejected_after_pending() -> Life:
    life = Life().new()
    name = life.ask(REPLACE, 150)
    return life.pending(name).fill(20).refuse(name, CxlRejReason.OTHER)


def chained_replaces_both_accepted() -> Life:
    life = Life().new()
    first, second = life.ask(REPLACE, 120), life.ask(REPLACE, 140)
    return life.pending(first).pending(second).fill(20).accept(first).fill(20).accept(second)


def chained_replaces_second_rejected() -> Life:
    life = Life().new()
    first, second = life.ask(REPLACE, 120), life.ask(REPLACE, 140)
    return life.pending(first).refuse(second, CxlRejReason.ALREADY_PENDING).accept(first)


def duplicate_cl_ord_id_rejected() -> Life:
    return Life().end(OrdStatus.REJECTED)


def unsolicited_cancel() -> Life:
    return Life().new().fill(20).end()


def halt_cancel_and_reinstated() -> Life:
    life = Life().new().fill(20).end()
    return life.restate(1, end=None).fill(30)


def suspended_by_a_halt_and_released() -> Life:
    life = Life().new()
    life.true = life.true.__class__(acknowledged=True, other=OrdStatus.SUSPENDED)
    life.say(ExecType.SUSPENDED)
    return life.restate(99, other=None).fill(30)


def gtc_restated_after_a_split() -> Life:
    return Life().new().restate(0, order_qty=200).fill(50)


def gtc_filled_on_the_next_day() -> Life:
    life = part_filled_done_for_day()
    life.true = life.true.__class__(acknowledged=True)
    return life.fill(30)


def bust_of_the_only_fill() -> Life:
    return Life().new().fill(100).bust()


def corrected_price() -> Life:
    return Life().new().fill(30, "100").correct(30, "99").fill(70, "100")


def corrected_quantity_of_a_filled_order() -> Life:
    return Life().new().fill(100).correct(80, "100")


def killed_at_once() -> Life:
    return Life().new().fill(40).end(OrdStatus.CANCELED)


def killed_without_an_acknowledgement() -> Life:
    return Life().end(OrdStatus.CANCELED)


def stopped_then_filled() -> Life:
    life = Life().new()
    life.true = life.true.__class__(acknowledged=True, other=OrdStatus.STOPPED)
    life.say(ExecType.STOPPED)
    life.true = life.true.__class__(acknowledged=True)
    return life.fill(100)


def status_of_a_working_order() -> Life:
    return Life().new().fill(20).answer_status()


def status_of_an_order_the_venue_does_not_know() -> Life:
    life = Life()
    life.true = life.true.__class__(end=OrdStatus.REJECTED)
    return life.answer_status()


def expired() -> Life:
    return Life().new().fill(20).end(OrdStatus.EXPIRED)


S = OrdStatus
SCENARIOS = {
    filled: (S.FILLED, 100, 100, 0),
    part_filled_done_for_day: (S.DONE_FOR_DAY, 100, 20, 0),
    cancel_of_zero_filled: (S.CANCELED, 100, 0, 0),
    cancel_of_part_filled_with_fills_while_pending: (S.CANCELED, 100, 50, 0),
    filled_before_cancel_accepted: (S.FILLED, 100, 100, 0),
    replace_up_zero_filled: (S.FILLED, 150, 150, 0),
    replace_up_part_filled_with_fill_while_pending: (S.PARTIALLY_FILLED, 150, 80, 70),
    replace_up_of_a_filled_order: (S.FILLED, 120, 120, 0),
    price_replace_rejected_since_filled: (S.FILLED, 100, 100, 0),
    replace_down_above_cum_qty: (S.PARTIALLY_FILLED, 60, 20, 40),
    replace_down_to_cum_qty: (S.FILLED, 20, 20, 0),
    replace_down_below_cum_qty: (S.FILLED, 20, 20, 0),
    two_sequential_replaces: (S.PARTIALLY_FILLED, 140, 20, 120),
    replace_rejected_before_pending: (S.PARTIALLY_FILLED, 100, 30, 70),
    replace_rejected_after_pending: (S.PARTIALLY_FILLED, 100, 20, 80),
    chained_replaces_both_accepted: (S.PARTIALLY_FILLED, 140, 40, 100),
    chained_replaces_second_rejected: (S.NEW, 120, 0, 120),
    duplicate_cl_ord_id_rejected: (S.REJECTED, 100, 0, 0),
    unsolicited_cancel: (S.CANCELED, 100, 20, 0),
    halt_cancel_and_reinstated: (S.PARTIALLY_FILLED, 100, 50, 50),
    suspended_by_a_halt_and_released: (S.PARTIALLY_FILLED, 100, 30, 70),
    gtc_restated_after_a_split: (S.PARTIALLY_FILLED, 200, 50, 150),
    gtc_filled_on_the_next_day: (S.PARTIALLY_FILLED, 100, 50, 50),
    bust_of_the_only_fill: (S.NEW, 100, 0, 100),
    corrected_price: (S.FILLED, 100, 100, 0),
    corrected_quantity_of_a_filled_order: (S.PARTIALLY_FILLED, 100, 80, 20),
    killed_at_once: (S.CANCELED, 100, 40, 0),
    killed_without_an_acknowledgement: (S.CANCELED, 100, 0, 0),
    stopped_then_filled: (S.FILLED, 100, 100, 0),
    status_of_a_working_order: (S.PARTIALLY_FILLED, 100, 20, 80),
    status_of_an_order_the_venue_does_not_know: (S.REJECTED, 100, 0, 0),
    expired: (S.EXPIRED, 100, 20, 0),
}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__)
def test_an_order_comes_to_what_the_scenario_says_in_any_order_of_delivery(scenario):
    life = scenario()

    state, answers = deliver(life)
    backwards, _ = deliver(life, life.said[::-1] + life.said)

    assert shown(state) == (*SCENARIOS[scenario], life.true.cl_ord_id, 0)
    assert BREAKS.isdisjoint(answers)
    assert backwards == state


def test_while_a_replace_is_pending_fills_carry_the_ids_and_quantities_of_before():
    life = replace_up_part_filled_with_fill_while_pending()

    fill = life.said[3]

    assert (fill.ord_status, fill.cl_ord_id, fill.order_qty) == (S.PENDING_REPLACE, "c", 100)


def test_a_correction_changes_the_average_to_that_of_the_fills_that_stand():
    state, _ = deliver(corrected_price())

    assert state.avg_px == Decimal("99.7")


@pytest.mark.parametrize("end", [S.CANCELED, S.EXPIRED])
def test_a_bust_after_the_end_takes_the_fill_back_is_a_break_and_leaves_the_order_ended(end):
    life = Life().new().fill(20).fill(30).end(end).bust()

    state, answers = deliver(life)

    assert (state.status, state.cum_qty, state.leaves_qty) == (end, 30, 0)
    assert answers[-1] is Applied.AMENDED_AFTER_END


@pytest.mark.parametrize("end", [S.CANCELED, S.EXPIRED, S.REJECTED])
def test_a_fill_after_the_end_counts_is_a_break_and_leaves_the_order_ended(end):
    life = Life().new().end(end)
    life.true = life.true.__class__(acknowledged=True)
    life.fill(30)

    state, answers = deliver(life)

    assert (state.status, state.cum_qty, state.leaves_qty) == (end, 30, 0)
    assert answers[-1] is Applied.LATE_FILL


def test_a_quantity_amended_to_what_was_filled_fits_though_its_acceptance_and_the_busted_fill_were_lost():
    life = Life().new().fill(20)
    name = life.ask(REPLACE, 10)
    life.pending(name).accept(name).bust()
    life.pending(life.ask(CANCEL))

    state, answers = deliver(life, life.said[-1:])

    assert shown(state) == (S.PENDING_CANCEL, 20, 0, 20, name, 0)
    assert answers == [Applied.APPLIED]
