"""Identifiers that are cut short or mistyped are found, or answered with those that were meant."""

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from apps.cli import commands, holds
from apps.cli.main import WrongUse
from apps.cli.orders import orders
from apps.hold_view import full_name, stopped_name
from apps.identifiers import Unidentified, closest, identified
from apps.run_folder import RunFolderError
from connectors.sqlite.sink import JournalPartition
from domain.decisions import VerdictKind
from domain.market import SECOND
from tests.apps.known_run import answered, records, write_run

NAMES = ("000000000000", "111111111111", "4be51c09aa17", "fe51c09aa172", "ffffffffffff")


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Return a run that goes on: of its intents one is held, one was held until its hold expired."""
    run = write_run(tmp_path_factory.mktemp("held") / "run", finished=False)
    bought, sold, lost = records()["intents"]
    journal = JournalPartition(run / "journal.sqlite")
    for intent, kind, name in (
        (bought, VerdictKind.HELD, "abcd0001"),
        (lost, VerdictKind.HELD, "dead0002"),
        (sold, VerdictKind.REFUSED, "dead0002"),
    ):
        at = intent.known_at + (SECOND if kind is VerdictKind.REFUSED else 0)
        named = msgspec.structs.replace(intent, cl_ord_id=name)
        verdict = msgspec.structs.replace(
            answered(named, kind), record_id=f"{name}-{kind}", decision_id=f"{name}-{kind}", known_at=at
        )
        if kind is VerdictKind.REFUSED:
            after = lost.known_at + SECOND
            verdict = msgspec.structs.replace(
                verdict, event_at=after, known_at=after, codes=("HOLD_EXPIRED",)
            )
        journal.write_batch([[verdict]])
    journal.close()
    return run


@pytest.mark.parametrize("given", ["4be51d", "4be5c09", "4be51c09aa71"])
def test_a_slip_is_answered_with_what_is_most_like_it(given):
    assert closest(given, NAMES).split(", ")[0] == "4be51c09aa17"


def test_a_beginning_names_one_and_several_are_told():
    known = {name: name for name in (*NAMES, "4be5ffffffff")}

    assert identified("4be51c", known, "order") == "4be51c09aa17"
    with pytest.raises(Unidentified, match=r"2 orders begin with '4be5'; .*: 4be51c09aa17, 4be5ffffffff"):
        identified("4be5", known, "order")


@pytest.mark.parametrize("given", ["", "fe", "fe5"])
def test_less_than_four_characters_name_nothing(given):
    with pytest.raises(Unidentified, match="at least the first 4 characters of the order"):
        identified(given, {name: name for name in NAMES}, "order")


def test_a_hold_is_named_by_its_beginning_and_one_that_is_over_says_what_became_of_it(held):
    assert full_name("abcd", held, None) == "abcd0001"
    with pytest.raises(ValueError, match=r"dead0002 is not held: it was refused at .* \(HOLD_EXPIRED\)"):
        full_name("dead0", held, None)
    with pytest.raises(ValueError, match="unknown held intent 'abce0001'; the most similar: abcd0001"):
        full_name("abce0001", held, None)


def test_an_override_is_for_what_was_held_or_refused_by_its_beginning(held):
    assert stopped_name("dead", held, None) == "dead0002"
    assert stopped_name("c0ffee02", held, None) == "c0ffee02"
    with pytest.raises(ValueError, match="unknown held or refused intent 'badcafe3'"):
        stopped_name("badcafe3", held, None)


@pytest.mark.parametrize(
    "words",
    [
        ["holds", "approve", "nothing0", "--reason", "a test"],
        ["holds", "refuse", "nothing0", "--reason", "a test"],
        ["kill", "nothing", "--reason", "a test"],
    ],
)
def test_a_run_that_has_ended_says_so_before_anything_else(tmp_path, words):
    run = write_run(tmp_path / "run")
    app = typer.Typer()
    app.add_typer(holds.app, name="holds")
    app.command("kill")(commands.kill)

    answer = CliRunner().invoke(app, [*words, "--out", str(run)])

    assert isinstance(answer.exception, RunFolderError)
    assert "has ended" in str(answer.exception)


def test_the_order_of_a_refused_intent_is_answered_with_where_the_reason_is(held):
    with pytest.raises(
        WrongUse, match="intent c0ffee02 has led to no order; `ita explain c0ffee02` says why"
    ):
        orders("c0ffee02", out=held)
