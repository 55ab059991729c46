"""How the simulated venue behaves: latency, fees, its fills, and how far its line to the desk may be relied on.

Everything that chance decides is a function of a seed and of names, so that it is the same in every run.
"""

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from math import exp
from statistics import NormalDist

from domain.envelope import record_id
from domain.orders import LastLiquidityInd

SECOND = 1_000_000_000
_NORMAL = NormalDist()
_WIDTH = 1 << 96


def chance(*names: object) -> float:
    """Return a number in (0, 1) that is a function of names, evenly spread over different names."""
    return (int(record_id(*names), 16) + 0.5) / _WIDTH


class LatencyKind(StrEnum):
    """Where a latency comes from."""

    FIXED = "fixed"
    LOGNORMAL = "lognormal"
    EMPIRICAL = "empirical"


@dataclass(frozen=True)
class Latency:
    """A distribution of latencies in nanoseconds.

    `fixed` is always `nanoseconds`; `lognormal` has the median `nanoseconds` and the standard deviation `sigma` of its
    logarithm; `empirical` draws from `samples` with equal weight.
    """

    kind: LatencyKind = LatencyKind.FIXED
    nanoseconds: int = 0
    sigma: float = 0.5
    samples: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be a latency."""
        if self.nanoseconds < 0 or self.sigma < 0 or any(sample < 0 for sample in self.samples):
            raise ValueError(
                f"a latency needs nanoseconds, sigma and samples of at least 0; {self.nanoseconds}, {self.sigma} and "
                f"{min(self.samples, default=0)} were given"
            )
        if self.kind is LatencyKind.EMPIRICAL and not self.samples:
            raise ValueError("an empirical latency needs at least one of `samples`; none was given")

    def draw(self, where: float) -> int:
        """Return the latency at a place `where` in (0, 1) of the distribution, in nanoseconds."""
        if self.kind is LatencyKind.FIXED:
            return self.nanoseconds
        if self.kind is LatencyKind.LOGNORMAL:
            return round(self.nanoseconds * exp(self.sigma * _NORMAL.inv_cdf(where)))
        ordered = sorted(self.samples)
        return ordered[int(where * len(ordered))]


@dataclass(frozen=True)
class FeeTier:
    """Fees from a volume on: units that were filled before; per unit of a fill that came to us, and that we took.

    A negative fee is a rebate.
    """

    volume_from: int
    maker_per_unit: Decimal
    taker_per_unit: Decimal


PROBABILITIES = (
    "lost_acknowledgements",
    "late_fills",
    "duplicates",
    "reordered",
    "rejects",
    "partial_fills",
    "busts",
    "corrections",
    "refusals",
    "drop_copy_losses",
)


@dataclass(frozen=True)
class LineParams:
    """How far the line to the venue, and the venue, may be relied on: not at all, where these are not 0.

    Probabilities, of each report: that an acknowledgement is lost, that a fill comes `late_nanoseconds` late, that one
    comes twice, that others overtake it by `reorder_nanoseconds`; of each order: that it is rejected; of each fill:
    that only a part is filled, that it is busted or corrected `amend_nanoseconds` later; of each request: that it is
    refused. `report_latency` is that of reports. A request is pending for `pending_nanoseconds`. Each
    `disconnect_every` nanoseconds the line is down for `disconnect_nanoseconds` (never at 0): requests are lost and
    reports sent again afterwards, and with `cancel_on_disconnect` what rests is cancelled. `drop_copy_losses` is of the
    second line, on which every report stands `drop_copy_nanoseconds` after it was made.
    """

    lost_acknowledgements: float = 0.0
    late_fills: float = 0.0
    duplicates: float = 0.0
    reordered: float = 0.0
    rejects: float = 0.0
    partial_fills: float = 0.0
    busts: float = 0.0
    corrections: float = 0.0
    refusals: float = 0.0
    drop_copy_losses: float = 0.0
    report_latency: Latency = Latency()
    late_nanoseconds: int = 20 * SECOND
    reorder_nanoseconds: int = SECOND
    amend_nanoseconds: int = 10 * SECOND
    pending_nanoseconds: int = 0
    drop_copy_nanoseconds: int = 0
    disconnect_every: int = 0
    disconnect_nanoseconds: int = 2 * SECOND
    cancel_on_disconnect: bool = True

    def __post_init__(self) -> None:
        """Refuse what is no probability, and a line that is down for longer than until the next time."""
        for name in PROBABILITIES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"a line needs {name} in [0, 1]; {getattr(self, name)} was given")
        spans = (
            self.late_nanoseconds,
            self.reorder_nanoseconds,
            self.amend_nanoseconds,
            self.pending_nanoseconds,
            self.drop_copy_nanoseconds,
        )
        if min(spans) < 0:
            raise ValueError(f"a line needs times of at least 0 ns; {min(spans)} was given")
        if self.disconnect_every and not 0 < self.disconnect_nanoseconds < self.disconnect_every:
            raise ValueError(
                f"a line that is down each {self.disconnect_every} ns needs disconnect_nanoseconds above 0 and below "
                f"that; {self.disconnect_nanoseconds} was given"
            )


@dataclass(frozen=True)
class VenueParams:
    """How the venue behaves.

    `latency_nanoseconds` between sending and arrival, either way counted once, and up to `jitter_nanoseconds` more, a
    function of `seed` and the message, and what `latency` draws; messages never overtake each other. `fee_per_unit` in
    the order's currency, charged per report and rounded to cents, or by `fees` where there are tiers;
    `participation_max` is our share of a trade's size. With `queue` a resting order waits behind the size that was
    shown at its price when it came; `line` says how the venue lies, None that it does not.
    """

    name: str = "XSIM"
    latency_nanoseconds: int = 500_000
    fee_per_unit: Decimal = Decimal("0.003")
    participation_max: float = 0.2
    jitter_nanoseconds: int = 0
    seed: int = 0
    latency: Latency = Latency()
    fees: tuple[FeeTier, ...] = ()
    queue: bool = False
    line: LineParams | None = None

    def __post_init__(self) -> None:
        """Refuse a venue that answers before it was asked, or trades more than the market."""
        if min(self.latency_nanoseconds, self.jitter_nanoseconds) < 0 or self.fee_per_unit < 0:
            raise ValueError(
                f"a venue needs latency_nanoseconds, jitter_nanoseconds and fee_per_unit of at least 0; "
                f"{self.latency_nanoseconds}, {self.jitter_nanoseconds} and {self.fee_per_unit} were given"
            )
        if not 0 < self.participation_max <= 1:
            raise ValueError(f"a venue needs participation_max in (0, 1]; {self.participation_max} was given")
        froms = [tier.volume_from for tier in self.fees]
        if froms and (froms[0] != 0 or froms != sorted(set(froms))):
            raise ValueError(f"fee tiers need rising volume_from that begin with 0; {froms} were given")


def transit(params: VenueParams, order_id: str, kind: str) -> int:
    """Return how long a message to the venue is on its way, in nanoseconds."""
    more = (
        params.latency.draw(chance("transit", params.seed, order_id, kind))
        if params.latency != Latency()
        else 0
    )
    if params.jitter_nanoseconds:
        more += int(record_id("latency", params.seed, order_id, kind), 16) % (params.jitter_nanoseconds + 1)
    return params.latency_nanoseconds + more


def fee_per_unit(params: VenueParams, volume: int, liquidity: LastLiquidityInd) -> Decimal:
    """Return the fee of a unit after `volume` units were filled."""
    if not params.fees:
        return params.fee_per_unit
    tier = params.fees[bisect_right(params.fees, volume, key=_from) - 1]
    return tier.maker_per_unit if liquidity is LastLiquidityInd.ADDED else tier.taker_per_unit


def _from(tier: FeeTier) -> int:
    return tier.volume_from
