"""The file of stress scenarios: named ones, shocks of what is held, and other markets."""

from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from analytics.stress import FactorShocks, Scenario
from config.settings import SettingsError, path_of, yaml_values

Kind = TypeVar("Kind")

SHOCKS = frozenset(FactorShocks._fields)
OTHERS = frozenset(
    {"volatility_multiple", "correlations", "spread_multiple", "depth_divisor", "volume_divisor"}
)


class StressTests(NamedTuple):
    """What a file of scenarios holds: named ones, shocks of what is held, and other markets by name."""

    scenarios: tuple[Scenario, ...]
    shocks: FactorShocks
    others: dict[str, Any]
    path: Path


def read_stress_tests(path: Path | None) -> StressTests:
    """Read a file of scenarios, the project's own where none is given; raises SettingsError for what it cannot use."""
    path = path or path_of(None, "stress.yaml")
    if not path.is_file():
        raise SettingsError(f"{path} is no file; copy config/stress.yaml and change what you need")
    values = yaml_values(path)
    made = []
    for row in values.get("scenarios") or []:
        fields = {**row, "name": str(row.get("name", ""))}
        fields["window"] = (str(row.get("from", "")), str(row.get("to", "")))
        fields.pop("from", None)
        fields.pop("to", None)
        unknown = sorted(set(fields) - set(Scenario.__dataclass_fields__))
        if unknown or not fields.get("name"):
            known = ", ".join(sorted({*Scenario.__dataclass_fields__, "from", "to"} - {"window"}))
            raise SettingsError(
                f"{path}: scenario {row.get('name', 'without a name')!r}: "
                f"{f'unknown key {unknown[0]!r}' if unknown else 'a name is needed'}; allowed: {known}"
            )
        made.append(_converted(fields, Scenario, path, f"scenario {fields['name']!r}"))
    other = dict(values.get("hypothetical") or {})
    unknown = sorted(set(other) - SHOCKS - OTHERS)
    if unknown:
        raise SettingsError(
            f"{path}: unknown key {unknown[0]!r}; allowed: {', '.join(sorted(SHOCKS | OTHERS))}"
        )
    shocks = {name: value for name, value in other.items() if name in SHOCKS}
    others = {name: value for name, value in other.items() if name in OTHERS}
    given = _converted({**FactorShocks()._asdict(), **shocks}, FactorShocks, path, "hypothetical")
    return StressTests(tuple(made), given, others, path)


def _converted(fields: dict[str, Any], kind: type[Kind], path: Path, place: str) -> Kind:
    values = list(fields.values()) if issubclass(kind, tuple) else fields
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: {place}: {str(error).lower()}") from error
