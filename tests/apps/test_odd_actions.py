"""`ita adjust` beside a plain walk through the gaps between bars: weekends, zones, several at once."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from apps.cli.main import WrongUse, _register, app
from apps.indicator_values import compute

FRIDAY = dt.date(2024, 1, 5)


@pytest.fixture(scope="module", autouse=True)
def _commands():
    if not any(command.name == "adjust" for command in app.registered_commands):
        _register()


def plain_factors(days, closes, actions, convention):
    """Walk back through the gaps: what one share of before a gap is worth in what comes after it."""
    factor, factors = 1.0, [1.0] * len(days)
    for place in range(len(days) - 1, 0, -1):
        events = sorted(
            (ex, kind, value) for ex, kind, value in actions if days[place - 1] < ex <= days[place]
        )
        price, left = closes[place - 1], 1.0
        for ex in sorted({each[0] for each in events}):
            later = np.prod([value for other, kind, value in events if kind == "split" and other > ex])
            splits = np.prod([value for other, kind, value in events if kind == "split" and other == ex])
            paid = sum(value for other, kind, value in events if kind == "dividend" and other == ex)
            worth = sum(value for other, kind, value in events if kind == "spin_off" and other == ex)
            price, left = price / splits, left / splits
            after = closes[place] * later
            share = 1 - paid / price if convention == "previous" else after / (after + paid)
            share *= after / (after + worth)
            price, left = price * share, left * share
        factor *= left
        factors[place - 1] = factor
    return factors


@pytest.mark.parametrize("convention", ["previous", "ex_close"])
@pytest.mark.parametrize("seed", range(20))
def test_factors_equal_a_plain_walk_for_actions_on_any_days_also_several_in_one_gap(seed, convention, adjust):
    rng = np.random.default_rng(seed)
    count = 60
    days = [FRIDAY + dt.timedelta(days=int(day)) for day in np.cumsum(rng.integers(1, 5, count))]
    closes = np.round(50 * np.exp(np.cumsum(rng.normal(0, 0.02, count))), 2)
    actions = []
    for _ in range(25):
        ex = days[0] + dt.timedelta(days=int(rng.integers(-10, (days[-1] - days[0]).days + 20)))
        kind = str(rng.choice(["dividend", "split", "spin_off"]))
        value = (
            float(rng.choice([2, 3, 0.1, 1.5]))
            if kind == "split"
            else round(float(rng.uniform(0.01, 0.3)), 2)
        )
        actions.append((ex, kind, value))
    bars = "date,close\n" + "".join(f"{day},{close}\n" for day, close in zip(days, closes, strict=True))
    rows = "ex_date,type,value\n" + "".join(f"{ex},{kind},{value}\n" for ex, kind, value in actions)

    table = adjust(bars, rows, "--convention", convention)

    np.testing.assert_allclose(
        table["price_factor"], plain_factors(days, closes, actions, convention), rtol=1e-12
    )


def test_a_split_on_saturday_and_a_dividend_on_sunday_are_taken_in_their_order(adjust):
    bars = "date,close\n2024-01-05,100\n2024-01-08,49\n"

    after = adjust(bars, "date,type,value\n2024-01-06,split,2\n2024-01-07,dividend,1\n")
    before = adjust(bars, "date,type,value\n2024-01-06,dividend,2\n2024-01-07,split,2\n")

    assert after["price_factor"].to_list() == before["price_factor"].to_list() == [0.5 * 0.98, 1.0]


@pytest.mark.parametrize("zone", ["+09:00", "+00:00", "-05:00", ""])
def test_a_bar_is_of_the_day_that_it_is_written_under_in_any_zone(zone, adjust):
    bars = "date,close\n" + "".join(
        f"2024-01-0{day} 00:00:00{zone},{100 / (1 + (day > 3))}\n" for day in range(2, 6)
    )

    table = adjust(bars, f"ex_date,type,value\n2024-01-04 00:00:00{zone},split,2\n")

    assert table["price_factor"].to_list() == [0.5, 0.5, 1.0, 1.0]
    assert table["close"].to_list() == [50.0] * 4


def test_minutes_of_the_ex_date_are_after_the_action_and_the_close_before_is_of_the_last_minute(adjust):
    bars = "date,time,close\n2024-01-04,15:58,90\n2024-01-04,15:59,100\n2024-01-05,09:30,98\n2024-01-05,09:31,99\n"

    table = adjust(bars, "ex_date,type,value\n2024-01-05,dividend,2\n")

    assert table["price_factor"].to_list() == [0.98, 0.98, 1.0, 1.0]


def test_bars_of_several_instruments_are_adjusted_one_at_a_time_or_refused(adjust):
    bars = "symbol,date,close\n" + "".join(f"{name},2024-01-0{day},10\n" for day in (2, 3) for name in "AB")
    actions = "ticker,ex_date,type,value\nA,2024-01-03,split,2\nB,2024-01-03,split,4\n"

    table = adjust(bars, actions, "--instrument", "B")

    assert table["symbol"].to_list() == ["B", "B"]
    assert table["price_factor"].to_list() == [0.25, 1.0]
    with pytest.raises(WrongUse, match="has bars of A, B; say which are meant with --instrument"):
        adjust(bars, actions)


def test_indicators_of_several_instruments_are_each_of_its_own_rows(tmp_path):
    days = [f"2024-01-{day:02}" for day in range(1, 31)]
    closes = {
        name: np.random.default_rng(place).uniform(10, 20, 30).round(2) for place, name in enumerate("BAC")
    }
    rows = [(day, name, closes[name][place]) for place, day in enumerate(days) for name in closes]
    (tmp_path / "all.csv").write_text("date,Ticker,close\n" + "".join(f"{d},{n},{c}\n" for d, n, c in rows))

    done = compute(tmp_path / "all.csv", ["EMA(5)", "RSI(5)"])

    assert done.flagged == ()
    assert done.table.select("date", "Ticker").rows() == [row[:2] for row in rows]
    for name, close in closes.items():
        (tmp_path / "one.csv").write_text(
            "date,close\n" + "".join(f"{d},{c}\n" for d, c in zip(days, close, strict=True))
        )
        alone = compute(tmp_path / "one.csv", ["EMA(5)", "RSI(5)"]).table
        mine = done.table.filter(pl.col("Ticker") == name).drop("Ticker")
        assert mine.equals(alone)


def test_bars_without_a_close_that_can_be_used_are_told_and_left_as_they_are(adjust):
    table = adjust("date,close\n2024-01-02,n/a\n2024-01-03,\n", "ex_date,type,value\n2024-01-03,split,2\n")

    assert table["price_factor"].to_list() == [1.0, 1.0]
    assert table["close"].to_list() == [None, None]


@pytest.mark.parametrize(
    ("row", "factor"),
    [
        ("split,1:10", 10.0),
        ("split,0.1", 10.0),
        ("reverse_split,10:1", 10.0),
        ("reverse_split,0.1", 10.0),
        ("split,3 for 2", 2 / 3),
        ("stock_dividend,21:20", 20 / 21),
    ],
)
def test_a_ratio_is_read_in_the_ways_that_people_write_it(row, factor, adjust):
    bars = "date,close\n2024-01-02,100\n2024-01-03,100\n"

    assert adjust(bars, f"ex_date,type,value\n2024-01-03,{row}\n")["price_factor"][0] == pytest.approx(factor)
