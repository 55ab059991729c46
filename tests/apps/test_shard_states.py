"""The state of a shard follows the shard into the folder of whoever works on it, exactly and once."""

import json
import shutil
from datetime import timedelta

import bytewax.operators as op
import numpy as np
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import AbortExecution, FixedPartitionedSource, StatefulSourcePartition
from bytewax.testing import TestingSink, run_main

from apps.run_folder import RunFolder, RunFolderError
from apps.shard_states import LEDGER, state_store
from operators.stage import UNOBSERVED, Stage, hang

SHARDS = ("0", "1", "2", "3")
DESK_SHARDS = len(SHARDS)
WORDS = 65_536
CONFIGURATION = "a"


class Counter(StatefulSourcePartition):
    def __init__(self, numbers, shard, at):
        self.numbers, self.shard, self.at = numbers, shard, at

    def next_batch(self):
        if self.at < self.numbers.until:
            self.at += 1
            return [(self.shard, self.at)]
        self.numbers.counting.discard(self.shard)
        if not self.numbers.counting:
            raise AbortExecution
        return []

    def snapshot(self):
        return self.at


class Numbers(FixedPartitionedSource):
    """Counts from 1 in each shard and breaks off when all are at `until`."""

    def __init__(self, shards, until):
        self.shards, self.until, self.counting = shards, until, set(shards)

    def list_parts(self):
        return list(self.shards)

    def build_part(self, step_id, for_part, resume_state):
        return Counter(self, for_part, resume_state or 0)


class Sums(Stage):
    """Keeps a large state: the numbers that have come, each at a place of its own, and answers their sum."""

    def fresh(self):
        return {"seen": np.zeros(WORDS, np.int64), "count": 0}

    def step(self, state, item):
        state["seen"][item * 977 % WORDS] += item
        state["count"] += 1
        return [(item, int(state["seen"].sum()), state["count"])]


def folder_of(out, shards, configuration=CONFIGURATION):
    identity = {"kind": "market-data", "shards": list(shards), "configuration": configuration}
    return RunFolder(out / f"market-data-{'.'.join(shards)}", identity)


def work(out, shards, until, desk_shards=DESK_SHARDS):
    """Work on shards up to a number and break off there; return what was answered."""
    answers, folder = [], folder_of(out, shards)
    try:
        store = state_store(folder, shards, desk_shards)
        flow = Dataflow("counting")
        numbers = op.input("numbers", flow, Numbers(shards, until))
        summed = hang("sums", numbers, Sums(), UNOBSERVED, folder.pages(store))
        op.output("out", summed, TestingSink(answers))
        run_main(flow, epoch_interval=timedelta(0), recovery_config=folder.recovery(store))
    finally:
        folder.close()
    return answers


def assert_goes_on(answers, shards, after, until):
    """Each shard goes on where it stood: every answer knows all numbers before its own, and none is left out."""
    for shard in shards:
        numbers = [number for key, (number, _, _) in answers if key == shard]
        assert numbers[0] > after
        assert numbers == list(range(numbers[0], until + 1))
    for _, (number, total, count) in answers:
        assert (total, count) == (number * (number + 1) // 2, number)


def test_states_follow_their_shards_from_one_worker_to_four_to_two_and_back(tmp_path):
    assert_goes_on(work(tmp_path, SHARDS, 20), SHARDS, 0, 20)

    for shard in SHARDS:
        assert_goes_on(work(tmp_path, (shard,), 30 + int(shard)), (shard,), 15, 30 + int(shard))
    for pair in (("0", "1"), ("2", "3")):
        assert_goes_on(work(tmp_path, pair, 50), pair, 25, 50)

    assert_goes_on(work(tmp_path, SHARDS, 60), SHARDS, 45, 60)


def test_only_the_shards_that_another_has_worked_on_since_come_from_there(tmp_path):
    work(tmp_path, SHARDS, 20)
    work(tmp_path, ("2",), 40)

    answers = work(tmp_path, SHARDS, 60)

    assert_goes_on(answers, ("2",), 35, 60)
    assert_goes_on(answers, SHARDS, 15, 60)
    assert min(number for key, (number, _, _) in answers if key != "2") <= 21


def test_a_worker_that_goes_on_with_its_own_shards_moves_nothing(tmp_path):
    work(tmp_path, SHARDS, 20)
    before = json.loads((tmp_path / "market-data-0.1.2.3" / LEDGER).read_text())

    assert_goes_on(work(tmp_path, SHARDS, 30), SHARDS, 15, 30)

    assert json.loads((tmp_path / "market-data-0.1.2.3" / LEDGER).read_text()) == before


def test_a_folder_of_a_version_without_ledgers_is_taken_over(tmp_path):
    work(tmp_path, SHARDS, 20)
    (tmp_path / "market-data-0.1.2.3" / LEDGER).unlink()

    assert_goes_on(work(tmp_path, ("0", "1"), 30), ("0", "1"), 15, 30)
    assert_goes_on(work(tmp_path, SHARDS, 40), SHARDS, 15, 40)


def test_a_move_that_was_cut_short_is_made_again(tmp_path):
    work(tmp_path, SHARDS, 20)
    work(tmp_path, ("0",), 30)
    folder = tmp_path / "market-data-0"
    (folder / LEDGER).unlink()
    shutil.copytree(folder / "recovery" / "market-data.2", folder / "recovery" / ".market-data.2.making")

    assert_goes_on(work(tmp_path, ("0",), 40), ("0",), 15, 40)


def test_states_are_not_taken_from_a_folder_that_is_written_in(tmp_path):
    work(tmp_path, SHARDS, 20)
    busy = folder_of(tmp_path, SHARDS)

    with pytest.raises(
        RunFolderError, match=r"market-data-0\.1\.2\.3 has the newest state .* a run is writing in it"
    ):
        work(tmp_path, ("0",), 30)

    busy.close()
    assert_goes_on(work(tmp_path, ("0",), 30), ("0",), 15, 30)


def test_states_of_another_configuration_are_refused(tmp_path):
    work(tmp_path, SHARDS, 20)
    folder = folder_of(tmp_path, ("0",), "b")

    with pytest.raises(RunFolderError, match="with configuration 'a'; this one has 'b'"):
        state_store(folder, ("0",), len(SHARDS))

    folder.close()


@pytest.mark.parametrize("shards", [SHARDS, ("0",)])
def test_a_desk_whose_number_of_shards_has_changed_is_refused(tmp_path, shards):
    work(tmp_path, SHARDS, 20)

    with pytest.raises(RunFolderError, match="shards of a desk that has 4; the topics have 8 partitions now"):
        work(tmp_path, shards, 30, desk_shards=8)


def test_a_ledger_of_a_later_version_is_refused(tmp_path):
    work(tmp_path, SHARDS, 20)
    ledger = tmp_path / "market-data-0.1.2.3" / LEDGER
    ledger.write_text(json.dumps(json.loads(ledger.read_text()) | {"layout": 2}))

    with pytest.raises(RunFolderError, match="has layout 2, this version reads up to 1"):
        work(tmp_path, ("0",), 30)
