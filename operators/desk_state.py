"""What the desk is made of and what it remembers: parameters, working orders, and the state of one book."""

import pickle
from collections import deque
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.carry import CarryRates
from analytics.risk_limit_rows import RiskLimits
from domain.instruments import Split, Universe
from domain.market import END, MINUTE, SECOND, Ordered
from domain.orders import NOTHING_ASKED, Progress
from domain.sessions import SessionTable
from operators.agenda import Agenda, planned
from operators.compliance_rules import ComplianceParams
from operators.compliance_state import ComplianceState
from operators.controls import ControlState
from operators.health import HealthBook
from operators.holds import HoldQueue
from operators.mark_volatility import MarkVolatility, fresh_volatility
from operators.marks import fresh_marks
from operators.order_ledger import Ledger, keep
from operators.orders import OrderState
from operators.positions import PositionBook
from operators.risk_standing import RiskState, ScenarioParams
from operators.sizing import SizingParams
from operators.strategy import Strategy
from operators.venue_link import RemoteState
from operators.venue_params import VenueParams
from operators.venue_state import VenueState

Key = tuple[str, str]

SCANNED = ("marks", "marks_at", "walks", "walked_until", "told")
"""What changes without an event."""


class BookBroken(RuntimeError):
    """Cash and positions do not come to what was earned: the desk's books are wrong, so it stops."""


@dataclass(frozen=True)
class DeskParams:
    """What the desk is made of; `firm` accounts trade `strategies` in `universe`.

    `order_ttl_nanoseconds` after its entry a working order is cancelled; `limit_through_ticks` is how far beyond the
    opposite quote its limit lies; `starting_cash` in base currency; `remote_venue` says that the venue is a worker
    elsewhere, which then needs a latency. `health_gates` says whether the health of an instrument's data decides
    what may be sent (PT-12). `risk_limits` are watched after each fill and each minute, and `risk_scenarios` are what
    VaR is told by, `risk_shocks` the moves of stress scenarios (instruments, scenarios). After `answer_nanoseconds`
    without an answer a venue that lies is asked for it. `carry` are the rates of interest, borrow fees and funding.
    """

    universe: Universe
    strategies: tuple[Strategy, ...]
    compliance: ComplianceParams
    sizing: SizingParams
    venue: VenueParams
    sessions: SessionTable
    splits: tuple[Split, ...] = ()
    account: str = "main"
    desk: str = "equities"
    trader: str = "desk.trader"
    base_currency: str = "USD"
    starting_cash: Decimal = Decimal(10_000_000)
    order_ttl_nanoseconds: int = 30 * SECOND
    limit_through_ticks: int = 2
    snapshot_nanoseconds: int = MINUTE
    remote_venue: bool = False
    health_gates: bool = True
    risk_limits: RiskLimits = field(default_factory=RiskLimits)
    risk_scenarios: ScenarioParams | None = None
    risk_shocks: NDArray[np.float64] | None = None
    answer_nanoseconds: int = 5 * SECOND
    carry: CarryRates = field(default_factory=CarryRates)

    def __post_init__(self) -> None:
        """Refuse a venue elsewhere that answers at the instant of the asking: the desk could not wait for it."""
        if self.remote_venue and self.venue.latency_nanoseconds < 1:
            raise ValueError(
                "a venue in a worker of its own needs a latency of at least 1 ns; "
                f"{self.venue.latency_nanoseconds} was given"
            )
        if self.remote_venue and self.venue.line is not None:
            raise ValueError(
                "a venue in a worker of its own does not lie; leave out `venue.line`, or run it embedded"
            )


@dataclass
class Working:
    """An order that is not final: its state, and when it is to be cancelled (ns UTC)."""

    state: OrderState
    expires_at: int
    cancelled: bool = False


@dataclass
class Walk:
    """An ordered batch that waits, or what is left of it; `until` (ns UTC) is where it ends once it has begun."""

    item: Ordered
    until: int | None = None


@dataclass
class DeskState:
    """All the memory of one book; `walks` are the batches that are not walked to their end yet.

    `short_sale_days` is the day on which the desk last saw Rule 201 triggered in an instrument (PT-39).
    `turnover` is what each strategy has traded since the last end of a session, in base currency.
    `ledger` holds the orders that work, and of a venue that lies those of the day; `settled` are the ones of them that
    were over when the last session ended.
    `agenda` holds the corporate actions to come (in a state of a version that knew of splits alone it is None, and
    `splits_done` of the parameters' are over), `ended` the instruments that a merger or delisting has ended, `splits`
    those that instruments went through: (instrument, effective_at in ns UTC, ratio). The limits were stated at
    `limits_since` (ns UTC, below 0 before the run).

    `oldest_mark` is when the oldest mark of what is held was looked up last, and of when it was (ns UTC; PT-02).

    The desk stands at `walked_until` (ns UTC): what is before it was decided, and nothing else.

    `events` counts what has been asked of the desk: between two of them nothing changes but `SCANNED`, so that a
    snapshot packs the rest, thousands of small objects, once an event and not once an epoch.
    """

    marks: NDArray[np.void]
    wanted: NDArray[np.bool_]
    unsettled: NDArray[np.bool_]
    compliance: ComplianceState
    venue: VenueState | RemoteState
    positions: PositionBook
    volatility: MarkVolatility
    short_sale_days: dict[str, int] = field(default_factory=dict)
    working: dict[Key, Working] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    signal_ids: dict[Key, str] = field(default_factory=dict)
    snapshot_at: int = END
    session_end_at: int = END
    session_watch_at: int = END
    funding_at: int = END
    splits_done: int = 0
    agenda: Agenda | None = None
    ended: frozenset[str] = frozenset()
    splits: tuple[tuple[str, int, Decimal], ...] = ()
    limits_since: int = -1
    marks_at: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    walks: deque[Walk] = field(default_factory=deque)
    walked_until: int = 0
    told: Progress = NOTHING_ASKED
    controls: ControlState = field(default_factory=ControlState)
    health: HealthBook = field(default_factory=HealthBook)
    turnover: dict[str, Decimal] = field(default_factory=dict)
    holds: HoldQueue = field(default_factory=HoldQueue)
    risk: RiskState = field(default_factory=RiskState)
    ledger: Ledger = field(default_factory=Ledger)
    settled: set[str] = field(default_factory=set)
    oldest_mark: tuple[int, int] = (0, 0)
    events: int = 0
    packed: tuple[int, bytes] = field(default=(-1, b""), repr=False, compare=False)

    def __getstate__(self) -> tuple[dict[str, Any], bytes]:
        """Return what the scan changes, and the rest as bytes."""
        if self.packed[0] != self.events:
            rest = {name: getattr(self, name) for name in _names() if name not in (*SCANNED, "packed")}
            self.packed = (self.events, pickle.dumps(rest, protocol=pickle.HIGHEST_PROTOCOL))
        return {name: getattr(self, name) for name in SCANNED}, self.packed[1]

    def __setstate__(self, stored: tuple[dict[str, Any], bytes]) -> None:
        """Be what was stored, also by a version that knew of no health, no risk, or no ledger."""
        scanned, rest = stored
        self.health, self.risk = HealthBook(), RiskState()
        self.ledger, self.settled = Ledger(), set()
        for name, value in {**scanned, **pickle.loads(rest)}.items():  # noqa: S301  packed by this class
            setattr(self, name, value)
        for working in self.working.values():
            if working.state.order.order_id not in self.ledger.orders:
                keep(self.ledger, working.state)
        self.packed = (self.events, rest)


def turn_over(state: DeskState, strategy: str, value: Decimal) -> None:
    """Add a fill to what its strategy has traded today, in base currency; below 0 for one that is taken back."""
    state.turnover[strategy] = state.turnover.get(strategy, Decimal(0)) + value


def _names() -> tuple[str, ...]:
    return tuple(each.name for each in fields(DeskState))


def fresh_desk(params: DeskParams) -> DeskState:
    """Return a book that holds its starting cash and nothing else."""
    shape = (len(params.strategies), len(params.universe))
    return DeskState(
        marks=fresh_marks(len(params.universe)),
        wanted=np.zeros(len(params.universe), np.bool_),
        unsettled=np.zeros(shape, np.bool_),
        compliance=ComplianceState(),
        venue=RemoteState() if params.remote_venue else VenueState(),
        positions=PositionBook(params.account, params.starting_cash),
        volatility=fresh_volatility(len(params.universe)),
        agenda=planned(params.splits),
    )
