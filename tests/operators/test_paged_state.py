"""Paged states: what was stored comes back, and a snapshot writes what changed."""

import pickle

import numpy as np
import pytest

from operators.paged_state import (
    PAGE_BYTES,
    SNAPSHOTS_KEPT,
    PagedState,
    Pages,
    StateDamaged,
    changed_pages,
)
from operators.stage import UNOBSERVED, Stage, StageLogic, StateRefused

WORDS = 65_536


def state_of(seed):
    draw = np.random.default_rng(seed)
    table = np.zeros(8_192, np.dtype([("price", np.float64), ("count", np.int64)]))
    table["price"] = draw.normal(size=8_192)
    return {"large": draw.integers(0, 1 << 40, WORDS), "table": table, "small": np.arange(5), "text": "kept"}


def same(left, right):
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def test_a_state_comes_back_as_it_was_at_each_of_the_snapshots_that_are_kept(tmp_path):
    state, paged = state_of(1), PagedState(Pages(tmp_path), "bars")
    stored = []

    for round_number in range(12):
        state["large"][round_number * 3_000] += 1
        if round_number == 6:
            state["large"] = state["large"][:-1_024].copy()
        stored.append((paged.store(state)[0], pickle.loads(pickle.dumps(state))))

        for snapshot, expected in stored[-SNAPSHOTS_KEPT:]:
            assert same(PagedState(Pages(tmp_path), "bars").load(snapshot), expected)


def test_a_snapshot_writes_only_the_pages_that_changed(tmp_path):
    state, paged = state_of(2), PagedState(Pages(tmp_path), "bars")
    paged.store(state)
    (path,) = tmp_path.glob("*.pages")
    before = path.stat().st_size

    state["large"][0] += 1
    state["large"][-1] += 1
    stored, size = paged.store(state)

    assert path.stat().st_size == before + 2 * PAGE_BYTES
    assert len(stored) < 8_192 < size


def test_the_file_does_not_grow_with_the_number_of_snapshots(tmp_path):
    state, paged = state_of(3), PagedState(Pages(tmp_path), "bars")
    sizes = []

    for round_number in range(40):
        state["large"] += round_number
        paged.store(state)
        sizes.append(next(tmp_path.glob("*.pages")).stat().st_size)

    assert sizes[-1] == sizes[2 * SNAPSHOTS_KEPT]


def test_a_resumed_state_goes_on_in_a_file_of_its_own_and_takes_the_old_one_away_later(tmp_path):
    state, first = state_of(4), PagedState(Pages(tmp_path), "bars")
    stored, _ = first.store(state)

    second = PagedState(Pages(tmp_path), "bars")
    state = second.load(stored)
    files = []
    for _ in range(SNAPSHOTS_KEPT + 1):
        last, _ = second.store(state)
        files.append([path.name for path in sorted(tmp_path.iterdir())])

    assert files[:-1] == [["bars-0.pages", "bars-1.pages"]] * SNAPSHOTS_KEPT
    assert files[-1] == ["bars-1.pages"]
    assert same(PagedState(Pages(tmp_path), "bars").load(last), state)


def test_a_resumed_state_can_be_written_to(tmp_path):
    stored, _ = PagedState(Pages(tmp_path), "bars").store(state_of(5))

    state = PagedState(Pages(tmp_path), "bars").load(stored)
    state["large"][7] = 1
    state["table"]["price"][7] = 2.0

    assert (state["large"][7], state["table"]["price"][7]) == (1, 2.0)


def test_a_state_without_large_arrays_makes_no_file(tmp_path):
    stored, _ = PagedState(Pages(tmp_path), "signals").store({"small": np.arange(1_000)})

    state = PagedState(Pages(tmp_path), "signals").load(stored)

    assert list(tmp_path.iterdir()) == []
    assert np.array_equal(state["small"], np.arange(1_000))


@pytest.mark.parametrize("damage", ["missing", "cut", "changed"])
def test_pages_that_are_not_as_they_were_written_are_refused(tmp_path, damage):
    stored, _ = PagedState(Pages(tmp_path), "bars").store(state_of(6))
    (path,) = tmp_path.glob("*.pages")
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-PAGE_BYTES])
    else:
        path.write_bytes(b"\x00" * 64 + path.read_bytes()[64:])

    with pytest.raises(StateDamaged, match="new output folder"):
        PagedState(Pages(tmp_path), "bars").load(stored)


def test_the_compiled_comparison_finds_a_change_in_any_word_of_a_page_that_is_not_full():
    before = np.arange(5_000, dtype=np.uint64)

    found = []
    for word in (0, 1_023, 1_024, 4_999):
        now = before.copy()
        now[word] ^= np.uint64(1 << 63)
        found.append(np.flatnonzero(changed_pages(now, before)).tolist())

    assert found == [[0], [0], [1], [4]]
    assert not changed_pages(before, before.copy()).any()


class Adding(Stage):
    """Adds what comes to a large array."""

    def fresh(self):
        return np.zeros(WORDS)

    def step(self, state, item):
        state += item
        return [float(state[-1])]


class AddingOtherwise(Adding):
    """Another stage of the same step."""


def test_a_stage_goes_on_from_its_pages_and_another_stage_is_refused(tmp_path):
    logic = StageLogic("adding", Adding(), None, UNOBSERVED, Pages(tmp_path))
    logic.on_batch([1.5, 2.0])
    stored = logic.snapshot()

    answers, _ = StageLogic("adding", Adding(), stored, UNOBSERVED, Pages(tmp_path)).on_batch([1.0])

    assert answers == [4.5]
    with pytest.raises(StateRefused, match="holds a state of Adding"):
        StageLogic("adding", AddingOtherwise(), stored, UNOBSERVED, Pages(tmp_path))
