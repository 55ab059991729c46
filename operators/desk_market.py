"""What compliance is told of an instrument at the instant of an intent, from what the desk knows."""

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from domain.instruments import Instrument
from domain.market import Session
from domain.money import exact_price
from domain.orders import Intent, Side
from operators.checks.short_sales import rule_201_triggered
from operators.compliance_rules import ComplianceParams
from operators.compliance_view import (
    Approval,
    Handling,
    Market,
    Override,
    Reference,
    choose_reference,
)
from operators.desk_state import DeskParams, DeskState
from operators.health import binding
from operators.knowledge import watermarks
from operators.limits import ANY
from operators.mark_volatility import minute_volatility


def market_of(
    params: DeskParams,
    rules: ComplianceParams,
    state: DeskState,
    intent: Intent,
    which: int,
    volatility: float,
    approval: Approval | None = None,
    overrides: tuple[Override, ...] = (),
) -> Market:
    """Return what is known at the instant of an intent; `which` is the index of its instrument.

    `volatility` is the strategy's own estimate for a year (fraction); it stands in until the desk has seen prices move.
    """
    now_at, instrument = intent.known_at, params.universe.instruments[which]
    mark, table = state.marks[which], params.sessions
    segment = table.segment_at(now_at)
    trading_day = int(table.days[segment])
    splits = tuple(split[1:] for split in state.splits if split[0] == intent.symbol)
    bid, ask = _quoted(mark, "bid", instrument), _quoted(mark, "ask", instrument)
    return Market(
        now_at=now_at,
        trading_day=trading_day,
        instrument=instrument if instrument.tradable and instrument.name not in state.ended else None,
        session=Session(int(table.labels[segment])),
        halted=bool(mark["halted"]),
        reference=_reference(mark, instrument, now_at, rules.reference_age.get(instrument.tier, 0)),
        watermarks=watermarks(params, state, now_at, int(table.edges[segment - 1]) if segment else 0),
        closes_at=int(table.edges[segment]) if segment < len(table.edges) else None,
        fx=state.risk.ledger.rate(instrument.currency),
        health=binding(state.health, intent.symbol) if params.health_gates else None,
        bid=bid,
        ask=ask,
        sigma=state.volatility.sigma(which) or minute_volatility(volatility),
        short_sale_restricted=_restricted(params, state, instrument, mark, trading_day),
        handling=_handling(rules, intent, now_at, splits),
        approval=approval,
        overrides=overrides,
        splits=splits,
        limits_since=state.limits_since,
    )


def _quoted(mark: NDArray[np.void], side: str, instrument: Instrument) -> Decimal | None:
    """Return a side of the best quote, on tick, None where nobody quotes it."""
    price = float(mark[side])
    return exact_price(price, instrument.tick_size) if price > 0 else None


def _reference(mark: NDArray[np.void], instrument: Instrument, now_at: int, age: int) -> Reference:
    half = instrument.tick_size / 2
    both = float(mark["bid"]) > 0 and float(mark["ask"]) >= float(mark["bid"])
    mid = exact_price((float(mark["bid"]) + float(mark["ask"])) / 2, half) if both else None
    last = exact_price(float(mark["last"]), half) if float(mark["last"]) > 0 else None
    close = exact_price(float(mark["prior_close"]), half) if float(mark["prior_close"]) > 0 else None
    return choose_reference(
        now_at,
        age,
        Reference(mid, "mid", int(mark["quote_at"])),
        Reference(last, "last_trade", int(mark["last_at"])),
        Reference(close, "prior_close", 0),
    )


def _restricted(
    params: DeskParams, state: DeskState, instrument: Instrument, mark: NDArray[np.void], trading_day: int
) -> bool:
    """Say whether Rule 201 binds by what the desk has seen; it binds for the rest of the day and all of the next.

    The desk looks when it decides, so a fall that has passed by then is only known from the listing market's own word.
    """
    last, close = float(mark["last"]), float(mark["prior_close"])
    if last > 0 and close > 0:
        half = instrument.tick_size / 2
        if rule_201_triggered(exact_price(close, half), exact_price(last, half)):
            state.short_sale_days[instrument.name] = trading_day
    seen = state.short_sale_days.get(instrument.name)
    if seen is None or trading_day == seen:
        return seen is not None
    between = params.sessions.days[params.sessions.days > seen]
    return trading_day == int(between.min())


def _handling(
    rules: ComplianceParams, intent: Intent, now_at: int, splits: tuple[tuple[int, Decimal], ...]
) -> Handling:
    """Return how the order is handled: a short sale names the first locate that has shares left."""
    if intent.side is not Side.SELL_SHORT or not rules.applies("PT-38"):
        return Handling()
    for row in rules.facts.locates.get(intent.symbol, ()):
        mine = row.account in (ANY, intent.account) and row.counts(splits)
        if row.kind != "easy_to_borrow" and row.holds(now_at) and mine:
            return Handling(locate_id=row.locate_id)
    return Handling()
