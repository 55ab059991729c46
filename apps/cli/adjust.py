"""`ita adjust`: bars adjusted for corporate actions, and dirty vendor data looked through."""

from pathlib import Path
from typing import Annotated

import typer

Bars = Annotated[
    Path, typer.Argument(help="CSV or parquet file of bars: date, open, high, low, close, volume")
]
Actions = Annotated[Path | None, typer.Option(help="file of corporate actions")]
Known = Annotated[
    str | None,
    typer.Option("--as-known-at", help="date or time; only what was known, and had happened, by then"),
]
Out = Annotated[Path | None, typer.Option(help="file to write: CSV, or parquet by its ending")]
Convention = Annotated[
    str,
    typer.Option(
        help="of dividends: previous (1 - D/P of the close before) or ex_close (P/(P + D), as WIKI)"
    ),
]
Check = Annotated[bool, typer.Option("--check", help="look for what a vendor got wrong, and propose repairs")]
Instrument = Annotated[str | None, typer.Option(help="whose actions, where the file has those of several")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]


def adjust(
    bars: Bars,
    actions: Actions = None,
    as_known_at: Known = None,
    out: Out = None,
    convention: Convention = "previous",
    instrument: Instrument = None,
    check: Check = False,
    json: AsJson = False,
) -> None:
    """Adjust a file of bars back for corporate actions: the same rows, with adjusted and raw values and both factors.

    ACTIONS has rows of ex_date, type and value: dividend and special_dividend (amount), split (2 or 2:1), reverse_split
    (10 or 1:10), stock_dividend (0.05), spin_off and rights (worth of one), merger, rename, delisting; and if wanted
    known_at, id, corrects (the id of what a row replaces; type cancel takes it back) and instrument. Files with columns
    of dividends and splits (yfinance, WIKI), Lean's factor files, and Databento's corporate actions and adjustment
    factors (JSON lines) are taken, too.

    --check looks a vendor's history through instead (date, prices, adj close, volume, dividends, stock splits, capital
    gains): prices in the wrong unit, splits applied to some rows only or nowhere, dividends a hundredfold, far from the
    usual, left out or there twice, adjusted closes that do not know of a dividend. It proposes each
    repair with its evidence; --out writes the file repaired.

    Examples: ita adjust bars.csv --actions actions.csv --as-known-at 2024-06-10 --out adjusted.csv;
    ita adjust --check vendor.csv --out repaired.csv
    """
    if check:
        _check(bars, out, json)
        return
    from apps.adjusting import AdjustError, adjusted
    from apps.cli.main import WrongUse
    from apps.indicator_values import write
    from apps.quote_file import QuoteFileError
    from connectors.files.action_rows import ActionFileError, instant_of
    from features.adjustment import CONVENTIONS

    if actions is None or out is None:
        raise WrongUse("adjust needs --actions and --out")
    if convention not in CONVENTIONS:
        raise WrongUse(f"a convention is one of {', '.join(CONVENTIONS)}; {convention!r} was given")
    try:
        known_at = instant_of(as_known_at) if as_known_at is not None else None
        done = adjusted(bars, actions, known_at, convention, instrument)
    except (QuoteFileError, ActionFileError, AdjustError, ValueError) as error:
        raise WrongUse(str(error)) from error
    write(done.table, out)
    if json:
        import msgspec

        told = {
            "rows": done.table.height,
            "applied": done.applied,
            "left_out": done.left_out,
            "flagged": [each._asdict() for each in done.flagged],
            "out": str(out),
        }
        typer.echo(msgspec.json.encode(told).decode())
        return
    for line, reason in done.flagged[:10]:
        typer.echo(f"line {line}: {reason}", err=True)
    typer.echo(
        f"{done.table.height} rows adjusted for {len(done.applied)} actions, {done.left_out} others left out; "
        f"written to {out}"
    )


def _check(bars: Path, out: Path | None, json: bool) -> None:
    """Look a history through, say what is proposed, and write the repaired file where one is wanted."""
    from apps.cli.main import WrongUse
    from apps.indicator_values import write
    from apps.price_repair import checked
    from apps.quote_file import QuoteFileError

    try:
        done = checked(bars)
    except QuoteFileError as error:
        raise WrongUse(str(error)) from error
    if out is not None:
        write(done.table, out)
    if json:
        import msgspec

        told = {
            "rows": done.table.height,
            "corrections": [each._asdict() for each in done.corrections],
            "out": None if out is None else str(out),
        }
        typer.echo(msgspec.json.encode(told).decode())
        return
    for each in done.corrections:
        span = (
            each.first_date if each.rows == 1 else f"{each.first_date} to {each.last_date}, {each.rows} rows"
        )
        typer.echo(
            f"{each.rule}: {span}, {', '.join(each.columns)}: {each.before:g} should be {each.after:g}; {each.evidence}"
        )
    typer.echo(f"{done.table.height} rows, {len(done.corrections)} corrections proposed")
