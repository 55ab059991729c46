"""AU-01 to AU-06: a log that is checked on every processor is found as it is line by line, whatever was done to it."""

import random

import pytest

from connectors.audit import block_pool, stretches
from connectors.audit.block_pool import Followed, followed_from_itself
from connectors.audit.blocks import block_hashes
from connectors.audit.keys import PublicKeys
from connectors.audit.rows import GENESIS, followed, row_of
from connectors.audit.stretches import blocks
from connectors.audit.verification import verify
from tests.connectors.audit.records import WRITER, lines, rehashed, write_lines, written

ROWS = 603


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    return lines(written(folder / "audit", folder, ROWS))


@pytest.fixture
def file(good, tmp_path):
    path = written(tmp_path / "audit", tmp_path, 1)
    (path.parent / "heads.jsonl").unlink()
    write_lines(path, good)
    return path


def checked(file, monkeypatch, *, on_all):
    monkeypatch.setattr(block_pool, "LONG_BYTES", 1 if on_all else 1 << 60)
    monkeypatch.setattr(stretches, "STRETCH_BYTES", 40_000)
    monkeypatch.setattr(block_pool.os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(block_pool.threading, "active_count", lambda: 1)
    return verify(file.parent.parent, WRITER, PublicKeys())


def edited(rows, at):
    return [*rows[:at], rows[at].replace(b'"event_time":', b'"event_time":1', 1), *rows[at + 1 :]]


def upper(rows, at):
    row = rows[at]
    return [*rows[:at], row[:-140] + row[-140:].upper(), *rows[at + 1 :]]


def deleted(rows, at):
    return rows[:at] + rows[at + 1 :]


def swapped(rows, at):
    return [*rows[:at], rows[at + 1], rows[at], *rows[at + 2 :]]


def doubled(rows, at):
    return [*rows[:at], rows[at], *rows[at:]]


def broken(rows, at):
    return [*rows[:at], rows[at][:100] + b"\n" + rows[at][100:], *rows[at + 1 :]]


def emptied(rows, at):
    return [*rows[:at], b"", *rows[at:]]


def replaced(rows, at):
    """Make the chain again from a place on."""
    return rows[:at] + rehashed([*rows[:at], *edited(rows, at)[at:]])[at:]


@pytest.mark.parametrize(
    "how", [edited, upper, deleted, swapped, doubled, broken, emptied, replaced], ids=lambda how: how.__name__
)
def test_a_check_on_all_processors_comes_to_what_one_by_one_comes_to(file, good, how, monkeypatch):
    places = [0, ROWS - 3, *random.Random(how.__name__).sample(range(ROWS - 3), 1)]

    for at in places:
        write_lines(file, how(good, at))

        said = checked(file, monkeypatch, on_all=True)

        assert said == checked(file, monkeypatch, on_all=False)
        assert bool(said.findings) == (how is not replaced)


def test_a_whole_log_is_passed_by_every_process(file, good, monkeypatch):
    said = checked(file, monkeypatch, on_all=True)

    parts = stretches.stretches(file.parent)
    each = [followed_from_itself(part) for part in parts]
    hashes = [row_of(line).hash for line in good]
    assert len(parts) > 10
    assert [found.number for found in each] == [
        sum(len(e.each()) for e in each[:at]) for at in range(len(each))
    ]
    assert [hash_ for found in each for hash_ in found.each()] == hashes
    assert each[0] == Followed(GENESIS, 0, b"".join(each[0].each()))
    assert (said.rows, said.findings, said.last_hash) == (ROWS, [], hashes[-1].hex())


def test_a_block_passes_where_and_only_where_each_of_its_lines_follows(good):
    block = b"".join(line + b"\n" for line in good[:60])
    want = followed([line + b"\n" for line in good[:60]], GENESIS, 0)
    assert block_hashes(block, GENESIS, 0) == want
    chance = random.Random(7)

    for _ in range(1_000):
        at, bit = chance.randrange(len(block)), 1 << chance.randrange(8)
        changed = block[:at] + bytes([block[at] ^ bit]) + block[at + 1 :]
        assert block_hashes(changed, GENESIS, 0) is None
    assert block_hashes(block, GENESIS, 1) is None
    assert block_hashes(block, bytes([1]) + GENESIS[1:], 0) is None
    assert block_hashes(block[:-1], GENESIS, 0) is None
    assert block_hashes(b"", GENESIS, 0) is None


def test_a_torn_last_line_is_left_out_and_one_before_another_file_is_not(file):
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"entry":{"actor"')

    (*_, last) = stretches.stretches(file.parent)

    assert b"".join(blocks(last)) == whole[last.start :]
    assert b"".join(blocks(last._replace(last=False))) == whole[last.start :] + b'{"entry":{"actor"\n'
