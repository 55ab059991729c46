"""What work W answers: counts, and the last state of every instrument that traded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

COUNTS = ("events", "bars", "intents", "accepted", "rejected_1", "rejected_2", "rejected_3", "fills")
LAST = np.dtype(
    [
        ("sym", np.int32),
        ("bars", np.int64),
        ("close", np.float64),
        ("vwap", np.float64),
        ("ema12", np.float64),
        ("ema26", np.float64),
        ("macd", np.float64),
        ("signal", np.float64),
        ("rsi", np.float64),
        ("atr", np.float64),
        ("bollinger_upper", np.float64),
        ("bollinger_lower", np.float64),
        ("rv", np.float64),
        ("position", np.int64),
        ("pnl", np.float64),
    ],
    align=True,
)
TOLERANCE = 1e-9


class Answers(NamedTuple):
    """`counts` in the order of `COUNTS`; `last` holds one `LAST` row per instrument that traded, in order of `sym`."""

    counts: NDArray[np.int64]
    last: NDArray[np.void]


def merged(parts: Sequence[Answers]) -> Answers:
    """Join the answers of workers that own different instruments."""
    last = np.concatenate([part.last for part in parts])
    counts: NDArray[np.int64] = np.sum([part.counts for part in parts], axis=0)
    return Answers(counts, last[np.argsort(last["sym"])])


def differences(found: Answers, expected: Answers) -> list[str]:
    """Say where answers differ: counts by anything, last states by more than 1e-9, relative or absolute."""
    said = [
        f"{name} is {mine}, the reference says {right}"
        for name, mine, right in zip(COUNTS, found.counts.tolist(), expected.counts.tolist(), strict=True)
        if mine != right
    ]
    if not np.array_equal(found.last["sym"], expected.last["sym"]):
        return [*said, f"{len(found.last)} instruments traded, the reference says {len(expected.last)}"]
    for name in LAST.names or ():
        mine, right = found.last[name], expected.last[name]
        near = np.isclose(mine, right, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        if not near.all():
            at = int(np.argmin(near))
            said.append(
                f"{name} differs for {np.sum(~near)} instruments; sym {found.last['sym'][at]} has {mine[at]!r}, "
                f"the reference {right[at]!r}"
            )
    return said


def write(answers: Answers, path: Path) -> None:
    """Write the last states as Parquet."""
    columns: dict[str, Any] = {name: np.ascontiguousarray(answers.last[name]) for name in LAST.names or ()}
    pq.write_table(pa.table(columns), path)
