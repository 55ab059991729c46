"""A source with corporate actions beside it: lasting instruments, and records in the order of what was known."""

from datetime import date

import msgspec
import numpy as np
import pytest

from connectors.acted_ticks import ActedTicks
from connectors.kept_sessions import session_table
from domain.corporate_actions import ActionKind, CorporateAction
from domain.instruments import Instrument
from domain.market import SECOND, Chunk, complete_ticks

DAYS = ("2022-06-07", "2022-06-08", "2022-06-09")
TABLE = session_table("XNYS", DAYS[0], DAYS[-1])
OPEN = {
    day: TABLE.regular(TABLE.begins((date.fromisoformat(day) - date(1970, 1, 1)).days))[0] for day in DAYS
}
DAY = 86_400 * SECOND


class Tape:
    """Three rows of each ticker a day, a second apart from the open on."""

    name = "tape"

    def __init__(self, tickers):
        self._tickers = tuple(sorted(tickers))

    def instruments(self):
        return self._tickers

    def reference(self):
        return tuple(Instrument(name=name) for name in self._tickers)

    def splits(self):
        return ()

    def segments(self):
        return DAYS

    def read(self, segment, index, owned):
        mine = [index[name] for name in self._tickers if name in index and owned[index[name]]]
        at = np.repeat(OPEN[segment] + np.arange(3) * SECOND, len(mine))
        if mine:
            rows = {"event_at": at, "instrument": np.tile(sorted(mine), 3), "price": np.full(len(at), 10.0)}
            yield Chunk(complete_ticks({**rows, "size": np.ones(len(at))}))


def ex(day):
    return (date.fromisoformat(day) - date(1970, 1, 1)).days


def rename(old, new, day, known_at=None):
    known_at = ex(day) * DAY if known_at is None else known_at
    return CorporateAction(kind=ActionKind.RENAME, ex_on=ex(day), instrument=old, into=new, known_at=known_at)


def dividend(name, day, known_at, amount=1.0):
    return CorporateAction(
        kind=ActionKind.CASH_DIVIDEND, ex_on=ex(day), amount=amount, instrument=name, known_at=known_at
    )


def chunks(source, owned=None):
    names = source.instruments()
    index = {name: at for at, name in enumerate(names)}
    mine = np.ones(len(names), np.bool_) if owned is None else np.isin(names, owned)
    return names, {day: list(source.read(day, index, mine)) for day in source.segments()}


def days_of(source):
    """Return on which days each instrument has rows."""
    names, read = chunks(source)
    found = {}
    for day, parts in read.items():
        for part in parts:
            for which in np.unique(part.ticks.instrument):
                found.setdefault(names[which], []).append(day)
    return found


def test_a_renamed_company_is_one_instrument_under_both_tickers():
    source = ActedTicks(Tape(["FB", "META"]), [rename("FB", "META", DAYS[2])], TABLE)

    assert days_of(source) == {
        "FB": [DAYS[0], DAYS[1], DAYS[2]],
        "META": [DAYS[0], DAYS[1]],
        "FB@2022-06-09": [DAYS[2]],
    }
    assert {one.name for one in source.reference()} == set(source.instruments())


def test_a_rename_before_the_first_day_leaves_the_tickers_as_they_are():
    source = ActedTicks(Tape(["BAC"]), [rename("NB", "BAC", "1998-10-01")], TABLE)

    assert days_of(source) == {"BAC": list(DAYS)}
    assert [part.actions for parts in chunks(source)[1].values() for part in parts] == [(), (), ()]


@pytest.mark.parametrize("kind", [ActionKind.MERGER, ActionKind.DELISTING])
def test_who_trades_under_the_ticker_of_one_that_has_ended_is_another_instrument(kind):
    end = CorporateAction(kind=kind, ex_on=ex(DAYS[1]), instrument="ATVI", amount=95.0)

    assert days_of(ActedTicks(Tape(["ATVI"]), [end], TABLE)) == {
        "ATVI": [DAYS[0]],
        "ATVI@2022-06-08": [DAYS[1], DAYS[2]],
    }


def test_a_rename_that_is_taken_back_or_put_off_counts_as_it_stands_in_the_end():
    first = msgspec.structs.replace(rename("FB", "META", DAYS[1]), action_id="r1", known_at=0)
    back = msgspec.structs.replace(
        first, kind=ActionKind.CANCEL, into="", action_id="r2", corrects="r1", known_at=1
    )
    later = msgspec.structs.replace(first, ex_on=ex(DAYS[2]), action_id="r2", corrects="r1", known_at=1)

    assert days_of(ActedTicks(Tape(["FB"]), [first, back], TABLE)) == {"FB": list(DAYS)}
    assert days_of(ActedTicks(Tape(["FB"]), [first, later], TABLE)) == {
        "FB": [DAYS[0], DAYS[1]],
        "FB@2022-06-09": [DAYS[2]],
    }


@pytest.mark.parametrize("ticker", ["FB", "META"])
def test_a_dividend_on_the_day_of_a_rename_is_paid_to_its_holders_under_either_ticker(ticker):
    told = [rename("FB", "META", DAYS[2]), dividend(ticker, DAYS[2], ex(DAYS[1]) * DAY)]

    _, read = chunks(ActedTicks(Tape(["FB", "META"]), told, TABLE))

    paid = [one for parts in read.values() for part in parts for one in part.actions if one.amount]
    assert [one.instrument for one in paid] == ["FB"]


def test_an_action_stands_with_the_first_rows_that_come_after_it_was_known():
    during = OPEN[DAYS[0]] + SECOND
    told = [
        dividend("FB", DAYS[2], during),
        dividend("FB", DAYS[1], ex(DAYS[1]) * DAY, 0.5),
        dividend("META", DAYS[1], ex(DAYS[0]) * DAY - 9 * DAY),
        dividend("FB", "2022-06-30", during),
    ]
    _, read = chunks(ActedTicks(Tape(["FB", "META"]), told, TABLE))

    seen = {
        day: [
            (one.instrument, one.known_at, one.effective_at, str(one.amount))
            for part in parts
            for one in part.actions
        ]
        for day, parts in read.items()
    }
    begins, first_at = {day: TABLE.begins(ex(day)) for day in DAYS}, seen[DAYS[0]][0][1]
    assert first_at < OPEN[DAYS[0]]
    assert seen == {
        DAYS[0]: [
            ("META", first_at, begins[DAYS[1]], "1"),
            ("FB", during, begins[DAYS[2]], "1"),
            ("FB", ex(DAYS[1]) * DAY, begins[DAYS[1]], "0.5"),
        ],
        DAYS[1]: [],
        DAYS[2]: [],
    }


@pytest.mark.parametrize(("owned", "expected"), [(["FB"], ["FB"]), (["META"], []), ([], [])])
def test_only_the_owner_of_an_instrument_is_told(owned, expected):
    source = ActedTicks(Tape(["FB", "META"]), [dividend("FB", DAYS[1], ex(DAYS[1]) * DAY)], TABLE)

    _, read = chunks(source, owned)

    assert [one.instrument for parts in read.values() for part in parts for one in part.actions] == expected


def test_an_ex_date_without_a_session_takes_effect_on_the_next_trading_day():
    table = session_table("XNYS", "2022-07-01", "2022-07-08")

    assert table.begins(ex("2022-07-04")) == table.begins(ex("2022-07-02")) == table.begins(ex("2022-07-05"))
