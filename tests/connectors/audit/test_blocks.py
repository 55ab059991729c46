"""What is checked in bulk is what is checked row by row: a block follows from the row before it, or is none."""

import pytest

from connectors.audit.blocks import block_hashes
from connectors.audit.rows import chained, followed

BODIES = [b'{"event_id":"%d","writer_seq":' % number for number in range(12)]


@pytest.fixture
def rows():
    """Return the hashes and lines of twelve rows."""
    return chained(bytes(32), 0, BODIES)


def test_a_block_that_follows_has_the_hashes_of_its_rows(rows):
    hashes, lines = rows

    assert block_hashes(b"".join(lines), bytes(32), 0) == hashes == followed(lines, bytes(32), 0)
    assert block_hashes(b"".join(lines[5:]), hashes[4], 5) == hashes[5:] == followed(lines[5:], hashes[4], 5)


def test_a_block_does_not_follow_from_another_row_or_in_another_place_or_without_its_last_end(rows):
    hashes, lines = rows
    block = b"".join(lines[5:])

    assert block_hashes(block, hashes[3], 5) is None
    assert followed(lines[5:], hashes[3], 5) == []
    assert block_hashes(block, hashes[4], 4) is None
    assert followed(lines[5:], hashes[4], 4) == []
    assert block_hashes(block[:-1], hashes[4], 5) is None
    assert block_hashes(block + b"{", hashes[4], 5) is None
    assert block_hashes(b"", hashes[4], 5) is None


@pytest.mark.parametrize(
    ("old", "new"), [(b'"event_id":"5"', b'"event_id":"6"'), (b'{"entry":', b'{"entrY":'), (b"\n", b" \n")]
)
def test_a_row_that_was_edited_in_its_entry_or_around_it_is_none_that_was_written(rows, old, new):
    hashes, lines = rows
    spoilt = lines[5].replace(old, new)

    assert spoilt != lines[5]
    assert block_hashes(spoilt, hashes[4], 5) is None
    assert followed([spoilt], hashes[4], 5) == []


def test_a_row_whose_digits_are_written_in_capitals_is_none_that_was_written(rows):
    hashes, lines = rows
    spoilt = lines[5].replace(hashes[5].hex().encode(), hashes[5].hex().upper().encode())

    assert spoilt != lines[5]
    assert block_hashes(spoilt, hashes[4], 5) is None
    assert followed([spoilt], hashes[4], 5) == []


def test_a_row_that_ends_in_its_number_alone_and_not_in_its_name_is_none():
    hashes, lines = chained(bytes(32), 0, [b'{"event_id":"0","writer_sez":'])

    assert block_hashes(b"".join(lines), bytes(32), 0) is None
    assert followed(lines, bytes(32), 0) == []
    assert len(hashes) == 1
