"""Dirty vendor histories: what is wrong is found and put right, and what is right is left alone."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from apps.price_repair import checked
from apps.written_numbers import numbers_of

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "corporate_actions"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/corporate_actions is not there")
DIRTY = sorted(
    path
    for path in (DATA / "yfinance_dirty").glob("*.csv")
    if (path.parent / f"{path.stem}-fixed.csv").exists()
)
CLEAN = sorted(
    [
        *(DATA / "yfinance_dirty").glob("*-fixed.csv"),
        *(DATA / "yfinance_dirty").glob("*-no-bad-divs.csv"),
        *(DATA / "wiki").glob("*.csv"),
    ]
)
DAYS = 500


def same(left, right):
    return np.isclose(left, right, rtol=1e-3, atol=1e-9) | (np.isnan(left) & np.isnan(right))


@needs_data
@pytest.mark.parametrize("path", DIRTY, ids=lambda path: path.stem)
def test_a_dirty_file_becomes_its_fixed_twin_cell_by_cell(path):
    dirty = pl.read_csv(path, infer_schema=False)
    fixed = pl.read_csv(path.parent / f"{path.stem}-fixed.csv", infer_schema=False)
    places = {date: place for place, date in enumerate(fixed[fixed.columns[0]])}
    order = [places[date] for date in dirty[dirty.columns[0]]]

    done = checked(path)

    assert done.corrections
    for name in dirty.columns[1:]:
        expected = numbers_of(fixed[name])[order]
        assert same(numbers_of(done.table[name]), expected).all(), name


@needs_data
@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.stem)
def test_a_clean_history_is_left_alone(path):
    assert checked(path).corrections == ()


class Market:
    """A clean history of our own: prices that wander, quarterly dividends, a split; adjusted as Yahoo does."""

    def __init__(self, seed, volatility=0.015):
        rng = np.random.default_rng(seed)
        self.close = 60 * np.exp(np.cumsum(rng.normal(0.0003, volatility, DAYS)))
        self.dividends, self.splits = np.zeros(DAYS), np.zeros(DAYS)
        for row in range(40, DAYS, 63):
            self.dividends[row] = round(0.007 * self.close[row - 1], 3)
        self.volume = rng.integers(1_000_000, 3_000_000, DAYS).astype(float)
        self.wobble = 1 + np.abs(rng.normal(0, 0.006, (2, DAYS)))
        self.rng = rng
        self.adjusted = self.back()

    def back(self):
        """Return the adjusted close."""
        factor = np.ones(DAYS)
        for row in np.flatnonzero(self.dividends):
            factor[:row] *= 1 - self.dividends[row] / self.close[row - 1]
        return self.close * factor

    def frame(self, level=None):
        level = np.ones(DAYS) if level is None else level
        days = pl.date_range(pl.date(2022, 1, 3), pl.date(2026, 12, 31), eager=True)
        days = days.filter(days.dt.weekday() <= 5)[:DAYS]
        return pl.DataFrame(
            {
                "Date": days,
                "Open": self.close * level,
                "High": self.close * self.wobble[0] * level,
                "Low": self.close / self.wobble[1] * level,
                "Close": self.close * level,
                "Adj Close": self.adjusted * level,
                "Volume": self.volume,
                "Dividends": self.dividends,
                "Stock Splits": self.splits,
            }
        )


def units(market):
    first = int(market.rng.integers(50, 400))
    level = np.ones(DAYS)
    level[first : first + int(market.rng.integers(1, 4))] = market.rng.choice([100.0, 0.01])
    return market.frame(level), "unit_100x"


def switched(market):
    level = np.where(np.arange(DAYS) < market.rng.integers(50, 450), market.rng.choice([100.0, 0.01]), 1.0)
    return market.frame(level), "unit_100x"


def half_split(market):
    row, ratio = int(market.rng.integers(100, 450)), float(market.rng.choice([2.0, 3.0, 5.0, 10.0, 0.1]))
    market.splits[row] = ratio
    wrong = slice(row - int(market.rng.integers(1, 30)), row)
    level = np.ones(DAYS)
    level[wrong] = ratio
    frame = market.frame(level)
    volume = market.volume.copy()
    volume[wrong] /= ratio
    return frame.with_columns(Volume=volume), "split_half_applied"


def hundred_dividends(market):
    row = market.rng.choice(np.flatnonzero(market.dividends))
    dividends = market.dividends.copy()
    dividends[row] *= 100
    return market.frame().with_columns(Dividends=dividends), "dividend_100x"


def unadjusted(market):
    row = int(market.rng.choice(np.flatnonzero(market.dividends)))
    frame = market.frame()
    adjusted = market.adjusted.copy()
    adjusted[:row] /= 1 - market.dividends[row] / market.close[row - 1]
    return frame.with_columns(pl.Series("Adj Close", adjusted)), "adjustment_missing"


def lone_cells(market):
    frame = market.frame()
    for name in market.rng.choice(["Open", "High", "Low", "Close", "Adj Close"], 3, replace=False):
        row = int(market.rng.integers(2, DAYS - 2))
        values = frame[str(name)].to_numpy().copy()
        values[row] *= market.rng.choice([100.0, 0.01])
        frame = frame.with_columns(pl.Series(str(name), values))
    return frame, "unit_100x"


def split_of_some_columns(market):
    row, ratio = int(market.rng.integers(100, 450)), float(market.rng.choice([2.0, 3.0, 10.0, 0.1]))
    market.splits[row] = ratio
    frame = market.frame()
    for name in market.rng.choice(["Open", "High", "Low", "Close"], 2, replace=False):
        values = frame[str(name)].to_numpy().copy()
        values[:row] *= ratio
        frame = frame.with_columns(pl.Series(str(name), values))
    return frame, "split_half_applied"


def hundredfold_adjustment(market):
    row = int(market.rng.choice(np.flatnonzero(market.dividends)))
    part = market.dividends[row] / market.close[row - 1]
    frame = market.frame()
    adjusted = market.adjusted.copy()
    adjusted[:row] *= (1 - 100 * part) / (1 - part)
    return frame.with_columns(pl.Series("Adj Close", adjusted)), "adjustment_100x"


FAULTS = [
    units,
    switched,
    half_split,
    hundred_dividends,
    unadjusted,
    lone_cells,
    split_of_some_columns,
    hundredfold_adjustment,
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", range(8))
def test_a_fault_that_is_put_into_a_clean_history_is_found_and_put_right(fault, seed, tmp_path):
    market = Market(seed)
    dirty, rule = fault(market)
    dirty.write_csv(tmp_path / "dirty.csv")
    clean = market.frame()

    done = checked(tmp_path / "dirty.csv")

    assert {each.rule for each in done.corrections} == {rule}
    for name in clean.columns[1:]:
        assert same(numbers_of(done.table[name]), clean[name].cast(pl.Float64).to_numpy()).all(), name


@pytest.mark.parametrize("seed", range(20))
def test_a_history_that_only_wanders_is_left_alone(seed, tmp_path):
    market = Market(seed + 100, volatility=0.03)
    market.frame().write_csv(tmp_path / "clean.csv")

    assert checked(tmp_path / "clean.csv").corrections == ()


@pytest.mark.parametrize("seed", range(8))
def test_a_special_dividend_that_the_price_fell_by_is_believed_without_an_adjusted_close(seed, tmp_path):
    market = Market(seed)
    paid = 0.35 * market.close[249]
    market.close[250:] *= 0.65
    market.dividends[:] = 0.0
    market.dividends[250] = paid
    market.frame().drop("Adj Close").write_csv(tmp_path / "clean.csv")

    assert checked(tmp_path / "clean.csv").corrections == ()


def test_a_dividend_and_its_adjustment_that_are_both_hundredfold_are_both_put_right(tmp_path):
    market = Market(3)
    clean, row = market.frame(), int(np.flatnonzero(market.dividends)[4])
    market.dividends = np.where(np.arange(DAYS) == row, 100 * market.dividends, market.dividends)
    market.adjusted = market.back()
    market.frame().write_csv(tmp_path / "dirty.csv")

    done = checked(tmp_path / "dirty.csv")

    assert [each.rule for each in done.corrections] == ["dividend_100x", "adjustment_100x"]
    for name in ("Dividends", "Adj Close"):
        assert same(numbers_of(done.table[name]), clean[name].to_numpy()).all()
