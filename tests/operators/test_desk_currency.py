"""An order in another currency is checked, and reserved, at what it is worth in base currency."""

from dataclasses import replace
from decimal import Decimal

import msgspec

from domain.decisions import VerdictKind
from domain.instruments import Universe
from operators.decisions import Decisions
from tests.operators import decision_case

ROWS = 1_500
EUROS = Decimal(2)
MANY = Decimal(1_000)


def run(rate):
    """Return the records of a desk whose instruments trade in euros, each of them worth so many dollars."""
    params = decision_case.desk_params()
    instruments = tuple(msgspec.structs.replace(each, currency="EUR") for each in params.universe.instruments)
    stage = Decisions(replace(params, universe=Universe(instruments)))
    book, answers = stage.fresh(), []
    book.risk.ledger.set_rate("EUR", rate, 1)
    for item in decision_case.items(ROWS, 64, None):
        answers += stage.step(book, item)
    return decision_case.streams(answers)


def test_what_is_reserved_is_in_base_currency():
    plain, worth_two = run(Decimal(1)), run(EUROS)
    first, second = (records["verdicts"][0] for records in (plain, worth_two))

    assert first.kind is VerdictKind.APPROVED
    assert first.reserved_notional > 0
    assert second.reserved_notional == EUROS * first.reserved_notional


def test_a_limit_meets_the_value_in_base_currency():
    codes = {code for verdict in run(MANY)["verdicts"] for code in verdict.codes}

    assert "MAX_NOTIONAL" in codes
    assert "MAX_NOTIONAL" not in {code for verdict in run(Decimal(1))["verdicts"] for code in verdict.codes}
