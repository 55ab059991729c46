"""Scenarios of a desk's universe: its returns from a file, and its moves in the stress scenarios."""

import numpy as np
from numpy.typing import NDArray

from analytics.risk_limit_rows import RiskLimits
from analytics.stress import Holdings, Scenario, hypothetical, moves
from apps.return_file import read_returns
from apps.stress_file import read_stress_tests
from config.settings import Settings, SettingsError, path_of
from domain.instruments import Universe
from operators.risk_standing import ScenarioParams

BY_RETURNS = frozenset(("var", "es", "component_var", "reverse_stress_distance"))
BY_FACTS = frozenset(("country", "factor", "ownership", "adv_share", "days_to_liquidate"))


def check_measured(settings: Settings, limits: RiskLimits, given: frozenset[str]) -> RiskLimits:
    """Return limits that can all be measured; raises SettingsError for one that would never be, and says why.

    `given` are the inputs that are configured in compliance.yaml.
    """
    for row in limits.rows:
        missing = ""
        if row.measure in BY_RETURNS and settings.base.risk.scenarios is None:
            missing = "needs `risk.scenarios` in base.yaml, a file of daily returns"
        elif row.measure in BY_FACTS and "instruments" not in given:
            missing = "needs the input `instruments` in compliance.yaml"
        elif row.measure == "margin" and "margin_rates" not in given:
            missing = "needs the input `margin_rates` in compliance.yaml"
        if missing:
            raise SettingsError(
                f"risk limit {row.limit_id}: {row.measure} {missing}; none is configured, so it would never speak"
            )
    return limits


def shocks_of(settings: Settings, universe: Universe, limits: RiskLimits) -> NDArray[np.float64] | None:
    """Return the move of each instrument in each stress scenario (n, k), None where no limit asks for them."""
    if not any(row.measure == "stress_worst" for row in limits.rows):
        return None
    held = _everything(settings, universe)
    tests = read_stress_tests(path_of(settings.folder, "stress.yaml"))
    general = hypothetical(held, tests.shocks)[:-1]
    return np.ascontiguousarray(np.array([moves(held, each) for each in (*tests.scenarios, *general)]).T)


def scenarios_of(settings: Settings, universe: Universe) -> ScenarioParams | None:
    """Return the scenarios that VaR is told by, None where the configuration names no file.

    An instrument without a column moves by its beta with the mean of those that have one, so that it is not taken for
    riskless. Raises SettingsError where no instrument has a column, ReturnFileError where the file cannot be used.
    """
    risk = settings.base.risk
    if risk.scenarios is None:
        if risk.stress is not None:
            raise SettingsError("risk.stress of base.yaml needs risk.scenarios: a file of returns beside it")
        return None
    panel = read_returns(settings.folder / risk.scenarios)
    columns = {name: place for place, name in enumerate(panel.assets)}
    known = [columns[name] for name in universe.names if name in columns]
    if not known:
        raise SettingsError(
            f"{risk.scenarios} has no column of an instrument of this run, such as {', '.join(universe.names[:3])}"
        )
    market = panel.values[:, known].mean(axis=1)
    rows = [
        panel.values[:, columns[each.name]] if each.name in columns else each.beta * market
        for each in universe.instruments
    ]
    stress = {} if risk.stress is None else _stress(settings, universe, risk.stress)
    return ScenarioParams(np.ascontiguousarray(rows), risk.var_confidence, risk.es_confidence, stress)


def _stress(settings: Settings, universe: Universe, file: str) -> dict[str, NDArray[np.float64]]:
    """Return the moves of all instruments in each named scenario and each shock of all equities (PT-34, 2.4)."""
    tests = read_stress_tests(path_of(settings.folder, file))
    everything = _everything(settings, universe)
    shocks = (Scenario(f"equity {shock:+.0%}", equity=shock) for shock in tests.shocks.equity)
    return {each.name: moves(everything, each) for each in (*tests.scenarios, *shocks)}


def _everything(settings: Settings, universe: Universe) -> Holdings:
    """Return every instrument of the universe with what a scenario moves it by, and no value."""
    instruments = universe.instruments
    return Holdings(
        universe.names,
        np.zeros(len(instruments)),
        np.array([each.beta for each in instruments]),
        tuple(each.sector for each in instruments),
        tuple(each.currency for each in instruments),
        settings.base.desk.base_currency,
    )
