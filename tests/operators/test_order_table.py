"""Every state of an order with every event: the state machine does what the table of standards.md 5.1 says."""

from collections.abc import Iterator
from itertools import product

import pytest

from domain.orders import ExecType, OrdStatus
from operators.order_rules import COUNTED, PAIRS, Applied
from tests.operators import order_table
from tests.operators.order_events import FILLS, Became, happens, order_in, refused, report_of

ENDS = {"CANCELED", "REJECTED", "EXPIRED"}
STAYS = {"late_fill", "amended_after_end"}


def rows() -> Iterator[tuple[OrdStatus, str, dict[str, str]]]:
    """Yield status, how much is filled, and what each answer is given to."""
    text = order_table.TABLE.replace("\n  + ", " ").strip()
    for block in text.replace("\n  ", "\t").splitlines():
        name, *answers = block.split("\t")
        status, filled = name.split()
        yield OrdStatus[status], filled, dict(line.split(" ", 1) for line in answers)


ROWS = [pytest.param(*row, id=f"{row[0].name.lower()}-{row[1]}") for row in rows()]
EVENTS = list(product(ExecType, OrdStatus))


def named(kind: ExecType, status: OrdStatus) -> str:
    return f"{kind.value}/{status.value}"


def test_the_table_has_every_state():
    held = {(row.values[0], row.values[1]) for row in ROWS}

    assert {status for status, _ in held} == set(OrdStatus)
    assert len(held) == len(ROWS) == 25


def test_a_report_says_a_pair_of_the_catalogue_or_is_refused():
    allowed = {named(kind, status) for kind in ExecType for status in PAIRS[kind]}

    assert allowed == set(order_table.PAIRS.split())


@pytest.mark.parametrize(("status", "filled", "answers"), ROWS)
def test_every_event_has_the_answer_and_the_next_state_of_the_table(status, filled, answers):
    expected = {
        event: answer for answer, events in answers.items() if answer != "refusal" for event in events.split()
    }
    cum_qty = sum(FILLS.get(filled, ()))

    for kind, after in EVENTS:
        became = happens(status, filled, kind, after)
        answer = expected.get(named(kind, after))

        if answer is None:
            assert became.answer not in COUNTED | {Applied.APPLIED, Applied.EARLY}, named(kind, after)
            assert became[1:] == (status, cum_qty), named(kind, after)
            continue
        life = order_in(status, filled)
        report_of(life, kind, after)
        stays = answer in STAYS or (answer == "early" and status.name in ENDS)
        counted = life.cum_qty if answer != "early" else cum_qty
        assert became == Became(Applied(answer), status if stays else after, counted), named(kind, after)


@pytest.mark.parametrize(("status", "filled", "answers"), ROWS)
def test_a_refused_replace_leaves_the_status_and_the_gap_of_the_table(status, filled, answers):
    cum_qty = sum(FILLS.get(filled, ()))
    told = {}
    for said in OrdStatus:
        became, gap = refused(status, filled, said)
        assert became.cum_qty == cum_qty
        if became.answer is Applied.APPLIED:
            told[said.value] = f"{said.value}:{became.status.value}" + (f"{gap:+d}" if gap else "")
        else:
            assert became == Became(Applied.ILLEGAL_TRANSITION, status, cum_qty)
            assert gap == 0

    assert list(told.values()) == answers["refusal"].split()
