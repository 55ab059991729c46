"""Commands that are written to the folder of a run are read whole, in order, and again after a start."""

import msgspec
import pytest

from connectors.files.command_file import CommandFile, append_command
from domain.controls import Command, ControlKind, ControlsRead


def command(name):
    return Command(
        command_id=name,
        kind=ControlKind.KILL,
        scope="firm:firm",
        mode="block_new",
        who="ann",
        reason="x",
        at=1,
    )


def reader(path, over=lambda: False):
    return CommandFile(path, "book", over).build_part("controls", "controls", None)


def test_what_stands_there_is_read_first_and_then_what_comes(tmp_path):
    path = tmp_path / "commands.jsonl"
    append_command(path, command("a"))
    part = reader(path)

    first = part.next_batch()
    append_command(path, command("b"))
    second, third = part.next_batch(), part.next_batch()

    assert first == [("book", command("a")), ("book", ControlsRead())]
    assert (second, third) == ([("book", command("b"))], [])


def test_a_file_that_is_not_there_holds_no_command(tmp_path):
    assert reader(tmp_path / "none").next_batch() == [("book", ControlsRead())]


def test_a_line_that_is_not_whole_waits_for_its_end(tmp_path):
    path = tmp_path / "commands.jsonl"
    line = msgspec.json.encode(command("a")) + b"\n"
    path.write_bytes(line[:20])
    part = reader(path)

    before = part.next_batch()
    path.write_bytes(line)

    assert before == [("book", ControlsRead())]
    assert part.next_batch() == [("book", command("a"))]


def test_a_line_that_is_no_command_is_refused_with_what_it_held(tmp_path):
    path = tmp_path / "commands.jsonl"
    path.write_text("kill them all\n")

    (_, refused), _ = reader(path).next_batch()

    assert (refused.kind, bytes.fromhex(refused.details)) == (ControlKind.REFUSED, b"kill them all")
    assert "it cannot be read" in refused.reason


def test_a_start_reads_every_line_again(tmp_path):
    path = tmp_path / "commands.jsonl"
    append_command(path, command("a"))
    reader(path).next_batch()

    assert reader(path).next_batch()[0] == ("book", command("a"))


def test_the_source_ends_when_nothing_will_be_decided_any_more(tmp_path):
    with pytest.raises(StopIteration):
        reader(tmp_path / "none", lambda: True).next_batch()
