"""Seeded rows for the tests of the market-data stages, and how a run of rows comes in batches."""

from collections.abc import Iterator

import numpy as np

from domain.market import (
    END,
    SECOND,
    Condition,
    Kind,
    MarketBatch,
    Quality,
    Ticks,
    canonical_order,
    complete_ticks,
    row_count,
    select,
)

CONDITIONS = np.array(
    [
        Condition.COUNTS_VOLUME | Condition.MOVES_OPEN_CLOSE | Condition.MOVES_HIGH_LOW,
        Condition.COUNTS_VOLUME | Condition.MOVES_OPEN_CLOSE | Condition.MOVES_HIGH_LOW,
        Condition.COUNTS_VOLUME | Condition.MOVES_HIGH_LOW | Condition.LAST_IF_ONLY,
        Condition.COUNTS_VOLUME | Condition.ODD_LOT,
        Condition.MOVES_OPEN_CLOSE | Condition.MOVES_HIGH_LOW,
        Condition.COUNTS_VOLUME | Condition.LAST_IF_ONLY,
        Condition.ISO,
    ],
    np.uint32,
)


def random_ticks(
    seed: int,
    rows: int,
    starts: list[int],
    instruments: int = 5,
    quotes: float = 0.0,
    late: float = 0.0,
    cancels: float = 0.0,
    delay_max: int = 200_000_000,
    pace: int = 400_000_000,
) -> Ticks:
    """Return rows in canonical order, in one stretch per start (ns UTC) with gaps between, flagged where they regress.

    `late` of the trades come up to 1,500 s after they happened, `cancels` of the rows take back a trade (a tenth of
    them one that never was), `pace` is the mean time between rows.
    """
    rng = np.random.default_rng(seed)
    stretch = np.sort(rng.integers(0, len(starts), rows))
    event_at = np.empty(rows, np.int64)
    for number, start in enumerate(starts):
        mine = stretch == number
        event_at[mine] = start + np.cumsum(rng.exponential(pace, mine.sum())).astype(np.int64)
    known_at = event_at + rng.integers(0, delay_max + 1, rows)
    is_late = rng.random(rows) < late
    known_at[is_late] += rng.integers(SECOND, 1500 * SECOND, int(is_late.sum()))
    kind = np.where(rng.random(rows) < quotes, int(Kind.QUOTE), int(Kind.TRADE)).astype(np.uint8)
    kind[is_late] = Kind.TRADE
    instrument = rng.integers(0, instruments, rows).astype(np.int32)
    price = np.round(100 + rng.normal(0, 0.2, rows).cumsum() * 0.1, 2)
    middle, half = price, np.round(rng.integers(1, 5, rows) * 0.01, 2)
    quote = kind == Kind.QUOTE
    ticks = complete_ticks(
        {
            "event_at": event_at,
            "known_at": known_at,
            "instrument": instrument,
            "kind": kind,
            "price": np.where(quote, np.nan, price),
            "size": np.where(quote, 0, rng.integers(1, 500, rows)),
            "conditions": np.where(quote, 0, CONDITIONS[rng.integers(0, len(CONDITIONS), rows)]),
            "venue": rng.choice(np.array([78, 80, 81], np.uint8), rows),
            "bid": np.where(quote & (rng.random(rows) > 0.1), np.round(middle - half, 2), np.nan),
            "bid_size": np.where(quote, rng.integers(0, 9, rows) * 100, 0),
            "ask": np.where(quote & (rng.random(rows) > 0.1), np.round(middle + half, 2), np.nan),
            "ask_size": np.where(quote, rng.integers(0, 9, rows) * 100, 0),
        }
    )
    return _numbered(_with_cancels(select(ticks, canonical_order(ticks)), cancels, rng))


def _with_cancels(ticks: Ticks, share: float, rng: np.random.Generator) -> Ticks:
    """Turn a share of the rows into cancels of trades that were known before."""
    kind, reference = ticks.kind, ticks.reference
    assert kind is not None
    assert reference is not None
    chosen = np.flatnonzero(rng.random(row_count(ticks)) < share)
    chosen = chosen[chosen > 5]
    for row in chosen:
        before = np.flatnonzero(kind[:row] == Kind.TRADE)
        if len(before):
            traded = before[-1 - min(int(rng.exponential(30)), len(before) - 1)]
            kind[row] = Kind.CANCEL
            ticks.instrument[row] = ticks.instrument[traded]
            ticks.event_at[row] = ticks.known_at[row]
            reference[row] = traded + 1 if rng.random() > 0.1 else 1_000_000
    return ticks


def _numbered(ticks: Ticks) -> Ticks:
    """Give rows numbers from 1 in order of arrival, and flags where trades and quotes regress."""
    flags = np.zeros(row_count(ticks), np.uint32)
    newest: dict[tuple[int, int], int] = {}
    kind = ticks.kind
    assert kind is not None
    for row, (which, what, instant) in enumerate(zip(ticks.instrument, kind, ticks.event_at, strict=True)):
        key = (int(which), int(what))
        if instant < newest.get(key, 0):
            flags[row] = Quality.REGRESSING
        newest[key] = max(newest.get(key, 0), int(instant))
    return ticks._replace(sequence=np.arange(1, row_count(ticks) + 1), flags=flags)


def batches(ticks: Ticks, size: int) -> Iterator[MarketBatch]:
    """Cut rows into batches of `size`; each knows the next row's instant, the last one that there are no more."""
    count = row_count(ticks)
    for start in range(0, count, size):
        stop = min(start + size, count)
        watermark = int(ticks.known_at[stop]) if stop < count else END
        yield MarketBatch(watermark, select(ticks, slice(start, stop)))
