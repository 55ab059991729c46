"""AU-01 to AU-06, AU-09: whoever changes a log is found, and the first bad record is named with what is wrong."""

import json

import pytest

from connectors.audit.anchors import FolderPlace, anchor_head, anchors_of
from connectors.audit.findings import Wrong
from connectors.audit.heads import HEADS, TreeHead, canonical
from connectors.audit.keys import PublicKeys, create_key
from connectors.audit.merkle import Frontier
from connectors.audit.rows import row_hash, row_of
from connectors.audit.verification import verify
from tests.connectors.audit.records import HEAD_ROWS, WRITER, lines, rehashed, write_lines, written
from tests.connectors.crash_flow import verdict

ROWS = 57


@pytest.fixture
def key(tmp_path):
    return create_key(tmp_path / "keys" / "signing.pem")


@pytest.fixture
def log(tmp_path, key):
    return written(tmp_path / "audit", tmp_path / "keys", ROWS, key)


@pytest.fixture
def folder(log):
    return log.parents[1]


@pytest.fixture
def trusted(log, tmp_path):
    assert log.exists()
    return PublicKeys(tmp_path / "keys" / "signing.pem.pub")


@pytest.fixture
def place(folder, tmp_path):
    made = FolderPlace(tmp_path / "elsewhere")
    anchor_head(made, folder, WRITER, "run")
    return made


def event(row):
    """Return the name of the event in a row."""
    return verdict(row - 1).record_id


def first(folder, keys, place=None):
    """Return what is said about the first bad record: its number, what is wrong, and its event."""
    anchors = None if place is None else anchors_of(place, "run", WRITER)
    found = verify(folder, WRITER, keys, anchors).findings
    return (found[0].row, found[0].wrong, found[0].event_id) if found else None


def edited(line, old=b'"outcome":"reject"', new=b'"outcome":"pass"'):
    assert old in line
    return line.replace(old, new)


def own_hash(line):
    """Return a line whose hash is made again, while the chain after it is left alone."""
    row = row_of(line)
    return line.replace(row.hash.hex().encode(), row_hash(row.previous, row.entry).hex().encode(), 1)


def test_a_log_that_nobody_touched_is_what_was_written(log, folder, trusted, place):
    found = verify(folder, WRITER, trusted, anchors_of(place, "run", WRITER))

    assert found.findings == []
    assert (found.rows, found.heads, found.signed_heads, found.anchors) == (ROWS, 6, 6, 1)
    assert found.last_hash == row_of(lines(log)[-1]).hash.hex()


@pytest.mark.parametrize("row", [1, 23, ROWS])
def test_au_01_an_edited_record_is_named(log, folder, trusted, row):
    rows = lines(log)
    rows[row - 1] = edited(rows[row - 1])
    write_lines(log, rows)

    assert first(folder, trusted) == (row, Wrong.EDITED, event(row))


def test_au_01_any_single_byte_that_is_changed_anywhere_is_found(log, folder, trusted):
    rows = lines(log)
    good = rows[23]
    missed = []

    for at in range(len(good)):
        changed = bytearray(good)
        changed[at] ^= 1
        write_lines(log, [*rows[:23], bytes(changed), *rows[24:]])
        said = first(folder, trusted)
        if said is None or said[0] != 24:
            missed.append((at, said))

    assert missed == []


def test_au_01_an_edited_record_whose_hash_was_made_again_is_named(log, folder, trusted):
    rows = lines(log)
    rows[22] = own_hash(edited(rows[22]))
    write_lines(log, rows)

    assert first(folder, trusted) == (23, Wrong.EDITED, event(23))


@pytest.mark.parametrize(("row", "count"), [(1, 1), (23, 1), (23, 5)])
def test_au_02_a_deleted_record_is_missing_by_its_number(log, folder, trusted, row, count):
    rows = lines(log)
    write_lines(log, [*rows[: row - 1], *rows[row - 1 + count :]])

    assert first(folder, trusted) == (row, Wrong.MISSING, "")


@pytest.mark.parametrize(("one", "other"), [(1, 2), (23, 24), (23, 40), (56, 57)])
def test_au_03_swapped_records_are_named(log, folder, trusted, one, other):
    rows = lines(log)
    rows[one - 1], rows[other - 1] = rows[other - 1], rows[one - 1]
    write_lines(log, rows)

    assert first(folder, trusted) == (one, Wrong.SWAPPED, event(one))


def test_au_04_a_tail_that_was_cut_off_is_found_by_the_heads(log, folder, trusted):
    write_lines(log, lines(log)[:50])

    assert first(folder, trusted) == (51, Wrong.TRUNCATED, "")


def test_au_04_a_tail_that_was_cut_off_together_with_its_heads_is_found_by_the_anchors(
    log, folder, trusted, place
):
    write_lines(log, lines(log)[:50])
    heads = folder / WRITER / HEADS
    write_lines(heads, lines(heads)[:5])

    assert first(folder, trusted) is None
    assert first(folder, trusted, place) == (51, Wrong.TRUNCATED, "")


def test_au_04_half_a_last_line_is_found_by_the_heads(log, folder, trusted):
    log.write_bytes(log.read_bytes()[:-300])

    assert first(folder, trusted) == (ROWS, Wrong.TRUNCATED, "")


@pytest.mark.parametrize("row", [1, 23, ROWS + 1])
def test_au_05_a_forged_record_that_was_inserted_is_named(log, folder, trusted, row):
    rows = lines(log)
    forged = json.loads(rows[3])["entry"] | {"event_id": "f" * 24, "writer_seq": row}
    before = row_of(rows[row - 2]).hash if row > 1 else bytes(32)
    words = canonical(forged)
    chained = b'{"entry":%b,"hash":"%b","prev_hash":"%b"}' % (
        words,
        row_hash(before, words).hex().encode(),
        before.hex().encode(),
    )
    write_lines(log, [*rows[: row - 1], chained, *rows[row - 1 :]])

    said = first(folder, trusted)

    if row <= ROWS:
        assert said == (row, Wrong.INSERTED, "f" * 24)
    else:
        assert said is None
        assert verify(folder, WRITER, trusted).after_head == 1


@pytest.mark.parametrize("row", [5, 23])
def test_au_05_a_record_that_stands_twice_is_named(log, folder, trusted, row):
    rows = lines(log)
    write_lines(log, [*rows[:row], rows[row - 1], *rows[row:]])

    assert first(folder, trusted) == (row + 1, Wrong.INSERTED, event(row))


def forge(log, folder, change, key_id="", signature=""):
    """Change a log as somebody would who can write everything in its folder: rows, hashes, chain and heads."""
    rows = rehashed(change(lines(log)))
    write_lines(log, rows)
    hashes = [row_of(row).hash for row in rows]
    heads = []
    for size in [*range(HEAD_ROWS, len(rows), HEAD_ROWS), len(rows)]:
        tree = Frontier()
        tree.extend(hashes[:size])
        heads.append(
            canonical(
                TreeHead(
                    writer=WRITER,
                    tree_size=size,
                    root=tree.root().hex(),
                    last_hash=hashes[size - 1].hex(),
                    timestamp=1,
                    key_id=key_id,
                    signature=signature,
                )
            )
        )
    write_lines(folder / WRITER / HEADS, heads)


def test_au_06_a_chain_that_was_made_again_is_found_by_the_anchors_to_the_record(log, folder, trusted, place):
    forge(log, folder, lambda rows: [*rows[:22], edited(rows[22]), *rows[23:]])

    assert first(folder, trusted) is None
    assert first(folder, trusted, place) == (23, Wrong.REHASHED, event(23))


def test_au_06_a_chain_that_was_made_again_under_the_keys_name_is_found_by_the_signature(
    log, folder, key, trusted
):
    forge(log, folder, lambda rows: [*rows[:22], *rows[23:]], key.key_id, "c2lnbmVk")

    assert first(folder, trusted) == (1, Wrong.FORGED_HEAD, "")


def test_au_06_a_chain_that_was_made_again_without_signatures_is_found_where_they_are_asked_for(
    log, folder, trusted
):
    forge(log, folder, lambda rows: [*rows[:22], *rows[23:]])

    found = verify(folder, WRITER, trusted, must_be_signed=True).findings

    assert [(each.row, each.wrong) for each in found] == [(1, Wrong.FORGED_HEAD)]


def test_au_06_with_the_old_heads_left_the_rows_between_the_last_good_head_and_the_next_are_named(
    log, folder, trusted
):
    rows = lines(log)
    write_lines(log, rehashed([*rows[:22], edited(rows[22]), *rows[23:]]))

    found = verify(folder, WRITER, trusted).findings

    assert [(each.row, each.wrong) for each in found] == [(21, Wrong.REHASHED)]
    assert found[0].words.startswith("rows 21 to 30 give another root than a head of 30 rows")


def test_au_09_a_gap_of_the_numbers_is_named_though_the_hashes_follow(log, folder, trusted):
    made, previous = [], bytes(32)
    for number, line in enumerate(lines(log)[:40], 1):
        entry = json.loads(line)["entry"]
        entry["writer_seq"] = number if number < 23 else number + 4
        words = canonical(entry)
        hash_ = row_hash(previous, words)
        made.append(
            b'{"entry":%b,"hash":"%b","prev_hash":"%b"}'
            % (words, hash_.hex().encode(), previous.hex().encode())
        )
        previous = hash_
    write_lines(log, made)
    (folder / WRITER / HEADS).unlink()

    assert first(folder, trusted) == (23, Wrong.GAP, event(23))
