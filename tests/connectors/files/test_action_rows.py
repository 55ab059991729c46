"""Files of corporate actions: the terms of mergers, and when a company said what was known here later."""

import json

import pytest

from connectors.files.action_rows import ActionFileError, day_of, instant_of, read_all_actions
from domain.corporate_actions import ActionKind, CorporateAction

ATVI = {"instrument": "ATVI", "ex_on": day_of("2023-10-13"), "kind": ActionKind.MERGER}


@pytest.fixture
def read(tmp_path):
    """Return a function that reads the lines of a file."""

    def reading(*lines):
        path = tmp_path / "actions.csv"
        path.write_text("\n".join(lines) + "\n")
        return read_all_actions(path)

    return reading


def line(**fields):
    told = {"event_id": "E-1", "security_id": "S-1", "symbol": "ATVI", "event_action": "I"}
    return json.dumps(told | {"ts_record": "2023-10-01T06:00:00Z", "ex_date": "2023-10-13"} | fields)


@pytest.mark.parametrize(
    ("lines", "terms"),
    [
        (("symbol,date,type,value", "ATVI,2023-10-13,merger,95"), (95.0, 1.0, "")),
        (
            ("symbol,date,type,value,into,shares", "ATVI,2023-10-13,merger,11,MSFT,0.755"),
            (11.0, 0.755, "MSFT"),
        ),
        (
            ("Ratio,Acquirer,Cash,Symbol,Ex Date,Type", "0.5,MSFT,10,ATVI,20231013,Merger"),
            (10.0, 0.5, "MSFT"),
        ),
        (("ticker,ex_date,kind,ratio,into", "ATVI,10/13/2023,merger,1:2,MSFT"), (0.0, 0.5, "MSFT")),
    ],
    ids=["cash", "cash and stock", "columns of other names and order", "stock"],
)
def test_a_merger_of_ones_own_file_has_cash_and_shares_of_the_acquirer(read, lines, terms):
    (told,) = read(*lines)

    amount, ratio, into = terms
    expected = CorporateAction(
        **ATVI, amount=amount, ratio=ratio, into=into, known_at=instant_of("2023-10-13")
    )
    assert told == expected


@pytest.mark.parametrize(
    ("fields", "terms"),
    [
        ({"event": "MRGR", "rate_info": {"min_price": 95.0, "max_price": 95.0}}, (95.0, 1.0, "")),
        (
            {
                "event": "MRGR",
                "ratio_new": 0.755,
                "ratio_old": 1.0,
                "outturn_local_code": "MSFT",
                "rate_info": {"max_price": 11.0},
            },
            (11.0, 0.755, "MSFT"),
        ),
        (
            {
                "event": "TKOVR",
                "ex_date": None,
                "effective_date": "2023-10-13",
                "rate_info": {"max_price": 95},
            },
            (95.0, 1.0, ""),
        ),
    ],
    ids=["cash", "cash and stock", "without an ex-date"],
)
def test_a_merger_of_databento_has_cash_and_shares_of_the_outturn(read, fields, terms):
    (told,) = read(line(**fields))

    amount, ratio, into = terms
    assert told == CorporateAction(
        **ATVI,
        amount=amount,
        ratio=ratio,
        into=into,
        known_at=instant_of("2023-10-01T06:00:00Z"),
        action_id="E-1-S-1--#1",
    )


@pytest.mark.parametrize(
    ("fields", "kind", "terms"),
    [
        ({"event": "BON", "ratio_new": 1.0, "ratio_old": 10.0}, "stock_dividend", (0.0, 1.1, "")),
        (
            {"event": "DIV", "payment_type": "S", "ratio_new": 1.0, "ratio_old": 20.0},
            "stock_dividend",
            (0.0, 1.05, ""),
        ),
        ({"event": "LCC", "event_info": {"new_local_code": "NEW"}}, "rename", (0.0, 1.0, "NEW")),
        ({"event": "LSTAT", "delisting_date": "2023-10-13"}, "delisting", (0.0, 1.0, "")),
    ],
)
def test_other_events_of_databento_say_what_happens_to_the_share(read, fields, kind, terms):
    (told,) = read(line(**fields))

    assert (told.kind, (told.amount, told.ratio, told.into)) == (kind, terms)


def test_an_event_that_changes_no_price_and_no_holding_is_passed_over(read):
    lines = [line(event="AGM", ex_date=None), line(event="MRGR", rate_info={"max_price": 95})]

    assert [one.kind for one in read(*lines)] == [ActionKind.MERGER]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"event": "MRGR"}, "line 1: a merger tells max_price, or ratio_new"),
        (
            {"event": "MRGR", "rate_info": {"min_price": 90, "max_price": 95}},
            "a merger has one price; 90 to 95 was given",
        ),
        ({"event": "DMRGR"}, "an event is one of BON, FSPLT, MRGR, RSPLT, TKOVR"),
    ],
)
def test_terms_that_are_not_told_are_not_guessed(read, fields, words):
    with pytest.raises(ActionFileError, match=words):
        read(line(**fields))


def test_what_was_announced_before_it_was_known_here_has_both_instants(read):
    (both,) = read(
        "symbol,date,type,value,announced,known_at", "ATVI,2023-10-13,merger,95,2022-01-18,2022-01-19"
    )
    (said,) = read("symbol,date,type,value,announced", "ATVI,2023-10-13,merger,95,2022-01-18")
    (vendor,) = read(
        line(event="MRGR", rate_info={"max_price": 95}, date_info={"declaration_date": "2022-01-18"})
    )

    assert [(one.announced_at, one.known_at) for one in (both, said, vendor)] == [
        (instant_of("2022-01-18"), instant_of("2022-01-19")),
        (instant_of("2022-01-18"), instant_of("2022-01-18")),
        (instant_of("2022-01-18"), instant_of("2023-10-01T06:00:00Z")),
    ]


def test_what_is_known_before_it_was_announced_is_told_with_its_line(read):
    with pytest.raises(ActionFileError, match="line 2: a merger is announced before it is known; 2022-01-18"):
        read("symbol,date,type,value,announced,known_at", "ATVI,2023-10-13,merger,95,2022-01-18,2022-01-01")
