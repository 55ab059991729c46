"""Commands are followed from the compacted topics, their silence is told, and what a desk has said before is read."""

import time
from functools import partial

import msgspec
import pytest

from connectors.kafka.codec import KafkaCodec
from connectors.kafka.compacted import put_value
from connectors.kafka.controls import ControlSource, said_before
from connectors.kafka.notes import NoteSink
from connectors.kafka.reader import READING
from connectors.kafka.source import MARK, KafkaSource
from connectors.lake.codec import END_OF_INPUT
from connectors.lake.lanes import Records, TopicEnd
from domain.controls import Command, ControlKind, ControlsRead
from domain.orders import Progress
from tests.connectors.deadline import until

pytestmark = pytest.mark.served
NOTES = "execution.progress"
LIST_BYTES = 900_000
"""What `operators.party_screening` lets a packed list have at most."""
CODEC = KafkaCodec({NOTES: Progress})


def command(name, scope="firm:firm"):
    return Command(
        command_id=name, kind=ControlKind.KILL, scope=scope, mode="block_new", who="ann", reason="x", at=1
    )


def put(broker, given):
    put_value(broker.cluster, "kill", given.scope, msgspec.json.encode(given))


def reader_of(broker, stale_seconds=5.0):
    source = ControlSource(broker.cluster, "book", lambda: False, stale_seconds)
    return source.build_part("in", "controls", None)


def taken(reader):
    return [item for _, item in reader.next_batch()]


def gathered(take, last):
    """Return all that is taken until the last of it is there."""
    items = []

    def is_there():
        items.extend(take())
        return last in items

    until(is_there)
    return items


def test_what_holds_comes_first_then_that_all_was_read_then_every_change(broker):
    broker.make("limits", "kill", cleanup_policy="compact")
    put(broker, command("old"))
    put(broker, command("new"))
    broker.send("kill", b"no command", key=b"strategy:x")
    reader = reader_of(broker)
    items = gathered(partial(taken, reader), ControlsRead())

    put(broker, command("later", "strategy:trend"))
    later = until(partial(taken, reader))
    reader.close()

    assert items[0].command_id == "new"
    assert (items[1].kind, items[1].scope) == (ControlKind.REFUSED, "kill:strategy:x")
    assert "it cannot be read" in items[1].reason
    assert bytes.fromhex(items[1].details) == b"no command"
    assert items[2:] == [ControlsRead()]
    assert [each.command_id for each in later] == ["later"]


def test_a_list_of_names_as_large_as_a_desk_takes_goes_over_the_topic_whole(broker):
    broker.make("limits", "kill", cleanup_policy="compact")
    held = Command(
        command_id="list",
        kind=ControlKind.SANCTIONS,
        scope="list:SDN",
        who="ann",
        reason="x",
        at=1,
        details="".join(f"{number:06}" for number in range(LIST_BYTES // 6)),
    )

    put_value(broker.cluster, "limits", held.scope, msgspec.json.encode(held))
    reader = reader_of(broker)
    items = gathered(partial(taken, reader), ControlsRead())
    reader.close()

    assert items == [held, ControlsRead()]


def test_a_broker_that_is_away_as_a_whole_makes_nothing_stale_and_is_followed_when_it_is_back(mortal_broker):
    broker = mortal_broker
    broker.make("limits", "kill", cleanup_policy="compact")
    reader = reader_of(broker, stale_seconds=1.0)
    gathered(partial(taken, reader), ControlsRead())

    broker.kill()
    meanwhile = []
    for _ in range(60):
        meanwhile += taken(reader)
        time.sleep(0.1)
    broker.start()
    put(broker, command("later"))
    later = until(partial(taken, reader))
    reader.close()

    assert meanwhile == []
    assert [each.command_id for each in later] == ["later"]


def test_commands_that_cannot_be_read_while_market_data_comes_are_stale_until_they_can(
    mortal_broker, monkeypatch
):
    broker = mortal_broker
    broker.make("limits", "kill", cleanup_policy="compact")
    reader = reader_of(broker, stale_seconds=1.0)
    gathered(partial(taken, reader), ControlsRead())

    def taken_with_market_data():
        monkeypatch.setattr(READING, "came_at", time.monotonic())
        return taken(reader)

    broker.kill()
    stale = until(taken_with_market_data)
    broker.start()
    fresh = until(taken_with_market_data)
    reader.close()

    assert [each.kind for each in (*stale, *fresh)] == [ControlKind.STALE, ControlKind.FRESH]
    assert "could not be read for 1 s" in stale[0].reason


def test_notes_come_in_order_and_at_least_once_over_the_death_of_the_broker(mortal_broker):
    broker = mortal_broker
    broker.make(NOTES)
    part = NoteSink(broker.cluster, NOTES, CODEC, ("book",)).build_part("out", "book", None)
    notes = [Progress(requests=number, decided_until=number) for number in range(60)]

    part.write_batch([Records(NOTES, [note]) for note in notes[:30]])
    broker.kill()
    part.write_batch([Records(NOTES, [note]) for note in notes[30:]])
    broker.start()
    part.write_batch([END_OF_INPUT])
    part.snapshot()
    part.close()
    source = KafkaSource(broker.cluster, (NOTES,), (0,), CODEC, stop=MARK)
    reader = source.build_part("in", f"{NOTES}:0", None)
    read = gathered(partial(taken, reader), TopicEnd(NOTES))
    reader.close()

    said = [item.records[0] for item in read[:-1]]
    assert [note for place, note in enumerate(said) if note not in said[:place]] == notes


def test_what_a_desk_has_said_before_ends_behind_its_last_record_and_its_last_note(broker):
    broker.make("risk.controls", "signals", NOTES)
    nothing = said_before(broker.cluster, "decisions.book", ("signals", "risk.controls"), NOTES)
    part = NoteSink(broker.cluster, NOTES, CODEC, ("book",)).build_part("out", "book", None)

    part.write_batch([Records(NOTES, [Progress(requests=3, decided_until=at)]) for at in (70, 900)])
    part.snapshot()
    part.close()

    assert nothing == ((), 0)
    assert said_before(broker.cluster, "decisions.book", ("signals", "risk.controls"), NOTES) == ((), 900)
