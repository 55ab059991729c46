"""Rows become exactly these lines: names escaped, NaN and infinity left out, nothing said where there is nothing."""

import math

import numpy as np
import pyarrow as pa
import pytest

from connectors.influx.codec import MEASUREMENTS, body_of, escaped, laned, lines_of
from connectors.influx.health import OTHER, REASONS_MAX, HealthMeter
from connectors.lake.codec import MarketCodec, Rows, record_rows
from domain.instruments import Instrument, Universe
from domain.market import BAR, SECOND, FeatureRows
from tests.connectors.crash_flow import position

UNIVERSE = Universe((Instrument(name="A, B=C"), Instrument(name="Zürich")))
CODEC = MarketCodec(UNIVERSE, "test", ("ema", "rsi"))


def bars(count: int = 2) -> np.ndarray:
    made = np.zeros(count, BAR)
    made["close_at"] = made["known_at"] = 1_700_000_000 * SECOND + np.arange(count)
    made["instrument"] = np.arange(count) % 2
    made["interval"], made["version"], made["trade_count"] = 60, 1, 7
    for name in ("open", "high", "low", "close", "volume", "vwap"):
        made[name] = 0.1
    return made


def test_a_bar_is_one_line_and_leaves_out_what_is_no_number() -> None:
    rows = bars()
    rows["open"], rows["high"], rows["low"] = [1 / 3, math.nan], [1e300, math.inf], [-0.0, -math.inf]

    (lines,) = lines_of(CODEC.bars(rows))

    first, second = lines.to_pylist()
    assert first == (
        r"bars,instrument=A\,\ B\=C,interval=60 version=1i,trade_count=7i,open=0.3333333333333333,high=1e+300,low=-0,"
        "close=0.1,volume=0.1,vwap=0.1 1700000000000000000\n"
    )
    assert second == (
        "bars,instrument=Zürich,interval=60 version=1i,trade_count=7i,close=0.1,volume=0.1,vwap=0.1 "
        "1700000000000000001\n"
    )


def test_a_row_of_features_that_are_all_missing_is_no_point() -> None:
    values = np.array([[1.5, math.nan, 2.0], [math.nan, math.nan, -1e-9]])

    (lines,) = lines_of(CODEC.features(FeatureRows(bars(3), values)))

    assert lines.to_pylist() == [
        "features,instrument=A\\,\\ B\\=C,interval=60 version=1i,ema=1.5 1700000000000000000\n",
        "features,instrument=A\\,\\ B\\=C,interval=60 version=1i,ema=2,rsi=-1e-9 1700000000000000002\n",
    ]


def test_a_position_is_a_point_of_positions_and_one_of_pnl() -> None:
    held = position(3)

    (positions,), (pnl,) = (lines.to_pylist() for lines in lines_of(record_rows("positions", [held])))

    book = f"account=main,instrument={held.symbol},strategy=trend"
    cost, mark = float(held.average_cost), float(held.mark)
    assert positions == f"positions,{book} quantity=3i,average_cost={cost!r},mark={mark:g} {held.event_at}\n"
    money = (
        f"realised={float(held.realised):g},unrealised={float(held.unrealised):g},fees={float(held.fees):g}"
    )
    assert pnl == f"pnl,{book} sequence=3i,{money} {held.event_at}\n"


def test_other_topics_and_empty_tables_make_no_lines() -> None:
    assert lines_of(Rows("scores", pa.table({"event_at": [1]}))) == []
    assert lines_of(CODEC.bars(bars(0))) == []


def test_the_body_is_the_lines_also_of_a_slice() -> None:
    (lines,) = lines_of(CODEC.bars(bars(5)))

    whole, middle = bytes(body_of(lines)), bytes(body_of(lines.slice(1, 3)))

    assert whole.decode() == "".join(lines.to_pylist())
    assert middle.decode() == "".join(lines.to_pylist()[1:4])
    assert bytes(body_of(lines.slice(5))) == b""


@pytest.mark.parametrize("count", [1, 2, 3])
def test_lanes_hold_every_row_once_a_series_in_one_and_in_its_order(count: int) -> None:
    rows = bars(101)
    rows["instrument"] = np.arange(101) % 5 == 0
    rows["interval"] = np.where(np.arange(101) % 3 == 0, 60, 1)
    whole = CODEC.bars(rows)

    lanes = [[line for lines in lines_of(lane) for line in lines.to_pylist()] for lane in laned(whole, count)]

    (expected,) = lines_of(whole)
    of_series = [{line.rsplit(" ", 2)[0] for line in lane} for lane in lanes]
    assert sorted(line for lane in lanes for line in lane) == sorted(expected.to_pylist())
    assert all(
        [line for line in lane if line.startswith(series + " ")]
        == [line for line in expected.to_pylist() if line.startswith(series + " ")]
        for lane, found in zip(lanes, of_series, strict=True)
        for series in found
    )
    assert max(map(len, lanes)) - min(map(len, lanes)) <= 101 - 101 // count


def test_tags_stand_in_the_order_of_their_names() -> None:
    for measurements in MEASUREMENTS.values():
        for measurement in measurements:
            names = [name for name, _ in measurement.tags]
            assert names == sorted(names)


@pytest.mark.parametrize(("given", "written"), [("a\nb 1", r"a\ b\ 1"), ("end\\", "end/"), ("\ud800", "?")])
def test_a_name_cannot_break_out_of_its_line(given: str, written: str) -> None:
    assert escaped(given) == written


def test_rows_of_a_second_are_counted_alike_however_they_are_batched() -> None:
    known_at = np.sort(np.random.default_rng(3).integers(0, 40, 500)) * SECOND // 4

    whole, pieces = HealthMeter("0"), HealthMeter("0")
    once = [*whole.rows("t", known_at).to_pylist(), *whole.end().to_pylist()]
    cut = []
    for place in range(0, 500, 7):
        cut += pieces.rows("t", known_at[place : place + 7]).to_pylist()
        pieces = HealthMeter("0", pieces.state())
    cut += pieces.end().to_pylist()

    assert once == cut
    assert len(once) == 10
    assert once[0] == f"health,shard=0,topic=t rows={np.count_nonzero(known_at < SECOND)}i 0\n"


def test_refused_rows_are_counted_by_stage_and_reason_with_a_bounded_number_of_reasons() -> None:
    meter = HealthMeter("0")

    first = meter.refused("normalise", [("no price: 'x'", 5), ("no price: 'y'", 6)])
    many = meter.refused("normalise", [(f"reason {number}", 7) for number in range(REASONS_MAX + 5)])

    assert first.to_pylist() == [
        "health,shard=0,stage=normalise,reason=no\\ price refused=1i 5\n",
        "health,shard=0,stage=normalise,reason=no\\ price refused=2i 6\n",
    ]
    assert many.to_pylist()[-1] == f"health,shard=0,stage=normalise,reason={OTHER} refused=6i 7\n"
