"""Scenarios of a desk's universe, made of a file of returns."""

import numpy as np

from apps.return_file import read_returns
from config.settings import Settings, SettingsError
from domain.instruments import Universe
from operators.risk import ScenarioParams


def scenarios_of(settings: Settings, universe: Universe) -> ScenarioParams | None:
    """Return the scenarios that VaR is told by, None where the configuration names no file.

    An instrument without a column moves by its beta with the mean of those that have one, so that it is not taken for
    riskless. Raises SettingsError where no instrument has a column, ReturnFileError where the file cannot be used.
    """
    risk = settings.base.risk
    if risk.scenarios is None:
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
    return ScenarioParams(np.ascontiguousarray(rows), risk.var_confidence, risk.es_confidence)
