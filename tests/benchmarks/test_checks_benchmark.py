"""The measured checks and the plain ones judge alike, and every check applies on both sides."""

from benchmarks.checks import asked, book, rules
from benchmarks.plain_checks import PlainBook
from domain.decisions import Outcome
from operators.checks.registry import CHECKS
from operators.compliance import evaluate


def test_both_sides_name_the_same_failing_checks():
    params = rules()
    state, opened = book(params)
    plain = PlainBook(params, state, opened)

    differ = {}
    for intent, market in asked(60):
        checks = evaluate(state, params, intent, market).checks
        ours = {check.check for check in checks if check.outcome is not Outcome.PASS}
        if ours != plain.failing(intent, market):
            differ[intent.cl_ord_id] = ours ^ plain.failing(intent, market)

    assert differ == {}
    assert len(opened) == 60


def test_every_check_applies_in_the_measured_book():
    params = rules()
    state, opened = book(params)
    (intent, market), *_ = asked(1)

    measured = {check.check: check.measured for check in evaluate(state, params, intent, market).checks}

    assert list(measured) == [name for name, _ in CHECKS]
    assert not {"not applicable", "not configured"} & {str(value) for value in measured.values()}
    assert set(PlainBook(params, state, opened).failing(intent, market)) == set()
