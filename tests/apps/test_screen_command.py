"""`ita screen` tells who is listed, by which name, and which lines hold no name."""

import json
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-c", "import sys; from apps.cli.main import main; main()"]


def said(*words):
    return subprocess.run([*COMMAND, "screen", *map(str, words)], capture_output=True, text=True, check=False)


def test_hits_are_told_with_list_kind_and_score(tmp_path):
    names, listed = tmp_path / "names.csv", tmp_path / "listed.csv"
    names.write_text("name\nJane Doe\nJohn Roe\n\n,\n")
    listed.write_text('id,name,alt_names,type\n1,"DOE, Jane","ROW, Janet",individual\n')

    done = said(names, "--list", listed, "--json")

    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert (told["screened"], told["hits"]) == (2, 1)
    assert told["results"][0] == {
        "line": 2,
        "name": "Jane Doe",
        "hit": True,
        "score": 1.0,
        "matches": [
            {
                "list": "listed",
                "entry_id": "1",
                "name": "DOE, Jane",
                "kind": "primary",
                "type": "individual",
                "programs": "",
                "score": 1.0,
                "how": "exact",
            }
        ],
    }
    assert told["results"][1]["matches"] == []


def test_a_threshold_of_one_leaves_only_the_same_words(tmp_path):
    names, listed = tmp_path / "names.csv", tmp_path / "listed.csv"
    names.write_text("name\nJane Marie Doe\nMarie Jane Doee\n")
    listed.write_text("name\nDOE Jane Marie\n")

    told = json.loads(said(names, "--list", listed, "--json", "--threshold", "1").stdout)

    assert [result["hit"] for result in told["results"]] == [True, False]


def test_a_list_is_needed_and_has_to_be_there(tmp_path):
    names = tmp_path / "names.csv"
    names.write_text("name\nX\n")

    without, absent = said(names), said(names, "--list", tmp_path / "no.csv")

    assert (without.returncode, absent.returncode) == (2, 2)
    assert "a list to screen against is needed" in without.stderr
    assert "cannot be read" in absent.stderr


def test_a_name_in_letters_that_are_not_read_is_said_to_be_unscreened_and_no_clear_result(tmp_path):
    names, listed = tmp_path / "names.csv", tmp_path / "listed.csv"
    names.write_text("name\n\u738b\u4f1f\n\u0418\u0432\u0430\u043d \u041f\u0435\u0442\u0440\u043e\u0432\n")
    listed.write_text('name\n"PETROV, Ivan"\n')

    told = json.loads(said(names, "--list", listed, "--json").stdout)

    assert [(one["line"], "was not screened" in one["reason"]) for one in told["bad"]] == [(2, True)]
    assert [(one["line"], one["hit"]) for one in told["results"]] == [(3, True)]


@pytest.mark.parametrize(
    "written",
    [
        "\ufeffname\nJane Doe\n".encode(),
        "name\nJane Doe\n".encode("utf-16"),
        b"country;name\r\nUS;Jane Doe\r\n",
        b'Company\tnote\n"Jane Doe"\tx\n',
        b"Jane Doe\n\n\n",
    ],
)
def test_files_as_spreadsheets_write_them_are_read(tmp_path, written):
    names, listed = tmp_path / "names.csv", tmp_path / "listed.csv"
    names.write_bytes(written)
    listed.write_text('name\n"DOE, Jane"\n')

    told = json.loads(said(names, "--list", listed, "--json").stdout)

    assert [(one["name"], one["hit"]) for one in told["results"]] == [("Jane Doe", True)]
