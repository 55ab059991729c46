"""Indicators over a person's own file of bars, by the kernels that the desk runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from apps.quote_file import Flagged, read_quotes
from features.indicators.catalogue import asked_for, program_of, warm_ups


class Computed(NamedTuple):
    """What was computed: a row for every row of the file, by output column its warm-up, and the rows not used."""

    table: pl.DataFrame
    warm_up: dict[str, int]
    flagged: tuple[Flagged, ...]


def compute(path: Path, indicators: Sequence[str]) -> Computed:
    """Compute indicators over a file of bars.

    The table has the file's dates, in the file's order, and a float64 column for each output, null while it warms up,
    in rows that are not used, and where no finite number comes out. Where rows name instruments (a column instrument,
    symbol or ticker) each has its own values, and the column stands beside the dates. Raises UnknownIndicator and
    QuoteFileError.
    """
    wanted = asked_for(indicators)
    program = program_of(wanted)
    quotes = read_quotes(path, program.columns)
    used = {name: np.ascontiguousarray(column[quotes.order]) for name, column in quotes.columns.items()}
    which = quotes.instruments[quotes.order]
    values = program.run(program.fresh(int(which.max(initial=0)) + 1), which, used)
    names = [column for each in wanted for column in each.columns]
    columns = quotes.dates.get_columns()
    for name, column in zip(names, values, strict=True):
        whole = np.full(quotes.dates.height, np.nan)
        whole[quotes.order] = np.where(np.isfinite(column), column, np.nan)
        columns.append(pl.Series(name, whole).fill_nan(None))
    bars = [bar for each in wanted for bar in warm_ups(each)]
    return Computed(pl.DataFrame(columns), dict(zip(names, bars, strict=True)), quotes.flagged)


def write(table: pl.DataFrame, out: Path) -> None:
    """Write a table as CSV or, by the ending, as parquet."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".parquet":
        table.write_parquet(out)
    else:
        table.write_csv(out)
