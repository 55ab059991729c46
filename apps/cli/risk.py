"""`ita risk`: value at risk, backtests and stress of a person's own files."""

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, help="Risk of one's own files: value at risk, backtests, stress.")

ReturnsFile = Annotated[
    Path, typer.Argument(metavar="RETURNS.csv", help="date, then a column for each asset")
]
MethodName = Annotated[
    str,
    typer.Option(
        help="historical, weighted, normal, student-t, ewma, filtered, cornish-fisher or monte-carlo"
    ),
]
Confidence = Annotated[float, typer.Option(help="between 0 and 1")]
Weights = Annotated[
    str, typer.Option(metavar="W.csv", help="file of asset,weight; or equal (1/n each), or one (1 each)")
]
Rolling = Annotated[
    int | None,
    typer.Option(help="forecast each day from so many before it; the figure is of the last so many"),
]
Backtest = Annotated[
    bool, typer.Option("--backtest", help="test rolling forecasts, of 252 days where --rolling is left out")
]
Horizon = Annotated[int, typer.Option(help="days; the square root rule, which the output states")]
Value = Annotated[float, typer.Option(help="what the portfolio is worth; figures are then in its money")]
Quantile = Annotated[str, typer.Option(help="order-statistic, or linear as numpy's default")]
Decay = Annotated[float, typer.Option("--lambda", help="decay of ewma and of the filter")]
AgeDecay = Annotated[float, typer.Option("--age-lambda", help="decay of the age-weighted history")]
Degrees = Annotated[float | None, typer.Option(help="degrees of freedom of student-t; fitted if left out")]
Volatility = Annotated[str, typer.Option(help="filter of filtered: ewma, or garch")]
Simulations = Annotated[int, typer.Option(help="draws of monte-carlo")]
Seed = Annotated[int, typer.Option(help="of monte-carlo; the same seed gives the same figure")]
CopulaName = Annotated[
    str, typer.Option("--copula", help="of monte-carlo: normal, or student-t (4 degrees of freedom)")
]
Drop = Annotated[bool, typer.Option("--drop-incomplete", help="leave rows out that lack values")]
Prices = Annotated[
    bool | None,
    typer.Option("--prices/--no-prices", help="the file holds prices; where left out such a file is refused"),
]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]


@app.command("var")
def var(  # noqa: PLR0913, PLR0917  an option for each thing that one may ask
    returns: ReturnsFile,
    method: MethodName = "historical",
    confidence: Confidence = 0.95,
    weights: Weights = "equal",
    rolling: Rolling = None,
    backtest: Backtest = False,
    horizon: Horizon = 1,
    value: Value = 1.0,
    quantile: Quantile = "order-statistic",
    decay: Decay = 0.94,
    age_decay: AgeDecay = 0.98,
    degrees: Degrees = None,
    volatility: Volatility = "ewma",
    simulations: Simulations = 100_000,
    seed: Seed = 1,
    copula: CopulaName = "normal",
    drop_incomplete: Drop = False,
    prices: Prices = None,
    json: AsJson = False,
) -> None:
    """Value at risk and expected shortfall of a file of returns, and what each position adds.

    Losses are positive. Returns are fractions (0.01 or 1% is one per cent), rows sorted by date. The output names the
    convention of the quantile. Rows that cannot be used are told by line, with exit code 2.

    Example: ita risk var returns.csv --method filtered --confidence 0.99 --weights w.csv --backtest --json
    """
    from analytics.value_at_risk import Copula, Method, VarParams
    from apps.cli.main import WrongUse
    from apps.return_file import ReturnFileError, read_returns, read_weights
    from apps.risk_figures import Asked, risk_figures

    try:
        params = VarParams(
            age_decay,
            decay,
            degrees,
            simulations,
            seed,
            Copula(_one_of("copula", copula, Copula)),
            linear=_one_of("quantile", quantile, ("order-statistic", "linear")) == "linear",
        )
        asked = Asked(
            Method(_one_of("method", method, Method)),
            confidence,
            params,
            _one_of("volatility", volatility, ("ewma", "garch")) == "garch",
            horizon,
            value,
            rolling,
            backtest,
        )
        panel = read_returns(returns, drop_incomplete=drop_incomplete, prices=prices)
        if weights in ("equal", "one"):
            import numpy as np

            count = len(panel.assets)
            held = np.full(count, 1.0 / count if weights == "equal" else 1.0)
        else:
            held = read_weights(Path(weights), panel.assets)
        told = risk_figures(panel, held, asked, weights)
    except (ReturnFileError, ValueError) as error:
        raise WrongUse(str(error)) from error
    _show_var(told, json)


def _one_of(name: str, given: str, allowed: Any) -> str:
    """Return a word that is allowed; raises ValueError with those that are."""
    words = [str(each) for each in allowed]
    if given.lower() not in words:
        raise ValueError(f"--{name} is one of {', '.join(words)}; {given!r} was given")
    return given.lower()


def _show_var(told: dict[str, Any], json: bool) -> None:
    if json:
        import msgspec

        typer.echo(msgspec.json.encode(told).decode())
        return
    from apps.risk_tables import print_var

    print_var(told)


PositionsFile = Annotated[
    Path, typer.Argument(metavar="POSITIONS.csv", help="asset and value, or quantity and price")
]
Scenarios = Annotated[Path | None, typer.Option(help="YAML file of scenarios, as config/stress.yaml")]
ReturnsOption = Annotated[
    Path | None, typer.Option(help="file of returns: real moves of windows, covariances for the rest")
]
Nav = Annotated[float | None, typer.Option(help="net asset value; the gross value if left out")]
Loss = Annotated[
    float | None, typer.Option(help="of reverse stress; a tenth of the net asset value if left out")
]
Participation = Annotated[float, typer.Option(help="part of the daily volume that one can be")]
BaseCurrency = Annotated[str, typer.Option(help="that values are in")]


@app.command("stress")
def stress(
    positions: PositionsFile,
    scenarios: Scenarios = None,
    returns: ReturnsOption = None,
    nav: Nav = None,
    loss: Loss = None,
    participation: Participation = 0.2,
    base_currency: BaseCurrency = "USD",
    json: AsJson = False,
) -> None:
    """Stress a file of positions: historical windows, shocks of what is held, reverse stress, liquidity.

    Further columns, each may be left out: multiplier, fx, beta, sector, currency, adv (daily volume in units, or in
    money beside a value), volatility (of a day), spread. P&L is in base currency, losses are negative.

    Example: ita risk stress positions.csv --returns returns.csv --nav 10000000 --loss 1000000 --json
    """
    import numpy as np

    from apps.cli.main import WrongUse
    from apps.position_file import read_positions
    from apps.return_file import ReturnFileError, read_returns
    from apps.stress_figures import StressAsked, stress_figures
    from apps.stress_file import read_stress_tests

    try:
        held = read_positions(positions, base_currency)
        panel = read_returns(returns) if returns is not None else None
        worth = nav if nav is not None else float(np.abs(held.holdings.values).sum())
        asked = StressAsked(worth, loss if loss is not None else worth / 10, participation)
        told = stress_figures(held, read_stress_tests(scenarios), asked, panel)
    except (ReturnFileError, ValueError) as error:
        raise WrongUse(str(error)) from error
    if json:
        import msgspec

        typer.echo(msgspec.json.encode(told).decode())
        return
    from apps.risk_tables import print_stress

    print_stress(told)
