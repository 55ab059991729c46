"""Faults planted with twenty seeds into clean histories of real shares: what is found, missed and invented."""

from functools import cache

import numpy as np
import polars as pl
import pytest

from apps.price_repair import checked
from apps.written_numbers import numbers_of
from tests.features.clean_histories import DATA, PRICES, SHARES, lean_history, piece, wiki_history

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/corporate_actions is not there")
SEEDS = 20


@cache
def histories():
    return {name: lean_history(name) for name in SHARES}


def drawn(rng, paying=False):
    """Return a stretch of a share, one with a dividend that is not at its edges where one is needed."""
    while True:
        history = histories()[str(rng.choice(SHARES))]
        first = int(rng.integers(0, max(1, len(history["Date"]) - 1_000)))
        part = piece(history, first, int(rng.choice([250, 500, 750, 1_000])))
        if not paying or (part["Dividends"][20:-20] > 0).any():
            return part


def times(part, rows, ratio, names=PRICES):
    """Multiply prices, and where all of them are, divide volume."""
    for name in names:
        part[name][rows] *= ratio
    if names is PRICES:
        part["Volume"][rows] /= ratio


def a_split(rng, part):
    """Return the row and ratio of a split of the history, one made up where it has none."""
    large = np.abs(np.log(np.where(part["Stock Splits"] > 0, part["Stock Splits"], 1.0))) > 0.2
    there = [row for row in np.flatnonzero(large) if 60 <= row < len(large) - 60]
    if there:
        return there[0], float(part["Stock Splits"][there[0]])
    row, ratio = (
        int(rng.integers(60, len(large) - 60)),
        float(rng.choice([1.5, 2, 3, 4, 7, 10, 20, 0.2, 0.1, 0.05])),
    )
    part["Stock Splits"][row] = ratio
    return row, ratio


def a_dividend(rng, part):
    return int(rng.choice(np.flatnonzero(part["Dividends"][20:-20] > 0) + 20))


def known_as(part, row, amount):
    """Let the adjusted close know a dividend as another amount."""
    before = part["Close"][row - 1]
    part["Adj Close"][:row] *= (1 - amount / before) / (1 - part["Dividends"][row] / before)


def rows_in_another_unit(rng, part):
    first, rows = int(rng.integers(5, len(part["Close"]) - 8)), int(rng.integers(1, 4))
    ratio = rng.choice([100.0, 0.01])
    for name in PRICES:
        part[name][first : first + rows] *= ratio
    return {"unit_100x"}


def unit_switched(rng, part):
    ratio, until = rng.choice([100.0, 0.01]), int(rng.integers(30, len(part["Close"]) - 30))
    for name in PRICES:
        part[name][:until] *= ratio
    return {"unit_100x"}


def split_not_applied(rng, part):
    row, ratio = a_split(rng, part)
    clean = piece(part)
    times(part, slice(None, row), ratio)
    return {"split_half_applied"}, clean


def split_not_applied_to_the_last_rows(rng, part):
    row, ratio = a_split(rng, part)
    clean = piece(part)
    times(part, slice(row - int(rng.integers(1, 30)), row), ratio)
    return {"split_half_applied"}, clean


def split_not_applied_to_older_rows(rng, part):
    row, ratio = a_split(rng, part)
    clean = piece(part)
    times(part, slice(None, row - int(rng.integers(2, 25))), ratio)
    return {"split_half_applied"}, clean


def split_applied_to_rows_after_it(rng, part):
    row, ratio = a_split(rng, part)
    clean = piece(part)
    times(part, slice(row, row + int(rng.integers(1, 12))), 1 / ratio)
    return {"split_half_applied"}, clean


def split_applied_to_some_columns(rng, part):
    row, ratio = a_split(rng, part)
    clean = piece(part)
    times(part, slice(None, row), ratio, rng.choice(PRICES[:4], 2, replace=False))
    return {"split_half_applied"}, clean


def split_neither_listed_nor_applied(rng, part):
    row, ratio = (
        int(rng.integers(40, len(part["Close"]) - 40)),
        float(rng.choice([2, 3, 4, 5, 10, 20, 0.1, 0.2, 0.05])),
    )
    clean = piece(part)
    clean["Stock Splits"][row] = ratio
    times(part, slice(None, row), ratio)
    return {"split_missing"}, clean


def dividend_a_hundredfold(rng, part):
    part["Dividends"][a_dividend(rng, part)] *= 100
    return {"dividend_100x"}


def dividend_a_hundredth(rng, part):
    part["Dividends"][a_dividend(rng, part)] /= 100
    return {"dividend_100x"}


def all_dividends_a_hundredfold(_rng, part):
    part["Dividends"][1:] *= 100  # what is paid on the first row has no close before it
    return {"dividend_100x"}


def dividend_off(rng, part):
    part["Dividends"][a_dividend(rng, part)] *= rng.choice([3, 5, 10, 0.2, 0.1])
    return {"dividend_wrong"}


def dividend_left_out(rng, part):
    part["Dividends"][a_dividend(rng, part)] = 0.0
    return {"dividend_missing"}


def dividend_there_twice(rng, part):
    row = a_dividend(rng, part)
    part["Dividends"][row + int(rng.integers(1, 6))] = part["Dividends"][row]
    return {"dividend_twice"}


def adjustment_left_out(rng, part):
    known_as(part, a_dividend(rng, part), 0.0)
    return {"adjustment_missing"}


def adjustment_a_hundredfold(rng, part):
    row = a_dividend(rng, part)
    known_as(part, row, 100 * part["Dividends"][row])
    return {"adjustment_100x"}


def dividend_and_adjustment_a_hundredfold(rng, part):
    row = a_dividend(rng, part)
    known_as(part, row, 100 * part["Dividends"][row])
    part["Dividends"][row] *= 100
    return {"dividend_100x", "adjustment_100x"}


UNPAID = (
    rows_in_another_unit,
    unit_switched,
    split_not_applied,
    split_not_applied_to_the_last_rows,
    split_not_applied_to_older_rows,
    split_applied_to_rows_after_it,
    split_applied_to_some_columns,
    split_neither_listed_nor_applied,
)
PAID = (
    dividend_a_hundredfold,
    dividend_a_hundredth,
    all_dividends_a_hundredfold,
    dividend_off,
    dividend_left_out,
    dividend_there_twice,
    adjustment_left_out,
    adjustment_a_hundredfold,
    dividend_and_adjustment_a_hundredfold,
)
MISSED = {
    "dividend_a_hundredth": 1,
    "all_dividends_a_hundredfold": 2,
    "adjustment_a_hundredfold": 1,
    "dividend_and_adjustment_a_hundredfold": 2,
}
"""Of twenty: a dividend that stands alone in its history, or is unlike those beside it, says little."""
INVENTED = {"dividend_a_hundredth": 1, "adjustment_a_hundredfold": 1}


def planted(fault, seed):
    """Return a dirty stretch, the clean one, and the rules that should tell of it."""
    rng = np.random.default_rng((seed, len(fault.__name__)))
    part = drawn(rng, paying=fault in PAID)
    clean = piece(part)
    told = fault(rng, part)
    return (part, clean, told) if isinstance(told, set) else (part, told[1], told[0])


def restored(table, clean):
    return all(
        np.isclose(numbers_of(table[name]), clean[name], rtol=1e-3, atol=1e-9).all()
        for name in clean
        if name != "Date"
    )


def hundredfold_is_possible(part):
    paid = part["Dividends"][1:] / part["Close"][:-1]
    return (paid[paid > 0] < 0.009).all()


@pytest.mark.parametrize("fault", [*UNPAID, *PAID], ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_found_by_its_rule_alone_and_every_cell_put_right(fault, tmp_path):
    missed = invented = seed = tried = 0
    while tried < SEEDS:
        part, clean, rules = planted(fault, seed)
        seed += 1
        if "adjustment_100x" in rules and not hundredfold_is_possible(clean):
            continue
        tried += 1
        pl.DataFrame(part).write_csv(tmp_path / "dirty.csv")
        done = checked(tmp_path / "dirty.csv")
        missed += not restored(done.table, clean)
        invented += any(each.rule not in rules for each in done.corrections)

    told = (missed, invented)
    assert told == (MISSED.get(fault.__name__, 0), INVENTED.get(fault.__name__, 0))


def test_whole_clean_histories_and_hundred_stretches_of_them_are_left_alone(tmp_path):
    rng = np.random.default_rng(1_000)
    clean = [*histories().values(), *map(wiki_history, sorted((DATA / "wiki").glob("*.csv")))]
    clean += [drawn(rng) for _ in range(100)]
    assert len(clean) == 115

    for part in clean:
        pl.DataFrame(part).write_csv(tmp_path / "clean.csv")
        assert checked(tmp_path / "clean.csv").corrections == (), part["Date"][0]


def test_a_fall_by_half_on_bad_news_is_no_split(tmp_path):
    history = histories()["aapl"]
    around = history["Date"].index("2000-09-29")
    part = piece(history, around - 200, 400)
    assert part["Close"][200] / part["Close"][199] == pytest.approx(0.48, abs=0.01)

    pl.DataFrame(part).write_csv(tmp_path / "crash.csv")

    assert checked(tmp_path / "crash.csv").corrections == ()
