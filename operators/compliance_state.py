"""What compliance remembers of a book: positions, reservations, exposures, windows, kills, identifiers.

Orders entered count, not fills: a reservation holds an order's quantity and notional from the verdict on, at
its account, strategy, desk and the firm at once. A fill turns reserved into held, the end of an order gives
the rest back, each exactly once: fills are taken by CumQty(14), so that a report that is delivered twice, or
after a later one, changes nothing. Since a fill moves quantity from reserved to held and raises neither
position + open buys nor open sells - position, used + reserved stays within what was allowed at the verdict.

Everything here is plain picklable Python, bounded by the scopes and instruments of the run, the open orders,
and the identifiers of one trading day. Nothing here decides: `compliance.py` does.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from domain.orders import FINAL, ExecType, Execution, OrdStatus
from operators.compliance_counters import Counters, Link, RiskFigures
from operators.compliance_rules import KillMode
from operators.group_exposures import Groups, Weights, shift_groups
from operators.limits import Scopes
from operators.party_screening import HeldList
from operators.short_windows import MessageBucket, Recent, RollingSum

ZERO = Decimal(0)
KILL_SCOPES = ("firm", "desk", "trader", "strategy", "account", "instrument", "venue")


class Holding(msgspec.Struct):
    """What a scope holds and has asked for in one instrument, and what that adds to the scope's exposures.

    `high` and `low` are the values (currency) of position + open buys and of position - open sells, at the
    mark; `gross` is the larger of their magnitudes.
    """

    position: int = 0
    open_buys: int = 0
    open_sells: int = 0
    gross: Decimal = ZERO
    high: Decimal = ZERO
    low: Decimal = ZERO

    def reducible(self, sign: int) -> int:
        """Return how many units an order of that sign may still take off, open orders counted."""
        return max(0, -self.position - self.open_buys if sign > 0 else self.position - self.open_sells)


class Exposure(msgspec.Struct):
    """The exposures of a scope over all instruments, worst case of its open orders, in base currency."""

    gross: Decimal = ZERO
    high: Decimal = ZERO
    low: Decimal = ZERO
    open_notional: Decimal = ZERO


class Standing(NamedTuple):
    """How a scope stands: equity and day P&L in base currency, drawdown as a fraction, losses in a row."""

    equity: Decimal
    day_pnl: Decimal
    drawdown: Decimal
    consecutive_losses: int = 0


class Share(NamedTuple):
    """A measure as numerator and denominator, compared without a division, and as a number to report."""

    above: Decimal
    below: Decimal
    measured: float


class Losses(NamedTuple):
    """The measures of PT-35 of one scope; a field is None where the standing is no number to judge by.

    `daily_loss` is percent of the equity that the day began with, `drawdown` percent, `consecutive_losses` a
    count.
    """

    daily_loss: Share | None
    drawdown: Share | None
    consecutive_losses: Share | None


class Kill(NamedTuple):
    """A kill switch that is set: its mode, since when (ns UTC), and why."""

    mode: KillMode
    since_at: int
    reason: str


class Reservation(msgspec.Struct):
    """An open order as compliance holds it; `unit_notional` is the value of one unit in base currency.

    `price` is its limit, None at the market; `locate_id` names the borrowed shares that it uses (PT-38).
    """

    account: str
    strategy: str
    desk: str
    scopes: Scopes
    symbol: str
    sign: int
    quantity: int
    filled: int
    unit_notional: Decimal
    price: Decimal | None = None
    locate_id: str = ""


class Settled(StrEnum):
    """What an execution did to the reservation of its order; the last three are breaks to be looked into."""

    NOTHING = "nothing"
    CONVERTED = "converted"
    RELEASED = "released"
    REPEATED = "repeated"
    OVERFILLED = "overfilled"
    LATE_FILL = "late_fill"
    UNKNOWN = "unknown"


class Leaf(NamedTuple):
    """The finest place a position is kept at."""

    account: str
    strategy: str
    desk: str
    symbol: str


@dataclass(slots=True)
class ComplianceState:
    """The memory of one book; `firm` names the scope that all of it adds up to."""

    firm: str = "firm"
    trading_day: int = 0
    seen: set[str] = field(default_factory=set)
    closed: dict[str, Reservation] = field(default_factory=dict)
    kills: dict[str, Kill] = field(default_factory=dict)
    losses: dict[str, Losses] = field(default_factory=dict)
    positions: dict[Leaf, int] = field(default_factory=dict)
    holdings: dict[tuple[str, str], Holding] = field(default_factory=dict)
    exposures: dict[str, Exposure] = field(default_factory=dict)
    unit_values: dict[str, Decimal] = field(default_factory=dict)
    holders: dict[str, list[str]] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    windows: dict[tuple[str, str, int], RollingSum] = field(default_factory=dict)
    buckets: dict[str, MessageBucket] = field(default_factory=dict)
    recent: Recent = field(default_factory=Recent)
    counters: Counters = field(default_factory=Counters)
    equities: dict[str, Decimal] = field(default_factory=dict)
    weights: dict[str, Weights] = field(default_factory=dict)
    weighed: tuple[int, str] = (0, "")
    fresh_weights: set[str] = field(default_factory=set)
    groups: Groups = field(default_factory=dict)
    resting: dict[tuple[str, int], dict[str, Reservation]] = field(default_factory=dict)
    name_lists: dict[str, HeldList] = field(default_factory=dict)

    def __setstate__(self, stored: tuple[None, dict[str, Any]]) -> None:
        """Be what was stored, also by a version that knew of no lists of names."""
        self.name_lists = {}
        for name, value in stored[1].items():
            setattr(self, name, value)

    def scopes(self, account: str, strategy: str, desk: str) -> Scopes:
        """Return the scopes that a position or order of these three adds up in."""
        return Scopes(f"account:{account}", f"strategy:{strategy}", f"desk:{desk}", f"firm:{self.firm}")


def set_kill(state: ComplianceState, scope: str, mode: KillMode, at: int, reason: str) -> None:
    """Set or release (mode NONE) the kill switch of a scope, such as `strategy:trend` or `firm:firm`.

    Raises ValueError where nothing could ever be of that scope, since such a switch would stop nothing.
    """
    kind, _, name = scope.partition(":")
    if kind not in KILL_SCOPES or not name or (kind == "firm" and name != state.firm):
        raise ValueError(
            f"a kill scope is TYPE:NAME with TYPE one of {' '.join(KILL_SCOPES)}; {scope!r} was given"
        )
    if mode is KillMode.NONE:
        state.kills.pop(scope, None)
    else:
        state.kills[scope] = Kill(mode, at, reason)


def set_standing(state: ComplianceState, scope: str, standing: Standing) -> None:
    """Note how a scope stands (`account:main`, `firm:firm`); PT-35 judges by the last one given."""
    one = Decimal(1)
    state.equities[scope] = standing.equity
    state.losses[scope] = Losses(
        _share(-standing.day_pnl * 100, standing.equity - standing.day_pnl),
        _share(standing.drawdown * 100, one),
        _share(Decimal(standing.consecutive_losses), one),
    )


def _share(above: Decimal, below: Decimal) -> Share | None:
    if not (above.is_finite() and below.is_finite() and below > 0):
        return None
    return Share(above, below, float(above) / float(below))


def set_mark(state: ComplianceState, symbol: str, unit_value: Decimal) -> None:
    """Value one unit of an instrument from now on (price x multiplier x fx), in every scope."""
    if state.unit_values.get(symbol) == unit_value:
        return
    state.unit_values[symbol] = unit_value
    for scope in state.holders.get(symbol, ()):
        _shift(state, scope, symbol, 0, 0, 0)


def set_weights(state: ComplianceState, symbol: str, weights: Weights) -> None:
    """Say to which groups an instrument belongs from now on; what is held moves with it."""
    before = state.weights.get(symbol, ())
    if before == weights:
        return
    for scope in state.holders.get(symbol, ()):
        held = state.holdings[scope, symbol]
        shift_groups(state.groups, before, scope, -held.gross, -held.high, -held.low)
        shift_groups(state.groups, weights, scope, held.gross, held.high, held.low)
    state.weights[symbol] = weights


def set_risk(state: ComplianceState, scope: str, figures: RiskFigures) -> None:
    """Note a snapshot of a scope's risk (PT-34), such as `account:main`; the last one given counts."""
    state.counters.risk[scope] = figures


def hear(state: ComplianceState, venue: str, heard_at: int, interval: int) -> None:
    """Note that the session of a venue was heard (ns UTC), and how often it should be (ns); PT-46."""
    state.counters.links[venue] = Link(heard_at, interval)


def set_position(
    state: ComplianceState, account: str, strategy: str, desk: str, symbol: str, quantity: int
) -> None:
    """Make a position what it is outside of fills: at the start, after a split, or after a correction."""
    leaf = Leaf(account, strategy, desk, symbol)
    change = quantity - state.positions.get(leaf, 0)
    _move(state, leaf, state.scopes(account, strategy, desk), change)


def hold(state: ComplianceState, cl_ord_id: str, reservation: Reservation) -> None:
    """Reserve an order at its four scopes; raises ValueError where its ClOrdID is reserved already."""
    if cl_ord_id in state.reservations:
        raise ValueError(f"order {cl_ord_id} holds a reservation already; a ClOrdID is reserved once")
    state.reservations[cl_ord_id] = reservation
    state.resting.setdefault((reservation.symbol, reservation.sign), {})[cl_ord_id] = reservation
    _locate(state, reservation, reservation.quantity - reservation.filled)
    open_units(state, reservation, reservation.quantity - reservation.filled)


def convert(state: ComplianceState, cl_ord_id: str, cum_qty: int) -> Settled:
    """Turn what is filled by now (CumQty) from reserved into held; nothing new changes nothing."""
    reservation = state.reservations.get(cl_ord_id)
    open_before = 0
    if reservation is not None:
        open_before = reservation.quantity - reservation.filled
    elif (reservation := state.closed.get(cl_ord_id)) is None:
        return Settled.UNKNOWN
    fresh = cum_qty - reservation.filled
    if fresh <= 0:
        return Settled.REPEATED
    open_units(state, reservation, -min(fresh, open_before))
    reservation.filled = cum_qty
    leaf = Leaf(reservation.account, reservation.strategy, reservation.desk, reservation.symbol)
    _move(state, leaf, reservation.scopes, fresh * reservation.sign)
    if fresh > open_before:
        over = reservation.filled > reservation.quantity
        _close(state, cl_ord_id)
        return Settled.OVERFILLED if over else Settled.LATE_FILL
    if reservation.filled == reservation.quantity:
        _close(state, cl_ord_id)
    return Settled.CONVERTED


def release(state: ComplianceState, cl_ord_id: str) -> Settled:
    """Give back what an order still reserves, once: a second release changes nothing."""
    reservation = state.reservations.get(cl_ord_id)
    if reservation is None:
        return Settled.REPEATED if cl_ord_id in state.closed else Settled.UNKNOWN
    open_units(state, reservation, reservation.filled - reservation.quantity)
    _locate(state, reservation, reservation.filled - reservation.quantity)
    _close(state, cl_ord_id)
    return Settled.RELEASED


def settle(state: ComplianceState, execution: Execution) -> Settled:
    """Take an execution report: convert what is filled and, where the order is over, release the rest.

    Safe to call with reports that come twice or late. Acknowledgements change nothing.
    """
    answer = Settled.NOTHING
    _count(state, execution)
    if execution.cum_qty > 0 or execution.exec_type is ExecType.TRADE:
        answer = convert(state, execution.cl_ord_id, execution.cum_qty)
    if execution.ord_status in FINAL and answer not in (Settled.OVERFILLED, Settled.LATE_FILL):
        released = release(state, execution.cl_ord_id)
        answer = answer if answer is Settled.CONVERTED else released
    return answer


def start_day(state: ComplianceState, trading_day: int) -> None:
    """Forget the identifiers of the day before, where `trading_day` (days since 1970) is a later one."""
    if trading_day > state.trading_day:
        state.trading_day = trading_day
        state.seen.clear()
        state.closed.clear()
        state.counters.next_day()


def _close(state: ComplianceState, cl_ord_id: str) -> None:
    reservation = state.reservations.pop(cl_ord_id, None)
    if reservation is not None:
        state.closed[cl_ord_id] = reservation
        resting = state.resting[reservation.symbol, reservation.sign]
        del resting[cl_ord_id]


def _locate(state: ComplianceState, reservation: Reservation, change: int) -> None:
    """Take borrowed shares for what an order may sell, and give back what it did not (PT-38)."""
    if reservation.locate_id:
        located = state.counters.located
        located[reservation.locate_id] = located.get(reservation.locate_id, 0) + change


def _count(state: ComplianceState, execution: Execution) -> None:
    """Count a trade and an answer of the venue, each report of an open order once (PT-24, PT-25, PT-26)."""
    reservation = state.reservations.get(execution.cl_ord_id)
    if reservation is None:
        return
    if execution.cum_qty > reservation.filled:
        scopes = (reservation.scopes.account, reservation.scopes.firm)
        state.counters.note_execution(
            execution.strategy, execution.symbol, execution.cl_ord_id, scopes, execution.known_at
        )
    if execution.exec_type in (ExecType.NEW, ExecType.TRADE, ExecType.REJECTED):
        rejected = execution.ord_status is OrdStatus.REJECTED
        state.counters.note_answer(execution.strategy, rejected=rejected)


def open_units(state: ComplianceState, reservation: Reservation, change: int) -> None:
    """Raise (or lower) what an order reserves by `change` units at its four scopes."""
    if change == 0:
        return
    notional = change * reservation.unit_notional
    buys, sells = (change, 0) if reservation.sign > 0 else (0, change)
    for scope in reservation.scopes:
        _shift(state, scope, reservation.symbol, 0, buys, sells)
        state.exposures[scope].open_notional += notional


def _move(state: ComplianceState, leaf: Leaf, scopes: Scopes, change: int) -> None:
    if change == 0:
        return
    state.positions[leaf] = state.positions.get(leaf, 0) + change
    for scope in scopes:
        _shift(state, scope, leaf.symbol, change, 0, 0)


def _shift(state: ComplianceState, scope: str, symbol: str, position: int, buys: int, sells: int) -> None:
    """Change a holding and carry its new value into the exposures of its scope; the only place that does."""
    holding = state.holdings.get((scope, symbol))
    if holding is None:
        holding = state.holdings[scope, symbol] = Holding()
        state.holders.setdefault(symbol, []).append(scope)
    exposure = state.exposures.get(scope)
    if exposure is None:
        exposure = state.exposures[scope] = Exposure()
    holding.position += position
    holding.open_buys += buys
    holding.open_sells += sells
    unit = state.unit_values.get(symbol, ZERO)
    high = (holding.position + holding.open_buys) * unit
    low = (holding.position - holding.open_sells) * unit
    gross = max(abs(high), abs(low))
    risen, fallen, wider = high - holding.high, low - holding.low, gross - holding.gross
    exposure.high += risen
    exposure.low += fallen
    exposure.gross += wider
    if weights := state.weights.get(symbol):
        shift_groups(state.groups, weights, scope, wider, risen, fallen)
    holding.high, holding.low, holding.gross = high, low, gross
