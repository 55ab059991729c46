"""Files as vendors hand them out: titles of their own, two headers, Excel's line, days of the week before dates."""

import datetime as dt
import gzip

import numpy as np
import pandas as pd
import polars as pl
import pytest

from apps.adjusting import adjusted
from apps.indicator_values import compute
from apps.quote_file import QuoteFileError
from apps.return_file import read_returns

DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=day) for day in range(20)]
CLOSE = np.round(100 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.01, 20))), 2)
MEAN = pd.Series(CLOSE).rolling(3).mean().to_numpy()


def table(header, dated=str, before=""):
    rows = [
        f"{dated(day)},{close + 1:.2f},{close + 3:.2f},{close - 3:.2f},{close:.2f},900"
        for day, close in zip(DAYS, CLOSE, strict=True)
    ]
    return before + "\n".join([header, *rows, ""])


@pytest.mark.parametrize(
    "text",
    [
        table("Date,Open,High,Low,Close/Last,Volume"),
        table("Date,Open,High,Low,Price,Vol."),
        table("Trade Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME"),
        table("timestamp,1. open,2. high,3. low,4. close,5. volume"),
        table("t,o,h,l,c,v"),
        table("<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>", lambda day: f"{day:%Y.%m.%d},09:30:00"),
        table("Trade Date,Time,Open,High,Low,Close,Vol", lambda day: f"{day},09:30"),
        table("Date,Open,High,Low,Close,Volume", lambda day: f'"{day:%A, %B %d, %Y}"'),
        table("Date,Open,High,Low,Close,Volume", lambda day: f"{day:%a %b %d %Y}"),
        table("Date,Open,High,Low,Close,Volume", before="sep=,\n"),
    ],
)
def test_titles_and_dates_of_vendors_are_known(text, tmp_path):
    (tmp_path / "bars.csv").write_text(text)

    done = compute(tmp_path / "bars.csv", ["SMA(3)"])

    assert done.flagged == ()
    np.testing.assert_allclose(done.table["SMA(3)"].fill_null(np.nan), MEAN, rtol=1e-12)


def test_two_headers_are_read_and_their_second_lines_are_told(tmp_path):
    rows = "".join(f"{day},{close}\n" for day, close in zip(DAYS, CLOSE, strict=True))
    (tmp_path / "bars.csv").write_text(f"Price,Close\nTicker,IBM\nDate,\n{rows}")

    done = compute(tmp_path / "bars.csv", ["SMA(3)"])

    assert [each.line for each in done.flagged] == [2, 3]
    np.testing.assert_allclose(done.table["SMA(3)"].fill_null(np.nan)[2:], MEAN, rtol=1e-12)


def test_an_index_without_a_name_in_parquet_is_one_of_dates(tmp_path):
    frame = pd.DataFrame({"Close": CLOSE, "B": CLOSE}, index=pd.DatetimeIndex(DAYS))
    frame.to_parquet(tmp_path / "bars.parquet")

    assert compute(tmp_path / "bars.parquet", ["SMA(3)"]).table["SMA(3)"].null_count() == 2
    found = read_returns(tmp_path / "bars.parquet", prices=True)
    assert (found.assets, found.values.shape) == (("Close", "B"), (19, 2))


def test_a_close_goes_before_a_price_and_a_last(tmp_path):
    frame = pl.DataFrame({"date": DAYS, "price": CLOSE * 2, "last": CLOSE * 3, "close": CLOSE})
    frame.write_csv(tmp_path / "bars.csv")

    done = compute(tmp_path / "bars.csv", ["SMA(3)"])

    np.testing.assert_allclose(done.table["SMA(3)"].fill_null(np.nan), MEAN, rtol=1e-12)


@pytest.mark.parametrize(
    "actions",
    [
        b"ex_date;kind;value\n2024-01-10;dividend;0,25\n2024-01-17;split;2\n",
        b"ex_date\tkind\tvalue\n01/10/2024\tdividend\t0.25\n01/17/2024\tsplit\t2:1\n",
        b"Date;Dividends;Stock Splits\n2024-01-10;0,25;0,0\n2024-01-17;0,0;2,0\n",
        gzip.compress(b"ex_date,kind,value\n2024-01-10,dividend,0.25\n2024-01-17,split,2\n"),
        "ex_date,kind,value\n2024-01-10,dividend,0.25\n2024-01-17,split,2\n".encode("utf-16"),
    ],
    ids=["semicolons", "tabs", "titles of a vendor", "packed", "utf-16"],
)
def test_actions_say_the_same_in_any_table(actions, tmp_path):
    (tmp_path / "bars.csv").write_text(table("Date,Open,High,Low,Close,Volume"))
    (tmp_path / "actions.csv").write_bytes(actions)

    done = adjusted(tmp_path / "bars.csv", tmp_path / "actions.csv", None, "previous", None)

    step = 1 - 0.25 / CLOSE[8]
    wanted = [close * (step if day < 9 else 1) * (0.5 if day < 16 else 1) for day, close in enumerate(CLOSE)]
    np.testing.assert_allclose(done.table["Close"].to_numpy(), wanted, rtol=1e-12)


def test_a_file_of_one_title_is_told_where_other_lines_may_stand(tmp_path):
    (tmp_path / "bars.csv").write_text("Vendor export\n")

    with pytest.raises(
        QuoteFileError, match=r"no column of dates.*; lines before that of the titles begin with #"
    ):
        compute(tmp_path / "bars.csv", ["SMA(3)"])
