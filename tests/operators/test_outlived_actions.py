"""Every stage outlives a corporate action: what it says then is what it would have said of adjusted data all along."""

import pytest

from operators.stage import pack, unpack
from tests.operators.bits import bits
from tests.operators.contract_suite import CASES
from tests.operators.market_case import step_all
from tests.operators.two_days import TERMS, Days, after, count, market_of

ROWS = 1_800


def run(name, days, batch_rows=64):
    """Return the streams of a stage over the two days."""
    with market_of(days):
        case = CASES[name]
        stage = case.stage()
        return case.streams(step_all(stage, stage.fresh(), case.items(ROWS, batch_rows, None)))


@pytest.mark.parametrize("kind", sorted(TERMS))
@pytest.mark.parametrize("name", sorted(CASES))
def test_after_an_action_a_stage_says_what_it_says_of_adjusted_data(name, kind):
    lived, scratch = (after(run(name, Days(kind, raw))) for raw in (True, False))

    assert count(lived) > 50
    assert bits(lived) == bits(scratch)


@pytest.mark.parametrize("batch_rows", [1, 7, 999])
@pytest.mark.parametrize("name", sorted(CASES))
def test_batches_of_any_size_give_the_same_over_an_action(name, batch_rows):
    assert bits(run(name, Days("split", True), batch_rows)) == bits(run(name, Days("split", True)))


@pytest.mark.parametrize("name", sorted(CASES))
def test_cut_and_resumed_anywhere_a_stage_outlives_the_same_action(name):
    with market_of(Days("split", True)):
        case = CASES[name]
        items, stage = case.items(ROWS, 64, None), case.stage()
        state, answers, stored = stage.fresh(), [], []
        for item in items:
            answers.append(list(stage.step(state, item)))
            stored.append(pack(stage, state))
        whole = bits(case.streams([answer for part in answers for answer in part]))

        for cut in range(0, len(items), 5):
            again = case.stage()
            resumed = step_all(again, unpack("step", again, stored[cut]), items[cut + 1 :])
            before = [answer for part in answers[: cut + 1] for answer in part]
            assert bits(case.streams([*before, *resumed])) == whole


def test_without_the_action_the_stages_that_keep_prices_would_say_something_else():
    deaf = {}
    for name in ("Normalise", "QuoteBars", "FeatureStage", "Signals", "Quality"):
        heard, adjusted = Days("split", True), Days("split", False)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Days, "actions", lambda _self: ())
            deaf[name] = bits(after(run(name, heard))) == bits(after(run(name, adjusted)))

    assert deaf == dict.fromkeys(deaf, False)
