"""The one module that reads configuration: YAML in, checked settings out, and a hash that names what was read."""

import difflib
import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import pydantic
import yaml

from domain.bar_kinds import bar_spec
from domain.instruments import Instrument, Universe
from operators.compliance_rules import ComplianceParams, restrictions, rights_table, tolerances
from operators.limit_rows import limit_table
from operators.strategy import Strategy, params_of

FILES = ("base.yaml", "universe.yaml", "strategies.yaml", "limits.yaml", "compliance.yaml")
DEFAULT = Path(__file__).parent


class SettingsError(ValueError):
    """Configuration that cannot be used: says which file, what is wrong, what was given and what is allowed."""


class Section(pydantic.BaseModel):
    """A part of base.yaml; unknown keys and wrong types are refused."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)


class Desk(Section):
    """Who trades, and with what."""

    account: str = "main"
    desk: str = "equities"
    trader: str = "desk.trader"
    base_currency: str = "USD"
    starting_cash: Decimal = pydantic.Field(default=Decimal(10_000_000), gt=0, strict=False)


class BarSettings(Section):
    """Which bars are made; see operators/bars.py and, for those of named kinds, operators/built_bars.py."""

    intervals_seconds: tuple[int, ...] = pydantic.Field(default=(1, 60, 300, 86_400), strict=False)
    lateness_milliseconds: int = pydantic.Field(default=250, ge=0, lt=1000)
    revision_horizon_seconds: int = pydantic.Field(default=1200, ge=0)
    built: tuple[str, ...] = pydantic.Field(default=(), strict=False)
    empty: Literal["skip", "carry"] = "skip"
    partial: Literal["keep", "drop", "mark"] = "mark"
    expected_span_bars: int = pydantic.Field(default=20, ge=1)
    expected_limit: int = pydantic.Field(default=10, ge=0)

    @pydantic.field_validator("built")
    @classmethod
    def _named(cls, built: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what names no kind of bar, and a name that comes twice; return the names as they are written."""
        names = tuple(bar_spec(text).name for text in built)
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"each kind of bar is named once; {twice} was given twice")
        return names


class FeatureSettings(Section):
    """Which bars features are read from; see operators/feature_rows.py."""

    interval_seconds: int = pydantic.Field(default=60, ge=1)
    revisable_seconds: int = pydantic.Field(default=1800, ge=0)


class QualitySettings(Section):
    """What is normal, and what is healthy; see operators/normalise.py and operators/health_kernel.py."""

    jump_max: float = pydantic.Field(default=0.25, gt=0)
    jump_confirmations: int = pydantic.Field(default=3, ge=1)
    gates_trading: bool = True
    flags_rows: bool = False
    silence_multiple: int = pydantic.Field(default=4, ge=1)
    silence_seconds_min: int = pydantic.Field(default=10, ge=1)
    crossed_milliseconds_max: int = pydantic.Field(default=1000, ge=0)
    sequences_dense: bool = False
    gap_clears_seconds: int = pydantic.Field(default=5, ge=0)
    refused_share_max: float = pydantic.Field(default=0.01, gt=0, lt=1)
    refused_rows_min: int = pydantic.Field(default=10, ge=1)


class SizingSettings(Section):
    """How large a position is; see operators/sizing.py."""

    volatility_target: float = pydantic.Field(default=0.10, gt=0)
    volatility_floor: float = pydantic.Field(default=0.05, gt=0)
    capital_fraction: float = pydantic.Field(default=0.05, gt=0, le=1)
    notional_max: Decimal = pydantic.Field(default=Decimal(400_000), gt=0, strict=False)
    no_trade_band: float = pydantic.Field(default=0.10, ge=0, lt=1)


class VenueSettings(Section):
    """The simulated venue and how orders are put to it; see operators/venue.py."""

    name: str = "XSIM"
    latency_microseconds: int = pydantic.Field(default=500, ge=0)
    fee_per_unit: Decimal = pydantic.Field(default=Decimal("0.003"), ge=0, strict=False)
    participation_max: float = pydantic.Field(default=0.2, gt=0, le=1)
    order_ttl_seconds: int = pydantic.Field(default=30, ge=1)
    limit_through_ticks: int = pydantic.Field(default=2, ge=0)


class LakeSettings(Section):
    """How results are filed; see connectors/lake."""

    rows_per_file: int = pydantic.Field(default=262_144, ge=1024)


class Base(Section):
    """All of base.yaml."""

    desk: Desk = Desk()
    bars: BarSettings = BarSettings()
    features: FeatureSettings = FeatureSettings()
    quality: QualitySettings = QualitySettings()
    sizing: SizingSettings = SizingSettings()
    venue: VenueSettings = VenueSettings()
    lake: LakeSettings = LakeSettings()


class Listing(NamedTuple):
    """universe.yaml: what is listed, what an unlisted instrument is taken for (None: refused), and the calendar."""

    instruments: tuple[Instrument, ...]
    defaults: dict[str, Any] | None
    calendar: str


class Settings(NamedTuple):
    """Everything that was read, and `digest`, the hash of the files that names this configuration."""

    base: Base
    listing: Listing
    strategies: tuple[Strategy, ...]
    limits: dict[str, Any]
    compliance: dict[str, Any]
    digest: str
    folder: Path


def read_settings(folder: Path | None = None) -> Settings:
    """Read a configuration folder; a file that it lacks is taken from the project's own.

    Raises SettingsError with the file, what is wrong, what was given, and what is allowed.
    """
    if folder is not None and not folder.is_dir():
        raise SettingsError(
            f"configuration folder {folder} does not exist; copy {DEFAULT.name}/ and change what you need"
        )
    paths = {name: path_of(folder, name) for name in FILES}
    content = {name: path.read_bytes() for name, path in paths.items()}
    values = {name: _yaml(paths[name], text) for name, text in content.items()}
    digest = hashlib.sha256(b"\0".join(content[name] for name in FILES)).hexdigest()[:16]
    settings = Settings(
        _base(paths["base.yaml"], values["base.yaml"]),
        _listing(paths["universe.yaml"], values["universe.yaml"]),
        _strategies(paths["strategies.yaml"], values["strategies.yaml"]),
        values["limits.yaml"],
        values["compliance.yaml"],
        digest,
        folder or DEFAULT,
    )
    compliance_params(settings, Universe(settings.listing.instruments))
    return settings


def compliance_params(settings: Settings, universe: Universe) -> ComplianceParams:
    """Return what the checks are judged by; raises SettingsError with the file and the row."""
    limits, rules = settings.limits, settings.compliance
    try:
        table = limit_table(limits.get("limits") or (), limits.get("defaults") or {})
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{path_of(settings.folder, 'limits.yaml')}: {error}") from error
    try:
        return ComplianceParams(
            table,
            rights_table(rules.get("rights") or {}),
            restrictions(rules.get("lists") or (), universe.instruments),
            tolerances(rules.get("tolerances") or {}),
        )
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{path_of(settings.folder, 'compliance.yaml')}: {error}") from error


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
        values = yaml.safe_load(text)
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
    return SettingsError(f"{path}: {place}: {first['msg'].lower()}; {first['input']!r} was given{hint}")


def _near(name: str, place: tuple[int | str, ...]) -> str:
    model: Any = Base
    for part in place:
        model = model.model_fields[str(part)].annotation
    near = difflib.get_close_matches(name, model.model_fields, 1, 0.0)
    return f"; the nearest known is {near[0]!r}"


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


def _strategies(path: Path, values: dict[str, Any]) -> tuple[Strategy, ...]:
    made = []
    for row in values.get("strategies") or []:
        fields = dict(row)
        try:
            kind = fields.get("kind", fields.get("name"))
            params = params_of(str(kind), fields.pop("params", None) or {})
            made.append(Strategy(**{**fields, "kind": kind, "params": params}))
        except (ValueError, TypeError) as error:
            raise SettingsError(f"{path}: strategy {row.get('name', 'without a name')!r}: {error}") from error
    if not made:
        raise SettingsError(f"{path} lists no strategy; at least one is needed")
    return tuple(made)
