"""`ita instruments`: what was listed where, as it was known, kept once however often it is imported."""

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apps.cli.instruments import app
from apps.cli.main import WrongUse
from apps.run_folder import RunFolderError
from connectors.files.action_rows import instant_of

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "fundamentals" / "Data"
UNIVERSE = DATA / "equity/usa/fundamental/coarse/20140324.csv.gz"
PROPERTIES = DATA / "symbol-properties/symbol-properties-database.csv.gz"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/fundamentals is not there")
OWN = """instrument_id,ticker,venue,name,figi,isin,currency,sector,calendar,tick_size,valid_from,valid_to,known_at
FB-1,FB,XNAS,Facebook,BBG000MM2P62,US30303M1027,USD,Communication,XNYS,0.01,2012-05-18,,2012-05-18
FB-1,META,XNAS,Meta Platforms,BBG000MM2P62,US30303M1027,USD,Communication,XNYS,0.01,2022-06-09,,2022-05-31
META-0,META,XNAS,Roundhill fund,,,USD,,XNYS,0.01,2021-06-30,2022-01-31,2021-06-30
"""


@pytest.fixture
def ask(tmp_path):
    """Return a function that runs a command of `ita instruments` on a store of its own and returns its JSON."""

    def run(*words):
        answer = CliRunner().invoke(app, [*words, "--store", str(tmp_path / "reference.sqlite"), "--json"])
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        run.code = answer.exit_code
        return json.loads(answer.stdout)

    return run


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(OWN)
    return str(path)


def test_a_rename_keeps_the_identity_and_a_ticker_used_again_is_another_instrument(ask, own):
    assert ask("import", own) == {"new": 2, "changed": 1, "unchanged": 0, "bad": []}

    def ids(name, *words):
        return [(each["instrument_id"], each["ticker"], each["name"]) for each in ask("show", name, *words)]

    assert ids("FB", "--at", "2015-01-01") == [("FB-1", "FB", "Facebook")]
    assert ids("META", "--at", "2021-12-01") == [("META-0", "META", "Roundhill fund")]
    assert ids("META", "--at", "2022-07-01") == [("FB-1", "META", "Meta Platforms")]
    assert ids("FB-1") == ids("US30303M1027") == ids("BBG000MM2P62") == [("FB-1", "META", "Meta Platforms")]
    assert ids("FB-1", "--at", "2022-07-01", "--as-known-at", "2022-05-01") == [("FB-1", "FB", "Facebook")]
    assert ids("FB", "--at", "2022-07-01") == []
    assert ask.code == 1
    assert [each["ticker"] for each in ask("history", "FB")] == ["FB", "META"]


def test_importing_twice_changes_nothing_and_a_changed_row_makes_a_version(ask, own, tmp_path):
    ask("import", own)

    assert ask("import", own) == {"new": 0, "changed": 0, "unchanged": 3, "bad": []}
    (tmp_path / "later.csv").write_text(
        "instrument_id,ticker,venue,name,figi,isin,currency,sector,calendar,tick_size,valid_from,known_at\n"
        "FB-1,META,XNAS,Meta Platforms,BBG000MM2P62,US30303M1027,USD,Technology,XNYS,0.01,2024-01-01,2024-01-02\n"
    )
    assert ask("import", str(tmp_path / "later.csv")) == {"new": 0, "changed": 1, "unchanged": 0, "bad": []}
    assert [each["sector"] for each in ask("show", "META", "--at", "2024-02-01")] == ["Technology"]
    assert [each["sector"] for each in ask("show", "META", "--at", "2023-02-01")] == ["Communication"]
    assert len(ask("history", "META")) == 4


@needs_data
def test_the_universe_of_stocks_loads_and_loads_once(ask):
    first = ask("import", str(UNIVERSE))
    again = ask("import", str(UNIVERSE))

    assert first == {"new": 7_111, "changed": 0, "unchanged": 0, "bad": []}
    assert again == {"new": 0, "changed": 0, "unchanged": 7_111, "bad": []}
    (apple,) = ask("show", "AAPL", "--at", "2014-03-24")
    assert (apple["instrument_id"], apple["calendar"], apple["valid_from"]) == (
        "AAPL R735QTJ8XC9X",
        "XNYS",
        instant_of("2014-03-24"),
    )


@needs_data
def test_symbol_properties_load_with_exact_steps(ask):
    done = ask("import", str(PROPERTIES))

    lines = gzip.decompress(PROPERTIES.read_bytes()).decode().splitlines()[1:]
    rows = [line for line in lines if line.strip() and not line.startswith("#")]
    assert (done["new"], done["changed"], len(done["bad"])) == (len(rows), 0, 0)
    coinbase = next(each for each in ask("show", "BTC-USD") if each["venue"] == "coinbase")
    assert (coinbase["tick_size"], coinbase["lot_size"], coinbase["currency"], coinbase["calendar"]) == (
        "0.01",
        "1E-8",
        "USD",
        "24/7",
    )


def test_a_version_that_is_known_later_but_begins_earlier_does_not_hide_the_one_after_it(ask, tmp_path):
    (tmp_path / "told.csv").write_text(
        "ticker,venue,instrument_id,name,valid_from,known_at\n"
        "NEW,XNYS,7,New,2015-01-01,2015-01-01\n"
        "OLD,XNYS,7,Old,2010-01-01,2024-01-01\n"
    )

    ask("import", str(tmp_path / "told.csv"))

    assert [each["name"] for each in ask("show", "7", "--at", "2018-01-01")] == ["New"]
    assert [each["name"] for each in ask("show", "7", "--at", "2012-01-01")] == ["Old"]


def test_what_an_undated_file_says_is_not_known_before_it_is_read(ask, tmp_path):
    (tmp_path / "now.csv").write_text("ticker,venue\nX,XNYS\n")

    assert ask("import", str(tmp_path / "now.csv"))["new"] == 1
    assert ask("import", str(tmp_path / "now.csv"))["unchanged"] == 1
    assert ask("show", "X")[0]["valid_from"] == 0
    assert ask("show", "X")[0]["known_at"] > 1_700_000_000 * 10**9


@pytest.mark.parametrize(
    ("column", "right", "wrong"),
    [
        ("isin", "US0378331005", "US0378331006"),
        ("figi", "BBG000B9XRY4", "BBG000B9XRY5"),
        ("currency", "USD", "dollars"),
        ("tick_bands", '"[[0, 0.0001], [1, 0.01]]"', '"[[1, 0.01], [0, 0.0001]]"'),
    ],
)
def test_a_code_that_is_misspelt_is_refused_by_its_line(ask, tmp_path, column, right, wrong):
    (tmp_path / "codes.csv").write_text(f"ticker,venue,{column}\nA,XNYS,{right}\nB,XNYS,{wrong}\n")

    done = ask("import", str(tmp_path / "codes.csv"))

    assert (done["new"], [each["line"] for each in done["bad"]]) == (1, [3])


def test_bad_rows_are_told_by_line_and_the_others_are_imported(ask, tmp_path):
    (tmp_path / "bad.csv").write_text(
        "ticker,venue,tick_size,valid_from,valid_to\n"
        "A,XNYS,0.01,2020-01-01,\n"
        "B,XNYS,zero,2020-01-01,\n"
        "C,XNYS,-0.01,2020-01-01,\n"
        ",XNYS,0.01,2020-01-01,\n"
        "D,XNYS,0.01,2020-13-01,\n"
        "E,XNYS,0.01,2020-01-02,2020-01-01\n"
        "A,XNYS,0.05,2020-01-01,\n"
        "F,XNYS,0.01,2020-01-01,,extra\n"
        "G,XNYS,0.01,2020-01-01,\n"
    )

    done = ask("import", str(tmp_path / "bad.csv"))

    assert done["new"] == 2
    assert [(each["line"], each["reason"].split(";")[0]) for each in done["bad"]] == [
        (3, "tick_size is a number above 0"),
        (4, "tick_size is a number above 0"),
        (5, "a listing needs instrument_id, venue and ticker"),
        (6, "a date is written 2024-01-31"),
        (7, "a listing is valid until after it begins"),
        (8, "XNYS:A is there before, in line 2"),
        (9, "a row has at most 5 cells"),
    ]


def test_bad_universe_rows_are_told_by_line(ask, tmp_path):
    (tmp_path / "20140325.csv").write_text(
        "A RPTMYV3VC57P,A,55.26,1983802,109624898,True,0.6694742,1\n"
        "AA R735QTJ8XC9X,AA,x,28620078,343727136,False,0.5373942,3.0003\n"
        "AAC RVY73T1OH55X,SCOK\n"
    )

    done = ask("import", str(tmp_path / "20140325.csv"))

    assert (done["new"], [each["line"] for each in done["bad"]]) == (1, [2, 3])


def test_wrong_use_is_told_as_such(ask, tmp_path):
    with pytest.raises(WrongUse, match="cannot be read"):
        ask("import", str(tmp_path / "nothing.csv"))
    (tmp_path / "other.csv").write_text("symbol,price\nA,1\n")
    with pytest.raises(WrongUse, match="has no column 'ticker'; it has symbol, price"):
        ask("import", str(tmp_path / "other.csv"))
    with pytest.raises(RunFolderError, match="ita instruments import FILE makes it"):
        ask("show", "A")


def test_a_map_file_gives_one_instrument_its_tickers_by_their_days(ask, tmp_path):
    (tmp_path / "bac.csv").write_text("19980102,nb,N\n19980930,nb,N\n20501231,bac,N\n")

    assert ask("import", str(tmp_path / "bac.csv")) == {"new": 1, "changed": 1, "unchanged": 0, "bad": []}
    assert ask("import", str(tmp_path / "bac.csv"))["unchanged"] == 2

    def ids(name, at):
        return [each["instrument_id"] for each in ask("show", name, "--at", at)]

    assert ids("NB", "1998-09-30") == ids("BAC", "1998-10-01") == ["NB R735QTJ8XC9X"]
    assert ids("NB", "1998-10-01") == ids("BAC", "1998-09-30") == []


def test_a_delisted_stock_of_a_map_file_has_no_ticker_afterwards_and_bad_lines_are_told(ask, tmp_path):
    (tmp_path / "old.csv").write_text("19980102,old,N\n20100105,old,N\nnonsense\n20090101,older,N\n")

    done = ask("import", str(tmp_path / "old.csv"))

    assert (done["new"], [each["line"] for each in done["bad"]]) == (1, [3, 4])
    assert len(ask("show", "OLD", "--at", "2010-01-05")) == 1
    assert ask("show", "OLD", "--at", "2010-01-06") == []


@needs_data
def test_map_files_and_the_universe_name_the_same_stock_alike_and_a_ticker_used_again_otherwise(ask):
    maps = DATA.parents[1] / "corporate_actions/lean_daily/map_files"
    ask("import", str(UNIVERSE))
    for name in ("bac", "fb", "qqq", "aapl", "ibm", "spy", "goog"):
        ask("import", str(maps / f"{name}.csv"))

    def ids(name, at):
        return {each["instrument_id"] for each in ask("show", name, "--at", at)}

    assert ids("BAC", "2010-01-04") == ids("BAC", "2014-03-24") == {"NB R735QTJ8XC9X"}
    assert ids("QQQQ", "2010-01-04") == ids("QQQ", "2014-03-24") == {"QQQ RIWIV7K5Z9LX"}
    assert ids("GOOG", "2014-03-24") == {"GOOG T1AZ164W5VTX"}
    assert "GOOCV VP83T1ZUHROL" in ids("GOOG", "2014-04-03")


def test_a_file_of_which_no_row_can_be_read_fails_and_a_ticker_is_found_in_lower_case(ask, own, tmp_path):
    (tmp_path / "bad.csv").write_text("ticker,venue,tick_size\nA,XNAS,small\nB,XNAS,smaller\n")

    told = ask("import", str(tmp_path / "bad.csv"))

    assert ask.code == 1
    assert (told["new"], [each["line"] for each in told["bad"]]) == (0, [2, 3])
    ask("import", own)
    assert ask.code == 0
    assert [each["name"] for each in ask("show", "fb", "--at", "2015-01-01")] == ["Facebook"]
    assert [each["ticker"] for each in ask("history", "fb")] == ["FB", "META"]


def test_the_universe_is_imported_whole_as_a_plain_reader_reads_it(ask):
    if not UNIVERSE.is_file():
        pytest.skip("../shared/data/fundamentals is not there")
    with gzip.open(UNIVERSE, "rt") as file:
        tickers = [line.split(",")[1].strip() for line in file if line.strip()]

    told = ask("import", str(UNIVERSE))

    assert (told["new"], told["bad"]) == (len(tickers), [])
    for ticker in tickers[:: len(tickers) // 40]:
        assert ticker in {each["ticker"] for each in ask("show", ticker)}
