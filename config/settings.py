"""The one module that reads configuration: YAML in, checked settings out, and a hash that names what was read."""

import csv
import dataclasses
import difflib
import hashlib
import io
import typing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pydantic
import yaml

from analytics.risk_limit_rows import RiskLimits
from config.sections import Base, SizingSettings
from domain.instruments import Instrument, Universe
from features.catalogue import lines
from features.comparison import Comparison, comparison_lines
from features.family import Family
from features.reference import check_versions, families_with
from operators.compliance_facts import Facts, facts_of
from operators.compliance_rules import (
    ComplianceParams,
    approvers_table,
    restrictions,
    rights_table,
    tolerances,
)
from operators.limit_rows import limit_table
from operators.risk_limit_table import risk_limit_table
from operators.sizing import SizingParams
from operators.strategy import Filter, Strategy, params_of
from operators.strategy_reads import column, compares, comparisons_of, features_read, named, own_columns

FILES = ("base.yaml", "universe.yaml", "strategies.yaml", "limits.yaml", "compliance.yaml")
DEFAULT = Path(__file__).parent
SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""That of libyaml where there is one: it takes a seventh of the time."""


class SettingsError(ValueError):
    """Configuration that cannot be used: says which file, what is wrong, what was given and what is allowed."""


class Listing(NamedTuple):
    """universe.yaml: what is listed, what an unlisted instrument is taken for (None: refused), and the calendar."""

    instruments: tuple[Instrument, ...]
    defaults: dict[str, Any] | None
    calendar: str


class Demand(NamedTuple):
    """What is to be made of features.

    The families of an instrument's own columns; the comparisons, with the columns that they and the strategies
    which compare instruments read; and the numbers of these strategies.
    """

    families: tuple[Family, ...]
    comparisons: tuple[Comparison, ...]
    shared: tuple[str, ...]
    comparing: tuple[int, ...]


class Settings(NamedTuple):
    """Everything that was read, and `digest`, the hash of the files that names this configuration."""

    base: Base
    listing: Listing
    strategies: tuple[Strategy, ...]
    limits: dict[str, Any]
    compliance: dict[str, Any]
    digest: str
    folder: Path
    facts: Facts


def read_settings(folder: Path | None = None, *, judging: bool = True) -> Settings:
    """Read a configuration folder; a file that it lacks is taken from the project's own.

    Who is `judging` needs the inputs of every check; a worker that judges nothing runs without them, also by the
    configuration of an older version. Raises SettingsError with the file, what is wrong, what was given, and what is
    allowed.
    """
    if folder is not None and not folder.is_dir():
        raise SettingsError(
            f"configuration folder {folder} does not exist; copy {DEFAULT.name}/ and change what you need"
        )
    paths = {name: path_of(folder, name) for name in FILES}
    content = {name: path.read_bytes() for name, path in paths.items()}
    values = {name: _yaml(paths[name], text) for name, text in content.items()}
    facts, read = _facts(folder, values["compliance.yaml"])
    digest = hashlib.sha256(
        b"\0".join([*(content[name] for name in FILES), *([read] if read else [])])
    ).hexdigest()[:16]
    base = _base(paths["base.yaml"], values["base.yaml"])
    settings = Settings(
        base,
        _listing(paths["universe.yaml"], values["universe.yaml"]),
        _strategies(paths["strategies.yaml"], values["strategies.yaml"], base.sizing),
        values["limits.yaml"],
        values["compliance.yaml"],
        digest,
        folder or DEFAULT,
        facts,
    )
    params = compliance_params(settings, Universe(settings.listing.instruments))
    if judging:
        _refuse_unconfigured(settings, params)
    feature_demand(settings)
    risk_limits(settings)
    return settings


def feature_demand(settings: Settings) -> Demand:
    """Return everything that the configuration asks for of features, and that a strategy reads.

    Raises SettingsError with the file, and the nearest where a name is unknown.
    """
    asked, known = settings.base.features, named(settings.strategies)
    try:
        families_with((), asked.indicators)
        comparisons_of((), asked.cross_section.compare)
    except ValueError as error:
        raise SettingsError(f"{path_of(settings.folder, 'base.yaml')}: features: {error}") from error
    read: list[str] = []
    for strategy in settings.strategies:
        try:
            mine = features_read(strategy, known)
            made = comparison_lines(comparisons_of(mine))
            check_versions(map(column, mine), (*lines(families_with(own_columns(mine))), *made))
        except ValueError as error:
            path = path_of(settings.folder, "strategies.yaml")
            raise SettingsError(f"{path}: strategy {strategy.name!r}: {error}") from error
        read += mine
    comparisons = comparisons_of(read, asked.cross_section.compare)
    wanted = [*own_columns(read), *(each.reads for each in comparisons if each.reads)]
    shared = own_columns(
        each for n in settings.strategies if compares(n, known) for each in features_read(n, known)
    )
    return Demand(
        families_with(wanted, asked.indicators),
        comparisons,
        tuple(dict.fromkeys([*shared, *(each.reads for each in comparisons if each.reads)])),
        tuple(at for at, strategy in enumerate(settings.strategies) if compares(strategy, known)),
    )


def compliance_params(settings: Settings, universe: Universe) -> ComplianceParams:
    """Return what the checks are judged by; raises SettingsError with the file and the row."""
    limits, rules = settings.limits, settings.compliance
    try:
        table = limit_table(limits.get("limits") or (), limits.get("defaults") or {})
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{path_of(settings.folder, 'limits.yaml')}: {error}") from error
    try:
        made = ComplianceParams(
            table,
            rights_table(rules.get("rights") or {}),
            restrictions(rules.get("lists") or (), universe.instruments),
            tolerances(rules.get("tolerances") or {}),
            facts=settings.facts,
            not_applicable=rules.get("not_applicable") or {},
            deployed={strategy.name: strategy.version for strategy in settings.strategies},
            approvers=approvers_table(rules.get("approvers") or {}),
        )
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{path_of(settings.folder, 'compliance.yaml')}: {error}") from error
    return made


def _refuse_unconfigured(settings: Settings, params: ComplianceParams) -> None:
    """Refuse a configuration with a check that has no input and is not said to be needless; it would refuse orders."""
    if params.unconfigured:
        what, needs = params.unconfigured[0]
        raise SettingsError(
            f"{path_of(settings.folder, 'compliance.yaml')}: {what} has no input {needs!r}; give it under `inputs`, or "
            f"say under `not_applicable` why the check does not apply"
        )


def _facts(folder: Path | None, rules: dict[str, Any]) -> tuple[Facts, bytes]:
    """Return the inputs of compliance.yaml, and the bytes of the files that it names; raises SettingsError."""
    path = path_of(folder, "compliance.yaml")
    given: dict[str, Any] = {}
    read = b""
    for name, rows in (rules.get("inputs") or {}).items():
        if isinstance(rows, dict) and set(rows) == {"file"}:
            text = _input_file(path, folder, str(rows["file"]))
            read += text
            given[name] = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig", errors="replace"))))
        elif isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
            given[name] = rows
        else:
            raise SettingsError(
                f"{path}: input {name!r} is a list of rows or {{file: NAME.csv}}; {rows!r} was given"
            )
    try:
        return facts_of(given), read
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from error


def _input_file(path: Path, folder: Path | None, name: str) -> bytes:
    file = path_of(folder, name)
    if not file.is_file():
        raise SettingsError(
            f"{path}: input file {name!r} is not in {folder or DEFAULT}; put it there, or give rows"
        )
    return file.read_bytes()


def risk_limits(settings: Settings) -> RiskLimits:
    """Return the limits of risk that are watched; raises SettingsError with the file and the row."""
    rows, defaults = settings.limits.get("risk_limits") or (), settings.limits.get("defaults") or {}
    try:
        return risk_limit_table(rows, defaults)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{path_of(settings.folder, 'limits.yaml')}: {error}") from error


def universe_of(settings: Settings, held: tuple[str, ...], known: tuple[Instrument, ...]) -> Universe:
    """Return the universe of a run: the instruments that its sources hold, by the best that is known of each.

    `known` is reference data that the sources bring. Raises SettingsError for an instrument that nobody lists, where
    unlisted ones are not accepted.
    """
    best = {instrument.name: instrument for instrument in (*known, *settings.listing.instruments)}
    for name in held:
        if name not in best:
            if settings.listing.defaults is None:
                near = difflib.get_close_matches(name, best, 3) or sorted(best)[:3]
                raise SettingsError(
                    f"instrument {name!r} is not listed in universe.yaml; the nearest: {', '.join(near) or 'none'}; "
                    "list it, or set accept_unlisted: true"
                )
            best[name] = _instrument(Path("universe.yaml"), {**settings.listing.defaults, "name": name})
    return Universe(tuple(best[name] for name in held))


def path_of(folder: Path | None, name: str) -> Path:
    """Return a file of a configuration folder, the project's own where the folder lacks it."""
    own = (folder or DEFAULT) / name
    return own if own.exists() else DEFAULT / name


def yaml_values(path: Path) -> dict[str, Any]:
    """Return what a file of names and values holds; raises SettingsError where it is not one."""
    return _yaml(path, path.read_bytes())


def _yaml(path: Path, text: bytes) -> dict[str, Any]:
    try:
        values = yaml.load(text, SAFE_LOADER)  # noqa: S506  both loaders are safe ones
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path} holds a {type(values).__name__}; a mapping of names to values is needed")
    return values


def _base(path: Path, values: dict[str, Any]) -> Base:
    try:
        return Base.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        hint = _near(str(first["loc"][-1]), first["loc"][:-1]) if first["type"] == "extra_forbidden" else ""
        raise refusal(path, error, hint) from error


def refusal(path: Path, error: pydantic.ValidationError, hint: str = "") -> SettingsError:
    """Return the first thing that is wrong in a file, with its place and what was given."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    unknown = first["type"] == "extra_forbidden"
    words = "there is no such key" if unknown else first["msg"].lower()
    return SettingsError(f"{path}: {place}: {words}; {first['input']!r} was given{hint}")


def _near(name: str, place: tuple[int | str, ...]) -> str:
    model: Any = Base
    for part in place:
        if str(part) not in getattr(model, "model_fields", {}):
            return ""
        found = model.model_fields[str(part)].annotation
        model = next((each for each in typing.get_args(found) if isinstance(each, type)), found)
    known = tuple(getattr(model, "model_fields", {}))
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"; the nearest known is {near[0]!r}"
    return f"; known are {', '.join(known)}" if known else ""


def _instrument(path: Path, row: dict[str, Any]) -> Instrument:
    try:
        return msgspec.convert(row, Instrument, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise SettingsError(f"{path}: instrument {row.get('name', 'without a name')!r}: {error}") from error


def _listing(path: Path, values: dict[str, Any]) -> Listing:
    unknown = sorted(set(values) - {"accept_unlisted", "calendar", "defaults", "instruments"})
    if unknown:
        raise SettingsError(
            f"{path}: unknown key {unknown[0]!r}; allowed: accept_unlisted, calendar, defaults, instruments"
        )
    defaults = dict(values.get("defaults") or {})
    rows = values.get("instruments") or []
    instruments = tuple(_instrument(path, {**defaults, **row}) for row in rows)
    Universe(instruments)
    accepted = values.get("accept_unlisted", True)
    if not isinstance(accepted, bool):
        raise SettingsError(f"{path}: accept_unlisted is true or false; {accepted!r} was given")
    return Listing(instruments, defaults if accepted else None, str(values.get("calendar", "XNYS")))


def _strategies(path: Path, values: dict[str, Any], sizing: SizingSettings) -> tuple[Strategy, ...]:
    made = []
    for row in values.get("strategies") or []:
        fields = dict(row)
        try:
            kind = fields.get("kind", fields.get("name"))
            params = params_of(str(kind), fields.pop("params", None) or {})
            filters = tuple(_filter(each) for each in fields.pop("filters", None) or ())
            own = fields.pop("sizing", None)
            sized = None if own is None else _sizing(sizing, own)
            made.append(
                Strategy(**{**fields, "kind": kind, "params": params, "filters": filters, "sizing": sized})
            )
        except (ValueError, TypeError) as error:
            raise SettingsError(f"{path}: strategy {row.get('name', 'without a name')!r}: {error}") from error
    if not made:
        raise SettingsError(f"{path} lists no strategy; at least one is needed")
    return tuple(made)


def _filter(row: dict[str, Any]) -> Filter:
    """Return a strategy's filter; raises ValueError for what is none."""
    known = {each.name for each in dataclasses.fields(Filter)}
    for name in row:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.0)[0]
            raise ValueError(f"a filter has no {name!r}; the nearest known is {near!r}")
    numbers = [row[name] for name in ("min", "max") if name in row]
    if "feature" not in row or any(
        isinstance(each, bool) or not isinstance(each, (int, float)) for each in numbers
    ):
        raise ValueError(
            f"a filter is {{feature: NAME, min: NUMBER, max: NUMBER, over: NAME}}; {row} was given"
        )
    return Filter(**row)


def _sizing(desk: SizingSettings, own: dict[str, Any]) -> SizingParams:
    """Return the desk's sizing with what a strategy says otherwise; raises ValueError for what is no sizing."""
    unknown = sorted(set(own) - set(SizingSettings.model_fields))
    if unknown:
        near = difflib.get_close_matches(unknown[0], SizingSettings.model_fields, 1, 0.0)[0]
        raise ValueError(f"sizing has no {unknown[0]!r}; the nearest known is {near!r}")
    try:
        return SizingSettings.model_validate({**desk.model_dump(), **own}).params()
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"sizing.{name}: {first['msg'].lower()}; {first['input']!r} was given") from error
