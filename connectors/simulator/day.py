"""One simulated day of one instrument: quotes and trades as arrays, in ns since New York midnight."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.simulator.paths import (
    CLOSE_SECONDS,
    DAY_BEGINS_SECONDS,
    OPEN_SECONDS,
    REGULAR_SECONDS,
    Traits,
)
from domain.market import ELIGIBLE, Condition, Kind, Ticks, complete_ticks, concatenate

SECOND = 1_000_000_000
TICK = 0.01
VENUES = np.frombuffer(b"NPQ", np.uint8)
EXTENDED = np.uint32(ELIGIBLE | Condition.EXTENDED_HOURS)
ODD_LOT = np.uint32(Condition.COUNTS_VOLUME | Condition.ODD_LOT)
TRADE_SHARE = 1 / 3


class Quoted(NamedTuple):
    """Best prices around an efficient price, on ticks."""

    bid: NDArray[np.float64]
    ask: NDArray[np.float64]


def simulated_day(
    random: np.random.Generator, which: int, traits: Traits, path: NDArray[np.float64], rows: int
) -> Ticks:
    """Return about `rows` rows of instrument `which`, not in order; `path` is its price in each second.

    Times are ns since New York midnight, known 0.2 to 3 ms after they happened; `sequence` is not set.
    """
    trades = max(int(rows * TRADE_SHARE), 4)
    parts = [
        _quotes(random, which, traits, path, _times(random, rows - trades)),
        _trades(random, which, traits, path, _times(random, trades)),
        _auctions(random, which, path, trades),
    ]
    day = concatenate(parts)
    known_at = day.event_at + random.integers(200_000, 3_000_000, len(day.event_at))
    return day._replace(known_at=known_at, received_at=known_at)


def _times(random: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Return instants of a day: most in the regular session, more of them near its ends, a few around it."""
    before, after = int(count * 0.015), int(count * 0.01)
    u = np.linspace(0.0, 1.0, 2049)
    density = 1.0 + 2.6 * (2 * u - 1) ** 4
    share = np.concatenate(([0.0], np.cumsum((density[1:] + density[:-1]) / 2)))
    inside = np.interp(random.random(count - before - after), share / share[-1], u)
    seconds = np.concatenate(
        [
            random.uniform(7 * 3600, OPEN_SECONDS - 1, before),
            OPEN_SECONDS + 0.25 + inside * (REGULAR_SECONDS - 0.5),
            random.uniform(CLOSE_SECONDS + 5, 18 * 3600, after),
        ]
    )
    return (np.sort(seconds) * 1e6).astype(np.int64) * 1000


def _around(price: NDArray[np.float64], ticks: NDArray[np.int64]) -> Quoted:
    half = ticks * TICK / 2
    bid = np.maximum(np.floor((price - half) / TICK + 0.5), 1.0)
    return Quoted(np.round(bid * TICK, 2), np.round((bid + ticks) * TICK, 2))


def _price(path: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.float64]:
    return path[np.clip(at // SECOND - DAY_BEGINS_SECONDS, 0, len(path) - 1)]


def _sizes(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    return random.geometric(0.35, count).astype(np.float64) * 100.0


def _quotes(
    random: np.random.Generator, which: int, traits: Traits, path: NDArray[np.float64], at: NDArray[np.int64]
) -> Ticks:
    count = len(at)
    wide = traits.spread_ticks + (random.random(count) < 0.25) + (_outside(at) * 3)
    quoted = _around(_price(path, at), wide.astype(np.int64))
    return complete_ticks(
        {
            "event_at": at,
            "instrument": np.full(count, which),
            "kind": np.full(count, Kind.QUOTE),
            "venue": random.choice(VENUES, count),
            "bid": quoted.bid,
            "ask": quoted.ask,
            "bid_size": _sizes(random, count),
            "ask_size": _sizes(random, count),
        }
    )


def _outside(at: NDArray[np.int64]) -> NDArray[np.bool_]:
    return (at < OPEN_SECONDS * SECOND) | (at >= CLOSE_SECONDS * SECOND)


def _trades(
    random: np.random.Generator, which: int, traits: Traits, path: NDArray[np.float64], at: NDArray[np.int64]
) -> Ticks:
    count = len(at)
    quoted = _around(_price(path, at), np.full(count, traits.spread_ticks))
    side = random.random(count)
    price = np.where(
        side < 0.45, quoted.ask, np.where(side < 0.9, quoted.bid, np.round((quoted.bid + quoted.ask) / 2, 2))
    )
    odd = random.random(count) < 0.12
    size = np.where(odd, random.integers(1, 100, count), _sizes(random, count))
    conditions = np.where(odd, ODD_LOT, np.uint32(ELIGIBLE))
    conditions = np.where(
        ~odd & (random.random(count) < 0.15), conditions | np.uint32(Condition.ISO), conditions
    )
    conditions = np.where(~odd & _outside(at), EXTENDED, conditions)
    return complete_ticks(
        {
            "event_at": at,
            "instrument": np.full(count, which),
            "venue": random.choice(VENUES, count),
            "price": price,
            "size": size,
            "conditions": conditions,
        }
    )


def _auctions(random: np.random.Generator, which: int, path: NDArray[np.float64], trades: int) -> Ticks:
    """Return the opening print just after the open and the closing print just before the close."""
    at = np.array([OPEN_SECONDS * SECOND + 150_000_000, CLOSE_SECONDS * SECOND - 20_000_000])
    size = 100.0 * np.ceil(trades * np.array([0.08, 0.12]) * random.uniform(0.7, 1.3, 2))
    prints = np.array([Condition.OPENING_PRINT, Condition.CLOSING_PRINT], np.uint32) | np.uint32(ELIGIBLE)
    return complete_ticks(
        {
            "event_at": at,
            "instrument": np.full(2, which),
            "venue": np.full(2, VENUES[0]),
            "price": np.round(_price(path, at), 2),
            "size": size,
            "conditions": prints,
        }
    )
