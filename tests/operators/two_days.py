"""A market of two days with a corporate action of one instrument between them, raw and adjusted, for every stage.

Prices of before are twice those of after, to the bit, so that what a stage makes of the raw rows and the action has to
be bit for bit what it makes of the adjusted rows.
"""

from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import NamedTuple
from unittest import mock

import numpy as np

from domain.bar_kinds import bar_spec
from domain.market import ELIGIBLE, SECOND, Kind, Ordered, Ticks, row_count, select
from operators.best_quotes import BestQuotes, BestQuotesParams
from operators.built_bars import BuiltBars
from operators.quality import Quality
from tests.operators import contract_suite, decision_case, market_case, tick_samples, venue_case
from tests.operators.action_cases import action

FIRST, SECOND_DAY = market_case.OPEN + 600 * SECOND, market_case.OPEN + (86_400 + 600) * SECOND
EX_ON = 19_790  # 2024-03-08
EFFECTIVE_AT = market_case.TABLE.begins(EX_ON)
SPLITTING = 0
LAST = 64.0
BUILT = ("tick:20", "volume_imbalance:20", "notional_imbalance:20", "tick_runs:20", "time:420", "time:7")
"""Kinds of bars whose size is no price and no number of shares: the others are of another size after a split."""
TERMS = {
    "cash_dividend": {"amount": "64"},
    "special_dividend": {"amount": "64"},
    "split": {"ratio": "2"},
    "stock_dividend": {"ratio": "2"},
    "spin_off": {"amount": "64", "ratio": "0.5", "into": "B"},
    "rights": {"amount": "64"},
    "rename": {"into": "NEW"},
}
"""Terms by which a price of 128 becomes one of 64, but for the rename."""
PRICES = ("price", "bid", "ask")
SIZES = ("size", "bid_size", "ask_size")


class Days(NamedTuple):
    """How the rows of a run are: with the action of a kind as it came, or adjusted beforehand."""

    kind: str
    raw: bool

    def actions(self):
        if not self.raw:
            return ()
        return (action(self.kind, "A", EFFECTIVE_AT, known_at=FIRST, **TERMS[self.kind]),)

    def rows(self, rows, quotes=0.5, pace=SECOND):
        """Return the ticks of the two days."""
        ticks = _adjusted(rows, quotes, pace)
        before = (ticks.known_at < EFFECTIVE_AT) & (ticks.instrument == SPLITTING)
        columns = {name: getattr(ticks, name).copy() for name in (*PRICES, *SIZES)}
        if self.raw and self.kind != "rename":
            for name in PRICES:
                columns[name][before] *= 2
        if not self.raw and self.kind in {"split", "stock_dividend"}:
            for name in SIZES:
                columns[name][before] *= 2
        return ticks._replace(**columns)


@cache
def _adjusted(rows: int, quotes: float, pace: int) -> Ticks:
    """Return rows whose last trade of the splitting instrument on the first day is of exactly `LAST`."""
    ticks = tick_samples.random_ticks(5, rows, [FIRST, SECOND_DAY], 5, quotes, pace=pace)
    trades = np.flatnonzero(
        (ticks.instrument == SPLITTING) & (ticks.kind == Kind.TRADE) & (ticks.known_at < EFFECTIVE_AT)
    )
    last = trades[-1]
    scale = LAST / float(ticks.price[last])
    scaled = {name: getattr(ticks, name) * scale for name in PRICES}
    scaled["price"][last] = LAST
    conditions, event_at, flags = ticks.conditions.copy(), ticks.event_at.copy(), ticks.flags.copy()
    conditions[last], event_at[last], flags[last] = ELIGIBLE, ticks.known_at[last], 0
    return ticks._replace(conditions=conditions, event_at=event_at, flags=flags, **scaled)


def quality_stage() -> Quality:
    """Return the quality stage with the end of the second day as the end of the input."""
    return Quality(replace(market_case.quality_stage().params, ends_at=SECOND_DAY + 3_600 * SECOND))


def built_stage() -> BuiltBars:
    """Return the built bars with the end of the second day as the end of the input."""
    params = replace(
        market_case.built_stage().params,
        specs=tuple(map(bar_spec, BUILT)),
        ends_at=SECOND_DAY + 3_600 * SECOND,
    )
    return BuiltBars(params)


def with_actions(days: Days):
    """Return what cuts rows into batches, with the actions in the first of them."""

    def batches(ticks: Ticks, size: int):
        for number, batch in enumerate(tick_samples.batches(ticks, size)):
            yield batch._replace(actions=days.actions()) if number == 0 else batch

    return batches


def ordered(days: Days):
    """Return what makes the items of the decisions case: scores on the second day alone, so that all begin flat."""

    def items(rows: int, batch_rows: int, only: int | None, _first: int = 0):
        ticks = days.rows(rows, 0.6, decision_case.BETWEEN_ROWS)
        scores = decision_case.scores_until(int(ticks.known_at[-1]), SECOND_DAY)
        if only is not None:
            ticks, scores = select(ticks, ticks.instrument == only), scores[scores["instrument"] == only]
        quotes = BestQuotes(BestQuotesParams(5, market_case.TABLE, names=market_case.NAMES))
        state, made, since = quotes.fresh(), [], -1
        for batch in with_actions(days)(ticks, batch_rows):
            for quoted in quotes.step(state, batch):
                ready = (scores["known_at"] >= since) & (scores["known_at"] < batch.watermark)
                made.append(Ordered(batch.watermark, quoted.ticks, scores[ready], actions=batch.actions))
            since = batch.watermark
        return made

    return items


@contextmanager
def market_of(days: Days):
    """Let every case of the contract suite run on the two days."""

    def ticks_of(rows, only, quotes=0.5, **_others):
        ticks = days.rows(rows, quotes)
        return ticks if only is None else select(ticks, ticks.instrument == only)

    venue_case.requests.cache_clear()
    with (
        mock.patch.object(market_case, "ticks_of", ticks_of),
        mock.patch.object(market_case, "batches", with_actions(days)),
        mock.patch.object(decision_case, "items", ordered(days)),
        mock.patch.dict(
            contract_suite.CASES,
            {
                "Decisions": contract_suite.CASES["Decisions"]._replace(items=ordered(days)),
                "BuiltBars": contract_suite.CASES["BuiltBars"]._replace(stage=built_stage),
                "Quality": contract_suite.CASES["Quality"]._replace(stage=quality_stage),
            },
        ),
    ):
        yield
    venue_case.requests.cache_clear()


def after(streams):
    """Return the part of streams that was known when the action had taken effect."""
    made = {}
    for name, rows in streams.items():
        if name == "values":
            made[name] = rows[streams["features"]["known_at"] >= EFFECTIVE_AT]
        elif isinstance(rows, np.ndarray):
            at = "known_at" if "known_at" in rows.dtype.names else "close_at"
            made[name] = rows[rows[at] >= EFFECTIVE_AT]
        elif isinstance(rows, Ticks):
            made[name] = select(rows, rows.known_at >= EFFECTIVE_AT)
        else:
            made[name] = tuple(row for row in rows if row.known_at >= EFFECTIVE_AT)
    return made


def count(streams):
    """Return how many rows there are in all."""
    return sum(row_count(rows) if isinstance(rows, Ticks) else len(rows) for rows in streams.values())
