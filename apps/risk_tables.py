"""Tables of risk for people."""

from typing import Any

from rich.console import Console
from rich.table import Table

FORECASTS_SHOWN = 10


def print_var(told: dict[str, Any]) -> None:
    """Print what `ita risk var` came to."""
    console = Console(soft_wrap=True)
    days = told["horizon_days"]
    console.print(
        f"{told['method']} at {told['confidence']:.4g}, {days} {'day' if days == 1 else 'days'}, "
        f"{told['observations']} observations from {told['from']} to {told['to']}"
    )
    error = f" (standard error {told['standard_error']:.3g})" if "standard_error" in told else ""
    console.print(f"VaR {told['var']:,.8g}{error}   ES {told['es']:,.8g}   losses are positive")
    console.print(f"quantile {told['quantile_convention']}")
    console.print(f"ES {told['es_convention']}")
    if days > 1:
        console.print(f"horizon {told['horizon_scaling']}")
    for name, value in told["parameters"].items():
        console.print(f"{name} {value}")
    for flag in told["flags"]:
        console.print(f"note {flag}")
    if told["components"]:
        console.print(_components(told["components"]))
    if "rolling" in told:
        _print_rolling(console, told["rolling"])
    if "backtest" in told:
        console.print(_backtest(told["backtest"]))


def _components(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="What each position adds (components sum to the whole)")
    table.add_column("asset")
    names = ("weight", "marginal_var", "component_var", "incremental_var", "component_es")
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(row["asset"], *(f"{row[name]:,.6g}" for name in names))
    return table


def _print_rolling(console: Console, rolling: dict[str, Any]) -> None:
    shown = rolling["forecasts"][-FORECASTS_SHOWN:]
    table = Table(title=f"The last {len(shown)} of {len(rolling['forecasts'])} forecasts")
    for name in ("date", "var", "es", "loss", "exception"):
        table.add_column(name, justify="left" if name == "date" else "right")
    for row in shown:
        out = "yes" if row["exception"] else ""
        table.add_row(row["date"], f"{row['var']:,.6g}", f"{row['es']:,.6g}", f"{row['loss']:,.6g}", out)
    console.print(table)


def _backtest(told: dict[str, Any]) -> Table:
    seen, said = told["exceptions"], told["exceptions_expected"]
    table = Table(title=f"Backtest: {seen} exceptions in {told['observations']} days, {said:.1f} expected")
    for name in ("test", "statistic", "p-value"):
        table.add_column(name, justify="left" if name == "test" else "right")
    for name in ("kupiec", "christoffersen", "conditional_coverage", "expected_shortfall"):
        if name in told:
            table.add_row(
                name.replace("_", " "), f"{told[name]['statistic']:.6f}", f"{told[name]['p_value']:.6f}"
            )
    light = told["traffic_light"]
    table.add_row(f"traffic light: {light['zone']}", f"{light['cumulative']:.6f}", f"{light['type_one']:.6f}")
    return table
