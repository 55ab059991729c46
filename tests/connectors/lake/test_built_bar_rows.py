"""Built bars among those of the clock: one order of rows, however they came in batches."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.lake.codec import MarketCodec
from connectors.lake.columns import with_built
from connectors.lake.schemas import BUILT, market_schema
from domain.bar_kinds import BUILT_BAR, Mark
from domain.instruments import Instrument, Universe
from domain.market import BAR, SECOND

UNIVERSE = Universe((Instrument(name="A"), Instrument(name="B")))
NAMES = ("tick:500", "renko:0.05")
CODEC = MarketCodec(UNIVERSE, "test", built=NAMES)


def bars_at(seconds):
    bars = np.zeros(len(seconds), BAR)
    bars["known_at"] = (np.array(seconds, float) * SECOND).astype(np.int64)
    bars["close_at"], bars["interval"] = bars["known_at"], 60
    return bars


def built_at(seconds):
    built = np.zeros(len(seconds), BUILT_BAR)
    built["known_at"] = (np.array(seconds, float) * SECOND).astype(np.int64)
    built["number"] = np.arange(len(seconds))
    return built


moments = st.lists(st.integers(0, 40).map(lambda tenths: tenths / 4), max_size=12).map(sorted)


@settings(max_examples=100, deadline=None)
@given(moments, moments, st.integers(1, 10))
def test_the_rows_are_those_of_all_batches_in_one(clock, others, second):
    bars, built = bars_at(clock), built_at(others)
    early = bars["known_at"] < second * SECOND + SECOND // 2
    over = built["known_at"] < second * SECOND

    whole, *_ = with_built(bars, built, NAMES)
    first, *_ = with_built(bars[early], built[over], NAMES)
    rest, *_ = with_built(bars[~early], built[~over], NAMES)

    assert (
        np.concatenate([first, rest])[["known_at", "interval"]].tolist()
        == whole[["known_at", "interval"]].tolist()
    )


def test_a_built_bar_has_its_name_its_number_and_its_mark():
    built = built_at([1.5, 2.5])
    built["spec"], built["number"], built["marks"] = [1, 0], [7, 9], [int(Mark.CUT | Mark.WARM_UP), 0]

    table = CODEC.bars(bars_at([2.0]), built).table

    assert table.select(["interval_name", "interval", "sequence", "mark"]).to_pylist() == [
        {"interval_name": "renko:0.05", "interval": 0, "sequence": 7, "mark": "cut+warm_up"},
        {"interval_name": "60", "interval": 60, "sequence": 2 * SECOND, "mark": ""},
        {"interval_name": "tick:500", "interval": 0, "sequence": 9, "mark": ""},
    ]
    assert table.schema == market_schema("market.bars", built=True)
    assert len(set(table.column("record_id").to_pylist())) == 3


def test_without_names_the_columns_are_those_of_before():
    table = MarketCodec(UNIVERSE, "test").bars(bars_at([2.0])).table

    assert set(table.schema.names) == set(market_schema("market.bars").names)
    assert not {name for name, _ in BUILT} & set(table.schema.names)


def test_with_names_a_batch_without_built_bars_has_their_columns_too():
    table = CODEC.bars(bars_at([2.0])).table

    assert table.schema == market_schema("market.bars", built=True)
