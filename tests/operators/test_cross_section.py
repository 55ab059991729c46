"""The universe at each close: as it is known then, again when it is known better; what is missing counts for none."""

from decimal import Decimal

import numpy as np
import pytest

from domain.instruments import Split
from domain.market import BAR, END, SECOND, FeatureRows, Ordered, empty_ticks
from features.cointegration import engle_granger
from features.comparison import asked_comparison, comparison
from features.reference import UnknownFeature
from operators.cross_section import CloseTooOld, CrossSection, CrossSectionParams
from operators.stage import pack, unpack
from tests.operators.bits import bits

OPEN = 1_709_821_800 * SECOND  # 2024-03-07 09:30 in New York
MINUTE = 60 * SECOND
LATENESS = SECOND // 4
NAMES = ("A", "B", "C", "D")
NAN = float("nan")
SECTORS = np.array([0, 0, 1, -1], np.int32)


def stage(*comparisons, columns=("roc_10",), **more):
    made = tuple(asked_comparison(text) for text in comparisons or ("rank(roc_10)",))
    return CrossSection(CrossSectionParams(NAMES, columns, made, SECTORS, **more))


def rows(*entries, columns=1):
    """Return feature rows of (minute of the close, instrument, value, minutes known later, close price)."""
    bars = np.zeros(len(entries), BAR)
    values = np.zeros((columns, len(entries)))
    for at, (minute, name, value, later, *price) in enumerate(entries):
        bars[at]["close_at"] = OPEN + minute * MINUTE
        bars[at]["open_at"] = OPEN + (minute - 1) * MINUTE
        bars[at]["known_at"] = OPEN + (minute + later) * MINUTE + LATENESS
        bars[at]["instrument"], bars[at]["interval"] = NAMES.index(name), 60
        bars[at]["close"] = price[0] if price else 10.0
        values[:, at] = value
    order = np.lexsort((bars["close_at"], bars["instrument"], bars["known_at"]))
    return FeatureRows(bars[order], values[:, order])


def through(made, *batches):
    """Return (minute, instrument, version, minute known) and the made columns of each row, in order."""
    state, said = made.fresh(), []
    for batch in batches:
        (answer,) = made.step(state, Ordered(END, empty_ticks(), np.empty(0), features=batch))
        said.append(answer.features)
    bars = np.concatenate([part.bars for part in said])
    values = np.concatenate([part.values for part in said], axis=1)[len(made.params.columns) :]
    keys = [
        (
            int(bar["close_at"] - OPEN) // MINUTE,
            NAMES[bar["instrument"]],
            int(bar["version"]),
            int(bar["known_at"] - OPEN - LATENESS) // MINUTE,
        )
        for bar in bars
    ]
    return keys, values


def test_each_instrument_is_ranked_among_those_that_have_a_bar_of_the_close():
    batch = rows((1, "A", 3.0, 0), (1, "B", 1.0, 0), (1, "C", 2.0, 0), (2, "A", 5.0, 0), (2, "D", 9.0, 0))

    keys, values = through(stage(), batch)

    assert keys == [(1, "A", 0, 1), (1, "B", 0, 1), (1, "C", 0, 1), (2, "A", 0, 2), (2, "D", 0, 2)]
    assert values.tolist() == [[1.0, 0.0, 0.5, 0.0, 1.0]]


def test_z_score_and_distance_to_the_sector_are_those_of_a_worked_case():
    batch = rows((1, "A", 1.0, 0), (1, "B", 3.0, 0), (1, "C", 5.0, 0), (1, "D", 7.0, 0))

    _, values = through(stage("z_score(roc_10)", "sector_neutral(roc_10)"), batch)

    root = np.sqrt(20 / 3)
    np.testing.assert_allclose(values[0], [-3 / root, -1 / root, 1 / root, 3 / root])
    np.testing.assert_array_equal(values[1], [-1.0, 1.0, 0.0, NAN])


def test_a_missing_value_stays_missing_and_counts_for_no_other():
    batch = rows((1, "A", 3.0, 0), (1, "B", NAN, 0), (1, "C", 2.0, 0), (1, "D", np.inf, 0))

    _, values = through(stage(), batch)

    np.testing.assert_array_equal(values, [[1.0, NAN, 0.0, NAN]])


@pytest.mark.parametrize(("members_min", "first"), [(2, 1.0), (3, 1.0), (4, NAN)])
def test_with_fewer_members_than_asked_nothing_is_compared(members_min, first):
    batch = rows((1, "A", 3.0, 0), (1, "B", 1.0, 0), (1, "C", 2.0, 0), (1, "D", NAN, 0))

    _, values = through(stage(members_min=members_min), batch)

    np.testing.assert_equal(values[0][0], first)


@pytest.mark.parametrize(("carry", "rank"), [(0, 0.0), (119, 0.0), (120, 1.0), (180, 1.0)])
def test_one_without_a_bar_counts_with_its_last_value_while_that_is_young_enough(carry, rank):
    batch = rows((1, "B", 1.0, 0), (1, "D", 9.0, 0), (2, "D", 9.0, 0), (3, "A", 3.0, 0), (3, "C", 4.0, 0))

    keys, values = through(stage(carry_seconds=carry), batch)

    mine = values[0][keys.index((3, "A", 0, 3))]
    others = [1.0] * (carry >= 120) + [4.0] + [9.0] * (carry >= 60)
    assert mine == sum(value < 3.0 for value in others) / len(others)
    assert (mine > 0) == (rank > 0)


def test_a_bar_that_comes_late_makes_the_rows_again_that_it_changes_and_no_other():
    early = rows((1, "A", 1.0, 0), (1, "B", 3.0, 0), (2, "A", 1.0, 0), (2, "B", 3.0, 0))
    late = rows((1, "C", 2.0, 2))

    keys, values = through(stage(), early, late)

    assert keys[4:] == [(1, "C", 0, 3)]
    assert values[0][4:].tolist() == [0.5]


def test_a_revision_changes_the_ranks_of_others_too_one_version_higher():
    early = rows((1, "A", 1.0, 0), (1, "B", 3.0, 0), (1, "C", 5.0, 0))
    revised = rows((1, "A", 4.0, 3))

    keys, values = through(stage(), early, revised)

    assert keys[3:] == [(1, "A", 1, 4), (1, "B", 1, 4)]
    assert values[0][3:].tolist() == [0.5, 0.0]


def test_what_is_known_at_one_instant_is_compared_once():
    batch = rows((1, "A", 1.0, 0), (1, "B", 3.0, 0), (1, "A", 4.0, 2), (1, "B", 2.0, 2))

    keys, values = through(stage(), batch)

    assert keys[2:] == [(1, "A", 1, 3), (1, "B", 1, 3)]
    assert values[0].tolist() == [0.0, 1.0, 1.0, 0.0]


def walk(minutes=200, seed=3, gaps=0.1):
    """Return rows of two prices that belong together, and of two that do not, some bars missing."""
    rng = np.random.default_rng(seed)
    first = rng.normal(0, 0.001, minutes).cumsum()
    second = 0.1 + 1.6 * first + rng.normal(0, 0.0005, minutes)
    other = rng.normal(0, 0.001, (2, minutes)).cumsum(axis=1)
    prices = 50 * np.exp(np.stack([second, first, *other]))
    entries = [
        (minute + 1, name, float(rng.normal()), 0, float(prices[at, minute]))
        for minute in range(minutes)
        for at, name in enumerate(NAMES)
        if rng.random() > gaps
    ]
    return entries, np.log(prices)


def test_a_spread_is_measured_by_the_fit_of_the_last_whole_hour_and_signed_by_leg():
    entries, prices = walk(gaps=0.0)
    made = stage("spread(A,B,60,30)")

    keys, values = through(made, rows(*entries))

    spoken = 0
    for minute in range(1, 201):
        end = (OPEN + minute * MINUTE) // (30 * MINUTE) * (30 * MINUTE)
        last = (end - OPEN) // MINUTE
        got = {name: values[:, keys.index((minute, name, 0, minute))] for name in NAMES}
        if last < 60:
            assert np.isnan([got[name] for name in NAMES]).all()
            continue
        spoken += 1
        y, x = prices[0], prices[1]
        fit = engle_granger(y[last - 60 : last], x[last - 60 : last])
        z = (y[minute - 1] - fit.alpha - fit.beta * x[minute - 1]) / fit.deviation
        np.testing.assert_allclose(got["A"], [z, fit.statistic, 1 / fit.beta], rtol=1e-9)
        np.testing.assert_allclose(got["B"], [-z, fit.statistic, 1.0], rtol=1e-9)
        assert np.isnan(got["C"]).all()
        assert np.isnan(got["D"]).all()
    assert spoken > 100


def test_a_split_of_one_leg_leaves_the_spread_as_it_is():
    entries, _ = walk(gaps=0.0)
    split_at = OPEN + 100 * MINUTE
    split = Split(instrument="B", effective_at=split_at, known_at=OPEN, ratio=Decimal(4))
    raw = [
        (minute, name, value, later, price / 4 if name == "B" and minute > 100 else price)
        for minute, name, value, later, price in entries
    ]

    _, values = through(stage("spread(A,B,60,30)", splits=(split,)), rows(*raw))

    _, expected = through(stage("spread(A,B,60,30)"), rows(*entries))
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-6)


EVERYTHING = ("rank(roc_10)", "z_score_in_sector(roc_10)", "spread(A,B,40,10)")


@pytest.mark.parametrize("seed", range(4))
def test_revised_rows_end_where_a_run_ends_that_had_the_right_ones(seed):
    entries, _ = walk(120, seed)
    rng = np.random.default_rng(seed)
    came, right = list(entries), list(entries)
    for at in rng.choice(len(entries) - 40, 12, replace=False):
        minute, name, value, _, price = entries[at]
        came[at] = (minute, name, value + 3.0, 0, price * 1.05)
        came.append((minute, name, value, int(rng.integers(1, 20)), price))
    made = stage(*EVERYTHING, carry_seconds=180)

    keys, values = through(made, rows(*came))
    expected, right_values = through(made, rows(*right))

    last = {key[:2]: column.tobytes() for key, column in zip(keys, values.T, strict=True)}
    assert last == {key[:2]: column.tobytes() for key, column in zip(expected, right_values.T, strict=True)}
    versions: dict[tuple[int, str], int] = {}
    for minute, name, version, _ in keys:
        assert version == versions.get((minute, name), -1) + 1
        versions[minute, name] = version


def test_what_is_said_at_an_instant_does_not_change_with_what_comes_later():
    entries, _ = walk(120)
    poisoned = [
        (m, n, v * -7 if m > 90 else v, later, p * 2 if m > 90 else p) for m, n, v, later, p in entries
    ]

    keys, values = through(stage(*EVERYTHING), rows(*entries))
    others, other_values = through(stage(*EVERYTHING), rows(*poisoned))

    before = sum(key[0] <= 90 for key in keys)
    assert keys[:before] == others[:before]
    assert bits(values[:, :before].T) == bits(other_values[:, :before].T)


def test_a_state_that_is_stored_after_every_instant_goes_on_with_the_same_bits():
    entries, _ = walk(90)
    whole = rows(*entries)
    made = stage(*EVERYTHING, carry_seconds=60)
    state, parts = made.fresh(), []
    for known_at in np.unique(whole.bars["known_at"]):
        state = unpack("cross_section", made, pack(made, state))
        mine = whole.bars["known_at"] == known_at
        batch = FeatureRows(whole.bars[mine], whole.values[:, mine])
        (answer,) = made.step(state, Ordered(END, empty_ticks(), np.empty(0), features=batch))
        parts.append(answer.features.values)

    (once,) = made.step(made.fresh(), Ordered(END, empty_ticks(), np.empty(0), features=whole))

    assert bits(np.concatenate(parts, axis=1)) == bits(once.features.values)


def test_a_bar_of_a_forgotten_close_stops_the_flow():
    made = stage(revisable_seconds=60)
    kept = made.params.closes

    with pytest.raises(CloseTooOld, match="`revisable_seconds` is at least the bars' horizon"):
        through(
            made, rows(*((minute, "A", 1.0, 0) for minute in range(2, kept + 2))), rows((1, "A", 1.0, 99))
        )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"comparisons": ()}, "needs a comparison"),
        ({"members_min": 0}, "members_min of at least 1"),
        ({"carry_seconds": -1}, "carry_seconds of at least 0; 1, 2 and -1 were given"),
        ({"columns": ("ema_12",)}, r"rank\(roc_10\) compares 'roc_10', which does not come"),
        (
            {"comparisons": (asked_comparison("spread(A,Z)"),)},
            "compares 'Z', which is not in the universe of A, B, C, D",
        ),
    ],
)
def test_a_cross_section_that_compares_nothing_is_refused(changes, words):
    given = {"names": NAMES, "columns": ("roc_10",), "comparisons": (asked_comparison("rank(roc_10)"),)}

    with pytest.raises(ValueError, match=words):
        CrossSectionParams(**{**given, "sectors": SECTORS, **changes})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rnk(roc_10)", r"no feature is named 'rnk\(roc_10\)'; the nearest are rank"),
        ("rank(roc_11)", "no feature is named 'roc_11'; the nearest are roc_10"),
        ("spread(A)", r"a spread is written spread\(A,B\) or spread\(A,B,WINDOW,REFIT\); 'spread\(A\)"),
        ("spread(A,A)", "a spread is written"),
        ("spread(A,B,19,5)", "a window of 20 to 5000 closes"),
        ("spread(A,B,60,61)", "1 to as many from fit to fit; 60 and 61 were given"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_what_is_allowed(text, words):
    with pytest.raises(UnknownFeature, match=words):
        asked_comparison(text)


def test_a_column_of_a_spread_has_to_be_named_where_it_is_read():
    with pytest.raises(UnknownFeature, match=r"has the columns spread\(A,B,240,60\)\.z, "):
        comparison("spread(A,B)")
