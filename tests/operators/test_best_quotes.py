"""Best quotes against a dictionary of venues, and the corners one by one."""

import numpy as np
import pytest

from connectors.kept_sessions import session_table
from domain.market import Kind, MarketBatch, Ticks, complete_ticks, row_count, select
from domain.sessions import SessionTable
from operators.best_quotes import BestQuotes, BestQuotesParams
from tests.operators.tick_samples import batches, random_ticks

OPEN = 1_709_821_800_000_000_000  # 2024-03-07 09:30 in New York
DAY = 86_400_000_000_000
NAN = float("nan")
BEST = ("best_bid", "best_bid_size", "best_ask", "best_ask_size")


@pytest.fixture(scope="module")
def table() -> SessionTable:
    return session_table("XNYS", "2024-03-06", "2024-03-09")


def run(ticks: Ticks, table: SessionTable | None, instruments: int, size: int = 10**9) -> np.ndarray:
    """Return the best quotes after each row, shape (4, rows)."""
    stage = BestQuotes(BestQuotesParams(instruments, table))
    state = stage.fresh()
    answers = [answer.ticks for batch in batches(ticks, size) for answer in stage.step(state, batch)]
    return np.array([np.concatenate([getattr(answer, name) for answer in answers]) for name in BEST])


def best_of(sides, pick) -> tuple[float, float]:
    if not sides:
        return np.nan, 0.0
    price = pick(price for price, _, _ in sides.values())
    return price, sum(size for each, size, _ in sides.values() if each == price)


def without_crossed(sides, others, crosses, before):
    """Leave out what is older than `before` and crossed by something newer."""
    return {
        venue: (price, size, at)
        for venue, (price, size, at) in sides.items()
        if at >= before
        or not any(crosses(other, price) and since > at for other, _, since in others.values())
    }


def slow(ticks: Ticks, table: SessionTable) -> np.ndarray:
    books: dict[int, list[dict[int, tuple[float, float, int]]]] = {}
    day, answers = 0, []
    for row in range(row_count(ticks)):
        today = int(table.days[table.segment(ticks.known_at[row : row + 1])[0]])
        if today != day:
            day, books = today, {}
        which, venue, now_at = int(ticks.instrument[row]), int(ticks.venue[row]), int(ticks.known_at[row])
        book = books.setdefault(which, [{}, {}])
        if ticks.kind[row] == Kind.QUOTE:
            columns = ((ticks.bid, ticks.bid_size), (ticks.ask, ticks.ask_size))
            for sides, (price, size) in zip(book, columns, strict=True):
                if not np.isnan(price[row]):
                    sides.pop(venue, None)
                    if size[row] > 0 and price[row] > 0:
                        sides[venue] = (float(price[row]), float(size[row]), now_at)
            before = now_at - 1_000_000_000
            book[1] = without_crossed(book[1], book[0], lambda bid, ask: bid > ask, before)
            book[0] = without_crossed(book[0], book[1], lambda ask, bid: ask < bid, before)
        answers.append((*best_of(book[0], max), *best_of(book[1], min)))
    return np.array(answers).T


def quotes(rows, **more) -> Ticks:
    """Quote rows of (venue letter, bid, bid size, ask, ask size) of instrument 0, a second apart from the open on."""
    columns = list(zip(*rows, strict=True))
    named = {
        "event_at": OPEN + np.arange(len(rows)) * 1_000_000_000,
        "instrument": np.zeros(len(rows), np.int32),
        "kind": np.full(len(rows), int(Kind.QUOTE)),
        "venue": np.array([ord(venue) for venue in columns[0]]),
        "bid": np.array(columns[1], float),
        "bid_size": np.array(columns[2], float),
        "ask": np.array(columns[3], float),
        "ask_size": np.array(columns[4], float),
    }
    return complete_ticks(named | more)


@pytest.mark.parametrize("size", [1, 7, 10**9])
def test_best_quotes_equal_a_dictionary_of_venues(table, size):
    ticks = random_ticks(1, 900, [OPEN, OPEN + DAY - 60_000_000_000], quotes=0.8)

    best = run(ticks, table, 5, size)

    np.testing.assert_array_equal(best, slow(ticks, table))
    assert np.isnan(best[0]).any()
    assert (best[0] > best[2]).any()


def test_sizes_at_one_price_add_up_over_venues():
    ticks = quotes(
        [("N", 10.00, 100, 10.02, 300), ("P", 10.00, 200, 10.01, 100), ("Q", 9.99, 500, 10.03, 900)]
    )

    best = run(ticks, None, 1)

    assert best[:, -1].tolist() == [10.00, 300.0, 10.01, 100.0]


def test_a_size_of_zero_takes_a_venue_away_and_the_next_best_shows():
    ticks = quotes([("N", 10.00, 100, 10.02, 300), ("P", 9.99, 200, 10.03, 100), ("N", 10.00, 0, 10.02, 0)])

    best = run(ticks, None, 1)

    assert best[:, -1].tolist() == [9.99, 200.0, 10.03, 100.0]


def test_a_row_of_one_side_leaves_the_other_as_it_was():
    nan = float("nan")
    ticks = quotes([("N", 10.00, 100, 10.02, 300), ("N", 10.01, 50, nan, 0), ("N", nan, 0, 10.03, 70)])

    best = run(ticks, None, 1)

    assert best.T.tolist() == [[10.00, 100, 10.02, 300], [10.01, 50, 10.02, 300], [10.01, 50, 10.03, 70]]


def test_a_side_that_nobody_quotes_is_nan_with_size_zero():
    ticks = quotes([("N", float("nan"), 0, 10.02, 300)])

    best = run(ticks, None, 1)

    np.testing.assert_array_equal(best[:, 0], [np.nan, 0, 10.02, 300])


def test_yesterdays_quotes_are_forgotten_when_the_next_trading_day_opens(table):
    evening = OPEN + 37_799_000_000_000  # 19:59:59, the last second of the post-market session
    ticks = quotes([("N", 10.00, 100, 10.02, 300)] * 2 + [("P", 9.99, 1, float("nan"), 0)])
    ticks = ticks._replace(known_at=np.array([evening, evening + 999_999_999, evening + 1_000_000_000]))

    best = run(ticks, table, 1)

    np.testing.assert_array_equal(best.T, [[10.00, 100, 10.02, 300]] * 2 + [[9.99, 1, np.nan, 0]])


def test_ticks_without_quotes_pass_unchanged():
    ticks = complete_ticks({"event_at": np.array([OPEN]), "instrument": np.zeros(1, np.int32)})._replace(
        bid=None
    )
    stage = BestQuotes(BestQuotesParams(1, None))

    (answer,) = stage.step(stage.fresh(), MarketBatch(OPEN, select(ticks, slice(0, 1))))

    assert answer.ticks.best_bid is None


@pytest.mark.parametrize(("age", "bid"), [(1.0, 10.05), (1.001, 9.99)])
def test_a_quote_that_a_newer_one_crosses_is_gone_when_it_is_older_than_a_second(age, bid):
    ticks = quotes([("N", 10.05, 100, NAN, 0), ("Q", 9.99, 7, NAN, 0), ("P", NAN, 0, 10.01, 100)])
    ticks = ticks._replace(known_at=OPEN + np.array([0, 0, round(age * 1_000_000_000)]))

    best = run(ticks, None, 1)

    assert best[[0, 2], -1].tolist() == [bid, 10.01]


def test_an_old_quote_that_only_a_withdrawn_one_crossed_stays():
    """The old ask at 10.00 goes; the bid of 10.01, as old as it is, is crossed by nothing that is left."""
    rows = [
        ("N", NAN, 0, 10.00, 100),
        ("P", NAN, 0, 10.03, 100),
        ("Q", 9.90, 1, NAN, 0),
        ("N", 10.01, 5, NAN, 0),
    ]
    ticks = quotes([*rows, ("Z", 10.02, 100, NAN, 0)])
    ticks = ticks._replace(known_at=OPEN + np.array([0, 0, 0, 900_000_000, 3_000_000_000]))

    best = run(ticks, None, 1)
    withdrawn = run(
        quotes([*rows, ("Z", 10.02, 100, NAN, 0), ("Z", 10.02, 0, NAN, 0)])._replace(
            known_at=OPEN + np.array([0, 0, 0, 900_000_000, 3_000_000_000, 3_000_000_001])
        ),
        None,
        1,
    )

    assert best[[0, 2], -1].tolist() == [10.02, 10.03]
    assert withdrawn[[0, 2], -1].tolist() == [10.01, 10.03]


def test_a_time_that_runs_backwards_is_refused():
    with pytest.raises(ValueError, match="crossed_nanoseconds is at least 0; -1 was given"):
        BestQuotesParams(1, None, -1)
