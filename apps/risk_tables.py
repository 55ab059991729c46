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


def print_stress(told: dict[str, Any]) -> None:
    """Print what `ita risk stress` came to."""
    console = Console(soft_wrap=True)
    exposed = told["exposures"]
    console.print(
        f"gross {exposed['gross']:,.2f}, net {exposed['net']:,.2f}, beta-adjusted {exposed['beta_adjusted']:,.2f} "
        f"{told['base_currency']}; net asset value {told['nav']:,.2f}"
    )
    table = Table(title="Scenarios, the worst first (losses are negative)")
    for name in ("scenario", "P&L", "of NAV", "moved by", "most of it"):
        table.add_column(name, justify="right" if name in ("P&L", "of NAV") else "left", overflow="fold")
    for row in sorted(told["scenarios"], key=lambda row: float(row["pnl"])):
        drivers = ", ".join(f"{each['asset']} {each['pnl']:,.0f}" for each in row["drivers"][:2])
        table.add_row(row["name"], f"{row['pnl']:,.2f}", f"{row['of_nav']:.2%}", row["moved_by"], drivers)
    console.print(table)
    _print_reverse(console, told["reverse"])
    for market, value in told["var"].items():
        shown = value if isinstance(value, str) else f"{value:,.6g}"
        console.print(f"VaR {market.replace('_', ' ')}: {shown}")
    spread = told["concentration"]
    console.print(f"HHI {spread['hhi']:.4f}, as {spread['effective_number']:.2f} equal positions")
    for market, row in told["liquidity"]["markets"].items():
        days = (
            "none known" if row["days_longest"] is None else f"{row['days_longest']:.2f} days at the longest"
        )
        within = ", ".join(f"{part:.0%} in {day}" for day, part in row["liquid_within_days"].items())
        console.print(f"liquidity, {market}: {days}; cost {row['cost']:,.2f}; {within}")


def _print_reverse(console: Console, reverse: dict[str, Any]) -> None:
    least = reverse["least"]
    found = f"{least['name']} scaled by {least['scale']:.4g}" if least else "no scenario at any scale"
    console.print(f"a loss of {reverse['loss']:,.2f} is nearest by {found}")
    linear = reverse["linear"]
    if "distance" in linear:
        console.print(f"its likeliest move is {linear['distance']:.4f} deviations away (Mahalanobis)")
    else:
        console.print(f"its likeliest move: {linear['left_out']}")
