"""Every registered stage keeps the promises of the contract suite."""

import pytest

from operators.stage import UNOBSERVED, Observer, StageLogic, StateRefused, pack, unpack
from tests.operators.bits import bits
from tests.operators.contract_suite import CASES, CONFIGURED
from tests.operators.market_case import step_all

ROWS = 1500


class Notes(Observer):
    """Remembers what it was told."""

    def __init__(self):
        self.seen = []

    def activated(self, step_name, nanoseconds, items, answers):
        self.seen.append((step_name, len(items), len(answers)))

    def stored(self, step_name, size):
        self.seen.append((step_name, size))


@pytest.fixture(params=sorted(CASES | CONFIGURED))
def case(request):
    return (CASES | CONFIGURED)[request.param]


def run(case, items):
    stage = case.stage()
    return case.streams(step_all(stage, stage.fresh(), items))


def test_the_case_is_not_empty(case):
    streams = run(case, case.items(ROWS, 64, None))

    rows_in, _ = case.doors(case.items(ROWS, 64, None), streams)
    assert rows_in > 50


def test_every_row_is_answered_by_exactly_one_door(case):
    items = case.items(ROWS, 64, None)

    rows_in, rows_out = case.doors(items, run(case, items))

    assert rows_out == rows_in


@pytest.mark.parametrize("batch_rows", [1, 7, 64, 4096])
def test_batches_of_any_size_give_the_same_answers(case, batch_rows):
    assert bits(run(case, case.items(ROWS, batch_rows, None))) == bits(run(case, case.items(ROWS, 500, None)))


def test_cut_anywhere_and_resumed_the_answers_are_the_same(case):
    items, stage = case.items(ROWS, 64, None), case.stage()
    state, answers, stored = stage.fresh(), [], []
    for item in items:
        answers.append(list(stage.step(state, item)))
        stored.append(pack(stage, state))
    whole = bits(case.streams([answer for part in answers for answer in part]))

    for cut, bytes_kept in enumerate(stored):
        again = case.stage()
        resumed = step_all(again, unpack("step", again, bytes_kept), items[cut + 1 :])
        before = [answer for part in answers[: cut + 1] for answer in part]
        assert bits(case.streams([*before, *resumed])) == whole


@pytest.mark.parametrize("key", [0, 3])
def test_one_key_never_disturbs_another(case, key):
    among_others = case.of_key(run(case, case.items(ROWS, 64, None)), key)
    alone = case.of_key(run(case, case.items(ROWS, 64, key)), key)

    assert bits(alone) == bits(among_others)


def largest_state(case, rows):
    items, stage = case.items(rows, 256, None), case.stage()
    state, largest = stage.fresh(), 0
    for item in items:
        stage.step(state, item)
        largest = max(largest, len(pack(stage, state)))
    return largest


def test_the_state_stays_within_its_bound_over_ten_times_the_input(case):
    short, long = largest_state(case, 3000), largest_state(case, 30_000)

    assert long <= (case.state_bytes_max or 1.2 * short)


def test_the_logic_that_bytewax_hosts_answers_like_the_stage_and_resumes_from_its_snapshot(case):
    items, stage = case.items(ROWS, 256, None), case.stage()
    half = len(items) // 2
    notes = Notes()
    first = StageLogic("step", stage, None, notes)
    answers, _ = first.on_batch(items[:half])

    stored = first.snapshot()
    second = StageLogic("step", case.stage(), stored, UNOBSERVED)
    more, _ = second.on_batch(items[half:])

    assert bits(case.streams([*answers, *more])) == bits(run(case, items))
    assert notes.seen == [("step", half, len(answers)), ("step", len(stored))]


def test_a_state_of_another_layout_or_stage_is_refused(case):
    stage, other = case.stage(), case.stage()
    other.layout = "0"

    with pytest.raises(StateRefused, match="step walk holds a state of"):
        unpack("walk", stage, pack(other, other.fresh()))
