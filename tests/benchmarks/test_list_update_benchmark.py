"""The benchmark of list updates measures a list that holds, on a desk that decides."""

from benchmarks import list_update


def test_a_quick_turn_ends_with_a_list_that_holds(capsys):
    list_update.main(["--quick"])

    said = capsys.readouterr().out

    assert "500 names, 50 parties" in said
    assert [line.split("|")[1].strip() for line in said.splitlines()[3:]] == [
        "not loaded",
        "compared beside the desk",
        "compared in its step",
    ]
