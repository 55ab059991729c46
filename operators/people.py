"""What people will do in a run, said before it begins: commands at given instants, and answers to what waits.

A run that is to come out the same each time cannot wait for somebody at a keyboard. Each command is of one kind with
those that are given while a desk runs: it takes effect at its instant, is recorded, and a replay of the record
repeats it.
"""

import msgspec

from domain.controls import Command
from domain.market import SECOND
from operators.controls import ControlState, known, take
from operators.holds import Held


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody does about the first intent that `check` alone stops, `seconds` after it was stopped.

    `refused` says whether the check rejects rather than holds. `command` is complete but for its scope and instant.
    """

    check: str
    refused: bool
    seconds: int
    command: Command


class People(msgspec.Struct, frozen=True, kw_only=True):
    """Commands that are given at their `at` (ns UTC of event time), and answers, each given once and in this order."""

    commands: tuple[Command, ...] = ()
    answers: tuple[Answer, ...] = ()


NOBODY = People()


def begin(state: ControlState, people: People) -> None:
    """Let the commands take effect at their instants, where that is not known yet."""
    for command in people.commands:
        take(state, command, command.at)


def answer(state: ControlState, people: People, held: Held) -> None:
    """Let the next answer that fits an intent take effect, if there is one."""
    for each in people.answers:
        if known(state, each.command.command_id):
            continue
        if held.checks == {each.check} and held.refused == each.refused:
            at = held.held_at + each.seconds * SECOND
            take(state, msgspec.structs.replace(each.command, scope=held.intent.cl_ord_id, at=at), at)
            return
