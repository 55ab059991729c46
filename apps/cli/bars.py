"""`ita bars`: bars of any kind out of ticks, and longer bars out of shorter ones."""

from pathlib import Path
from typing import Annotated

import typer

Sources = Annotated[
    list[str],
    typer.Argument(
        help="lean:DIR, csv:PATH, parquet:PATH, simulator: or whatever `ita replay` takes; or a file of ticks or bars"
    ),
]
Kind = Annotated[
    str,
    typer.Option(
        help="time, tick, volume, notional, range, renko, tick_imbalance, volume_imbalance, notional_imbalance, "
        "tick_runs, volume_runs or notional_runs"
    ),
]
Size = Annotated[
    str,
    typer.Option(
        help="time: 90, 5m, 1h; tick, imbalance, runs: trades; volume: units; notional: money; range, renko: price"
    ),
]
Of = Annotated[str, typer.Option(help="trades, or quotes: mid prices and quoted sizes")]
Out = Annotated[Path, typer.Option(help="file to write: CSV, or parquet by its ending")]
Instruments = Annotated[str | None, typer.Option(help="only these, comma separated: AIG,BAC")]
From = Annotated[str | None, typer.Option("--from", help="first day, 2013-10-07")]
To = Annotated[str | None, typer.Option("--to", help="last day, 2013-10-08")]
Empty = Annotated[
    str | None, typer.Option(help="time bars in which nothing traded: skip, or carry the close before")
]
Partial = Annotated[str | None, typer.Option(help="bars that are not whole: keep, drop or mark")]
Calendar = Annotated[str | None, typer.Option(help="whose sessions bars lie in: XNYS, FX, 24/7 ...")]
Span = Annotated[
    int | None, typer.Option("--expected-span", min=1, help="imbalance, runs: bars that are averaged")
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--expected-limit", min=0, help="imbalance, runs: times longer or shorter than SIZE; 0: any"
    ),
]
Versions = Annotated[bool, typer.Option("--versions", help="every version of a bar, not only the last")]
Candles = Annotated[
    bool, typer.Option("--candles", help="time bars as a venue tells them itself, with where each is from")
]
Config = Annotated[Path | None, typer.Option(help="folder with YAML files that replace the project's own")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]


def bars(  # noqa: PLR0913, PLR0917  the options of the command
    sources: Sources,
    kind: Kind,
    size: Size,
    out: Out,
    of: Of = "trades",
    instruments: Instruments = None,
    first: From = None,
    last: To = None,
    empty: Empty = None,
    partial: Partial = None,
    calendar: Calendar = None,
    span: Span = None,
    limit: Limit = None,
    versions: Versions = False,
    candles: Candles = False,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Make bars of one kind: a row for each bar, in its last version, in order of close.

    The kernels are those of the desk, so late trades and cancels in the ticks have revised what they reach. A file of
    bars (open, high, low, close and open_at and close_at, or a date) is composed to longer ones with --kind time; a
    file of this command is one.

    With --candles a venue's own candles are asked for, over REST: coinbase:BTC-USD with --from and --to, which are days
    of UTC. They are bars of its past without its trades, and tell their source and the address that was asked.

    Examples: ita bars lean:data/equity/usa --instruments IBM --kind tick --size 500 --out bars.parquet;
    ita bars minutes.csv --kind time --size 1h --out hours.csv
    """
    from apps.bar_file import composed, is_bar_file
    from apps.bar_making import BarRules, bars_of_ticks
    from apps.bar_making import Span as Wanted
    from apps.cli.main import WrongUse
    from apps.indicator_values import write
    from apps.quote_file import QuoteFileError
    from config.settings import read_settings
    from domain.bar_kinds import QUOTES, BarKind, bar_spec

    if candles:
        told_bars(sources, (kind, size, of), (first, last), out, config, json)
        return
    _allowed("--of", of, ("trades", QUOTES))
    _allowed("--empty", empty, ("skip", "carry"))
    _allowed("--partial", partial, ("keep", "drop", "mark"))
    rules = BarRules(empty, partial, span, limit, calendar)
    names = tuple(name.strip().upper() for name in instruments.split(",")) if instruments else None
    try:
        spec = bar_spec(f"{kind}:{size}:{of}")
        if len(sources) == 1 and is_bar_file(Path(sources[0])):
            if spec.kind != BarKind.TIME:
                raise WrongUse(
                    f"{sources[0]} holds bars, of which --kind time can be made; {kind} bars need ticks"
                )
            made = composed(Path(sources[0]), spec, rules, calendar or read_settings(config).listing.calendar)
        else:
            made = bars_of_ticks(
                tuple(sources), spec, rules, Wanted(names, first, last), config, versions=versions
            )
    except (QuoteFileError, ValueError) as error:
        raise WrongUse(str(error)) from error
    write(made.table, out)
    told = {
        "name": spec.name,
        "rows_in": made.rows_in,
        "bars": made.table.height,
        "revised": int((made.table["version"] > 0).sum()),
        "refused": made.refused,
        "out": str(out),
    }
    if json:
        import msgspec

        typer.echo(msgspec.json.encode(told).decode())
        return
    for reason, count in made.refused.items():
        typer.echo(f"{count} rows not used: {reason}", err=True)
    typer.echo(f"{made.table.height} bars {spec.name} of {made.rows_in} rows written to {out}")


def told_bars(
    sources: list[str],
    wanted: tuple[str, str, str],
    days: tuple[str | None, str | None],
    out: Path,
    config: Path | None,
    json: bool,
) -> None:
    """Write a venue's own candles; raises WrongUse, SourceError, RequestFailed."""
    from apps.cli.main import WrongUse
    from apps.indicator_values import write
    from apps.venues import candle_table, is_live
    from domain.bar_kinds import BarKind, bar_spec

    first, last = days
    try:
        spec = bar_spec(":".join(wanted))
    except ValueError as error:
        raise WrongUse(str(error)) from error
    if len(sources) != 1 or not is_live(sources[0]) or first is None or last is None:
        raise WrongUse("--candles takes one source, VENUE:INSTRUMENT,INSTRUMENT, with --from and --to")
    if spec.kind != BarKind.TIME or not spec.size.is_integer():
        raise WrongUse(f"candles are time bars of whole seconds; {spec.name} was asked for")
    table = candle_table(sources[0], int(spec.size), (first, last), config)
    write(table, out)
    if json:
        import msgspec

        told = {"name": spec.name, "bars": table.height, "out": str(out)}
        typer.echo(msgspec.json.encode(told).decode())
        return
    typer.echo(f"{table.height} candles {spec.name} of {sources[0]} written to {out}")


def _allowed(option: str, given: str | None, words: tuple[str, ...]) -> None:
    from apps.cli.main import WrongUse

    if given is not None and given not in words:
        raise WrongUse(f"{option} is one of {', '.join(words)}; {given!r} was given")
