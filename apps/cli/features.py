"""`ita features`: values online now, point-in-time rows, and whether what is served is what the lake says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, help="Features of a run: online now, as they were known, and checked."
)

Out = Annotated[Path, typer.Option(help="output folder of a run")]
Instruments = Annotated[
    str | None, typer.Option(help="instruments, separated by commas; all where none is named")
]
Features = Annotated[str | None, typer.Option(help="features, separated by commas; all where none is named")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Search = Annotated[str, typer.Option(help="only lines that hold this text, in any case")]
Entities = Annotated[
    Path | None, typer.Option(help="CSV file with instrument, event_timestamp and perhaps knowledge_at")
]
Every = Annotated[str | None, typer.Option(help="a row each 30s, 5m, 1h or 1d, in place of --entities")]
First = Annotated[
    str | None, typer.Option("--from", help="first instant of --every: ISO with zone, or 10:30")
]
Last = Annotated[str | None, typer.Option("--to", help="last instant of --every")]
AgeMax = Annotated[str | None, typer.Option("--max-age", help="leave out rows older than that, such as 10m")]
Target = Annotated[Path | None, typer.Option(help="write the rows to this .parquet or .csv file")]
Sample = Annotated[int, typer.Option(min=1, help="how many rows to compute again")]
Seed = Annotated[int, typer.Option(min=0, help="which rows: the same seed takes the same")]
Host = Annotated[str, typer.Option(help="address to listen on")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="port to listen on; 0 takes a free one")]
Config = Annotated[Path | None, typer.Option(help="the run's configuration folder, where it had one")]


@app.command("list")
def listed(search: Search = "", json: AsJson = False) -> None:
    """List the features that the desk computes with every bar, and the indicators that can be computed of bars.

    Example: ita features list --search volatility
    """
    from apps.catalogue_page import feature_rows, indicator_rows
    from apps.catalogue_view import show

    show([*feature_rows(), *indicator_rows()], search, json)


@app.command("get")
def get(
    out: Out = Path("out/demo"),
    instruments: Instruments = None,
    features: Features = None,
    json: AsJson = False,
) -> None:
    """Print the online values of instruments now, through Feast.

    Example: ita features get --out out/demo --instruments ACMEX,BOREA --features rsi_14,atr_14
    """
    from apps.feature_store import online_rows
    from apps.feature_view import online_json, online_table

    with _wrong_use():
        rows = online_rows(out, _names(instruments), _names(features))
    _print(online_json(rows) if json else online_table(rows))


@app.command("serve")
def serve(
    out: Out = Path("out/demo"), config: Config = None, host: Host = "127.0.0.1", port: Port = 6566
) -> None:
    """Answer models over HTTP with the online values, by Feast's own feature server; reading only, until SIGTERM.

    Example: ita features serve --out out/demo --port 6566
    """
    from apps.feature_server import NotServed
    from apps.feature_server import serve as answer

    with _wrong_use():
        try:
            answer(out, config, host, port)
        except NotServed as error:
            from apps.cli.main import WrongUse

            raise WrongUse(str(error)) from error


@app.command("history")
def history(  # noqa: PLR0913, PLR0917  one for each option
    out: Out = Path("out/demo"),
    entities: Entities = None,
    instruments: Instruments = None,
    every: Every = None,
    first: First = None,
    last: Last = None,
    features: Features = None,
    max_age: AgeMax = None,
    target: Target = None,
    json: AsJson = False,
) -> None:
    """Print or write what could have been known of features at given instants: rows for a training set.

    Examples: ita features history --entities asked.csv --target rows.parquet;
    ita features history --instruments ACMEX --every 5m --from 10:00 --to 11:00 --features rsi_14
    """
    from apps.cli.main import WrongUse
    from apps.feature_store import grid, read_entities, span_seconds, write_rows
    from apps.feature_store import history as point_in_time_rows
    from apps.feature_view import history_json, history_table

    if (entities is None) == (every is None):
        raise WrongUse("history needs either --entities FILE.csv, or --every such as 5m with --instruments")
    if entities is not None and (instruments or first or last):
        raise WrongUse("--instruments, --from and --to go with --every; with --entities the file names them")
    with _wrong_use():
        asked = (
            read_entities(entities)
            if entities is not None
            else grid(out, _names(instruments), every or "", first, last)
        )
        age = None if max_age is None else float(span_seconds(max_age))
        rows = point_in_time_rows(out, asked, _names(features), age)
        if target is not None:
            write_rows(rows, target)
    _print(history_json(rows, target) if json else history_table(rows, target))


@app.command("check")
def check(
    out: Out = Path("out/demo"),
    sample: Sample = 1000,
    seed: Seed = 0,
    config: Config = None,
    json: AsJson = False,
) -> None:
    """Compute a sample of rows again and compare it with the lake and the online store; exit code 1 where they differ.

    Example: ita features check --out out/demo --sample 5000 --seed 7
    """
    from apps.feature_parity import check as compare
    from apps.feature_view import parity_json, parity_words

    with _wrong_use():
        parity = compare(out, sample, seed, config)
    _print(parity_json(parity) if json else parity_words(parity))
    if not parity.equal:
        raise typer.Exit(1)


def _names(text: str | None) -> list[str] | None:
    """Return the names of a list with commas, None where it is empty."""
    names = [name.strip() for name in (text or "").split(",")]
    return [name for name in names if name] or None


@contextmanager
def _wrong_use() -> Iterator[None]:
    """Turn what cannot be answered into wrong use of the command."""
    from apps.cli.main import WrongUse
    from apps.feature_store import FeatureQuestion
    from connectors.feast.history import HistoryError
    from connectors.feast.store import NoFeatureStore

    try:
        yield
    except (FeatureQuestion, HistoryError, NoFeatureStore) as error:
        raise WrongUse(str(error)) from error


def _print(what: object) -> None:
    """Print JSON text as it is, and tables as wide as the terminal."""
    from rich.console import Console

    if isinstance(what, str):
        print(what)
    else:
        Console().print(what)
