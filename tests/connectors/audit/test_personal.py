"""Names of persons stand sealed in the log: a key that is destroyed makes them unreadable and breaks no chain."""

import json
import stat

import pytest

from connectors.audit.controls import said_in_audit
from connectors.audit.entries import PERSONAL, EntryCodec
from connectors.audit.keys import PublicKeys
from connectors.audit.log import AuditLog
from connectors.audit.personal import People, Sealed, context_of
from connectors.audit.rows import segments
from connectors.audit.verification import verify
from domain.controls import Control, ControlKind
from domain.envelope import record_id

ANN, BEN = "Ann Smith", "Ben Jones"


def control(number, who):
    return Control(
        event_at=number,
        known_at=number,
        received_at=number,
        source="controls",
        sequence=number,
        record_id=record_id("control", number),
        command_id=f"c{number}",
        kind=ControlKind.KILL,
        wanted=ControlKind.KILL,
        scope="strategy:trend",
        mode="block_new",
        who=who,
        reason="model drifts",
    )


CONTROLS = [control(1, ANN), control(2, BEN), control(3, ANN)]


@pytest.fixture
def people(tmp_path):
    return People(tmp_path / "people")


@pytest.fixture
def folder(tmp_path, people):
    log = AuditLog(tmp_path / "audit", "decisions")
    log.append(
        EntryCodec("decisions", people).bodies(("risk.controls", each) for each in CONTROLS),
        [each.record_id for each in CONTROLS],
    )
    log.make_head()
    log.close()
    return tmp_path / "audit"


def entries(folder):
    return [json.loads(line)["entry"] for line in segments(folder / "decisions")[0].read_bytes().splitlines()]


def test_no_name_stands_in_the_log_and_who_has_the_keys_reads_them_all(folder, people):
    written = segments(folder / "decisions")[0].read_bytes()

    assert ANN.encode() not in written
    assert BEN.encode() not in written
    assert said_in_audit(folder, "decisions", people, PERSONAL) == (tuple(CONTROLS), 4)


def test_the_same_person_is_told_from_others_without_a_name(folder):
    persons = [entry["payload"]["who"]["person"] for entry in entries(folder)]
    nonces = {entry["payload"]["who"]["nonce"] for entry in entries(folder)}

    assert persons[0] == persons[2] != persons[1]
    assert len(nonces) == 3


def test_an_erased_person_is_unreadable_for_good_and_the_log_is_still_what_was_written(
    folder, people, tmp_path
):
    before = segments(folder / "decisions")[0].read_bytes()

    erased = people.erase(ANN)

    assert erased == entries(folder)[0]["payload"]["who"]["person"]
    names = [
        each.who
        for each in said_in_audit(folder, "decisions", People(tmp_path / "people"), PERSONAL).controls
    ]
    assert names == ["(erased)", BEN, "(erased)"]
    assert verify(folder, "decisions", PublicKeys()).findings == []
    assert segments(folder / "decisions")[0].read_bytes() == before


def test_a_person_who_acts_again_after_an_erasure_has_a_new_key_and_the_old_rows_stay_unreadable(people):
    before = people.seal(ANN, context_of("e1", "who"))
    people.erase(ANN)

    after = people.seal(ANN, context_of("e1", "who"))

    assert after.person != before.person
    assert people.opened(before, context_of("e1", "who")) == "(erased)"
    assert people.opened(after, context_of("e1", "who")) == ANN


def test_who_has_no_key_cannot_be_erased(people):
    assert people.erase(BEN) is None


def test_a_sealed_name_cannot_be_moved_to_another_event_or_changed(people):
    sealed = people.seal(ANN, context_of("e1", "who"))
    first = "B" if sealed.ciphertext[0] == "A" else "A"
    changed = Sealed(first + sealed.ciphertext[1:], sealed.nonce, sealed.person)

    assert people.opened(sealed, context_of("e2", "who")) == "(unreadable)"
    assert people.opened(changed, context_of("e1", "who")) == "(unreadable)"
    assert (
        people.opened(Sealed(sealed.ciphertext, "AAAA", sealed.person), context_of("e1", "who"))
        == "(unreadable)"
    )


def test_the_same_fact_is_sealed_to_the_same_bytes_and_another_to_others(people, tmp_path):
    first = people.seal(ANN, context_of("e1", "who"))

    assert People(tmp_path / "people").seal(ANN, context_of("e1", "who")) == first
    assert people.seal(ANN, context_of("e2", "who")).ciphertext != first.ciphertext


def test_only_their_owner_may_read_the_keys_and_file_names_tell_no_names(folder, tmp_path):
    files = sorted((tmp_path / "people").iterdir())

    assert folder.exists()
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert not any(name.split()[0].lower() in path.name.lower() for path in files for name in (ANN, BEN))


def test_a_folder_that_cannot_be_written_keeps_no_name_and_stops_nothing(tmp_path):
    (tmp_path / "file").write_text("no folder")
    people = People(tmp_path / "file" / "people")

    sealed = people.seal(ANN, context_of("e1", "who"))

    assert people.opened(sealed, context_of("e1", "who")) == "(not kept)"
