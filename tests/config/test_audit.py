"""audit.yaml is read with its defaults; what is wrong in it is refused with the place and what is allowed."""

from pathlib import Path

import pytest

from config.audit import HOME, AuditSettings, read_audit
from config.settings import SettingsError


def written(folder: Path, text: str) -> Path:
    (folder / "audit.yaml").write_text(text)
    return folder


def test_the_projects_own_file_says_what_the_defaults_say():
    assert read_audit() == AuditSettings()


def test_the_environment_says_where_the_keys_lie(monkeypatch, tmp_path):
    monkeypatch.setenv(HOME, str(tmp_path / "keys"))

    audit = read_audit()

    assert (audit.key, audit.people) == (tmp_path / "keys" / "signing.pem", tmp_path / "keys" / "people")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("heads: {rows: 0}", r"heads\.rows: input should be greater than or equal to 1; 0 was given"),
        ("anchors: {lock: perhaps}", r"anchors\.lock: input should be 'compliance', 'governance' or 'none'"),
        ("personal: {orders: [trader]}", r"personal\.orders is no decision topic; they are signals, "),
        (
            "personal: {oms.orders: [OrderQty]}",
            r"personal\.oms\.orders: 'OrderQty' is no text of that topic; it has ",
        ),
        ("retain: 1", r"retain: there is no such key"),
        ("retention: {persons: {dba: [ann], auditor: [ann]}}", r"different persons; 'ann' has two roles"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(tmp_path, text, words):
    with pytest.raises(SettingsError, match=words):
        read_audit(written(tmp_path, text))


def test_a_field_that_is_named_as_personal_is_taken(tmp_path):
    assert read_audit(written(tmp_path, "personal: {oms.orders: [trader]}")).personal == {
        "oms.orders": ("trader",)
    }
