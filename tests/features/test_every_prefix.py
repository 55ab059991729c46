"""Stepping bar by bar gives, at every bar, what the plain formula gives of all bars up to it."""

import numpy as np
import pytest

from features import evaluate
from features.catalogue import CATALOGUE, columns, default_families
from features.volume_profile import volume_profile
from tests.features.prefix_formulas import FORMULAS, SLOTS, prefix_of
from tests.features.random_bars import Market, random_market

COUNT = 132
DAY_BARS = 44
FAMILIES = tuple(
    volume_profile(slots=SLOTS) if family.name == "volume_profile" else family
    for family in default_families()
)


@pytest.fixture(scope="module")
def market() -> Market:
    return random_market(COUNT, seed=7, day_bars=DAY_BARS)


@pytest.fixture(scope="module")
def stepped(market: Market) -> dict[str, list[float]]:
    states = evaluate.fresh(FAMILIES, 1)
    rows = [evaluate.run(FAMILIES, states, *market.rows(slice(n, n + 1)))[:, 0] for n in range(COUNT)]
    return dict(zip(columns(FAMILIES), np.array(rows).T.tolist(), strict=True))


def test_there_is_a_plain_formula_for_every_feature_of_the_catalogue():
    assert list(FORMULAS) == [feature.name for feature in CATALOGUE]


@pytest.mark.parametrize("name", FORMULAS)
def test_a_feature_equals_its_formula_at_every_prefix(
    name: str, market: Market, stepped: dict[str, list[float]]
):
    expected = [FORMULAS[name](prefix_of(market, count)) for count in range(1, COUNT + 1)]

    spoken = np.count_nonzero(~np.isnan(expected))

    assert spoken >= 14
    np.testing.assert_allclose(stepped[name], expected, rtol=1e-9, atol=1e-12)
