"""Damaged files of listings lose the rows that are damaged, by line, and nothing else."""

import gzip

import pytest

from connectors.files.listing_rows import BadRow, ListingFileError, read_listings

ROWS = [b"ticker,venue", b"AAA,XNYS", b"B\xe9B,XNYS", b"CCC,XNYS"]


def test_a_row_that_is_not_utf_8_is_told_by_line_and_the_others_are_read(tmp_path):
    path = tmp_path / "own.csv"
    path.write_bytes(b"\n".join(ROWS))

    listings, bad = read_listings(path)

    assert [(each.sequence, each.ticker) for each in listings] == [(2, "AAA"), (4, "CCC")]
    assert bad == [BadRow(3, r"a row is UTF-8; b'B\xe9B,XNYS' was given")]


def test_a_gzipped_file_with_changed_bytes_is_refused(tmp_path):
    packed = bytearray(gzip.compress(b"\n".join(ROWS)))
    packed[10] = 0xFF
    path = tmp_path / "own.csv.gz"
    path.write_bytes(packed)

    with pytest.raises(ListingFileError, match=r"cannot be read: .*invalid block type"):
        read_listings(path)
