"""The measured detector: it runs, finds what was put in, and is not fooled by what was not."""

import numpy as np
import pytest

from benchmarks.quality import DATA, line_of, measure, table
from benchmarks.quality import alarms_of as alarms
from benchmarks.quality_days import HELD_OUT, TUNING, halves, lean_days, own_crossings, simulated_days
from benchmarks.quality_faults import FAULTS, Faulty
from domain.market import SECOND, Kind, complete_ticks

FOUND = {"outlier", "scale", "regression", "gap", "duplicate", "volume", "tick", "halted"}


@pytest.fixture(scope="module")
def day():
    (made,) = simulated_days()
    return made


def test_every_fault_of_a_simulated_day_is_found_and_most_of_those_that_its_few_prices_could_hide(day):
    lines = {line.rule: line for line in measure(day, 7, 20)}

    found = {rule: lines[rule].found / lines[rule].faults for rule in FOUND}
    assert {
        rule: share for rule, share in found.items() if rule not in ("outlier", "scale")
    } == dict.fromkeys(FOUND - {"outlier", "scale"}, 1.0)
    assert min(found["outlier"], found["scale"]) >= 0.8


def test_the_same_seed_puts_the_same_faults_in_and_another_seed_others(day):
    put = [FAULTS["gap"](np.random.default_rng(seed), day, 20).faults for seed in (1, 1, 2)]

    assert put[0] == put[1] != put[2]


def test_a_day_without_faults_has_only_the_alarms_of_the_clean_day(day):
    clean = alarms(day)

    line = line_of("outlier", day, Faulty(day.ticks, []), clean)

    assert (line.faults, line.found, line.right) == (0, 0, 0)
    assert line.alarms == line.clean_alarms


def test_the_table_has_a_line_for_each_rule_and_day(day):
    lines = measure(day, 7, 5)

    rows = table(lines).splitlines()

    assert len(rows) == 2 + len(lines)
    assert all(row.startswith("| ") and row.endswith(" |") for row in rows)


def test_the_halves_of_a_day_hold_its_rows_once_in_their_order(day):
    first, second = halves(day)

    assert (first.half, second.half) == (TUNING, HELD_OUT)
    rows = np.concatenate([first.ticks.known_at, second.ticks.known_at])
    np.testing.assert_array_equal(rows, day.ticks.known_at)
    assert abs(len(first.ticks.known_at) - len(second.ticks.known_at)) <= 1


@pytest.mark.parametrize(("seconds", "found"), [(0.9, []), (1.1, [(3.0, 4.1)])])
def test_a_day_whose_own_quotes_are_crossed_for_over_a_second_is_found_so(day, seconds, found):
    at = int(day.ticks.known_at[0]) + (np.array([0, 3, 3 + seconds]) * SECOND).astype(np.int64)
    ticks = complete_ticks(
        {
            "event_at": at,
            "instrument": np.zeros(3, np.int32),
            "kind": np.full(3, int(Kind.QUOTE)),
            "bid": np.array([10.0, 10.02, 10.0]),
            "ask": np.full(3, 10.01),
        }
    )

    crossings = own_crossings(day._replace(ticks=ticks))

    assert [
        (round((a - at[0]) / SECOND, 3), round((b - at[0]) / SECOND, 3)) for _, a, b in crossings
    ] == found


@pytest.mark.slow
@pytest.mark.skipif(
    not DATA.is_dir(), reason=f"{DATA} is not here; the vendor's ticks are not in the repository"
)
def test_on_real_shares_recall_is_95_per_cent_and_fewer_than_one_row_in_10_000_of_the_clean_days_is_called_wrong():
    shares = lean_days(DATA)[0]

    lines = [line for line in measure(shares, 7, 100) if line.rule not in ("crossed", "regression", "tick")]

    assert {line.rule for line in lines if line.found < 0.95 * line.faults} == set()
    assert {line.rule for line in lines if line.clean_alarms * 10_000 >= line.rows} == set()
