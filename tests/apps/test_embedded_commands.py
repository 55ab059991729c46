"""Commands to an embedded run hold in it, stand in its journal, and are repeated by a replay of its lake."""

import json
import sqlite3

import pytest

from apps.commands import give_run, hold_command, kill_command, limit_command, override_command
from apps.hold_view import full_name, waiting
from apps.limit_view import held_table, rows_of, told, versions
from apps.replaying import replayed
from apps.run_folder import RunFolder, RunFolderError
from apps.running import RunOptions, run_desk
from apps.what_if import NotThatRun, compare
from config.settings import DEFAULT, SettingsError, read_settings
from connectors.files.command_file import append_command
from connectors.files.lake_reference import keep_reference
from connectors.files.open_source import open_source
from connectors.lake.digest import digests
from connectors.tick_input import Stop
from domain.controls import ControlKind
from tests.apps import small_market

pytestmark = pytest.mark.slow


def commands():
    """Return a kill switch of one strategy, and a twenty-fifth of what one order may be worth."""
    smaller = limit_command("notional-account", ("20000", None, None), ("ann", "bob"), "volatile")
    return [
        kill_command("strategy:trend", "block_new", "ann", "a test"),
        smaller,
        kill_command("strategy:trend", "none", "ann", "one is not enough"),
    ]


@pytest.fixture(scope="module")
def commanded(tmp_path_factory):
    """Return the folder of a run that was given commands before it began, and the digests of what it kept."""
    out = tmp_path_factory.mktemp("commanded") / "run"
    source = open_source(small_market.SPEC)
    folder = RunFolder(out, {"kind": "test", "configuration": read_settings().digest})
    for command in commands():
        append_command(folder.commands, command)
    keep_reference(folder.lake, source)
    run_desk(read_settings(), folder, source, RunOptions(batch_rows=4_096, raw=True, commanded=True), Stop())
    folder.finish({"kind": "test"})
    folder.close()
    return out, {
        topic: found for topic, found in digests(folder.lake).items() if not topic.startswith("raw.")
    }


def rows(out, question):
    with sqlite3.connect(f"file:{out / 'journal.sqlite'}?mode=ro", uri=True) as journal:
        return journal.execute(question).fetchall()


def test_what_was_commanded_holds_from_the_first_event_on(commanded):
    out, _ = commanded

    controls = rows(out, "SELECT kind, scope, who, maker FROM controls ORDER BY sequence")
    trend = rows(out, "SELECT DISTINCT kind FROM verdicts WHERE strategy = 'trend'")

    assert controls == [
        ("kill", "strategy:trend", "ann", ""),
        ("limits", "limits", "ann", ""),
        ("asked", "strategy:trend", "ann", ""),
    ]
    assert trend == [("refused",)]
    assert rows(out, "SELECT count(*) FROM checks WHERE code = 'MAX_NOTIONAL' AND limit_number = 20000.0")[0][
        0
    ]


def test_a_replay_of_the_lake_repeats_the_commands(commanded, tmp_path):
    out, found = commanded

    again = replayed(small_market.request(f"lake:{out}"), tmp_path / "again")["digests"]

    assert {topic: value for topic, value in again.items() if not topic.startswith("raw.")} == found


def test_the_journal_refuses_a_release_by_one_person(commanded, tmp_path):
    out, _ = commanded
    copied = tmp_path / "journal.sqlite"
    copied.write_bytes((out / "journal.sqlite").read_bytes())
    row = (
        "INSERT INTO controls SELECT event_at, known_at, received_at, source, sequence, {id}, schema_version, "
        'command_id, {kind}, wanted, scope, mode, who, reason, details, "Text", {maker} FROM controls LIMIT 1'
    )

    with sqlite3.connect(copied) as journal:
        for kind, maker in (("'release'", "''"), ("'approve'", "who"), ("'kill'", "who")):
            with pytest.raises(sqlite3.IntegrityError, match="controls_two"):
                journal.execute(row.format(id="'x'", kind=kind, maker=maker))
        journal.execute(row.format(id="'y'", kind="'release'", maker="'bob'"))


def test_limits_that_a_run_was_told_are_shown_with_their_versions(commanded):
    out, _ = commanded

    shown = {row["limit_id"]: row for row in rows_of(held_table(None, out))}
    both = [(row["version"], row["hard"], row["maker"]) for row in versions(None, out, "notional-account")]

    assert (shown["notional-account"]["hard"], shown["notional-account"]["version"]) == ("20000", 2)
    assert both == [(1, "500000", "risk.maker"), (2, "20000", "ann")]
    assert [(each["kind"], each["who"]) for each in told(out, None)] == [("limits", "ann")]


def test_the_limits_of_a_run_of_another_configuration_are_not_taken_for_its_own(undisturbed, tmp_path):
    out, _ = undisturbed
    (tmp_path / "limits.yaml").write_text(
        (DEFAULT / "limits.yaml").read_text().replace("hard: 500000", "hard: 1")
    )

    with pytest.raises(RunFolderError, match="began with another configuration"):
        held_table(tmp_path, out)
    assert held_table(None, out).rows == held_table(None, None).rows


def test_a_run_that_has_ended_takes_no_command(commanded):
    out, _ = commanded

    with pytest.raises(RunFolderError, match="has ended"):
        give_run(out, commands()[0], 0.0)


def test_the_same_limits_change_nothing_and_smaller_ones_are_named(undisturbed, tmp_path):
    out, _ = undisturbed
    tight = tmp_path / "limits.yaml"
    text = (DEFAULT / "limits.yaml").read_text()
    tight.write_text(
        text.replace(
            'scope_type: account, scope_id: "*", hard: 500000,',
            'scope_type: account, scope_id: "*", hard: 1000,',
        )
    )

    same, smaller = compare(out, DEFAULT / "limits.yaml", None, None), compare(out, tight, None, None)

    assert (same["changed"], same["intents"]) == ([], smaller["intents"])
    assert smaller["changed"]
    assert all(any("PT-20 MAX_NOTIONAL" in why for why in row["why"]) for row in smaller["changed"])
    assert any(
        row["was"].startswith("approved") and row["would_be"].startswith("refused")
        for row in smaller["changed"]
    )
    assert json.loads(json.dumps(smaller)) == smaller


def test_a_run_of_another_configuration_is_said_to_be_one(undisturbed, tmp_path):
    out, _ = undisturbed
    other = tmp_path / "other"
    other.mkdir()
    text = (DEFAULT / "base.yaml").read_text()
    (other / "base.yaml").write_text(text.replace("no_trade_band: 0.10", "no_trade_band: 0.90"))

    with pytest.raises(NotThatRun, match="made with another configuration"):
        compare(out, DEFAULT / "limits.yaml", None, other)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: hold_command(ControlKind.APPROVE, " ", "bob", "x"), "a hold is named by its ClOrdID"),
        (lambda: hold_command(ControlKind.APPROVE, "C1", "bob", ""), "a command needs a reason"),
        (lambda: override_command("C1", "PT-19", ("a", "a", "b"), "x", 1), "an override needs three persons"),
        (lambda: override_command("C1", "PT-19", ("a", "b", "c"), "x", 0), "within an hour"),
        (lambda: limit_command("qty-account", ("1", None, None), ("a", "a"), "x"), "two persons"),
        (lambda: limit_command("qty-account", ("1", None, None), ("a", " "), "x"), "two persons"),
        (lambda: limit_command("loss-account", ("abc", None, None), ("a", "b"), "x"), "hard is a number"),
        (
            lambda: limit_command("loss-account", ("1e19", None, None), ("a", "b"), "x"),
            "hard is at most 1E.18",
        ),
        (lambda: limit_command("loss-account", ("nan", None, None), ("a", "b"), "x"), "hard is a number"),
        (lambda: limit_command("loss-account", ("1", None, "soon"), ("a", "b"), "x"), "an instant with its"),
    ],
)
def test_a_command_that_is_wrong_says_what_is_allowed(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_nothing_is_held_where_nothing_waits(undisturbed):
    out, _ = undisturbed

    assert waiting(out, None) == []
    with pytest.raises(ValueError, match="there is none"):
        full_name("abc", out, None)


def test_other_limits_that_cannot_be_used_are_named_by_their_own_file(undisturbed, tmp_path):
    wrong = tmp_path / "new.yaml"
    wrong.write_text((DEFAULT / "limits.yaml").read_text().replace("measure:", "mesure:", 1))

    with pytest.raises(SettingsError) as refused:
        compare(undisturbed[0], wrong, None, None)

    assert str(refused.value).startswith(f"{wrong}: ")
