"""The tables of 5.1: each status and kind is there, what Appendix D shows is allowed, the highest status wins."""

import pytest

from domain.orders import FINAL, ExecType, OrdStatus
from operators.order_rules import PAIRS, PRECEDENCE, TRANSITIONS, winning


def test_the_tables_speak_of_every_status_and_every_kind_of_report():
    assert set(TRANSITIONS) == set(OrdStatus) == set(PRECEDENCE)
    assert set(PAIRS) == set(ExecType)
    assert {status for status, following in TRANSITIONS.items() if not following} == FINAL - {
        OrdStatus.FILLED
    }


def test_of_several_statuses_the_one_of_the_highest_precedence_is_said():
    said = [winning([OrdStatus.FILLED, OrdStatus.PENDING_REPLACE, OrdStatus.PENDING_CANCEL])]
    said.append(winning([OrdStatus.PARTIALLY_FILLED, OrdStatus.DONE_FOR_DAY, OrdStatus.CANCELED]))
    said.append(winning([OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED]))

    assert said == [OrdStatus.PENDING_CANCEL, OrdStatus.DONE_FOR_DAY, OrdStatus.PARTIALLY_FILLED]


APPENDIX_D = {
    "PENDING_NEW": "NEW REJECTED",
    "NEW": "NEW PARTIALLY_FILLED FILLED DONE_FOR_DAY PENDING_CANCEL PENDING_REPLACE CANCELED REJECTED STOPPED",
    "PARTIALLY_FILLED": "PARTIALLY_FILLED FILLED DONE_FOR_DAY PENDING_CANCEL PENDING_REPLACE CANCELED",
    "FILLED": "FILLED PENDING_REPLACE",
    "DONE_FOR_DAY": "PARTIALLY_FILLED",
    "PENDING_CANCEL": "NEW PARTIALLY_FILLED FILLED PENDING_CANCEL CANCELED",
    "PENDING_REPLACE": "NEW PARTIALLY_FILLED FILLED PENDING_REPLACE CANCELED",
    "STOPPED": "PARTIALLY_FILLED",
}


@pytest.mark.parametrize("status", APPENDIX_D)
def test_every_transition_that_appendix_d_shows_is_allowed(status):
    assert {OrdStatus[name] for name in APPENDIX_D[status].split()} <= TRANSITIONS[OrdStatus[status]]
