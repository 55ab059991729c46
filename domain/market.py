"""Market data in columns: ticks and bars, the flag bits of their rows, and what is done to whole batches.

Prices and sizes are float64 measures, instants int64 nanoseconds UTC, and an instrument is its index in the run's
`Universe` (sorted by name, so that index order is name order). A column that a source does not have is `None`, which
lets a compiled kernel leave out the branch that would read it.
"""

from collections.abc import Sequence
from enum import IntEnum, IntFlag
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.action_records import ActionRecord
from domain.health import MarketHealth

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
Float64 = NDArray[np.float64]
UInt8 = NDArray[np.uint8]
UInt32 = NDArray[np.uint32]

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY_SECONDS = 86_400


class Kind(IntEnum):
    """What a tick row is; also its rank among rows of one instant."""

    TRADE = 0
    CANCEL = 1
    QUOTE = 2
    STATUS = 3


class Condition(IntFlag):
    """Vendor-neutral sale conditions of a trade (standards.md 6.3) and of a quote."""

    COUNTS_VOLUME = 1
    MOVES_OPEN_CLOSE = 2
    MOVES_HIGH_LOW = 4
    OPENING_PRINT = 8
    CLOSING_PRINT = 16
    ODD_LOT = 32
    ISO = 64
    OUT_OF_SEQUENCE = 128
    EXTENDED_HOURS = 256
    LAST_IF_ONLY = 512
    HALTED = 1024
    RESUMED = 2048


ELIGIBLE = int(Condition.COUNTS_VOLUME | Condition.MOVES_OPEN_CLOSE | Condition.MOVES_HIGH_LOW)


class Quality(IntFlag):
    """What the quality stage says of a row that it lets pass."""

    REGRESSING = 1
    OFF_TICK = 2
    OUT_OF_SESSION = 4
    CROSSED = 8
    SUSPICIOUS = 16
    HALTED = 32
    OUTLIER = 64
    SCALE = 128
    WIDE_SPREAD = 256
    VOLUME_SPIKE = 512


class Session(IntEnum):
    """Part of the trading day in which a row or bar lies.

    A call collects orders for an auction, without trading; a break is the lunch break of the regular session.
    """

    CLOSED = 0
    PRE = 1
    REGULAR = 2
    POST = 3
    BREAK = 4
    OPENING_CALL = 5
    CLOSING_CALL = 6


class Ticks(NamedTuple):
    """Rows of one shard in canonical order: (known_at, kind, instrument, source, sequence).

    `sequence` counts within source and instrument. A trade has price and size; a quote has the sides that it changes,
    the other side NaN; a cancel names the `sequence` of the trade it takes back in `reference`; a status row carries
    `Condition.HALTED` or `RESUMED`. `venue` is the ASCII code of the exchange letter. The `best_*` columns are the best
    bid and offer over all venues after the row; they are set by the best-quotes stage.
    """

    event_at: Int64
    known_at: Int64
    instrument: Int32
    price: Float64
    size: Float64
    received_at: Int64 | None = None
    sequence: Int64 | None = None
    kind: UInt8 | None = None
    conditions: UInt32 | None = None
    flags: UInt32 | None = None
    venue: UInt8 | None = None
    reference: Int64 | None = None
    bid: Float64 | None = None
    bid_size: Float64 | None = None
    ask: Float64 | None = None
    ask_size: Float64 | None = None
    best_bid: Float64 | None = None
    best_bid_size: Float64 | None = None
    best_ask: Float64 | None = None
    best_ask_size: Float64 | None = None


TICK_COLUMNS: dict[str, type[np.generic]] = {
    "event_at": np.int64,
    "known_at": np.int64,
    "instrument": np.int32,
    "price": np.float64,
    "size": np.float64,
    "received_at": np.int64,
    "sequence": np.int64,
    "kind": np.uint8,
    "conditions": np.uint32,
    "flags": np.uint32,
    "venue": np.uint8,
    "reference": np.int64,
    "bid": np.float64,
    "bid_size": np.float64,
    "ask": np.float64,
    "ask_size": np.float64,
    "best_bid": np.float64,
    "best_bid_size": np.float64,
    "best_ask": np.float64,
    "best_ask_size": np.float64,
}

BAR = np.dtype(
    [
        ("open_at", np.int64),
        ("close_at", np.int64),
        ("known_at", np.int64),
        ("open", np.float64),
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("volume", np.float64),
        ("vwap", np.float64),
        ("trade_count", np.int32),
        ("instrument", np.int32),
        ("interval", np.int32),
        ("version", np.int16),
        ("session", np.int8),
        ("ended", np.int8),
    ],
    align=True,
)
"""One bar. `interval` in seconds (86,400 for the day bar of a session), `version` 0 at first and one more with each
revision, prices raw (not adjusted); open, high, low and close are NaN where no trade of the bar may move them.
`ended` is 1 where the shard had not passed the bar's end when its input ended; it is not kept, as it depends on
the shard."""

QUOTE_BAR = np.dtype(
    [
        ("close_at", np.int64),
        ("bid", np.float64),
        ("bid_size", np.float64),
        ("ask", np.float64),
        ("ask_size", np.float64),
        ("spread_sum", np.float64),
        ("imbalance_sum", np.float64),
        ("order_flow", np.float64),
        ("buy_volume", np.float64),
        ("sell_volume", np.float64),
        ("quote_count", np.int32),
        ("buy_count", np.int32),
        ("sell_count", np.int32),
        ("instrument", np.int32),
    ],
    align=True,
)
"""What quotes and signed trades did while a bar was open. Bid and ask are the best ones at its close; `spread_sum` and
`imbalance_sum` add (ask - bid) and (bid_size - ask_size)/(bid_size + ask_size) over the `quote_count` rows that left
both sides quoted and not crossed; `order_flow` is the sum of e_n of standards.md 6.5; buy and sell volume and count are
of trades signed by Lee-Ready (6.5). NaN bid or ask: that side was never quoted."""


class Malformed(NamedTuple):
    """A row that could not be read or may not go on: where it stood, what it held, and why it was refused."""

    source: str
    place: str
    reason: str
    raw: str
    known_at: int


class Chunk(NamedTuple):
    """What a source reads at a time: rows in canonical order, the rows that are none, and how the feed stands.

    `health` is in order of known_at, within the chunk and after all chunks before it; so are the corporate `actions`.
    """

    ticks: Ticks
    malformed: tuple[Malformed, ...] = ()
    health: tuple[MarketHealth, ...] = ()
    actions: tuple[ActionRecord, ...] = ()


def row_count(ticks: Ticks) -> int:
    """Return how many rows a batch of ticks holds."""
    return len(ticks.event_at)


def select(ticks: Ticks, rows: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Ticks:
    """Return the named rows of every column; a slice makes views, anything else copies."""
    return Ticks._make(None if column is None else column[rows] for column in ticks)


def concatenate(parts: Sequence[Ticks]) -> Ticks:
    """Join batches one after the other; all parts have the same columns.

    Raises ValueError where `parts` is empty.
    """
    if not parts:
        raise ValueError("concatenate needs at least one batch of ticks; none was given")
    if len(parts) == 1:
        return parts[0]
    return Ticks._make(
        None if columns[0] is None else np.concatenate(columns) for columns in zip(*parts, strict=True)
    )


def empty_ticks() -> Ticks:
    """Return a batch of no rows with every column of a source present (the `best_*` ones excepted)."""
    return complete_ticks(
        {name: np.empty(0, kind) for name, kind in TICK_COLUMNS.items() if name[:5] != "best_"}
    )


def complete_ticks(columns: dict[str, NDArray[np.generic]]) -> Ticks:
    """Build ticks from named columns, filling in what a source leaves out.

    `event_at`, `instrument`, and either price and size or the four quote columns are needed. The rest is filled:
    known_at and received_at from event_at, kind TRADE, conditions eligible for everything, NaN prices, zero sizes,
    sequence 0. Columns are cast to their types.

    Raises ValueError where a name is not a tick column.
    """
    unknown = sorted(set(columns) - set(TICK_COLUMNS))
    if unknown:
        raise ValueError(f"ticks have no column {unknown[0]!r}; the columns are {', '.join(TICK_COLUMNS)}")
    count = len(columns["event_at"])
    filled = dict(columns)
    filled.setdefault("known_at", filled["event_at"])
    filled.setdefault("received_at", filled["known_at"])
    filled.setdefault("conditions", np.full(count, ELIGIBLE, np.uint32))
    for name in ("price", "bid", "ask"):
        filled.setdefault(name, np.full(count, np.nan))
    for name in ("size", "sequence", "kind", "flags", "venue", "reference", "bid_size", "ask_size"):
        filled.setdefault(name, np.zeros(count, TICK_COLUMNS[name]))
    return Ticks(
        **{name: np.ascontiguousarray(column, TICK_COLUMNS[name]) for name, column in filled.items()}
    )


def canonical_order(ticks: Ticks) -> NDArray[np.intp]:
    """Return the permutation that puts rows in canonical order; rows equal in all keys keep their order."""
    keys = (ticks.sequence, ticks.instrument, ticks.kind, ticks.known_at)
    return np.lexsort(tuple(key for key in keys if key is not None))


class FeatureRows(NamedTuple):
    """Features at the close of bars: row i of `values` belongs to `bars[i]`.

    `values` has shape (features, bars), price-like features in raw prices. `bars["known_at"]` and
    `bars["version"]` are of
    the feature row: a row that was computed again carries a higher version than its bar.
    """

    bars: NDArray[np.void]
    values: Float64


SCORE = np.dtype(
    [
        ("close_at", np.int64),
        ("known_at", np.int64),
        ("score", np.float64),
        ("volatility", np.float64),
        ("price", np.float64),
        ("weight", np.float64),
        ("instrument", np.int32),
        ("strategy", np.int16),
        ("version", np.int16),
        ("direction", np.int8),
        ("previous", np.int8),
        ("reason", np.uint8),
        ("changed", np.uint8),
    ],
    align=True,
)
"""What one strategy thinks of one instrument at the close of a bar: `direction` -1, 0 or 1 after it and
`previous` before
it, `reason` a `ScoreReason`; `changed` is 1 where the row is a `SignalGenerated`. `weight` scales its position, 0
where nothing is said of it, which is 1."""


class ScoreReason(IntEnum):
    """Why a strategy stands where it stands."""

    WARMING_UP = 0
    GATED = 1
    BELOW_ENTRY = 2
    HELD = 3
    ENTERED = 4
    LEFT = 5
    OUTSIDE_SESSION = 6
    SUPERSEDED = 7


END = np.iinfo(np.int64).max
"""The watermark of an input that has ended."""


class MarketBatch(NamedTuple):
    """What moves between the stages of market data, for one shard; each stage adds its own part.

    Every row of the shard with known_at below `watermark` (ns UTC) has been delivered; `END` says that no more
    will come.
    `arrived` is the machine's monotonic clock when the batch came in (ns), for measuring only; no answer depends on it.
    """

    watermark: int
    ticks: Ticks
    bars: NDArray[np.void] | None = None
    quote_bars: NDArray[np.void] | None = None
    features: FeatureRows | None = None
    scores: NDArray[np.void] | None = None
    malformed: tuple[Malformed, ...] = ()
    arrived: int = 0
    health: tuple[MarketHealth, ...] = ()
    built: NDArray[np.void] | None = None
    actions: tuple[ActionRecord, ...] = ()
    national: NDArray[np.void] | None = None


class Ordered(NamedTuple):
    """Rows of all shards in the one total order, complete for known_at below `watermark` (ns UTC).

    `ticks` are in canonical order, `scores` in order of (known_at, instrument, strategy, close_at), `health` and
    `actions` in order of (known_at, instrument, source, sequence), `features` in order of (known_at, instrument,
    close_at, version); they are there where instruments are compared.
    """

    watermark: int
    ticks: Ticks
    scores: NDArray[np.void]
    arrived: int = 0
    health: tuple[MarketHealth, ...] = ()
    features: FeatureRows | None = None
    actions: tuple[ActionRecord, ...] = ()
