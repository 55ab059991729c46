"""Indicators as a family of features: what a file is computed by, run beside the desk's families over live bars."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from features.family import Family, Feature
from features.indicators.catalogue import asked_for, program_of, warm_ups
from features.series import Program

MEMORY = "memory"


def indicator_family(texts: Sequence[str]) -> Family:
    """Return the family that computes what texts ask for, `RSI(14)`, `MACD`; its features are named like the columns.

    A family is stepped by `features.evaluate.run` as any other, also in one call with those of the desk. It reads open,
    high, low, close and volume of a bar and no quotes. Raises UnknownIndicator, and ValueError where nothing is asked.
    """
    wanted = asked_for(texts)
    if not wanted:
        raise ValueError("a family needs at least one indicator; none was given")
    program = program_of(wanted)
    features = tuple(
        Feature(
            column,
            each.indicator.meaning,
            each.indicator.unit,
            bars,
            each.indicator.version,
            each.indicator.source,
        )
        for each in wanted
        for column, bars in zip(each.columns, warm_ups(each), strict=True)
    )
    state = np.dtype([(MEMORY, np.float64, (program.width,))])
    return Family("indicators", program, state, _step, features)


def _step(
    program: Program,
    state: NDArray[np.void],
    bars: NDArray[np.void],
    _days: NDArray[np.int32],
    _quotes: NDArray[np.void],
    out: NDArray[np.float64],
) -> None:
    """Run the program over the columns of bars."""
    columns = {name: np.ascontiguousarray(bars[name], np.float64) for name in program.columns}
    instrument = np.ascontiguousarray(bars["instrument"], np.int32)
    out[:] = program.run(state[MEMORY], instrument, columns)
