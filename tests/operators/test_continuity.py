"""Features over actions: the worked example of standards.md 6.1, and amounts of the day of a split."""

import numpy as np
import pytest

from connectors.kept_sessions import session_table
from domain.market import BAR, SECOND
from features.catalogue import default_families, families_of
from features.continuity import Factor, continuous, factors_at
from operators.feature_rows import FeatureParams, FeatureStage, adjust
from tests.operators.action_cases import action

DAY = 86_400 * SECOND
TABLE = session_table("XNYS", "2024-03-04", "2024-03-11")
DAYS = (19_786, 19_787, 19_788, 19_789, 19_790, 19_793)  # Monday to Friday, and the Monday after
RAW = (100.0, 102.0, 51.5, 52.0, 51.0, 51.8)
ADJUSTED = (49.519231, 50.509615, 51.004808, 51.5, 51.0, 51.8)


def bars_of(closes=RAW):
    """Return one bar a day, at the open of the regular session."""
    bars = np.zeros(len(closes), BAR)
    opens = [TABLE.regular(TABLE.begins(day))[0] for day in DAYS]
    bars["open_at"] = opens
    bars["close_at"] = bars["open_at"] + 60 * SECOND
    for name in ("open", "high", "low", "close", "vwap"):
        bars[name] = closes
    bars["volume"], bars["interval"] = 100.0, 60
    return bars


def stage():
    return FeatureStage(FeatureParams(1, ("A",), families_of(["sma_20"], default_families()), TABLE))


def factors(actions, cuts):
    """Return the factors that bars find which come in batches that end before `cuts`."""
    made = stage()
    state, bars = made.fresh(), bars_of()
    state.agenda.take(actions)
    for part in np.split(bars, cuts):
        if len(part):
            adjust(state, part, {"A": 0})
            state.closes[0] = part["close"][-1]
    return state.factors


SPLIT = action("split", "A", TABLE.begins(DAYS[2]), ratio="2")
DIVIDEND = action("cash_dividend", "A", TABLE.begins(DAYS[4]), amount="0.5")


@pytest.mark.parametrize("cuts", [(), (1, 2, 3, 4, 5), (2,), (4,), (3, 5)])
def test_the_worked_example_comes_out_however_its_bars_are_cut(cuts):
    found = factors([SPLIT, DIVIDEND], cuts)

    assert found[0] == Factor(0, TABLE.begins(DAYS[2]), 2.0, 2.0)
    assert 1 / found[1].price == pytest.approx(0.9903846154, abs=1e-10)
    made = continuous(bars_of(), *factors_at(found, bars_of()))["close"]
    np.testing.assert_allclose(made / (found[0].price * found[1].price), ADJUSTED, atol=5e-7)


@pytest.mark.parametrize("cuts", [(), (2,), (1, 2, 3)])
def test_an_amount_on_the_day_of_a_split_is_of_a_share_of_after_it(cuts):
    both = [action("cash_dividend", "A", TABLE.begins(DAYS[2]), amount="0.5"), SPLIT]

    assert [(one.price, one.shares) for one in factors(both, cuts)] == [(2.0, 2.0), (51.0 / 50.5, 1.0)]


def test_an_action_before_the_first_bar_changes_nothing():
    assert factors([action("split", "A", TABLE.begins(DAYS[0]), ratio="2")], ()) == ()


def test_an_amount_that_is_no_part_of_the_price_leaves_it():
    assert factors([action("special_dividend", "A", TABLE.begins(DAYS[4]), amount="60")], ())[0][2:] == (
        1.0,
        1.0,
    )
