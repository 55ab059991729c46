"""`ita indicators`: what can be computed of bars, and computing it over a file of one's own."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Indicators: the catalogue, and values over a file of bars.")

Quotes = Annotated[Path, typer.Argument(help="CSV (may be packed: gz, bz2, xz, zip) or parquet file of bars")]
Wanted = Annotated[
    list[str], typer.Option("--indicator", help="NAME or NAME(parameters); may be given several times")
]
Out = Annotated[Path, typer.Option(help="file to write: CSV, or parquet by its ending")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Search = Annotated[str, typer.Option(help="only lines that hold this text, in any case")]

FLAGGED_TOLD = 10


@app.command("compute")
def compute(quotes: Quotes, indicator: Wanted, out: Out, json: AsJson = False) -> None:
    """Compute indicators over a file of bars: a row out for every row in, empty while warming up.

    The file has a column date (or timestamp, datetime, time; or date and time) and of open, high, low, close and volume
    those that the indicators need, in any case and order; docs/bar-files.md says how dates and numbers may be
    written. The result has the dates as they stand and a column for each output:
    RSI(14), or MACD(12,26,9).macd, .signal and .histogram where there are several. Rows are taken in order of time.
    What cannot be used (a date, a value that is no finite number, a high below its low, a negative volume) leaves that
    row empty in all that needs it, is left out of their windows, and is told with its line and reason. A value that has
    no finite answer (a ratio to zero, prices too large to square) is empty.

    Example: ita indicators compute bars.csv --indicator 'RSI(14)' --indicator 'MACD(12,26,9)' --out values.csv
    """
    from apps.cli.main import WrongUse
    from apps.indicator_values import compute as computed
    from apps.indicator_values import write
    from apps.quote_file import QuoteFileError
    from features.indicators.line import UnknownIndicator

    try:
        done = computed(quotes, indicator)
    except (QuoteFileError, UnknownIndicator) as error:
        raise WrongUse(str(error)) from error
    write(done.table, out)
    if json:
        import msgspec

        answer = {
            "rows": done.table.height,
            "columns": done.table.columns,
            "warm_up": done.warm_up,
            "flagged": [each._asdict() for each in done.flagged],
            "out": str(out),
        }
        typer.echo(msgspec.json.encode(answer).decode())
        return
    for line, reason in done.flagged[:FLAGGED_TOLD]:
        typer.echo(f"line {line}: {reason}", err=True)
    if len(done.flagged) > FLAGGED_TOLD:
        typer.echo(f"... and {len(done.flagged) - FLAGGED_TOLD} more", err=True)
    for column, bars in done.warm_up.items():
        if done.table.height and done.table[column].null_count() == done.table.height:
            told = f"{column} is empty: it speaks from bar {bars} on that can be used; there are {done.table.height}"
            typer.echo(told, err=True)
    rows = f"{done.table.height} rows, {len(done.flagged)} with something that is not used"
    typer.echo(f"{rows}; {', '.join(done.warm_up)} written to {out}")


@app.command("list")
def listed(search: Search = "", json: AsJson = False) -> None:
    """List the indicators with their parameters, formulas and sources.

    Example: ita indicators list --search volume
    """
    from apps.catalogue_page import indicator_rows
    from apps.catalogue_view import show

    show(indicator_rows(), search, json)
