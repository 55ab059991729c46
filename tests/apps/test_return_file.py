"""Files of returns as other programs write them: read as what they say, or refused with the reason."""

import datetime
import gzip

import numpy as np
import polars as pl
import pytest

from apps.return_file import ReturnFileError, read_returns, read_weights

VALUES = np.array([[0.0123, -0.004], [-0.0251, 0.0], [0.0, 0.0306], [0.0042, -0.011]])
DAYS = [datetime.date(2024, 1, day) for day in (2, 3, 4, 5)]


def text_of(cell=repr, date=str, header="date,A,B", separator=",", end="\n"):
    rows = [
        separator.join([date(day), *(cell(float(value)) for value in row)])
        for day, row in zip(DAYS, VALUES, strict=True)
    ]
    return end.join([header.replace(",", separator), *rows, ""])


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a file and returns its path."""

    def write(text, encoding="utf-8"):
        path = tmp_path / "file.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        text_of(header=",A,B"),
        text_of(cell=lambda value: f"{100 * value:.6f}%"),
        text_of(cell=lambda value: f"{100 * value:.4f} %"),
        text_of(cell=lambda value: f"{value:.6f}".replace(".", ","), separator=";"),
        text_of(cell=lambda value: f'"{value:.6f}"'.replace(".", ",")),
        text_of(cell=lambda value: f"{100 * value:.4f}%".replace(".", ","), separator="\t"),
        text_of(cell=lambda value: f"{value:.4e}"),
        text_of(end=",\n"),
        text_of(end="\r\n"),
        "\ufeff" + text_of(separator=";"),
        text_of(date=lambda day: f"{day:%d.%m.%Y}"),
        text_of(date=lambda day: f"{day.month}/{day.day}/{day.year}"),
        text_of(date=lambda day: f"{day:%Y%m%d}"),
        text_of(date=lambda day: f"{day}T00:00:00+00:00"),
        text_of(header='"Date","A","B"'),
        "# mine\n\n" + text_of(),
        text_of() + ",,\n\n,,\n",
        text_of(header="index,A,B"),
        text_of(cell=lambda value: f'"{100 * value:.4f}%"'),
        text_of(cell=lambda value: f"{value:+.6f}"),
        text_of(end="\n\n"),
        "\n".join([text_of().splitlines()[0], *text_of().splitlines()[:0:-1]]),
    ],
)
def test_a_file_says_the_same_however_its_numbers_dates_and_ends_of_lines_are_written(text, file):
    found = read_returns(file(text))

    assert found.assets == ("A", "B")
    assert found.values == pytest.approx(VALUES, abs=1e-12)
    assert len(found.dates) == 4


def test_a_file_in_utf_16_a_packed_one_and_parquet_are_read(file, tmp_path):
    assert read_returns(file(text_of(), "utf-16")).values == pytest.approx(VALUES)

    packed, table = tmp_path / "file.csv.gz", tmp_path / "file.parquet"
    packed.write_bytes(gzip.compress(text_of().encode()))
    pl.DataFrame({"Date": DAYS, "A": VALUES[:, 0], "B": VALUES[:, 1]}).write_parquet(table)

    assert read_returns(packed).values == pytest.approx(VALUES)
    assert read_returns(table).values == pytest.approx(VALUES)


def test_thousands_are_read_where_a_cell_tells_what_the_comma_is(file):
    found = read_returns(file(text_of(cell=lambda value: f'"{1e6 * value:,.2f}"')))

    assert found.values == pytest.approx(1e6 * VALUES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            text_of(cell=lambda value: f'"{int(1e6 * value):,}"'),
            "line 2: A is a finite number; '12,300' was given, whose comma may part thousands or decimals",
        ),
        (text_of(header="2024-01-01,0.1,0.2"), "has no column of dates"),
        (text_of(header=",A,B", date=lambda day: f"row {day.day}"), "has no column of dates"),
        (text_of(header="date,A,"), "line 2: the row has more cells than the header"),
        (text_of(header="date,,A"), "has a column without a name, number 1"),
        (text_of() + "Total,0.1,0.2\n", "line 6: the date 'Total' cannot be read"),
        (
            "date,A\n2024-01-02,\n2024-01-03,0.1\n",
            "line 2: no value of A; --drop-incomplete leaves such rows out",
        ),
        (
            text_of().replace("2024-01-03", "2024-01-06"),
            "line 4: the date 2024-01-04 is before that of the row above",
        ),
        (
            text_of().replace("2024-01-03", "2024-01-02"),
            "line 3: the date 2024-01-02 was there before, in line 2",
        ),
        ("date,A\n2024-01-02,0.1\n", "has 1 rows that can be used; at least 2 are needed"),
        ("date,A\n", "has no rows"),
        ("", "is empty; a table has a line of titles"),
    ],
)
def test_what_cannot_be_told_for_sure_is_refused(text, said, file):
    with pytest.raises(ReturnFileError) as refused:
        read_returns(file(text))

    assert said in str(refused.value)


def prices_of(low, rows=10):
    days = np.arange("2024-01-01", "2024-02-10", dtype="datetime64[D]")[:rows]
    return "".join(["date,A\n", *(f"{day},{low + number}\n" for number, day in enumerate(days))])


@pytest.mark.parametrize(
    ("low", "rows", "refused"), [(0.5, 10, True), (0.49, 10, False), (100, 10, True), (100, 9, False)]
)
def test_a_column_that_can_only_be_of_prices_is_refused_unless_one_says_what_it_is(low, rows, refused, file):
    path = file(prices_of(low, rows))

    if refused:
        with pytest.raises(ReturnFileError, match=r"seems to hold prices: A lies between .* say --prices"):
            read_returns(path)
    else:
        assert read_returns(path).values[0, 0] == low

    levels = low + np.arange(rows)
    assert read_returns(path, prices=False).values[:, 0] == pytest.approx(levels)
    made = read_returns(path, prices=True)
    assert made.values[:, 0] == pytest.approx(levels[1:] / levels[:-1] - 1.0, abs=1e-12)
    assert (made.from_prices, made.dates[0]) == (True, "2024-01-02")


def test_a_price_of_nought_is_refused(file):
    with pytest.raises(ReturnFileError, match="a price is above 0; A is 0 on 2024-01-03"):
        read_returns(file("date,A\n2024-01-02,1\n2024-01-03,0\n2024-01-04,1\n"), prices=True)


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("asset,weight\nB,40%\nA,0.6\n", [0.6, 0.4]),
        ("weight;position\n0,4;B\n0,6;A\n", [0.6, 0.4]),
        ("B,A\n0.4,0.6\n", [0.6, 0.4]),
        ("asset,weight\r\nB,1\r\n", [0.0, 1.0]),
        ("asset;weight\nB;4.000,5\nA;1.000.000\n", [1e6, 4000.5]),
        ("\ufeffasset,weight\nA,-1e6\nB,2e6\n", [-1e6, 2e6]),
    ],
)
def test_weights_are_read_by_row_or_by_column(text, weights, file):
    assert read_weights(file(text), ("A", "B")) == pytest.approx(weights, abs=1e-12)


def test_a_row_of_weights_that_names_an_unknown_asset_is_told(file):
    with pytest.raises(ReturnFileError, match="line 2: unknown asset 'C'; the nearest column is"):
        read_weights(file("A,C\n0.5,0.5\n"), ("A", "B"))
