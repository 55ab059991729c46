"""Lean's factor and map files as actions: the known splits, dividends and renames of real companies."""

from datetime import date
from pathlib import Path

import pytest

from connectors.files.action_rows import ActionFileError
from connectors.files.lean_actions import lean_actions
from domain.corporate_actions import ActionKind

LEAN = Path(__file__).resolve().parents[4] / "shared" / "data" / "corporate_actions" / "lean_daily"
HERE = pytest.mark.skipif(not LEAN.exists(), reason="the vendor's files are not part of the repository")


def told(folder, ticker):
    return {
        (str(date.fromordinal(one.ex_on + date(1970, 1, 1).toordinal())), one.kind): one
        for one in lean_actions(folder, [ticker])
    }


@HERE
def test_apple_split_seven_for_one_after_a_friday_and_paid_what_it_paid():
    found = told(LEAN, "AAPL")

    assert found["2014-06-07", ActionKind.SPLIT].ratio == 7.0
    assert found["2005-02-26", ActionKind.SPLIT].ratio == 2.0
    assert found["2013-02-07", ActionKind.CASH_DIVIDEND].amount == pytest.approx(2.65, abs=2e-4)


@HERE
def test_the_fund_that_changed_its_ticker_and_changed_it_back_has_two_renames():
    renames = [
        (one.instrument, one.into) for one in lean_actions(LEAN, ["QQQ"]) if one.kind == ActionKind.RENAME
    ]

    assert renames == [("QQQ", "QQQQ"), ("QQQQ", "QQQ")]


@HERE
def test_an_action_names_the_ticker_of_its_day():
    before = [one.instrument for one in lean_actions(LEAN, ["BAC"]) if one.ex_on < 10_500]

    assert set(before) == {"NB"}


def test_a_split_and_a_dividend_of_one_day_come_apart(tmp_path):
    (tmp_path / "factor_files").mkdir()
    (tmp_path / "map_files").mkdir()
    # 2:1 and 0.50 on the ex-date, of 102 before: 51 a new share, so the factor is 1 - 0.5/51.
    (tmp_path / "factor_files" / "a.csv").write_text("20240105,0.9901961,0.5,102\n20501231,1,1,0\n")
    (tmp_path / "map_files" / "a.csv").write_text("20200101,a,Q\n20240315,a,Q\n")

    found = told(tmp_path, "A")

    assert {key: (one.amount, one.ratio) for key, one in found.items()} == {
        ("2024-01-06", ActionKind.SPLIT): (0.0, 2.0),
        ("2024-01-06", ActionKind.CASH_DIVIDEND): (0.5, 1.0),
        ("2024-03-16", ActionKind.DELISTING): (0.0, 1.0),
    }


def test_a_folder_without_either_kind_of_file_is_refused(tmp_path):
    with pytest.raises(ActionFileError, match="neither factor_files nor map_files"):
        lean_actions(tmp_path, ["A"])


def test_a_short_line_is_told_with_its_number(tmp_path):
    (tmp_path / "map_files").mkdir()
    (tmp_path / "map_files" / "a.csv").write_text("20200101,a,Q\n20240315\n")

    with pytest.raises(ActionFileError, match="line 2: 2 cells are needed"):
        lean_actions(tmp_path, ["A"])
