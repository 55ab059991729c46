"""The simulated venue in base.yaml: latency, fees, its fills, and how far its line may be relied on."""

from decimal import Decimal

import pydantic

from operators.venue_params import FeeTier, Latency, LatencyKind, LineParams, VenueParams

MICROSECOND = 1_000
MILLISECOND = 1_000_000
Probability = pydantic.Field(default=0.0, ge=0, le=1)


class Part(pydantic.BaseModel):
    """A part of the venue's section; unknown keys and wrong types are refused."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True)


class LatencySettings(Part):
    """A distribution of latencies: fixed, lognormal (median and sigma), or empirical (samples)."""

    distribution: LatencyKind = pydantic.Field(default=LatencyKind.FIXED, strict=False)
    microseconds: int = pydantic.Field(default=0, ge=0)
    sigma: float = pydantic.Field(default=0.5, ge=0)
    samples_microseconds: tuple[int, ...] = pydantic.Field(default=(), strict=False)

    @pydantic.model_validator(mode="after")
    def _has_samples(self) -> "LatencySettings":
        if self.distribution is LatencyKind.EMPIRICAL and not self.samples_microseconds:
            raise ValueError("an empirical latency needs samples_microseconds")
        return self

    def made(self) -> Latency:
        """Return the distribution in nanoseconds."""
        samples = tuple(sample * MICROSECOND for sample in self.samples_microseconds)
        return Latency(self.distribution, self.microseconds * MICROSECOND, self.sigma, samples)


class FeeSettings(Part):
    """Fees from a traded volume on."""

    volume_from: int = pydantic.Field(ge=0)
    maker_per_unit: Decimal = pydantic.Field(strict=False)
    taker_per_unit: Decimal = pydantic.Field(strict=False)


class LineSettings(Part):
    """How the venue and its line lie; see operators/venue_params.py `LineParams`. What is left out is off."""

    lost_acknowledgements: float = Probability
    late_fills: float = Probability
    duplicates: float = Probability
    reordered: float = Probability
    rejects: float = Probability
    partial_fills: float = Probability
    busts: float = Probability
    corrections: float = Probability
    refusals: float = Probability
    drop_copy_losses: float = Probability
    report_latency: LatencySettings = LatencySettings()
    late_milliseconds: int = pydantic.Field(default=20_000, ge=0)
    reorder_milliseconds: int = pydantic.Field(default=1_000, ge=0)
    amend_milliseconds: int = pydantic.Field(default=10_000, ge=0)
    pending_milliseconds: int = pydantic.Field(default=0, ge=0)
    drop_copy_milliseconds: int = pydantic.Field(default=0, ge=0)
    disconnect_every_seconds: int = pydantic.Field(default=0, ge=0)
    disconnect_milliseconds: int = pydantic.Field(default=2_000, ge=1)
    cancel_on_disconnect: bool = True

    @pydantic.model_validator(mode="after")
    def _is_back_in_time(self) -> "LineSettings":
        every = self.disconnect_every_seconds * 1_000
        if every and self.disconnect_milliseconds >= every:
            raise ValueError(
                f"disconnect_milliseconds has to be below the {every} of disconnect_every_seconds"
            )
        return self

    def made(self) -> LineParams:
        """Return the line's parameters in nanoseconds."""
        return LineParams(
            self.lost_acknowledgements,
            self.late_fills,
            self.duplicates,
            self.reordered,
            self.rejects,
            self.partial_fills,
            self.busts,
            self.corrections,
            self.refusals,
            self.drop_copy_losses,
            self.report_latency.made(),
            self.late_milliseconds * MILLISECOND,
            self.reorder_milliseconds * MILLISECOND,
            self.amend_milliseconds * MILLISECOND,
            self.pending_milliseconds * MILLISECOND,
            self.drop_copy_milliseconds * MILLISECOND,
            self.disconnect_every_seconds * 1_000 * MILLISECOND,
            self.disconnect_milliseconds * MILLISECOND,
            self.cancel_on_disconnect,
        )


class VenueSettings(Part):
    """The simulated venue and how orders are put to it; see operators/venue.py."""

    name: str = "XSIM"
    latency_microseconds: int = pydantic.Field(default=500, ge=0)
    fee_per_unit: Decimal = pydantic.Field(default=Decimal("0.003"), ge=0, strict=False)
    participation_max: float = pydantic.Field(default=0.2, gt=0, le=1)
    order_ttl_seconds: int = pydantic.Field(default=30, ge=1)
    limit_through_ticks: int = pydantic.Field(default=2, ge=0)
    answer_seconds: int = pydantic.Field(default=5, ge=1)
    seed: int = 0
    queue: bool = False
    latency: LatencySettings = LatencySettings()
    fees: tuple[FeeSettings, ...] = pydantic.Field(default=(), strict=False)
    line: LineSettings | None = None

    @pydantic.field_validator("fees")
    @classmethod
    def _tiers_rise(cls, fees: tuple[FeeSettings, ...]) -> tuple[FeeSettings, ...]:
        froms = [tier.volume_from for tier in fees]
        if froms and (froms[0] != 0 or froms != sorted(set(froms))):
            raise ValueError(f"tiers need a volume_from that rises from 0; {froms} were given")
        return fees

    def made(self) -> VenueParams:
        """Return the venue's parameters."""
        return VenueParams(
            self.name,
            self.latency_microseconds * MICROSECOND,
            self.fee_per_unit,
            self.participation_max,
            0,
            self.seed,
            self.latency.made(),
            tuple(FeeTier(tier.volume_from, tier.maker_per_unit, tier.taker_per_unit) for tier in self.fees),
            self.queue,
            self.line.made() if self.line is not None else None,
        )
