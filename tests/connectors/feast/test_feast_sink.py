"""The online store holds the newest row of each instrument, whatever comes, in whatever order and how often."""

import pickle
import threading

import numpy as np
import pytest

from connectors.feast.codec import END_OF_FEATURES
from connectors.feast.sink import FeastPartition, FeastSink
from connectors.feast.store import open_store, read_online
from domain.market import FeatureRows
from feature_repo.declarations import declarations
from tests.connectors.feast.feature_lakes import FEATURES, LINES, UNIVERSE, Row, event_at, feature_rows

pytestmark = pytest.mark.xdist_group("feast")

NOTHING = (None, None, None)


def partition(folder, state=None, **options):
    return FeastPartition(folder, UNIVERSE.names, LINES, declarations, state, **options)


def online(folder):
    """Return (event time, version, first feature) of each instrument."""
    answer = read_online(open_store(folder), UNIVERSE.names, ("sequence", "version", FEATURES[0]))
    columns = (answer["sequence"], answer["version"], answer[FEATURES[0]])
    return dict(zip(UNIVERSE.names, zip(*columns, strict=True), strict=True))


def write(folder, *batches, state=None):
    """Push batches as one run would; return the state at its end."""
    sink = partition(folder, state)
    sink.write_batch([feature_rows(rows) for rows in batches])
    sink.write_batch([END_OF_FEATURES])
    left = sink.snapshot()
    sink.close()
    return left


def test_only_the_newest_row_of_an_instrument_is_online_at_the_end(tmp_path):
    left = write(tmp_path, [Row(1, 0, 1.0), Row(1, 1, 5.0)], [Row(2, 0, 2.0), Row(2, 0, 3.0, 1)])

    assert online(tmp_path) == {
        "AAA": (event_at(2), 1, 3.0),
        "BBB": (event_at(1), 0, 5.0),
        "CCC": NOTHING,
    }
    assert not left["waiting"].any()


def test_an_older_event_or_version_never_takes_the_place_of_a_newer_one(tmp_path):
    write(tmp_path, [Row(5, 0, 5.0, 1)], [Row(4, 0, 4.0, 9)], [Row(5, 0, 6.0, 0)])

    assert online(tmp_path)["AAA"] == (event_at(5), 1, 5.0)


def test_a_run_that_begins_again_from_nothing_does_not_take_the_store_back(tmp_path):
    write(tmp_path, [Row(5, 0, 5.0), Row(2, 1, 2.0)])

    write(tmp_path, [Row(1, 0, 1.0), Row(3, 1, 3.0)])

    assert online(tmp_path)["AAA"] == (event_at(5), 0, 5.0)
    assert online(tmp_path)["BBB"] == (event_at(3), 0, 3.0)


def test_rows_that_come_again_leave_the_store_byte_for_byte(tmp_path):
    rows = [Row(5, 0, 5.0), Row(6, 1, np.nan)]
    write(tmp_path, rows)
    before = (tmp_path / "online.db").read_bytes()

    write(tmp_path, rows)

    assert (tmp_path / "online.db").read_bytes() == before


def test_a_feature_that_speaks_no_more_takes_its_old_value_away(tmp_path):
    write(tmp_path, [Row(1, 0, 1.0)], [Row(2, 0, np.nan)])

    assert online(tmp_path)["AAA"] == (event_at(2), 0, None)


def test_what_a_snapshot_saw_is_online_after_a_restart_even_if_nothing_was_pushed_before(tmp_path):
    gate = threading.Event()

    def late(features):
        gate.wait()
        return declarations(features)

    killed = FeastPartition(tmp_path, UNIVERSE.names, LINES, late)
    killed.write_batch([feature_rows([Row(1, 0, 1.0), Row(2, 2, 2.0)])])
    state = pickle.loads(pickle.dumps(killed.snapshot()))
    assert state["waiting"].tolist() == [True, True]

    resumed = partition(tmp_path / "again", state)
    resumed.write_batch([END_OF_FEATURES])
    resumed.close()
    gate.set()
    killed.close()

    assert online(tmp_path / "again") == {
        "AAA": (event_at(1), 0, 1.0),
        "BBB": NOTHING,
        "CCC": (event_at(2), 0, 2.0),
    }


def test_a_resumed_writer_remembers_rows_that_were_pushed(tmp_path):
    state = write(tmp_path / "first", [Row(5, 0, 5.0)])

    left = write(tmp_path / "second", [Row(4, 0, 4.0), Row(4, 1, 4.0)], state=state)

    assert left["rows"]["event_at"].tolist() == [event_at(5), event_at(4)]
    assert online(tmp_path / "second")["AAA"] == NOTHING


def test_what_goes_wrong_on_the_thread_is_raised_in_the_flow_and_nothing_is_forgotten(tmp_path):
    written = threading.Event()

    def broken(_features):
        written.wait()
        raise RuntimeError("no declarations today")

    sink = FeastPartition(tmp_path, UNIVERSE.names, LINES, broken)
    sink.write_batch([feature_rows([Row(1, 0, 1.0)])])
    written.set()

    with pytest.raises(RuntimeError, match="no declarations today"):
        sink.write_batch([END_OF_FEATURES])
    with pytest.raises(RuntimeError, match="no declarations today"):
        sink.snapshot()
    sink.close()


def test_a_paced_writer_pushes_when_the_time_has_come_and_not_before(tmp_path):
    now = [0.0]
    sink = partition(tmp_path, push_seconds=10.0, clock=lambda: now[0])
    sink.write_batch([feature_rows([Row(1, 0, 1.0)])])
    now[0] = 9.9
    sink.write_batch([feature_rows([Row(2, 0, 2.0)])])
    sink.close()
    early = online(tmp_path)

    later = partition(tmp_path, push_seconds=10.0, clock=lambda: now[0])
    now[0] = 19.9
    later.write_batch([feature_rows([Row(3, 0, 3.0)])])
    later.close()

    assert early["AAA"] == NOTHING
    assert online(tmp_path)["AAA"] == (event_at(3), 0, 3.0)


def test_several_writers_at_once_make_one_store(tmp_path):
    writers = [partition(tmp_path) for _ in UNIVERSE.names]

    for place, writer in enumerate(writers):
        writer.write_batch([feature_rows([Row(place + 1, place, float(place))])])
    for writer in writers:
        writer.write_batch([END_OF_FEATURES])
        writer.close()

    assert [row[0] for row in online(tmp_path).values()] == [event_at(1), event_at(2), event_at(3)]


def test_wrong_items_and_wrong_shards_are_refused(tmp_path):
    sink = partition(tmp_path)
    one_feature = FeatureRows(feature_rows([Row(1, 0, 1.0)]).bars, np.zeros((1, 1)))

    with pytest.raises(TypeError, match="takes FeatureRows; str was given"):
        sink.write_batch(["rows"])
    with pytest.raises(ValueError, match="2 features are named; rows with 1 were given"):
        sink.write_batch([one_feature])
    sink.close()
    with pytest.raises(ValueError, match="shards with different names"):
        FeastSink(tmp_path, ("0", "0"), UNIVERSE.names, LINES, declarations)
    with pytest.raises(ValueError, match="a row of shard '2'"):
        FeastSink(tmp_path, ("1", "0"), UNIVERSE.names, LINES, declarations).part_fn("2")
