"""A tape of even pace: so many ticks a second for so long, half trades and half quotes, each instrument in its turn."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

OPENS_AT = int(np.datetime64("2024-03-07T14:30:00", "ns").astype(np.int64))
"""09:30 in New York, ns UTC."""
SECOND = 1_000_000_000
BLOCK_SECONDS = 60
MOVES = 0.02
"""How often a price moves by a cent from one round to the next."""


def write_tape(path: Path, instruments: int, rate: int, seconds: int) -> int:
    """Write a tape in row groups of a minute; return its rows. `rate` is a multiple of twice the instruments."""
    width = 2 * instruments
    if rate % width:
        raise ValueError(f"the rate is a multiple of twice the instruments, {width}; {rate} was given")
    random = np.random.default_rng(7)
    names = pa.array([f"S{number:04d}" for number in range(instruments)])
    cents = np.full(instruments, 10_000.0)
    rows, writer = 0, None
    for begin in range(0, seconds, BLOCK_SECONDS):
        rounds = min(BLOCK_SECONDS, seconds - begin) * rate // width
        moves = random.choice((-1.0, 0.0, 1.0), (rounds, instruments), p=(MOVES / 2, 1 - MOVES, MOVES / 2))
        walked = cents + np.cumsum(moves, axis=0)
        cents = walked[-1]
        table = _table(walked / 100, random, begin, rate, names)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
        rows += table.num_rows
    assert writer is not None
    writer.close()
    return rows


def _table(walked, random, begin, rate, names):
    """Return a block: in each round every instrument trades, then every one is quoted."""
    rounds, instruments = walked.shape
    count = 2 * rounds * instruments
    price = np.repeat(walked[:, np.newaxis, :], 2, axis=1).reshape(-1)
    quoted = np.tile(np.repeat([False, True], instruments), rounds)
    which = np.tile(np.arange(instruments, dtype=np.int32), 2 * rounds)
    event_at = OPENS_AT + begin * SECOND + (np.arange(count) * (SECOND / rate)).astype(np.int64)
    lots = random.integers(1, 20, count) * 100.0

    def only(rows, values):
        return pa.array(values, mask=~rows)

    return pa.table(
        {
            "event_at": pa.array(event_at).cast(pa.timestamp("ns", "UTC")),
            "instrument": pa.DictionaryArray.from_arrays(pa.array(which), names),
            "kind": pa.DictionaryArray.from_arrays(
                pa.array(quoted.astype(np.int32)), pa.array(["trade", "quote"])
            ),
            "sequence": pa.array(begin * rate + np.arange(1, count + 1)),
            "price": only(~quoted, price),
            "size": only(~quoted, lots),
            "bid": only(quoted, price - 0.01),
            "bid_size": only(quoted, lots),
            "ask": only(quoted, price + 0.01),
            "ask_size": only(quoted, lots),
        }
    )
