"""A state that was stored by a version without corporate actions goes on as if nothing had changed."""

import pickle

import pytest

from operators.stage import pack, unpack
from tests.operators.bits import bits
from tests.operators.contract_suite import CASES
from tests.operators.market_case import step_all

NEW = ("agenda", "closes", "factors", "ended", "splits", "effected", "actions")
ROWS = 900


def without(thing):
    """Take away what such a version did not store, in an object and in those that it holds."""
    for name, value in list(getattr(thing, "__dict__", {}).items()):
        if name in NEW:
            del thing.__dict__[name]
        else:
            without(value)
    return thing


@pytest.mark.parametrize("name", sorted(set(CASES) - {"Decisions", "Sequence", "Signals", "Bars"}))
def test_a_state_without_what_is_new_goes_on(name):
    case = CASES[name]
    items, stage = case.items(ROWS, 64, None), case.stage()
    state, half = stage.fresh(), len(items) // 2
    before = step_all(stage, state, items[:half])
    stored = pickle.loads(pack(stage, state))
    old = pickle.dumps((stored[0], stored[1], without(stored[2])))

    later = step_all(case.stage(), unpack("step", case.stage(), old), items[half:])

    whole = step_all(stage, stage.fresh(), items)
    assert b"agenda" not in old
    assert bits(case.streams([*before, *later])) == bits(case.streams(whole))


def test_a_book_without_what_is_new_goes_on():
    case = CASES["Decisions"]
    items, stage = case.items(2_000, 64, None), case.stage()
    state, half = stage.fresh(), len(items) // 2
    before = step_all(stage, state, items[:half])
    scanned, rest = state.__getstate__()
    kept = {name: value for name, value in pickle.loads(rest).items() if name not in NEW}
    old = object.__new__(type(state))
    old.__setstate__(pickle.loads(pickle.dumps((scanned, pickle.dumps(kept)))))

    later = step_all(case.stage(), old, items[half:])

    assert bits(case.streams([*before, *later])) == bits(case.streams(step_all(stage, stage.fresh(), items)))
