"""The demonstration has people in it, their record says so, and a replay of the record comes to the same."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps import demonstration
from apps.demonstration import demonstrate
from apps.kept_run import KeptRun
from apps.people_view import deeds
from apps.replaying import Request, replayed
from connectors.sqlite.journal import Journal
from domain.controls import ControlKind
from domain.decisions import Verdict, VerdictKind

TICKS = 120_000


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demonstration") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demonstration, "TICKS", TICKS)
        demonstrate(folder, 7)
    return folder


@pytest.fixture
def journal(out: Path) -> Iterator[Journal]:
    with Journal(KeptRun(out).journal) as opened:
        yield opened


def test_every_command_of_the_day_is_carried_out_in_its_order(journal: Journal) -> None:
    assert [control.kind for control in journal.controls()] == [
        ControlKind.LIMITS,
        ControlKind.APPROVE,
        ControlKind.REFUSE,
        ControlKind.OVERRIDE,
        ControlKind.KILL,
        ControlKind.ASKED,
        ControlKind.RELEASE,
    ]


def test_of_what_is_held_one_is_approved_one_refused_and_the_rest_expire(journal: Journal) -> None:
    said: dict[str, list[Verdict]] = {}
    for verdict in journal.all(Verdict):
        said.setdefault(verdict.cl_ord_id, []).append(verdict)
    held = [verdicts for verdicts in said.values() if verdicts[0].kind is VerdictKind.HELD]
    ends = Counter((verdicts[-1].kind, "refused it" in verdicts[-1].text) for verdicts in held)

    assert ends[VerdictKind.APPROVED, False] == 1
    assert ends[VerdictKind.REFUSED, True] == 1
    assert ends[VerdictKind.REFUSED, False] == len(held) - 2 > 0


def test_the_override_lets_through_what_one_check_had_refused(journal: Journal) -> None:
    given = next(control for control in journal.controls() if control.kind is ControlKind.OVERRIDE)
    first, last = [each for each in journal.all(Verdict) if each.cl_ord_id == given.scope]

    assert (first.kind, first.codes) == (VerdictKind.REFUSED, ("MAX_NOTIONAL",))
    assert (last.kind, "OVERRIDE_USED" in last.codes) == (VerdictKind.APPROVED, True)


def test_the_switch_stops_the_strategy_from_its_instant_until_the_second_person_has_spoken(
    journal: Journal,
) -> None:
    controls = {control.kind: control for control in journal.controls()}
    first_at, last_at = controls[ControlKind.KILL].known_at, controls[ControlKind.RELEASE].known_at
    stopped = [each.known_at for each in journal.all(Verdict) if "KILL_ACTIVE" in each.codes]
    within = [
        each
        for each in journal.all(Verdict)
        if each.strategy == "reversion" and first_at < each.known_at < last_at
    ]

    assert stopped
    assert first_at < min(stopped)
    assert max(stopped) < last_at
    assert {each.kind for each in within} == {VerdictKind.REFUSED}


def test_the_report_tells_who_did_what_and_what_came_of_it(out: Path) -> None:
    page = (out / "report.html").read_text()
    done = deeds(KeptRun(out))

    assert [deed.who for deed in done] == [
        "risk.checker",
        "desk.head, after desk.trader",
        "risk.checker",
        "risk.checker, after desk.trader",
        "desk.head",
        "desk.head",
        "risk.checker, after desk.head",
    ]
    assert [deed.what in page and deed.outcome in page for deed in done] == [True] * 7
    assert "Verified:" in page


def test_a_replay_of_what_was_recorded_repeats_what_people_did(out: Path) -> None:
    again = replayed(Request((f"lake:{out / 'lake'}",), None, None, None, 1, 4_096, None), None)

    kept = KeptRun(out).summary()["digests"]
    assert again["digests"] == {
        topic: digest for topic, digest in kept.items() if not topic.startswith("quarantine.")
    }
