"""`ita instruments`: what is listed where, as it was known at any time."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Reference data: instruments, their names and terms over time.")

Store = Annotated[Path, typer.Option(help="SQLite file that keeps them")]
Served = Annotated[bool, typer.Option(help="the PostgreSQL of the served desk instead")]
Config = Annotated[Path | None, typer.Option(help="folder with YAML files that replace the project's own")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Name = Annotated[str, typer.Argument(help="permanent id, ticker, FIGI or ISIN")]
At = Annotated[
    str | None, typer.Option(help="date or time that is asked about; each listing as it was last if left out")
]
Known = Annotated[str | None, typer.Option("--as-known-at", help="only what was known by then")]
STORE = Path("out/reference.sqlite")


@app.command("import")
def load(
    file: Annotated[Path, typer.Argument(help="CSV file, gzipped or not")],
    kind: Annotated[str, typer.Option(help="own, symbol-properties, universe, map (Lean), or auto")] = "auto",
    valid_from: Annotated[str | None, typer.Option(help="date since when rows hold that do not say")] = None,
    known_at: Known = None,
    store: Store = STORE,
    served: Served = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Import instruments: new ones, and new versions of those that changed; what is known already is left out.

    A file of one's own has a header with ticker and venue, and any of instrument_id, kind, name, figi, isin, currency,
    sector, calendar, tick_size, tick_bands, lot_size, multiplier, valid_from, valid_to, known_at. Rows that cannot be
    read are told by line, and the others are imported; where none can be read the exit code is 1.

    Example: ita instruments import universe-20140324.csv.gz
    """
    from apps.cli.main import WORK_FAILED, WrongUse
    from apps.instruments import listings_of, printed
    from connectors.files.action_rows import instant_of
    from connectors.files.listing_rows import KINDS, ListingFileError, read_listings

    if kind not in KINDS:
        raise WrongUse(f"a kind is one of {', '.join(KINDS)}; {kind!r} was given")
    try:
        begin, known = (None if each is None else instant_of(each) for each in (valid_from, known_at))
        listings, bad = read_listings(file, kind, begin, known)
    except (ListingFileError, ValueError) as error:
        raise WrongUse(str(error)) from error
    with listings_of(store, served, config) as kept:
        done = kept.add(listings)
    told = {**done._asdict(), "bad": [each._asdict() for each in bad]}
    nothing_read = bool(bad) and not listings
    if json:
        typer.echo(printed(told))
        if nothing_read:
            raise typer.Exit(WORK_FAILED)
        return
    for line, reason in bad[:20]:
        typer.echo(f"line {line}: {reason}", err=True)
    if len(bad) > 20:
        typer.echo(f"... and {len(bad) - 20} more", err=True)
    typer.echo(f"{done.new} new, {done.changed} changed, {done.unchanged} as known, {len(bad)} rows not read")
    if nothing_read:
        raise typer.Exit(WORK_FAILED)


@app.command("show")
def show(
    name: Name,
    at: At = None,
    as_known_at: Known = None,
    store: Store = STORE,
    served: Served = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Show what bears a name at an instant, as it was known at another.

    Example: ita instruments show AAPL --at 2014-03-24
    """
    from apps.cli.main import WORK_FAILED, WrongUse
    from apps.instruments import as_text, listings_of, printed
    from connectors.files.action_rows import instant_of
    from domain.market import END

    try:
        valid, known = (END if each is None else instant_of(each) for each in (at, as_known_at))
    except ValueError as error:
        raise WrongUse(str(error)) from error
    with listings_of(store, served, config, make=False) as kept:
        found = kept.named(name, valid, known) or kept.named(name.upper(), valid, known)
    typer.echo(printed(found) if json else as_text(found) or f"nothing is known of {name}")
    if not found:
        raise typer.Exit(WORK_FAILED)


@app.command("history")
def history(
    name: Name, store: Store = STORE, served: Served = False, config: Config = None, json: AsJson = False
) -> None:
    """Show every version of the instruments that bear a name, or ever did.

    Example: ita instruments history AAPL
    """
    from apps.cli.main import WORK_FAILED
    from apps.instruments import as_text, listings_of, printed

    with listings_of(store, served, config, make=False) as kept:
        found = kept.history(name) or kept.history(name.upper())
    typer.echo(printed(found) if json else as_text(found) or f"nothing is known of {name}")
    if not found:
        raise typer.Exit(WORK_FAILED)
