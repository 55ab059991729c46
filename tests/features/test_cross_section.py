"""Ranks and scores across the universe equal pandas', a worked case, and stay with their own instant and sector."""

import numpy as np
import pandas as pd
import pytest

from features.cross_section import rank, rank_in_sector, sector_neutral, z_score, z_score_in_sector

NAN = np.nan
SECTORS = np.array([0, 0, 1, 1, 1, -1, 2], np.int32)


def universe(seed=1, instants=40, instruments=60):
    """Return values with gaps and equals, and a sector for each instrument."""
    rng = np.random.default_rng(seed)
    values = np.round(rng.normal(size=(instants, instruments)), 1)
    values[rng.random(values.shape) < 0.15] = NAN
    return values, rng.integers(0, 5, instruments).astype(np.int32)


def test_a_worked_case_is_ranked_scored_and_freed_of_its_sector():
    values = np.array([[1.0, 3.0, 5.0, 5.0, NAN, 7.0, 9.0]])

    ranked = rank(values)[0]

    np.testing.assert_allclose(ranked, [0.0, 0.2, 0.5, 0.5, NAN, 0.8, 1.0])
    np.testing.assert_allclose(rank_in_sector(values, SECTORS)[0], [0, 1, 0.5, 0.5, NAN, NAN, NAN])
    np.testing.assert_allclose(sector_neutral(values, SECTORS)[0], [-1, 1, 0, 0, NAN, NAN, 0])
    half = 0.5**0.5
    np.testing.assert_allclose(z_score_in_sector(values, SECTORS)[0], [-half, half, 0, 0, NAN, NAN, NAN])


def test_ranks_and_scores_equal_those_of_pandas():
    values, _ = universe()
    table = pd.DataFrame(values)
    count = table.count(axis=1)

    ranks = (table.rank(axis=1) - 1).div(count - 1, axis=0)
    scores = table.sub(table.mean(axis=1), axis=0).div(table.std(axis=1), axis=0)

    np.testing.assert_allclose(rank(values), ranks, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(z_score(values), scores, rtol=1e-9, atol=1e-9)


def test_within_a_sector_the_answer_is_that_of_the_sector_alone():
    values, sectors = universe(seed=2)

    ranks, scores, neutral = (
        measure(values, sectors) for measure in (rank_in_sector, z_score_in_sector, sector_neutral)
    )

    for sector in range(5):
        mine = sectors == sector
        np.testing.assert_array_equal(ranks[:, mine], rank(values[:, mine]))
        np.testing.assert_array_equal(scores[:, mine], z_score(values[:, mine]))
        alone = sector_neutral(values[:, mine], np.zeros(mine.sum(), np.int32))
        np.testing.assert_array_equal(neutral[:, mine], alone)


def test_rows_split_over_calls_give_the_same_bits():
    values, sectors = universe(seed=3)

    for measure in (rank_in_sector, z_score_in_sector, sector_neutral):
        whole = measure(values, sectors)
        parts = [measure(values[k : k + 7], sectors) for k in range(0, len(values), 7)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_what_is_no_number_is_missing_and_counts_for_no_other():
    values = np.array([[1.0, np.inf, 2.0, NAN, 4.0], [NAN, NAN, 3.0, NAN, NAN]])

    np.testing.assert_allclose(rank(values), [[0, NAN, 0.5, NAN, 1], [NAN] * 5])
    expected = z_score(np.array([[1.0, 2.0, 4.0]]))[0]
    np.testing.assert_allclose(
        z_score(values), [[expected[0], NAN, expected[1], NAN, expected[2]], [NAN] * 5]
    )


def test_equal_values_score_nothing():
    values = np.full((1, 4), 0.1)

    np.testing.assert_array_equal(z_score(values), np.zeros((1, 4)))
    np.testing.assert_array_equal(rank(values), np.full((1, 4), 0.5))


@pytest.mark.parametrize(("values", "sectors"), [(np.zeros(4), np.zeros(4)), (np.zeros((2, 4)), np.zeros(3))])
def test_shapes_that_do_not_go_together_are_refused(values, sectors):
    with pytest.raises(ValueError, match=r"a sector for each instrument; \("):
        sector_neutral(values, sectors.astype(np.int32))


def test_an_empty_universe_answers_with_nothing():
    assert rank(np.empty((3, 0))).shape == (3, 0)
    assert z_score(np.empty((0, 3))).shape == (0, 3)
