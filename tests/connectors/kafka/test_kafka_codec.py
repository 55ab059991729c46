"""Messages and back without a broker: every kind, what cannot be read, and how columns are cut."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka.batches import Part, Scored, counts_of, parts_of, sliced
from connectors.kafka.codec import Damaged, KafkaCodec, standing_of
from connectors.lake.codec import END_OF_INPUT, Rows
from connectors.lake.lanes import Raw, Records
from domain.health import HealthState, market_health
from domain.market import MarketBatch, select
from tests.connectors.crash_flow import all_bars, all_ticks, position, verdict
from tests.connectors.kafka.desk import MARKET, items_of
from tests.operators.action_cases import action

CODEC = KafkaCodec()


def _stored(message):
    return [(name, text.encode()) for name, text in message.headers], message.value


def _read(topic, message, **changed):
    headers, value = _stored(message)
    named = dict(headers) | {name: text for name, text in changed.items() if text is not None}
    kept = [(name, text) for name, text in named.items() if changed.get(name, b"") is not None]
    return CODEC.decode(topic, 3, 17, kept, value)


def _trades(rows=20):
    return parts_of(MARKET, [Raw(select(all_ticks(), slice(0, rows)))])[0]


def test_columns_come_back_equal_and_name_no_instrument_that_they_do_not_hold():
    part = _trades(4)

    (message,) = CODEC.messages(part, (40,), 0)
    back = _read("raw.trades", message)

    assert back.table.to_pylist() == pa.Table.from_batches([part.body.table]).to_pylist()
    venues = back.table["venue"].chunk(0).dictionary.to_pylist()
    assert venues == [""]
    count = part.body.table.num_rows
    assert standing_of(_stored(message)[0]).rows == (40 + count,)
    assert message.at == part.body.table["known_at"][-1].value


def test_a_scored_batch_comes_back_in_writable_columns():
    (_, scored, _) = items_of(5, 30)

    (message,) = CODEC.messages(Part("scored", scored, scored.batch.watermark), (5, 5, 0, 0, 0, 0, 0, 0), 0)
    back = _read("scored", message)

    np.testing.assert_array_equal(back.bars, scored.batch.bars)
    np.testing.assert_array_equal(back.ticks.bid, scored.batch.ticks.bid)
    assert back.ticks.bid.flags.writeable
    assert back.ticks.bid.flags.aligned
    assert back.watermark == scored.batch.watermark


def test_a_scored_batch_brings_its_health_back():
    said = market_health("A", HealthState.MUTE, "gone", source="feed", sequence=1, event_at=7, known_at=7)
    batch = MarketBatch(900, select(all_ticks(), slice(0, 5)), health=(said,))

    (message,) = CODEC.messages(Part("scored", Scored(batch), 900), (0,) * 8, 0)

    assert dict(message.headers)["rows"] == "5,0,0,0,0,0,1,0"
    assert _read("scored", message).health == (said,)


def test_a_scored_batch_brings_its_corporate_actions_back():
    told = action("cash_dividend", "A", 700, known_at=7, amount="0.5")
    batch = MarketBatch(900, select(all_ticks(), slice(0, 5)), actions=(told,))

    (message,) = CODEC.messages(Part("scored", Scored(batch), 900), (0,) * 8, 0)

    assert dict(message.headers)["rows"] == "5,0,0,0,0,0,0,1"
    assert _read("scored", message).actions == (told,)


def test_a_scored_batch_of_a_version_that_counted_six_streams_is_read():
    batch = MarketBatch(900, select(all_ticks(), slice(0, 5)))
    (message,) = CODEC.messages(Part("scored", Scored(batch), 900), (0,) * 8, 0)
    shorter = [(name, value[:11] if name in ("first", "rows") else value) for name, value in message.headers]

    back = _read("scored", message._replace(headers=shorter))

    assert back.ticks.sequence.tolist() == batch.ticks.sequence.tolist()


def test_a_record_comes_back_equal_and_one_of_another_type_is_refused():
    (message,) = CODEC.messages(Part("verdicts", Records("verdicts", [verdict(3)])), (3,), 0)

    assert _read("verdicts", message) == Records("verdicts", [verdict(3)])
    with pytest.raises(ValueError, match="topic verdicts holds Verdict; Position was given"):
        CODEC.messages(Part("verdicts", Records("verdicts", [position(0)])), (0,), 0)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"schema": b"2"}, "schema version 1 is read; 2 was given"),
        ({"schema": None}, "says its `schema` version"),
        ({"kind": None}, "kinds of messages are"),
        ({"kind": b"parquet"}, "kinds of messages are"),
        ({"rows": b"7"}, "the headers say"),
        ({"rows": None}, "has `rows` among its headers"),
        ({"first": None}, "has `first` among its headers"),
        ({"rows": b"many"}, "invalid literal"),
    ],
)
def test_a_message_with_other_headers_is_damaged_and_says_why(changed, reason):
    (message,) = CODEC.messages(_trades(), (0,), 0)

    damaged = _read("raw.trades", message, **changed)

    assert damaged[:3] == ("raw.trades", 3, 17)
    assert reason in damaged.reason
    assert damaged.value == message.value


def test_columns_of_another_topic_are_damaged():
    (message,) = CODEC.messages(_trades(), (0,), 0)

    damaged = _read("market.trades", message)

    assert "rows of market.trades have a column best_bid of double" in damaged.reason


def test_json_that_its_type_does_not_allow_and_unknown_topics_are_damaged():
    (message,) = CODEC.messages(Part("verdicts", Records("verdicts", [verdict(3)])), (3,), 0)
    wrong = message._replace(value=message.value.replace(b'"refused"', b'"perhaps"'))

    assert "perhaps" in _read("verdicts", wrong).reason
    assert "holds Position" in _read("positions", message).reason
    assert "no decision topic" in _read("weather", message).reason


@given(st.data())
def test_any_damage_to_the_bytes_gives_an_item_and_never_an_exception(data):
    kind = data.draw(st.sampled_from(["raw.trades", "scored", "verdicts"]))
    part = {
        "raw.trades": _trades(),
        "scored": Part("scored", items_of(0, 9)[1], 5),
        "verdicts": Part("verdicts", Records("verdicts", [verdict(1)])),
    }[kind]
    (message,) = CODEC.messages(part, (0,) * len(counts_of(part.body)), 0)
    value = bytearray(message.value)
    for _ in range(data.draw(st.integers(1, 4))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(value)[: data.draw(st.integers(0, len(value)))]

    read = _read(kind, message._replace(value=damaged))

    assert isinstance(read, Damaged | Rows | Records | MarketBatch)
    assert not isinstance(read, Damaged) or read.value == damaged


def test_an_end_mark_is_the_end_of_input():
    headers = [("schema", b"1"), ("kind", b"end"), ("first", b"4"), ("rows", b"0"), ("ended", b"1")]

    assert CODEC.decode("raw.trades", 0, 9, headers, None) is END_OF_INPUT
    assert standing_of(headers) == ((4,), None, True)
    assert standing_of([("first", b"x"), ("rows", b"1")]) is None
    assert standing_of(None) is None


def test_pieces_of_a_batch_hold_every_row_once_and_only_the_last_says_how_far_they_reach():
    batch = MarketBatch(900, select(all_ticks(), slice(0, 3000)), all_bars()[:70])
    pieces = sliced(Scored(batch), 50_000)
    made = [CODEC.messages(Part("scored", piece, 900), (0,) * 8, 300)[0] for piece in pieces]

    assert len(pieces) > 5
    np.testing.assert_array_equal(
        np.concatenate([piece.batch.ticks.sequence for piece in pieces]), np.arange(3000)
    )
    np.testing.assert_array_equal(np.concatenate([piece.batch.bars for piece in pieces]), all_bars()[:70])
    assert max(len(message.value) for message in made) < 60_000


def test_scored_batches_are_joined_and_those_with_other_columns_are_not():
    batches = [items_of(first, first + 10)[1] for first in range(0, 50, 10)]
    bare = Scored(batches[2].batch._replace(bars=None))

    parts = parts_of(None, [*batches[:2], bare, *batches[3:]])

    assert [counts_of(part.body)[:2] for part in parts] == [(20, 20), (10, 0), (20, 20)]
    assert [part.watermark for part in parts] == [part.body.batch.watermark for part in parts]
