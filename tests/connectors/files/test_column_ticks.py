"""Parquet and CSV in foreign columns."""

from pathlib import Path

import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.files.csv_ticks import csv_ticks
from connectors.files.parquet_ticks import parquet_ticks
from connectors.source import SEQUENCES_PER_DAY, SourceError
from domain.market import ELIGIBLE, Condition, Kind, Ticks, row_count
from tests.connectors.files.reading import assert_same, column, read_whole, split_and_joined

START = int(np.datetime64("2024-03-07T14:30", "ns").astype(np.int64))
SECOND = 1_000_000_000


def work(rows: int, instruments: int = 4) -> dict[str, np.ndarray]:
    """Return rows of the form of the benchmark's file."""
    random = np.random.default_rng(3)
    return {
        "ts_ns": START + np.cumsum(random.integers(1, 2_000_000, rows)) * 1000,
        "sym": random.integers(0, instruments, rows).astype(np.int32),
        "price": np.round(random.uniform(10, 20, rows), 2),
        "size": random.integers(1, 1000, rows).astype(np.int32),
    }


def written(tmp_path: Path, columns: dict[str, np.ndarray], row_group_rows: int = 5_000) -> Path:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=row_group_rows)
    return path


def lines(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    return path


def test_the_benchmark_file_is_read_as_trades_with_instruments_named_by_number(tmp_path: Path) -> None:
    columns = work(20_000)

    source = parquet_ticks(written(tmp_path, columns))
    ticks, malformed = read_whole(source)

    assert source.instruments() == ("S00000", "S00001", "S00002", "S00003")
    assert not malformed
    np.testing.assert_array_equal(ticks.event_at, columns["ts_ns"])
    np.testing.assert_array_equal(ticks.known_at, columns["ts_ns"])
    np.testing.assert_array_equal(ticks.instrument, columns["sym"])
    np.testing.assert_array_equal(ticks.price, columns["price"])
    np.testing.assert_array_equal(ticks.size, columns["size"])
    assert (column(ticks, "kind") == Kind.TRADE).all()
    assert (column(ticks, "conditions") == ELIGIBLE).all()
    assert (column(ticks, "sequence") % SEQUENCES_PER_DAY).tolist()[:3] == [1, 2, 3]


def test_rows_of_several_days_and_row_groups_are_the_same_for_one_reader_and_for_three(
    tmp_path: Path,
) -> None:
    columns = work(20_000)
    columns["ts_ns"] = START + np.arange(20_000) * 13 * SECOND

    source = parquet_ticks(written(tmp_path, columns, 3_000))
    whole, _ = read_whole(source)
    joined, _ = split_and_joined(source, 3)

    assert source.segments() == ("2024-03-07", "2024-03-08", "2024-03-09", "2024-03-10")
    assert row_count(whole) == 20_000
    assert_same(whole, joined)


def test_rows_out_of_order_are_sorted_and_numbered_in_the_order_of_time(tmp_path: Path) -> None:
    columns = work(5_000)
    shuffled = np.random.default_rng(1).permutation(5_000)

    straight, _ = read_whole(parquet_ticks(written(tmp_path, columns)))
    path = written(tmp_path, {name: values[shuffled] for name, values in columns.items()})
    sorted_rows, _ = read_whole(parquet_ticks(path))

    assert_same(straight, sorted_rows)


def test_chunks_are_bounded_and_hold_whole_instants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.files.canonical.CHUNK_ROWS", 1_000)
    monkeypatch.setattr("connectors.files.parquet_ticks.BATCH_ROWS", 300)
    columns = work(10_000)
    columns["ts_ns"] = START + np.sort(np.random.default_rng(2).integers(0, 2_000, 10_000)) * SECOND
    source = parquet_ticks(written(tmp_path, columns))

    whole, _ = read_whole(source)
    joined, _ = split_and_joined(source, 2)

    assert row_count(whole) == 10_000
    assert_same(whole, joined)


@pytest.mark.parametrize(
    "times",
    [
        polars.Series([START, START + 1500]),
        polars.Series([START, START + 1500]).cast(polars.Datetime("ns")),
        polars.Series([START, START + 1500]).cast(polars.Datetime("ns", "UTC")),
        polars.Series([START, START + 1500])
        .cast(polars.Datetime("ns", "UTC"))
        .dt.convert_time_zone("Asia/Tokyo"),
        polars.Series(["2024-03-07T14:30:00Z", "2024-03-07 14:30:00.000001500"]),
        polars.Series(["2024-03-07T09:30:00-05:00", "2024-03-07T14:30:00.000001500+0000"]),
        polars.Series([str(START), str(START + 1500)]),
    ],
    ids=["whole", "naive", "utc", "tokyo", "text", "offsets", "digits"],
)
def test_a_time_is_the_same_instant_in_every_form(tmp_path: Path, times: polars.Series) -> None:
    frame = polars.DataFrame({"Time": times, "TICKER": ["A", "A"], "px": [1.5, 1.25], "quantity": [1, 2]})
    path = tmp_path / "rows.parquet"
    frame.write_parquet(path)

    ticks, _ = read_whole(parquet_ticks(path))

    assert ticks.event_at.tolist() == [START, START + 1500]


def test_quotes_come_whole_or_by_side_and_trades_beside_them(tmp_path: Path) -> None:
    path = lines(
        tmp_path,
        "ts,symbol,side,price,size,bid,ask,bid_size,ask_size,exchange\n"
        f"{START},A,quote,,,10.1,10.2,3,4,N\n"
        f"{START + 1},A,bid,10.0,7,,,,,P\n"
        f"{START + 2},A,ask,10.3,8,,,,,P\n"
        f"{START + 3},A,buy,10.2,5,,,,,q\n"
        f"{START + 4},A,,,,10.1,,9,,N\n",
    )

    ticks, malformed = read_whole(csv_ticks(path))

    nan = np.nan
    assert not malformed
    assert column(ticks, "kind").tolist() == [Kind.QUOTE, Kind.QUOTE, Kind.QUOTE, Kind.TRADE, Kind.QUOTE]
    np.testing.assert_array_equal(column(ticks, "bid"), [10.1, 10.0, nan, nan, 10.1])
    np.testing.assert_array_equal(column(ticks, "ask"), [10.2, nan, 10.3, nan, nan])
    assert column(ticks, "bid_size").tolist() == [3, 7, 0, 0, 9]
    np.testing.assert_array_equal(ticks.price, [nan, nan, nan, 10.2, nan])
    assert bytes(column(ticks, "venue")) == b"NPPQN"


def test_conditions_sequence_and_reference_of_the_file_are_kept(tmp_path: Path) -> None:
    path = lines(
        tmp_path,
        "event_at,known_at,instrument,price,size,kind,sequence,conditions,reference\n"
        f"{START},{START + 5},A,10,1,trade,71,{int(Condition.COUNTS_VOLUME)},\n"
        f"{START + 1},{START + 9},A,10,1,cancel,72,,71\n",
    )

    ticks, _ = read_whole(csv_ticks(path))

    assert column(ticks, "sequence").tolist() == [71, 72]
    assert column(ticks, "conditions").tolist() == [int(Condition.COUNTS_VOLUME), ELIGIBLE]
    assert column(ticks, "reference").tolist() == [0, 71]
    assert ticks.known_at.tolist() == [START + 5, START + 9]


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
@pytest.mark.parametrize("parquet", [False, True])
def test_whole_numbers_are_times_in_the_unit_that_their_size_says(
    unit: int, parquet: bool, tmp_path: Path
) -> None:
    at = [1_709_821_800_000_000_000 + second * SECOND for second in range(20)]
    table = polars.DataFrame({"ts": [each // unit for each in at], "sym": "A", "px": 1.5, "qty": 2})
    path = tmp_path / "ticks"
    table.write_parquet(path) if parquet else table.write_csv(path)

    ticks, malformed = read_whole(parquet_ticks(path) if parquet else csv_ticks(path))

    assert not malformed
    assert ticks.event_at.tolist() == at


def test_milliseconds_since_midnight_are_no_time(tmp_path: Path) -> None:
    (tmp_path / "ticks.csv").write_text("time,symbol,price,size\n" + "34200000,A,1,1\n" * 20)

    with pytest.raises(SourceError, match="is no file of ticks: 20 of its first 20 rows cannot be read"):
        csv_ticks(tmp_path / "ticks.csv")


GOOD = "2024-03-07T14:30:0{n}Z,A,10,1,N,trade\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2024-03-07T14:30:02Z,A,ten,1,N,trade", "not_a_number"),
        ("2024-03-07T14:30:02Z,A,10,one,N,trade", "not_a_number"),
        ("2024-13-07T14:30:02Z,A,10,1,N,trade", "not_a_time"),
        (",A,10,1,N,trade", "not_a_time"),
        ("2024-03-07T14:30:02Z,,10,1,N,trade", "no_instrument"),
        ("2024-03-07T14:30:02Z,A,10,1,NYSE,trade", "not_a_venue"),
        ("2024-03-07T14:30:02Z,A,10,1,N,swap", "not_a_kind"),
        ("2024-03-07T14:30:02Z,A,10,1,N", "wrong_column_count"),
        ("2024-03-07T14:30:02Z,A,10,1,N,trade,more", "wrong_column_count"),
    ],
)
@pytest.mark.parametrize("block_bytes", [30, 100_000])
def test_a_bad_row_is_set_apart_with_its_line_and_reason_whatever_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, reason: str, block_bytes: int
) -> None:
    monkeypatch.setattr("connectors.files.csv_ticks.BLOCK_BYTES", block_bytes)
    body = [GOOD.format(n=n) for n in range(6)]
    path = lines(
        tmp_path, "time,symbol,price,size,venue,kind\n" + "".join([*body[:2], line, "\n", *body[2:]])
    )

    ticks, malformed = read_whole(csv_ticks(path))

    assert row_count(ticks) == 6
    assert [(row.place, row.reason, row.known_at) for row in malformed] == [
        ("rows.csv:4", reason, START + SECOND),
    ]
    assert line.split(",")[2] in malformed[0].raw


def test_each_bad_row_has_one_reader_whether_or_not_it_names_an_instrument(tmp_path: Path) -> None:
    body = "".join(f"2024-03-07T14:30:0{n}Z,{'AB'[n % 2]},10,1\n" for n in range(8))
    path = lines(tmp_path, f"time,symbol,price,size\nx,C,1,1\n{body}never,B,1,1\nshort\n,,,\n")
    source = csv_ticks(path)

    whole, malformed = read_whole(source)
    joined, shared = split_and_joined(source, 3)

    assert source.instruments() == ("A", "B", "C")
    assert [row.reason for row in malformed] == [
        "not_a_time",
        "not_a_time",
        "wrong_column_count",
        "no_instrument",
    ]
    assert sorted(shared) == sorted(malformed)
    assert_same(whole, joined)


def test_a_file_mostly_unreadable_is_refused(tmp_path: Path) -> None:
    path = lines(tmp_path, "time,symbol,price,size\n" + "yesterday,A,1,1\n" * 6 + f"{START},A,1,1\n" * 5)

    with pytest.raises(SourceError, match="6 of its first 11 rows cannot be read"):
        csv_ticks(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("when,symbol,price,size", "no column for event_at"),
        ("ts,name,price,size", "no column for instrument"),
        ("ts,symbol,price", "neither price and size nor bid and ask"),
        ("ts,symbol,price,price", "names a column twice"),
        ("", "empty or has no header"),
        ("ts,symbol,price,size", "holds no row"),
    ],
)
def test_a_file_without_what_is_needed_is_refused_with_what_is_missing(
    tmp_path: Path, header: str, message: str
) -> None:
    path = lines(tmp_path, header + "\n")

    with pytest.raises(SourceError, match=message):
        csv_ticks(path)


@pytest.mark.parametrize("content", [b"", b"not parquet at all", b"PAR1"])
def test_a_damaged_parquet_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(content)

    with pytest.raises(SourceError, match=r"rows\.parquet is no whole Parquet file"):
        parquet_ticks(path)


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, work(5_000))
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(SourceError, match="no whole Parquet file"):
        parquet_ticks(path)


def test_files_of_a_folder_follow_each_other_in_order_of_their_paths(tmp_path: Path) -> None:
    columns = work(4_000)
    whole, _ = read_whole(parquet_ticks(written(tmp_path, columns)))
    folder = tmp_path / "parts"
    folder.mkdir()
    for number, rows in enumerate((slice(0, 1_500), slice(1_500, 4_000))):
        pq.write_table(
            pa.table({name: values[rows] for name, values in columns.items()}), folder / f"{number}.parquet"
        )

    parts, _ = read_whole(parquet_ticks(folder))

    assert_same(whole, parts)


def test_csv_and_parquet_of_the_same_rows_are_the_same_ticks(tmp_path: Path) -> None:
    columns = work(3_000)
    polars.DataFrame(columns).with_columns(sym=polars.col("sym").cast(polars.String)).write_csv(
        tmp_path / "rows.csv"
    )
    text = {**columns, "sym": columns["sym"].astype(str)}

    from_csv, _ = read_whole(csv_ticks(tmp_path / "rows.csv"))
    from_parquet, _ = read_whole(parquet_ticks(written(tmp_path, text)))

    assert_same(from_csv, from_parquet)
    assert isinstance(from_csv, Ticks)
