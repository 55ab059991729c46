"""Feature rows: revisions end where a run with the right bars ends, splits are no jumps, every bar has a row."""

from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kept_sessions import session_table
from domain.instruments import Split
from domain.market import BAR, END, QUOTE_BAR, SECOND, MarketBatch, Session, empty_ticks
from domain.sessions import SessionTable
from features.catalogue import columns, default_families, families_of
from features.indicators.live import indicator_family
from operators.feature_rows import FeatureParams, FeatureStage, RevisionTooOld
from operators.stage import pack, unpack
from tests.operators.bits import bits

OPEN = 1_709_821_800 * SECOND  # 2024-03-07 09:30 in New York
MINUTE = 60 * SECOND
NAMES = ("A", "B", "C")
FAMILIES = families_of(["sma_20", "ema_12", "atr_14", "adx_14", "volatility_ewma"], default_families())
ALL = default_families()
ASKED = (*FAMILIES, indicator_family(["RSI(14)", "MACD(12,26,9)", "BBANDS", "SAR", "OBV", "HT_PHASOR"]))


@pytest.fixture(scope="module")
def table() -> SessionTable:
    return session_table("XNYS", "2024-03-06", "2024-03-12")


def market(minutes: int, instruments: int = 3, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return minute bars of a random market, some minutes without a trade, and the quote bars beside them."""
    rng = np.random.default_rng(seed)
    bars, quotes = np.zeros(minutes * instruments, BAR), np.zeros(minutes * instruments, QUOTE_BAR)
    close_at = OPEN + np.repeat(np.arange(1, minutes + 1), instruments) * MINUTE
    bars["close_at"], bars["open_at"], bars["known_at"] = close_at, close_at - MINUTE, close_at
    bars["instrument"] = np.tile(np.arange(instruments), minutes)
    bars["interval"], bars["session"] = 60, Session.REGULAR
    walk = 100 + rng.normal(0, 0.1, (minutes, instruments)).cumsum(0)
    bars["close"] = walk.ravel()
    bars["open"] = bars["close"] + rng.normal(0, 0.05, len(bars))
    bars["high"] = np.maximum(bars["open"], bars["close"]) + 0.05
    bars["low"] = np.minimum(bars["open"], bars["close"]) - 0.05
    bars["volume"], bars["trade_count"] = rng.integers(1, 1000, len(bars)), 3
    bars["vwap"] = (bars["high"] + bars["low"]) / 2
    quotes["close_at"], quotes["instrument"] = close_at, bars["instrument"]
    quotes["bid"], quotes["ask"], quotes["quote_count"] = bars["close"] - 0.01, bars["close"] + 0.01, 5
    quotes["spread_sum"], quotes["bid_size"], quotes["ask_size"] = 0.1, 100, 300
    quotes["order_flow"], quotes["buy_volume"] = rng.normal(0, 100, len(bars)), 50
    return bars[rng.random(len(bars)) > 0.15], quotes


def items_of(bars: np.ndarray, quotes: np.ndarray, minutes: int = 1) -> list[MarketBatch]:
    """Batches of so many minutes in order of knowledge; a quote bar comes with the bars of its close."""
    order = np.argsort(bars["known_at"], kind="stable")
    bars = bars[order]
    last = max(int(bars["known_at"].max()), int(quotes["close_at"].max()))
    edges = np.arange(OPEN, last + minutes * MINUTE + 1, minutes * MINUTE)
    batches = []
    for since, until in pairwise(edges.tolist()):
        mine = (bars["known_at"] > since) & (bars["known_at"] <= until)
        theirs = (quotes["close_at"] > since) & (quotes["close_at"] <= until)
        batches.append(MarketBatch(until, empty_ticks(), bars=bars[mine], quote_bars=quotes[theirs]))
    return batches


def run(items: list[MarketBatch], table, families=FAMILIES, **more) -> tuple[np.ndarray, np.ndarray]:
    """Return all feature rows: their bars, and values of shape (rows, features)."""
    stage = FeatureStage(FeatureParams(3, NAMES, families, table, **({"revisable_seconds": 600} | more)))
    state = stage.fresh()
    made = [answer.features for item in items for answer in stage.step(state, item)]
    return np.concatenate([part.bars for part in made]), np.concatenate([part.values.T for part in made])


def last_rows(rows: tuple[np.ndarray, np.ndarray]) -> dict[tuple[int, int], bytes]:
    """Return the last row of each bar, to the bit."""
    return {(int(b["close_at"]), int(b["instrument"])): v.tobytes() for b, v in zip(*rows, strict=True)}


def revised(bars: np.ndarray, which: list[int], delays: list[int], rng) -> tuple[np.ndarray, np.ndarray]:
    """Return bars as they came, some wrong at first and right so many minutes later, and the right ones."""
    right, wrong = bars.copy(), bars.copy()
    wrong["close"][which] += rng.normal(0, 1, len(which))
    wrong["high"][which], wrong["volume"][which] = wrong["high"][which] + 5, 7
    again = right[which]
    again["version"], again["known_at"] = 1, again["close_at"] + np.array(delays) * MINUTE + SECOND
    return np.concatenate([wrong, again]), right


@pytest.mark.parametrize("families", [FAMILIES, ALL, ASKED], ids=["few", "all", "with indicators"])
@pytest.mark.parametrize("minutes", [1, 4, 100])
def test_revised_bars_end_with_the_rows_of_a_run_that_had_the_right_bars(table, families, minutes):
    rng = np.random.default_rng(3)
    bars, quotes = market(90)
    which = sorted(rng.choice(len(bars) - 20, 12, replace=False).tolist())
    came, right = revised(bars, which, rng.integers(1, 9, 12).tolist(), rng)

    rows = run(items_of(came, quotes, minutes), table, families)

    assert last_rows(rows) == last_rows(run(items_of(right, quotes), table, families))
    assert rows[0]["version"].max() >= 1


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_wherever_bars_are_revised_or_come_late_the_last_rows_are_the_right_ones(table, data):
    bars, quotes = market(60, seed=data.draw(st.integers(0, 5)))
    rows_at = st.integers(0, len(bars) - 1)
    which = data.draw(st.lists(rows_at, unique=True, max_size=5))
    delays = [data.draw(st.integers(1, 9)) for _ in which]
    came, right = revised(bars, which, delays, np.random.default_rng(1))
    for at in data.draw(st.lists(rows_at.filter(lambda at: at not in which), unique=True, max_size=4)):
        came["known_at"][at] += data.draw(st.sampled_from([SECOND // 2, 2 * MINUTE, 9 * MINUTE]))

    rows = run(items_of(came, quotes, data.draw(st.sampled_from([1, 3, 60]))), table)

    assert last_rows(rows) == last_rows(run(items_of(right, quotes), table))
    versions: dict[tuple[int, int], int] = {}
    for bar in rows[0]:
        key = (int(bar["close_at"]), int(bar["instrument"]))
        assert int(bar["version"]) == versions.get(key, -1) + 1
        versions[key] = int(bar["version"])


def test_a_revised_bar_makes_its_row_and_every_later_one_of_its_instrument_again_and_no_other(table):
    bars, quotes = market(20, seed=4)
    at = next(at for at in range(20, len(bars)) if bars["instrument"][at] == 1)
    came, _ = revised(bars, [at], [5], np.random.default_rng(1))

    made, _ = run(items_of(came, quotes), table)

    again = made[made["version"] == 1]
    known_at = int(came["known_at"][-1])
    expected = bars[
        (bars["instrument"] == 1)
        & (bars["close_at"] >= bars["close_at"][at])
        & (bars["close_at"] <= known_at)
    ]
    assert again["close_at"].tolist() == expected["close_at"].tolist()
    assert set(again["instrument"].tolist()) == {1}
    assert set(again["known_at"].tolist()) == {known_at}
    assert again["close"].tolist() == expected["close"].tolist()


@pytest.mark.parametrize("families", [FAMILIES, ASKED], ids=["few", "with indicators"])
@pytest.mark.parametrize("minutes", [1, 7, 200])
def test_rows_do_not_depend_on_batches(table, minutes, families):
    bars, quotes = market(100)

    rows = run(items_of(bars, quotes, minutes), table, families)

    assert bits(rows) == bits(run(items_of(bars, quotes, 3), table, families))


def test_every_bar_of_the_interval_has_a_row_and_no_other_bar(table):
    bars, quotes = market(30)
    others = bars.copy()
    others["interval"] = 300

    made, values = run(items_of(np.concatenate([bars, others]), quotes), table)

    assert bits(made) == bits(bars)
    assert values.shape == (len(bars), len(columns(FAMILIES)))


@pytest.mark.parametrize("ratio", [2, 3])
def test_a_split_is_no_jump_and_price_features_come_in_raw_prices(table, ratio):
    bars, quotes = market(80)
    split_at = OPEN + 40 * MINUTE
    split = Split(instrument="B", effective_at=split_at, known_at=OPEN, ratio=Decimal(ratio))
    elsewhere = Split(instrument="ZZZ", effective_at=split_at, known_at=OPEN, ratio=Decimal(ratio))
    after = (bars["instrument"] == 1) & (bars["open_at"] >= split_at)
    raw, raw_quotes = bars.copy(), quotes.copy()
    for name in ("open", "high", "low", "close", "vwap"):
        raw[name][after] /= ratio
    raw["volume"][after] *= ratio
    later = (quotes["instrument"] == 1) & (quotes["close_at"] > split_at)
    for name in ("bid", "ask", "spread_sum"):
        raw_quotes[name][later] /= ratio
    for name in ("bid_size", "ask_size", "order_flow", "buy_volume"):
        raw_quotes[name][later] *= ratio

    _, values = run(items_of(raw, raw_quotes), table, ALL, splits=(split, elsewhere))

    _, unsplit = run(items_of(bars, quotes), table, ALL)
    units = np.array([feature.unit for family in ALL for feature in family.features])
    expected = unsplit.copy()
    expected[np.ix_(after, units == "price")] /= ratio
    expected[np.ix_(after, units == "signed volume")] *= ratio
    np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-7)


def test_a_bar_before_a_split_is_revised_after_it(table):
    bars, quotes = market(60)
    split = Split(instrument="B", effective_at=OPEN + 40 * MINUTE, known_at=OPEN, ratio=Decimal(2))
    at = [int(np.flatnonzero((bars["instrument"] == 1) & (bars["open_at"] < split.effective_at))[-2])]
    came, right = revised(bars, at, [6], np.random.default_rng(1))

    rows = run(items_of(came, quotes), table, splits=(split,))

    assert last_rows(rows) == last_rows(run(items_of(right, quotes), table, splits=(split,)))


def test_a_quote_bar_waits_for_a_bar_that_comes_late(table):
    bars, quotes = market(30)
    late = bars.copy()
    late["known_at"][::7] += 3 * MINUTE

    rows = run(items_of(late, quotes), table, ALL)

    assert last_rows(rows) == last_rows(run(items_of(bars, quotes), table, ALL))


def test_a_revision_beyond_what_is_kept_stops_the_flow(table):
    bars, quotes = market(60)
    came, _ = revised(bars, [3], [50], np.random.default_rng(1))

    with pytest.raises(RevisionTooOld, match=r"of [ABC] that closed at .* `revisable_seconds`"):
        run(items_of(came, quotes), table)


def test_without_revisions_nothing_is_kept_for_them(table):
    bars, quotes = market(60)
    stage = FeatureStage(FeatureParams(3, NAMES, FAMILIES, table, revisable_seconds=0))
    state = stage.fresh()
    for item in items_of(bars, quotes):
        stage.step(state, item)

    assert (state.since, state.earlier, state.earlier_at, len(state.waiting)) == ([], [], [], 0)


@pytest.mark.parametrize("minutes", [1, 60])
def test_a_run_without_quotes_gives_the_rows_of_families_that_read_none(table, minutes):
    bars, quotes = market(60)
    read = families_of(["sma_20", "ema_12"], default_families())

    without = run(items_of(bars, quotes, minutes), table, read, revisable_seconds=0, quotes=False)

    assert bits(without) == bits(run(items_of(bars, quotes), table, read))


def test_without_sessions_the_days_are_those_of_the_clock_of_the_world():
    bars, quotes = market(60)

    made, _ = run(items_of(bars, quotes), None)

    assert len(made) == len(bars)


def test_a_batch_without_bars_passes_unchanged():
    stage = FeatureStage(FeatureParams(3, NAMES, FAMILIES, None))
    batch = MarketBatch(END, empty_ticks())

    assert stage.step(stage.fresh(), batch) == [batch]


def test_a_state_cut_between_a_bar_and_its_revision_goes_on(table):
    bars, quotes = market(60)
    came, right = revised(bars, [100], [5], np.random.default_rng(1))
    stage = FeatureStage(FeatureParams(3, NAMES, ASKED, table, revisable_seconds=600))
    state, made = stage.fresh(), []
    for item in items_of(came, quotes):
        state = unpack("features", stage, pack(stage, state))
        made += [answer.features for answer in stage.step(state, item)]

    rows = np.concatenate([part.bars for part in made]), np.concatenate([part.values.T for part in made])

    assert last_rows(rows) == last_rows(run(items_of(right, quotes), table, ASKED))


@pytest.mark.parametrize(
    "changes", [{"families": ()}, {"interval_seconds": 0}, {"quotes": False, "revisable_seconds": 600}]
)
def test_parameters_that_make_no_rows_are_refused(changes):
    with pytest.raises(ValueError, match="features"):
        FeatureParams(
            **({"instruments": 3, "names": NAMES, "families": FAMILIES, "sessions": None} | changes)
        )


def test_a_bar_that_comes_after_a_copy_of_its_close_was_taken_counts_in_later_revisions(table):
    bars, quotes = market(12, seed=2)
    mine = np.flatnonzero(bars["instrument"] == 2)
    first, second = int(mine[0]), int(mine[1])
    assert bars["close_at"][first] == bars["close_at"][0] == OPEN + MINUTE
    came, right = revised(bars, [second], [5], np.random.default_rng(1))
    came["known_at"][first] += SECOND // 2

    rows = run(items_of(came, quotes), table)

    assert last_rows(rows) == last_rows(run(items_of(right, quotes), table))
