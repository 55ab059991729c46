"""The sections of base.yaml: what each key may be, and what it is where it is left out."""

from datetime import date
from decimal import Decimal
from typing import Literal

import pydantic

from analytics.carry import HOUR, BorrowRate, CarryRates, CashRate, FundingRate
from config.venue_settings import VenueSettings
from domain.bar_kinds import bar_spec
from operators.sizing import Rule, SizingParams


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


class CrossSectionSettings(Section):
    """Which features compare instruments, and how missing values count; see operators/cross_section.py."""

    compare: tuple[str, ...] = pydantic.Field(default=(), strict=False)
    carry_seconds: int = pydantic.Field(default=0, ge=0)
    members_min: int = pydantic.Field(default=2, ge=1)


class FeatureSettings(Section):
    """Which bars features are read from; see operators/feature_rows.py."""

    interval_seconds: int = pydantic.Field(default=60, ge=1)
    revisable_seconds: int = pydantic.Field(default=1800, ge=0)
    indicators: tuple[str, ...] = pydantic.Field(default=(), strict=False)
    cross_section: CrossSectionSettings = CrossSectionSettings()


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
    consolidated_quotes_of: tuple[str, ...] = pydantic.Field(default=("lean",), strict=False)
    feeds_apart_share_max: float = pydantic.Field(default=0.0005, gt=0, lt=1)
    feeds_apart_milliseconds_max: int = pydantic.Field(default=2000, ge=0)


class SizingSettings(Section):
    """How large a position is; see operators/sizing.py."""

    volatility_target: float = pydantic.Field(default=0.10, gt=0)
    volatility_floor: float = pydantic.Field(default=0.05, gt=0)
    capital_fraction: float = pydantic.Field(default=0.05, gt=0, le=1)
    notional_max: Decimal = pydantic.Field(default=Decimal(400_000), gt=0, strict=False)
    no_trade_band: float = pydantic.Field(default=0.10, ge=0, lt=1)
    rule: Rule = pydantic.Field(default=Rule.VOLATILITY_TARGET, strict=False)
    notional_fixed: Decimal = pydantic.Field(default=Decimal(100_000), gt=0, strict=False)
    kelly_fraction: float = pydantic.Field(default=0.25, gt=0, le=1)
    kelly_edge: float = pydantic.Field(default=0.05, gt=0)
    kelly_cap: float = pydantic.Field(default=0.10, gt=0, le=1)
    risk_budget: float = pydantic.Field(default=0.0005, gt=0, le=1)
    turnover_max: float = pydantic.Field(default=0.0, ge=0)

    def params(self) -> SizingParams:
        """Return the settings as the stage takes them."""
        return SizingParams(**self.model_dump())


class LakeSettings(Section):
    """How results are filed; see connectors/lake."""

    rows_per_file: int = pydantic.Field(default=262_144, ge=1024)
    national_best_of: tuple[str, ...] = pydantic.Field(default=("lean",), strict=False)


class RiskSettings(Section):
    """What VaR of the live book is told by: a file of returns, and one of stress scenarios, in the configuration."""

    scenarios: str | None = None
    stress: str | None = None
    var_confidence: float = pydantic.Field(default=0.99, gt=0.5, lt=1)
    es_confidence: float = pydantic.Field(default=0.975, gt=0.5, lt=1)


class CashRow(Section):
    """What a currency earns (`credit`) and costs (`debit`) a year from a day on, fractions."""

    currency: str = pydantic.Field(min_length=3)
    valid_from: date = pydantic.Field(strict=False)
    credit: Decimal = pydantic.Field(gt=-1, lt=1, strict=False)
    debit: Decimal = pydantic.Field(gt=-1, lt=10, strict=False)


class BorrowRow(Section):
    """What borrowing an instrument costs a year from a day on, a fraction; `*` is every one without its own row."""

    instrument: str = pydantic.Field(min_length=1)
    valid_from: date = pydantic.Field(strict=False)
    rate: Decimal = pydantic.Field(ge=0, lt=10, strict=False)


class FundingRow(Section):
    """What part of its value a perpetual's long pays its short each `hours` from a day (UTC) on."""

    instrument: str = pydantic.Field(min_length=1)
    valid_from: date = pydantic.Field(strict=False)
    rate: Decimal = pydantic.Field(gt=-1, lt=1, strict=False)
    hours: int = pydantic.Field(default=8, ge=1, le=24)


class FinancingSettings(Section):
    """Rates of carry; see analytics/carry.py."""

    cash: tuple[CashRow, ...] = pydantic.Field(default=(), strict=False)
    borrow: tuple[BorrowRow, ...] = pydantic.Field(default=(), strict=False)
    funding: tuple[FundingRow, ...] = pydantic.Field(default=(), strict=False)
    days_in_year: dict[str, Literal[360, 365]] = {}

    def rates(self) -> CarryRates:
        """Return the settings as the desk takes them."""
        return CarryRates(
            cash=tuple(
                CashRate(row.currency, _day(row.valid_from), row.credit, row.debit) for row in self.cash
            ),
            borrow=tuple(BorrowRate(row.instrument, _day(row.valid_from), row.rate) for row in self.borrow),
            funding=tuple(
                FundingRate(row.instrument, 24 * HOUR * _day(row.valid_from), row.rate, row.hours)
                for row in self.funding
            ),
            days_in_year=self.days_in_year,
        )


def _day(day: date) -> int:
    return (day - date(1970, 1, 1)).days


class Base(Section):
    """All of base.yaml."""

    desk: Desk = Desk()
    bars: BarSettings = BarSettings()
    features: FeatureSettings = FeatureSettings()
    quality: QualitySettings = QualitySettings()
    sizing: SizingSettings = SizingSettings()
    venue: VenueSettings = VenueSettings()
    lake: LakeSettings = LakeSettings()
    risk: RiskSettings = RiskSettings()
    financing: FinancingSettings = FinancingSettings()
