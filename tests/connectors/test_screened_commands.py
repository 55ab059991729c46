"""A list that is being compared keeps no other command waiting, and the desk begins with those that came first."""

from concurrent.futures import Future

from bytewax.inputs import StatefulSourcePartition

from connectors.screened_commands import ScreenedReader
from domain.controls import Command, ControlKind, ControlsRead


def command(kind, name):
    return Command(command_id=name, kind=kind, scope="x:y", who="ann", reason="x", at=1)


class Given(StatefulSourcePartition):
    def __init__(self, *batches):
        self.batches, self.closed = list(batches), False

    def next_batch(self):
        return [("book", item) for item in self.batches.pop(0)] if self.batches else []

    def snapshot(self):
        return None

    def close(self):
        self.closed = True


def test_other_commands_pass_and_lists_come_in_order_with_the_beginning_after_them():
    first, second = command(ControlKind.SANCTIONS, "first"), command(ControlKind.SANCTIONS, "second")
    kill = command(ControlKind.KILL, "kill")
    work = {"first": Future(), "second": Future()}
    part = ScreenedReader(Given([first, second, kill, ControlsRead()]), lambda each: work[each.command_id])

    at_once = part.next_batch()
    work["second"].set_result(second)
    none_yet = part.next_batch()
    work["first"].set_result(first)
    then, at_last = part.next_batch(), part.next_batch()

    assert at_once == [("book", kill)]
    assert none_yet == []
    assert then == [("book", first), ("book", second), ("book", ControlsRead())]
    assert at_last == []


def test_what_is_closed_waits_for_no_list():
    given, work = Given([command(ControlKind.SANCTIONS, "a")]), Future()
    part = ScreenedReader(given, lambda _: work)
    part.next_batch()

    part.close()

    assert (given.closed, work.cancelled()) == (True, True)
