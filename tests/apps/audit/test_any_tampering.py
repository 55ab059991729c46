"""AU-01 to AU-06, AU-09: whatever is changed in any file of an audit, the check says so; untouched, all is well."""

import random
import shutil

import pytest

from apps.audit import Question, verified
from apps.replaying import replayed
from config.audit import HOME, read_audit
from tests.apps.audit.test_audit_commands import ita
from tests.apps.small_market import request

ROUNDS = 60


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory):
    """Return the folder of a run whose heads nobody has signed."""
    folder = tmp_path_factory.mktemp("unsigned")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME, str(folder / "home"))
        replayed(request(), folder / "run")
    return folder


@pytest.fixture(params=["signed", "unsigned"])
def whole(request, kept, unsigned, tmp_path, monkeypatch):
    """Return a copy of a run, and the folder that it was copied from."""
    folder = kept if request.param == "signed" else unsigned
    monkeypatch.setenv(HOME, str(folder / "home"))
    return shutil.copytree(folder / "run", tmp_path / "run"), folder / "run"


def flipped(content, chance):
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << chance.randrange(8))]) + content[at + 1 :]


def cut(content, chance):
    return content[: chance.randrange(len(content))]


def removed(content, chance):
    lines = content.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def doubled(content, chance):
    lines = content.splitlines(keepends=True)
    at = chance.randrange(len(lines))
    return b"".join([*lines[:at], lines[at], *lines[at:]])


def swapped(content, chance):
    lines = content.splitlines(keepends=True)
    if len(lines) < 2:
        return flipped(content, chance)
    one, other = chance.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def appended(content, chance):
    return content + bytes(chance.choices(range(32, 127), k=20))


@pytest.mark.parametrize("how", [flipped, cut, removed, doubled, swapped, appended])
def test_any_single_tampering_with_any_file_of_an_audit_is_found(whole, how):
    run, good = whole
    audit, chance, missed = read_audit(None), random.Random(how.__name__), []
    files = sorted(path for path in (run / "audit").rglob("*.jsonl"))
    assert verified(run, audit, Question()).ok

    for turn in range(ROUNDS):
        for path in files:
            there = (good / path.relative_to(run)).read_bytes()
            made = how(there, chance)
            path.write_bytes(made)
            found = verified(run, audit, Question())
            if found.ok or found.first is None or found.first.writer != path.parent.name:
                missed.append((turn, str(path.relative_to(run)), found.first))
            path.write_bytes(there)

    assert missed == []


@pytest.mark.parametrize("name", ["heads.jsonl", "000000000001.jsonl"])
@pytest.mark.parametrize("writer", ["decisions", "doors"])
def test_a_file_that_was_taken_away_is_found(whole, writer, name):
    run, _ = whole
    (run / "audit" / writer / name).unlink()

    code, said = ita("verify-audit", "--out", run)

    assert (code, f": {writer} row 1" in said) == (1, True)


@pytest.mark.parametrize("writer", ["decisions", "doors"])
def test_a_log_that_was_taken_away_whole_is_missing(whole, writer):
    run, _ = whole
    shutil.rmtree(run / "audit" / writer)

    code, said = ita("verify-audit", "--out", run)

    assert (code, f"BAD: missing: {writer} row 1" in said) == (1, True)
