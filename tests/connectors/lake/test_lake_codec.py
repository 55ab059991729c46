"""What rows look like in the lake, and that nothing is lost on the way there."""

import numpy as np
import pytest

from connectors.lake.codec import MarketCodec, malformed_rows, record_rows
from connectors.lake.schemas import DECISIONS, MARKET, UnknownTopic, market_schema, record_schema
from domain.instruments import Instrument, Universe
from domain.market import SCORE, FeatureRows, Malformed, select
from tests.connectors.crash_flow import UNIVERSE, all_bars, all_ticks, position, verdict

CODEC = MarketCodec(UNIVERSE, "test", ("rsi", "atr"), ("trend", "reversion"))


def test_every_schema_begins_with_the_envelope_in_event_time() -> None:
    schemas = [market_schema(topic) for topic in MARKET] + [record_schema(topic) for topic in DECISIONS]

    heads = {tuple(schema.names[:7]) for schema in schemas}

    assert heads == {
        ("event_at", "known_at", "received_at", "source", "sequence", "record_id", "schema_version")
    }
    assert {str(schema.field("event_at").type) for schema in schemas} == {"timestamp[ns, tz=UTC]"}


def test_ticks_come_back_from_their_rows_as_they_were() -> None:
    ticks = all_ticks(500)

    trades, quotes = CODEC.ticks("raw", ticks)

    assert (trades.topic, quotes.topic) == ("raw.trades", "raw.quotes")
    kept = {
        "event_at",
        "known_at",
        "received_at",
        "instrument",
        "sequence",
        "kind",
        "conditions",
        "flags",
        "venue",
    }
    for rows, own, kind in (
        (trades, {"price", "size", "reference"}, 0),
        (quotes, {"bid", "ask", "bid_size"}, 2),
    ):
        back, given = CODEC.ticks_of(rows.table), select(ticks, np.flatnonzero(ticks.kind == kind))
        for name in kept | own:
            np.testing.assert_array_equal(getattr(back, name), getattr(given, name), err_msg=name)


def test_a_record_id_is_unique_and_the_same_in_any_universe_and_batch() -> None:
    ticks = all_ticks(2000)
    wider = Universe((*UNIVERSE.instruments, Instrument(name="AAAA")))
    moved = ticks._replace(instrument=ticks.instrument + 1)

    ids = CODEC.ticks("market", ticks)[0].table.column("record_id").to_pylist()
    in_wider = MarketCodec(wider, "test").ticks("market", moved)[0].table.column("record_id").to_pylist()
    in_pieces = [
        number
        for start in range(0, 2000, 300)
        for number in CODEC.ticks("market", select(ticks, slice(start, start + 300)))[0]
        .table.column("record_id")
        .to_pylist()
    ]

    assert len(set(ids)) == len(ids)
    assert in_wider == ids
    assert in_pieces == ids


def test_versions_of_a_bar_have_different_record_ids() -> None:
    bars = all_bars(2).copy()
    bars[1] = bars[0]
    bars["version"] = [0, 1]

    ids = CODEC.bars(bars).table.column("record_id").to_pylist()

    assert ids[0] != ids[1]


def test_features_are_columns_beside_their_bars() -> None:
    bars = all_bars(5)
    values = np.arange(10.0).reshape(2, 5)

    table = CODEC.features(FeatureRows(bars, values)).table

    assert table.column("atr").to_pylist() == [5.0, 6.0, 7.0, 8.0, 9.0]
    assert table.column("instrument").to_pylist() == [UNIVERSE.names[index] for index in bars["instrument"]]


def test_features_without_a_name_for_each_are_refused() -> None:
    with pytest.raises(ValueError, match="2 features are named; rows with 3 were given"):
        CODEC.features(FeatureRows(all_bars(5), np.zeros((3, 5))))


def test_scores_name_their_strategy_and_reason() -> None:
    scores = np.zeros(2, SCORE)
    scores["strategy"], scores["reason"], scores["changed"] = [0, 1], [0, 4], [0, 1]

    table = CODEC.scores(scores).table

    assert table.column("strategy").to_pylist() == ["trend", "reversion"]
    assert table.column("reason").to_pylist() == ["warming_up", "entered"]
    assert table.column("changed").to_pylist() == [False, True]
    assert len(set(table.column("record_id").to_pylist())) == 2


def test_a_verdict_keeps_every_check_with_numbers_as_numbers_and_words_as_words() -> None:
    row = record_rows("verdicts", [verdict(7)]).table.to_pylist()[0]

    assert row["kind"] == "refused"
    assert row["reserved_notional"] == "12.340"
    assert [(check["check"], check["measured"], check["limit"]) for check in row["checks"]] == [
        ("PT-04", {"number": 1.0, "word": None}, {"number": 5.0, "word": None}),
        ("PT-13", {"number": None, "word": "clear"}, None),
    ]


def test_an_exact_amount_stays_exact() -> None:
    row = record_rows("positions", [position(1)]).table.to_pylist()[0]

    assert row["average_cost"] == format(position(1).average_cost, "f")
    assert row["Symbol"] == "BETA"


def test_a_record_of_another_type_than_its_topic_is_refused() -> None:
    with pytest.raises(ValueError, match="topic verdicts holds Verdict; Position was given"):
        record_rows("verdicts", [position(1)])


def test_an_unknown_topic_is_refused() -> None:
    with pytest.raises(UnknownTopic, match="'verdict' is no decision topic"):
        record_rows("verdict", [])


def test_a_refused_row_keeps_its_place_reason_and_text() -> None:
    rows = malformed_rows("bars", [Malformed("test", "line 3", "late", "1,2,3", 5)])

    assert rows.topic == "quarantine.bars"
    found = rows.table.select(["stage", "reason", "place", "raw"]).to_pylist()
    assert found == [{"stage": "bars", "reason": "late", "place": "line 3", "raw": "1,2,3"}]


def test_ticks_without_a_sequence_are_refused() -> None:
    with pytest.raises(ValueError, match="ticks need a `sequence` column"):
        CODEC.ticks("raw", all_ticks(5)._replace(sequence=None))
