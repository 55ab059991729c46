"""The national best bid and offer: one row for each change, whose it is, and whole days against plain Python."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from connectors.files.open_source import open_source
from connectors.kept_sessions import session_table
from connectors.lake.codec import MarketCodec
from domain.instruments import Instrument, Universe
from domain.market import Kind, Session, Ticks, complete_ticks, concatenate, row_count
from operators.best_quotes import BestQuotes, BestQuotesParams
from operators.stage import pack, unpack
from tests.operators.tick_samples import batches, random_ticks

TICKS = Path(__file__).parents[3] / "shared" / "data" / "equity_ticks"
OPEN = 1_709_821_800_000_000_000  # 2024-03-07 09:30 in New York
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
NAN = float("nan")
UNIVERSE = Universe((Instrument(name="A"),))
TABLE = session_table("XNYS", "2024-03-06", "2024-03-09")
SIDES = ("bid", "bid_size", "bid_venue", "ask", "ask_size", "ask_venue")


def national(ticks: Ticks, table=None, instruments=1, size=10**9, *, consolidated=False) -> np.ndarray:
    stage = BestQuotes(BestQuotesParams(instruments, table, national=True, consolidated=consolidated))
    state = stage.fresh()
    return np.concatenate([one.national for part in batches(ticks, size) for one in stage.step(state, part)])


def quotes(*rows) -> Ticks:
    """Quote rows of (exchange letter, bid, bid size, ask, ask size) of instrument 0, a second apart."""
    columns = list(zip(*rows, strict=True))
    named = dict(zip(("bid", "bid_size", "ask", "ask_size"), columns[1:], strict=True))
    return complete_ticks(
        {
            "event_at": OPEN + np.arange(len(rows)) * SECOND,
            "instrument": np.zeros(len(rows), np.int32),
            "kind": np.full(len(rows), int(Kind.QUOTE)),
            "sequence": np.arange(1, len(rows) + 1),
            "venue": np.array([ord(letter) if letter else 0 for letter in columns[0]]),
            **{name: np.array(column, float) for name, column in named.items()},
        }
    )


def told(ticks: Ticks, **more) -> list[tuple]:
    """Return (sequence, bid, size, exchange, ask, size, exchange, locked, crossed) of each change, as in the lake."""
    best = national(ticks, **more)
    table = MarketCodec(UNIVERSE, "lean").national_best(best).table.to_pylist()
    return [tuple(row[name] for name in ("sequence", *SIDES, "locked", "crossed")) for row in table]


def test_a_row_is_told_for_each_change_of_a_price_a_size_or_an_exchange_and_for_nothing_else():
    rows = told(
        quotes(
            ("N", 10.00, 100, 10.02, 300),
            ("P", 9.99, 900, 10.03, 900),  # behind on both sides
            ("N", 10.00, 100, NAN, 0),  # as it was
            ("N", 10.00, 200, NAN, 0),
            ("Q", NAN, 0, 10.01, 50),
        )
    )

    assert rows == [
        (1, 10.00, 100, "N", 10.02, 300, "N", False, False),
        (4, 10.00, 200, "N", 10.02, 300, "N", False, False),
        (5, 10.00, 200, "N", 10.01, 50, "Q", False, False),
    ]


def test_of_several_exchanges_at_one_price_the_largest_size_is_the_best_and_sizes_are_not_summed():
    rows = told(quotes(("N", 10, 100, 10.02, 300), ("P", 10, 200, NAN, 0), ("N", 10, 300, NAN, 0)))

    assert [row[1:4] for row in rows] == [(10, 100, "N"), (10, 200, "P"), (10, 300, "N")]


def test_of_one_price_and_size_the_quote_that_has_stood_longest_is_the_best():
    opened = (("P", 9.9, 100, 11, 1), ("Z", 9.9, 100, NAN, 0), ("N", 10, 100, NAN, 0), ("Q", 10, 100, NAN, 0))
    gone = (("N", 10, 0, NAN, 0), ("P", 9.9, 50, NAN, 0), ("P", 9.9, 100, NAN, 0), ("Q", 10, 0, NAN, 0))

    rows = told(quotes(*opened, *gone))

    assert [(row[0], *row[1:4]) for row in rows] == [
        (1, 9.9, 100, "P"),
        (3, 10, 100, "N"),
        (5, 10, 100, "Q"),
        (8, 9.9, 100, "Z"),  # that of P was another one in between
    ]


def test_a_best_that_falls_back_behind_another_exchange_gives_way_to_it():
    rows = told(quotes(("N", 10, 100, 11, 1), ("P", 9.99, 700, NAN, 0), ("N", 9.98, 900, NAN, 0)))

    assert rows[-1][1:4] == (9.99, 700, "P")


def quoted_after(seconds, row, sequence):
    """Return a quote of some seconds after the open."""
    at = np.array([OPEN + seconds * SECOND])
    return quotes(row)._replace(event_at=at, known_at=at, sequence=np.array([sequence]))


def test_a_bid_at_the_ask_locks_and_one_above_it_crosses():
    rows = told(quotes(("N", 10, 100, 10.02, 300), ("P", 10.02, 5, NAN, 0), ("N", 10.02, 4, 10.01, 300)))

    assert [(row[0], *row[1:3], *row[-2:]) for row in rows] == [
        (1, 10.00, 100, False, False),
        (2, 10.02, 5, True, False),
        (3, 10.02, 5, False, True),
    ]


def test_a_quote_that_a_newer_one_crosses_is_gone_when_it_is_older_than_a_second():
    opened = quotes(("N", 10, 100, 10.02, 300), ("P", 9.99, 5, 10.05, 9))
    crossed = quoted_after(1, ("Q", 10.03, 5, NAN, 0), 3)
    later = quoted_after(1.001, ("Z", 9, 5, NAN, 0), 4)

    rows = told(concatenate([opened, crossed, later]))

    assert [(row[0], row[1], row[3], row[4], row[6], row[-1]) for row in rows] == [
        (1, 10.00, "N", 10.02, "N", False),
        (3, 10.03, "Q", 10.02, "N", True),
        (4, 10.03, "Q", 10.05, "P", False),
    ]


def test_of_a_consolidated_feed_each_quote_is_the_best_of_its_side_whoevers_it_is():
    rows = told(
        quotes(
            ("N", 10, 100, NAN, 0),
            ("N", NAN, 0, 10.02, 300),
            ("P", 9.99, 900, NAN, 0),  # nobody shows 10 any more
            ("Q", NAN, 0, 10.01, 50),
            ("Q", NAN, 0, 10.01, 50),  # as it was
            ("Q", NAN, 0, 10.01, 0),
        ),
        consolidated=True,
    )

    assert repr([(row[0], *row[1:7]) for row in rows]) == repr(
        [
            (1, 10.0, 100.0, "N", NAN, 0.0, ""),
            (2, 10.0, 100.0, "N", 10.02, 300.0, "N"),
            (3, 9.99, 900.0, "P", 10.02, 300.0, "N"),
            (4, 9.99, 900.0, "P", 10.01, 50.0, "Q"),
            (6, 9.99, 900.0, "P", NAN, 0.0, ""),
        ]
    )


def test_a_side_that_its_only_exchange_withdraws_is_not_quoted_and_neither_locks_nor_crosses():
    rows = national(quotes(("N", 10, 100, 10.02, 300), ("N", NAN, 0, 10.02, 0)))

    side = MarketCodec(UNIVERSE, "lean").national_best(rows).table.to_pylist()[1]
    assert np.isnan(side["ask"])
    assert (side["ask_size"], side["ask_venue"], side["locked"], side["crossed"]) == (0, "", False, False)
    assert (side["bid"], side["bid_size"], side["bid_venue"]) == (10, 100, "N")


def test_an_exchange_that_is_not_named_has_no_letter():
    assert told(quotes(("", 10, 100, 10.02, 300)))[0][1:7] == (10, 100, "", 10.02, 300, "")


def test_nothing_of_the_day_before_is_shown_and_each_row_has_its_session():
    hours = np.array([-3, 1, 7, 21.5, 22])  # 06:30, 10:30 and 16:30, and the next day 07:00 and 07:30
    ticks = quotes(
        ("N", 10, 100, 10.5, 300),
        ("N", 10, 200, NAN, 0),
        ("P", 10.1, 1, NAN, 0),
        ("Q", 9, 1, NAN, 0),
        ("Q", NAN, 0, 12, 1),
    )
    at = OPEN + (hours * 3600).astype(np.int64) * SECOND

    best = national(ticks._replace(event_at=at, known_at=at), TABLE)

    assert [Session(number) for number in best["session"]] == [
        Session.PRE, Session.REGULAR, Session.POST, Session.PRE, Session.PRE
    ]  # fmt: skip
    assert best["bid"].tolist() == [10, 10, 10.1, 9, 9]
    np.testing.assert_array_equal(best["ask"], [10.5, 10.5, 10.5, NAN, 12])


def best_of(side: dict[str, tuple[float, float, int, int]], sign: int) -> tuple[float, float, str]:
    """Return price, size and exchange of the best of a side of (price, size, since which row, last said at)."""
    if not side:
        return (NAN, 0.0, "")
    name = min(side, key=lambda letter: (-sign * side[letter][0], -side[letter][1], side[letter][2]))
    return (*side[name][:2], name)


def plain(rows, *, consolidated=False) -> list[tuple]:
    """Return (row, best bid, best ask) where it changes.

    A row is (known_at, instrument, day, exchange, bid, size, ask, size).
    """
    books: dict[int, tuple[int, tuple[dict, dict], tuple]] = {}
    made = []
    for number, (at, which, day, letter, *given) in enumerate(rows):
        book = books.get(which)
        if book is None or book[0] != day:
            book = (day, ({}, {}), (best_of({}, 1), best_of({}, -1)))
        for side, price, size in ((0, *given[:2]), (1, *given[2:])):
            shown = book[1][side]
            if np.isnan(price):
                continue
            before = shown.pop(letter, None)
            if consolidated:
                shown.clear()
            if price > 0 and size > 0:
                unchanged = before is not None and before[:2] == (price, size)
                shown[letter] = (price, size, before[2] if unchanged else number, at)
        if best_of(book[1][0], 1)[0] > best_of(book[1][1], -1)[0]:
            for sign, mine, others in ((1, book[1][1], book[1][0]), (-1, book[1][0], book[1][1])):
                for name, (price, *_, since) in list(mine.items()):
                    crossed = [
                        other
                        for other in others.values()
                        if (other[0] - price) * sign > 0 and other[3] > since
                    ]
                    if since < at - SECOND and crossed:
                        del mine[name]
        best = (best_of(book[1][0], 1), best_of(book[1][1], -1))
        if repr(best) != repr(book[2]):
            made.append((number, *best))
        books[which] = (day, book[1], best)
    return made


@pytest.mark.parametrize("size", [1, 50, 10**9])
def test_seeded_quotes_of_five_instruments_over_two_days_give_what_plain_python_gives(size):
    ticks = random_ticks(3, 2_000, [OPEN, OPEN + DAY], quotes=0.8)
    days = TABLE.days[TABLE.segment(ticks.known_at)]
    quoted = np.flatnonzero(ticks.kind == Kind.QUOTE)
    rows = [
        (int(ticks.known_at[row]), int(ticks.instrument[row]), int(days[row]), chr(ticks.venue[row]),
         *(float(column[row]) for column in (ticks.bid, ticks.bid_size, ticks.ask, ticks.ask_size)))
        for row in quoted
    ]  # fmt: skip

    best = national(ticks, TABLE, 5, size)

    expected = plain(rows)
    assert (best["sequence"] == ticks.sequence[quoted[[row for row, *_ in expected]]]).all()
    assert repr(sides(best)) == repr([(*bid, *ask) for _, bid, ask in expected])
    assert len(expected) > 500


def sides(best: np.ndarray) -> list[tuple]:
    return [
        (float(one["bid"]), float(one["bid_size"]), chr(one["bid_venue"]).strip("\0"),
         float(one["ask"]), float(one["ask_size"]), chr(one["ask_venue"]).strip("\0"))
        for one in best
    ]  # fmt: skip


def test_a_state_of_a_version_without_the_national_best_goes_on_with_the_quotes_that_it_has():
    ticks = random_ticks(5, 3_000, [OPEN], quotes=0.9)
    before, after = (BestQuotes(BestQuotesParams(5, TABLE, national=national)) for national in (False, True))
    first, second = batches(ticks, 1_500)
    stored = before.fresh()
    list(before.step(stored, first))

    state = unpack("best_quotes", after, pack(before, stored))
    (answer,) = after.step(state, second)

    whole = national(ticks, TABLE, 5, 1_500)
    late = whole[whole["known_at"] >= first.watermark + 120 * SECOND]
    mine = answer.national[answer.national["known_at"] >= first.watermark + 120 * SECOND]
    assert len(late) > 0
    assert repr(sides(mine)) == repr(sides(late))


VENDOR = sorted((TICKS / "tick").glob("*/*_quote.zip"))
INSIDE = {"BAC": 0.995, "IBM": 0.95}
"""At least so many of the trades of the regular session are at the national best or between."""


def lines_of(path):
    with zipfile.ZipFile(path) as archive:
        return [line.split(",") for line in archive.read(archive.namelist()[0]).decode().splitlines()]


@pytest.fixture(params=VENDOR, ids=lambda path: f"{path.parent.name}-{path.name[:8]}")
def vendor(request):
    """Return the name, the day and the path of a file of the vendor's quotes, and the ticks that are read of it."""
    path = request.param
    name, day = path.parent.name.upper(), f"{path.name[:4]}-{path.name[4:6]}-{path.name[6:8]}"
    source = open_source(f"lean:{TICKS}", (name,), day, day)
    parts = [chunk.ticks for chunk in source.read(day, {name: 0}, np.ones(1, np.bool_))]
    return name, day, path, concatenate([part for part in parts if row_count(part)])


NO_VENDOR = pytest.mark.skipif(
    not VENDOR, reason="the vendor's quotes are not in ../shared/data/equity_ticks"
)


@NO_VENDOR
@pytest.mark.parametrize("consolidated", [True, False])
def test_every_row_of_a_day_of_an_instrument_is_what_plain_python_makes_of_the_vendors_file(
    vendor, consolidated
):
    _, day, path, ticks = vendor

    best = national(ticks, session_table("XNYS", day, day), size=16_384, consolidated=consolidated)

    midnight = np.datetime64(f"{day}T04:00", "ns").astype(np.int64)  # daylight saving time
    rows, at, newest = [], [], 0
    for after, bid, bid_size, ask, ask_size, letter, *_ in lines_of(path):
        newest = max(newest, int(after))
        prices = [(float(price) / 10_000 if price != "0" else NAN) for price in (bid, ask)]
        known_at, evening = midnight + newest * 1_000_000, newest >= 20 * 3_600_000
        quote = (prices[0], float(bid_size), prices[1], float(ask_size))
        rows.append((known_at, 0, evening, letter, *quote))
        at.append(midnight + int(after) * 1_000_000)
    expected = plain(rows, consolidated=consolidated)
    assert best["event_at"].tolist() == [at[row] for row, *_ in expected]
    assert repr(sides(best)) == repr([(*bid, *ask) for _, bid, ask in expected])


@NO_VENDOR
def test_the_vendors_trades_are_inside_the_national_best_which_is_neither_locked_nor_crossed(vendor):
    """The vendor's file has a row where the national best changes, and not each quote of an exchange."""
    name, day, path, ticks = vendor
    table = session_table("XNYS", day, day)

    best = national(ticks, table, consolidated=True)

    trades = lines_of(path.with_name(path.name.replace("quote", "trade")))
    midnight = np.datetime64(f"{day}T04:00", "ns").astype(np.int64)
    at = midnight + np.array([int(line[0]) for line in trades]) * 1_000_000
    price = np.array([float(line[1]) for line in trades]) / 10_000
    regular = table.session(at) == Session.REGULAR
    before = best[np.searchsorted(best["event_at"], at[regular]) - 1]
    inside = (before["bid"] <= price[regular]) & (price[regular] <= before["ask"])
    stood = np.diff(best["event_at"])[best["session"][:-1] == Session.REGULAR]
    apart = (best["bid"] < best["ask"])[:-1][best["session"][:-1] == Session.REGULAR]
    assert inside.mean() >= INSIDE[name]
    assert stood[apart].sum() / stood.sum() >= 0.999
