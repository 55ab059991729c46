"""Quote bars: published examples of standards.md 6.5, a slow calculation, and the corners one by one."""

import numpy as np
import pytest

from domain.market import (
    END,
    QUOTE_BAR,
    SECOND,
    Kind,
    MarketBatch,
    Quality,
    Ticks,
    complete_ticks,
    empty_ticks,
    row_count,
)
from operators.best_quotes import BestQuotes, BestQuotesParams
from operators.quote_bars import QuoteBarParams, QuoteBars
from tests.operators.tick_samples import batches, random_ticks

MINUTE = 60 * SECOND
OPEN = 1_709_821_800 * SECOND
TRADE, QUOTE = int(Kind.TRADE), int(Kind.QUOTE)
NAN = float("nan")


def rows_of(rows, **more) -> Ticks:
    """Rows of (event seconds, known seconds, kind, price, size, bid, bid size, ask, ask size), best quotes included."""
    columns = np.array(rows, float).T
    best = {
        "best_bid": columns[5],
        "best_bid_size": columns[6],
        "best_ask": columns[7],
        "best_ask_size": columns[8],
    }
    named = {
        "event_at": OPEN + np.rint(columns[0] * 1000).astype(np.int64) * (SECOND // 1000),
        "known_at": OPEN + np.rint(columns[1] * 1000).astype(np.int64) * (SECOND // 1000),
        "instrument": np.zeros(len(rows), np.int32),
        "kind": columns[2],
        "price": columns[3],
        "size": columns[4],
    }
    return complete_ticks(named | best | more)


def quote(
    at: float, bid: float, bid_size: float, ask: float, ask_size: float, known: float | None = None
) -> tuple:
    return (at, at if known is None else known, QUOTE, NAN, 0, bid, bid_size, ask, ask_size)


def trade(at: float, price: float, size: float, known: float | None = None) -> tuple:
    return (at, at if known is None else known, TRADE, price, size, NAN, 0, NAN, 0)


def run(ticks: Ticks, size: int = 10**9, instruments: int = 1, lateness: int = 0) -> np.ndarray:
    stage = QuoteBars(QuoteBarParams(instruments, lateness_nanoseconds=lateness))
    state = stage.fresh()
    parts = [answer.quote_bars for batch in batches(ticks, size) for answer in stage.step(state, batch)]
    return np.concatenate([part for part in parts if part is not None])


@pytest.mark.parametrize(("rows", "flow"), [(1, 0), (2, 200), (3, 900), (4, 1300), (5, 900)])
def test_order_flow_follows_the_worked_example(rows, flow):
    path = [
        quote(0, 100.00, 500, 100.01, 400),
        quote(1, 100.00, 700, 100.01, 400),
        quote(2, 100.01, 300, 100.02, 600),
        quote(3, 100.01, 300, 100.02, 200),
        quote(4, 100.00, 900, 100.01, 100),
    ]

    bars = run(rows_of(path[:rows]))

    assert bars["order_flow"].tolist() == [flow]


@pytest.mark.parametrize(
    ("prices", "signed"),
    [
        ([10.02], [1]),
        ([9.98], [-1]),
        ([10.01, 10.00], [1, -1]),
        ([9.99, 10.00], [-1, 1]),
        ([10.00, 10.00], [0, 0]),
        ([9.98, 9.99, 10.00, 10.00], [-1, -1, 1, 1]),
        ([10.02, 10.01, 10.00, 10.00], [1, 1, -1, -1]),
    ],
)
def test_trades_are_signed_by_the_mid_and_at_the_mid_by_the_last_different_price(prices, signed):
    rows = [quote(0, 9.99, 100, 10.01, 100)]
    rows += [trade(1 + at, price, 2**at) for at, price in enumerate(prices)]

    (bar,) = run(rows_of(rows))

    bought = sum(2.0**at for at, sign in enumerate(signed) if sign > 0)
    sold = sum(2.0**at for at, sign in enumerate(signed) if sign < 0)
    assert (bar["buy_volume"], bar["sell_volume"]) == (bought, sold)
    assert (bar["buy_count"], bar["sell_count"]) == (signed.count(1), signed.count(-1))


def test_a_trade_at_the_mid_is_signed_by_the_move_of_prices_and_not_by_the_sign_of_the_trade_before():
    rows = [trade(0, 9.99, 1), trade(1, 10.00, 2), quote(2, 10.00, 100, 10.02, 100)]
    rows += [trade(3, 10.00, 4), quote(4, 9.99, 100, 10.01, 100), trade(5, 10.00, 8)]

    (bar,) = run(rows_of(rows))

    assert (bar["buy_volume"], bar["sell_volume"]) == (2 + 8, 4)


def test_spread_and_imbalance_add_over_rows_with_both_sides():
    rows = [quote(0, 10, 300, 10.02, 100), quote(1, NAN, 0, 10.02, 100), quote(2, 10, 100, 10.04, 300)]

    (bar,) = run(rows_of(rows))

    assert bar["quote_count"] == 2
    np.testing.assert_allclose([bar["spread_sum"], bar["imbalance_sum"]], [0.06, 0.0], atol=1e-12)


def test_a_crossed_quote_counts_in_no_spread():
    rows = [quote(0, 10, 100, 10.02, 100), quote(1, 10.05, 100, 10.02, 100)]

    (bar,) = run(rows_of(rows))

    assert bar["quote_count"] == 1
    np.testing.assert_allclose(bar["spread_sum"], 0.02, atol=1e-12)


def test_the_quote_of_a_bar_is_the_one_at_its_end_also_when_later_ones_came_before_it_closed():
    rows = [quote(59, 10.00, 1, 10.02, 2), quote(60.1, 11.00, 3, 11.02, 4), quote(61, 12.00, 5, 12.02, 6)]

    bars = run(rows_of(rows), lateness=250_000_000)

    assert bars[["close_at", "bid", "bid_size", "ask", "ask_size"]].tolist() == [
        (OPEN + MINUTE, 10.00, 1, 10.02, 2),
        (OPEN + 2 * MINUTE, 12.00, 5, 12.02, 6),
    ]


def test_a_quote_that_is_on_its_way_while_the_next_bar_is_open_counts_for_both():
    rows = [quote(1, 9.00, 9, 9.02, 9), trade(60.05, 10, 1), quote(59.9, 10.00, 1, 10.02, 2, known=60.1)]

    bars = run(rows_of(rows), lateness=250_000_000)

    assert bars[["close_at", "bid"]].tolist() == [(OPEN + MINUTE, 10.0), (OPEN + 2 * MINUTE, 10.0)]


def test_a_first_row_on_its_way_counts_in_its_own_bar():
    rows = [trade(60.05, 10, 1), trade(59.9, 11, 2, known=60.1)]

    bars = run(rows_of(rows), lateness=250_000_000)

    assert bars["close_at"].tolist() == [OPEN + MINUTE, OPEN + 2 * MINUTE]


def test_a_bar_opens_with_the_last_quote_of_the_bar_before():
    rows = [quote(1, 10.00, 1, 10.02, 2), trade(61, 10, 1)]

    bars = run(rows_of(rows))

    assert bars[["bid", "ask", "quote_count"]].tolist() == [(10.0, 10.02, 1), (10.0, 10.02, 0)]


def test_rows_that_regress_and_trades_without_volume_are_not_counted():
    rows = [
        quote(0, 9.99, 100, 10.01, 100),
        trade(1, 10.01, 1),
        trade(0.5, 10.01, 2, known=2),
        trade(3, 10.01, 4),
    ]
    ticks = rows_of(
        rows, flags=np.array([0, 0, int(Quality.REGRESSING), 0]), conditions=np.array([0, 7, 7, 6])
    )

    (bar,) = run(ticks)

    assert bar["buy_volume"] == 1


@pytest.mark.parametrize(("passed", "closed"), [(MINUTE - 1, 0), (MINUTE, 1)])
def test_a_watermark_without_rows_closes_a_bar(passed, closed):
    stage = QuoteBars(QuoteBarParams(1))
    state = stage.fresh()
    stage.step(state, MarketBatch(OPEN, rows_of([quote(0, 10, 1, 11, 1)])))

    (answer,) = stage.step(state, MarketBatch(OPEN + passed, empty_ticks()))

    assert answer.quote_bars is not None
    assert len(answer.quote_bars) == closed


def test_a_shard_without_quotes_has_no_quote_bars():
    stage = QuoteBars(QuoteBarParams(1))
    one = np.zeros(1, np.int64)
    ticks = Ticks(one, one, np.zeros(1, np.int32), np.ones(1), np.ones(1))

    (answer,) = stage.step(stage.fresh(), MarketBatch(END, ticks))

    assert answer.quote_bars is not None
    assert (answer.quote_bars.dtype, len(answer.quote_bars)) == (QUOTE_BAR, 0)


def slow_flow(ticks: Ticks) -> dict[tuple[int, int], float]:
    """Return the sum of e_n by bar and instrument, by the words of standards.md 6.5."""
    totals: dict[tuple[int, int], float] = {}
    last: dict[int, tuple[float, ...]] = {}
    columns = (ticks.best_bid, ticks.best_bid_size, ticks.best_ask, ticks.best_ask_size)
    for row in range(row_count(ticks)):
        which, now = int(ticks.instrument[row]), tuple(float(column[row]) for column in columns)
        key = (int(ticks.event_at[row] // MINUTE + 1) * MINUTE, which)
        if ticks.flags[row]:
            continue
        totals.setdefault(key, 0.0)
        if ticks.kind[row] != Kind.QUOTE:
            continue
        before = last.get(which)
        last[which] = now
        if before is not None and not np.isnan([*now, *before]).any():
            (bid, bid_size, ask, ask_size), (old_bid, old_bid_size, old_ask, old_ask_size) = now, before
            totals[key] += bid_size * (bid >= old_bid) - old_bid_size * (bid <= old_bid)
            totals[key] += old_ask_size * (ask >= old_ask) - ask_size * (ask <= old_ask)
    return totals


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [1, 7, 64, 10**9])
def test_order_flow_equals_the_slow_way_however_the_rows_come(seed, size):
    ticks = random_ticks(seed, 800, [OPEN, OPEN + 3600 * SECOND], instruments=3, quotes=0.8)
    quoted = BestQuotes(BestQuotesParams(3, None))
    (batch,) = quoted.step(quoted.fresh(), MarketBatch(END, ticks))

    bars = run(batch.ticks, size, 3, lateness=250_000_000)

    assert {(int(b["close_at"]), int(b["instrument"])): float(b["order_flow"]) for b in bars} == slow_flow(
        batch.ticks
    )
    assert bars.tobytes() == run(batch.ticks, 10**9, 3, lateness=250_000_000).tobytes()
    assert sorted(bars["close_at"].tolist()) == bars["close_at"].tolist()


@pytest.mark.parametrize("given", [{"interval_seconds": 0}, {"lateness_nanoseconds": MINUTE}])
def test_a_bar_without_length_and_a_lateness_of_a_whole_bar_are_refused(given):
    with pytest.raises(ValueError, match="quote bar needs"):
        QuoteBarParams(1, **given)
