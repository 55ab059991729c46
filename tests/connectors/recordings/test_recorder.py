"""What is kept of a session is read back line by line, while it grows and after a crash."""

import pytest

from connectors.recordings.recorder import Recorder, Tail, last_instant, recording_numbers
from connectors.recordings.session_lines import (
    DamagedLine,
    SessionLine,
    Traffic,
    format_line,
    parse_line,
    session_lines,
)
from connectors.source import SourceError

ADDRESS = "wss://venue.example/path?streams=a/b"
AT = 1_618_677_786_801_375_123
LINES = [
    SessionLine(Traffic.CONNECTED, AT, ADDRESS, b""),
    SessionLine(Traffic.SENT, AT + 1, ADDRESS, b'{"op":"subscribe"}'),
    SessionLine(Traffic.RECEIVED, AT + 2, "", b'{"a": 1}'),
    SessionLine(Traffic.ANSWERED, AT + 3, "https://venue.example/depth?symbol=A", b'{"bids":[]}'),
    SessionLine(Traffic.NOTICED, AT + 4, ADDRESS, b'{"state": "gap", "reason": "lost"}'),
]


def clock(*instants):
    left = list(instants)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize("line", LINES, ids=[line.traffic.name for line in LINES])
def test_a_line_that_was_written_is_read_back_to_the_nanosecond(line):
    assert parse_line(format_line(line).removesuffix(b"\n")) == line


def test_times_are_read_from_their_digits_and_not_through_a_float():
    assert [
        parse_line(text).at
        for text in (b"1618677786.801375: {}", b"1618677786: {}", b"1723161253937085768 {}")
    ] == [
        1_618_677_786_801_375_000,
        1_618_677_786_000_000_000,
        1_723_161_253_937_085_768,
    ]


@pytest.mark.parametrize("text", [b"", b"   ", b'configuration: {"a":1}'])
def test_a_line_that_holds_nothing_is_none(text):
    assert parse_line(text) is None


def test_a_line_of_something_else_is_refused():
    with pytest.raises(DamagedLine, match="begins with an address or with the time of its receipt"):
        parse_line(b"date,open,high,low,close")


def test_a_file_of_something_else_is_named_with_its_line(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_bytes(b"1618677786.8: {}\ndate,open\n")

    with pytest.raises(SourceError, match=r"bars.csv, line 2: a line of a session begins with"):
        list(session_lines(path))


def read(folder, recorder):
    return [line for lines in Tail(folder).read(recorder.reached()) for line in lines]


def test_what_is_kept_is_read_back_whole(tmp_path):
    recorder = Recorder(tmp_path, clock(*(line.at for line in LINES)))
    kept = [recorder.keep(line.traffic, line.address, line.text) for line in LINES]

    assert kept == LINES
    assert read(tmp_path, recorder) == LINES
    assert list(session_lines(tmp_path / "000001.log")) == LINES
    recorder.close()


def test_times_rise_although_the_clock_stands_still_or_goes_back(tmp_path):
    recorder = Recorder(tmp_path, clock(AT, AT, AT - 10))

    assert [recorder.keep(Traffic.RECEIVED, "", b"{}").at for _ in range(3)] == [AT, AT + 1, AT + 2]
    recorder.close()


def test_what_comes_after_an_instant_that_was_reached_is_later(tmp_path):
    recorder = Recorder(tmp_path, clock(AT))
    reached = recorder.reached()

    assert (reached.at, recorder.keep(Traffic.RECEIVED, "", b"{}").at) == (AT, AT + 1)
    recorder.close()


def test_a_file_that_is_full_is_left_for_the_next_and_read_through(tmp_path):
    recorder = Recorder(tmp_path, clock(AT), bytes_max=100)
    kept = [recorder.keep(Traffic.RECEIVED, "", b'{"number":%d}' % number) for number in range(20)]

    assert len(recording_numbers(tmp_path)) > 3
    assert read(tmp_path, recorder) == kept
    recorder.close()


def test_a_tail_hands_on_what_was_added_since_and_nothing_twice(tmp_path):
    recorder = Recorder(tmp_path, clock(AT))
    tail = Tail(tmp_path)
    first = recorder.keep(Traffic.RECEIVED, "", b"1")
    before = [line for lines in tail.read(recorder.reached()) for line in lines]
    second = recorder.keep(Traffic.RECEIVED, "", b"2")
    after = [line for lines in tail.read(recorder.reached()) for line in lines]

    assert (before, after) == ([first], [second])
    recorder.close()


def test_a_line_that_a_crash_cut_off_is_not_read_and_the_next_start_goes_on_after_it(tmp_path):
    recorder = Recorder(tmp_path, clock(AT))
    first = recorder.keep(Traffic.RECEIVED, "", b'{"a":1}')
    recorder.close()
    with (tmp_path / "000001.log").open("ab") as file:
        file.write(b'1618677786.9: {"a":')

    again = Recorder(tmp_path, clock(AT - 5))
    second = again.keep(Traffic.RECEIVED, "", b'{"a":2}')

    assert read(tmp_path, again) == [first, second]
    assert second.at == AT + 1
    assert last_instant(tmp_path) == AT + 1
    again.close()
