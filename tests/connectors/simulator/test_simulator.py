"""The simulated market: always the same, whoever reads it, and with the faults it says."""

from collections import Counter

import numpy as np
import pytest

from connectors.files.open_source import open_source
from connectors.kept_sessions import session_table
from connectors.simulator.faults import FAULTS
from connectors.source import TickSource
from domain.market import END, Condition, Kind, MarketBatch, Ticks, row_count, select
from operators.normalise import Normalise, NormaliseParams
from tests.connectors.files.reading import assert_same, column, index_of, read_whole, split_and_joined

SPEC = "simulator:instruments=8,ticks=24000,days=2"
HOUR = 3_600_000_000_000


@pytest.fixture(scope="module")
def market() -> tuple[TickSource, Ticks]:
    source = open_source(SPEC)
    return source, read_whole(source)[0]


def trades_between(ticks: Ticks, first_hour: float, last_hour: float) -> int:
    """Count trades by hour of New York in winter."""
    hour = (ticks.event_at % (24 * HOUR)) / HOUR - 5
    return int(((column(ticks, "kind") == Kind.TRADE) & (hour >= first_hour) & (hour < last_hour)).sum())


def test_the_same_settings_give_the_same_rows_and_another_seed_gives_others(
    market: tuple[TickSource, Ticks],
) -> None:
    _, rows = market

    again, _ = read_whole(open_source(SPEC))
    other, _ = read_whole(open_source(SPEC + ",seed=8"))

    assert_same(rows, again)
    assert not np.array_equal(rows.price[:1000], other.price[:1000], equal_nan=True)


@pytest.mark.parametrize("workers", [2, 3])
def test_readers_between_them_read_what_one_reads(market: tuple[TickSource, Ticks], workers: int) -> None:
    source, rows = market

    joined, _ = split_and_joined(source, workers)

    assert_same(rows, joined)


def test_a_filtered_instrument_has_the_rows_that_it_has_among_all(market: tuple[TickSource, Ticks]) -> None:
    source, rows = market
    name = source.instruments()[5]

    alone, _ = read_whole(open_source(SPEC, (name,)))

    mine = select(rows, rows.instrument == 5)
    assert_same(alone, mine._replace(instrument=np.zeros_like(mine.instrument)))


def test_a_second_day_read_alone_is_the_second_day(market: tuple[TickSource, Ticks]) -> None:
    source, rows = market
    day = source.segments()[1]

    alone, _ = read_whole(open_source(SPEC, None, day, day))

    assert_same(alone, select(rows, slice(row_count(rows) - row_count(alone), None)))


def test_a_third_are_trades_two_thirds_quotes_and_about_as_many_as_asked_for(
    market: tuple[TickSource, Ticks],
) -> None:
    _, rows = market

    kinds = np.bincount(column(rows, "kind"), minlength=4) / row_count(rows)

    assert abs(row_count(rows) / 48_000 - 1) < 0.02
    assert kinds[Kind.TRADE] == pytest.approx(1 / 3, abs=0.02)
    assert kinds[Kind.QUOTE] == pytest.approx(2 / 3, abs=0.02)


def test_more_is_traded_near_the_open_and_the_close_than_at_noon(market: tuple[TickSource, Ticks]) -> None:
    _, rows = market

    opening, noon, closing = (trades_between(rows, at, at + 0.5) for at in (9.5, 12.5, 15.5))

    assert min(opening, closing) > 1.5 * noon
    assert 0 < trades_between(rows, 4, 9.5) < 0.05 * trades_between(rows, 9.5, 16)


def test_each_instrument_has_one_opening_and_one_closing_print_a_day(
    market: tuple[TickSource, Ticks],
) -> None:
    source, rows = market
    conditions = column(rows, "conditions")

    for mark in (Condition.OPENING_PRINT, Condition.CLOSING_PRINT):
        printed = (conditions & mark != 0) & (column(rows, "kind") == Kind.TRADE)

        assert np.bincount(rows.instrument[printed]).tolist() == [2] * len(source.instruments())


def test_nothing_is_known_before_it_happened_or_sooner_than_the_wire_allows(
    market: tuple[TickSource, Ticks],
) -> None:
    _, rows = market

    latency = (rows.known_at - rows.event_at)[np.isin(column(rows, "kind"), (Kind.TRADE, Kind.QUOTE))]

    assert latency.min() >= 200_000
    assert np.median(latency) < 3_000_000


def test_prices_halve_at_the_split_and_go_on_from_the_close_elsewhere(
    market: tuple[TickSource, Ticks],
) -> None:
    source, rows = market
    (split,) = source.splits()
    index = index_of(source)

    for name, which in index.items():
        calm = (rows.instrument == which) & (column(rows, "conditions") & Condition.CLOSING_PRINT != 0)
        opens = (rows.instrument == which) & (column(rows, "conditions") & Condition.OPENING_PRINT != 0)
        closed, opened = rows.price[calm & (rows.price > 0)][0], rows.price[opens & (rows.price > 0)][1]

        assert opened / closed == pytest.approx(0.5 if name == split.instrument else 1.0, rel=0.1)
    assert split.known_at < split.effective_at


def test_the_quality_stage_refuses_the_faults_that_the_simulator_says_it_made(
    market: tuple[TickSource, Ticks],
) -> None:
    source, rows = market
    sessions = session_table("XNYS", source.segments()[0], source.segments()[-1])
    params = NormaliseParams(source.instruments(), source.name, np.full(8, 0.01), sessions, source.splits())
    stage = Normalise(params)

    (answer,) = stage.step(stage.fresh(), MarketBatch(END, rows))

    made = {
        "price_jump": FAULTS["price_times_ten"],
        "not_positive": FAULTS["not_positive"],
        "not_finite": FAULTS["not_finite"],
        "duplicate": FAULTS["duplicate"],
        "trade_while_halted": FAULTS["trade_while_halted"],
    }
    days = len(source.segments())
    assert Counter(row.reason for row in answer.malformed) == {
        reason: days * count for reason, count in made.items()
    }


def test_each_cancel_names_a_trade_of_its_instrument_that_came_before(
    market: tuple[TickSource, Ticks],
) -> None:
    source, rows = market
    cancels = np.flatnonzero(column(rows, "kind") == Kind.CANCEL)

    assert len(cancels) == FAULTS["cancel"] * len(source.segments())
    for cancel in cancels:
        (trade,) = np.flatnonzero(
            (column(rows, "sequence") == column(rows, "reference")[cancel])
            & (rows.instrument == rows.instrument[cancel])
            & (column(rows, "kind") == Kind.TRADE)
        )
        assert rows.known_at[trade] < rows.known_at[cancel]
        assert rows.price[trade] == rows.price[cancel]


def test_a_halted_instrument_is_halted_then_resumed_and_late_prints_are_marked(
    market: tuple[TickSource, Ticks],
) -> None:
    _, rows = market
    status = select(rows, column(rows, "kind") == Kind.STATUS)
    late = (column(rows, "conditions") & Condition.OUT_OF_SEQUENCE) != 0

    assert column(status, "conditions").tolist() == [Condition.HALTED, Condition.RESUMED] * 2
    assert late.sum() == 2 * FAULTS["late_print"]
    assert (rows.known_at - rows.event_at)[late].min() >= 10 * 1_000_000_000
