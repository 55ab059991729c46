"""What a report about an order may say: which status with which kind, which after which, which wins (5.1)."""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

from domain.market import END
from domain.orders import ENDED, FINAL, IDLE, ExecType, Execution, OrdStatus

_ALL = frozenset(OrdStatus)
_LATER = _ALL - {OrdStatus.PENDING_NEW}
_PENDING = frozenset({OrdStatus.PENDING_CANCEL, OrdStatus.PENDING_REPLACE})
_LEVELS = frozenset({OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.FILLED})

TRANSITIONS: dict[OrdStatus, frozenset[OrdStatus]] = {
    OrdStatus.PENDING_NEW: _ALL,
    OrdStatus.NEW: _LATER,
    OrdStatus.PARTIALLY_FILLED: _LATER - {OrdStatus.NEW, OrdStatus.REJECTED},
    OrdStatus.STOPPED: _LATER,
    OrdStatus.SUSPENDED: _LATER,
    OrdStatus.DONE_FOR_DAY: _LATER - {OrdStatus.REJECTED},
    OrdStatus.CALCULATED: _LATER - {OrdStatus.REJECTED},
    OrdStatus.PENDING_CANCEL: _LATER,
    OrdStatus.PENDING_REPLACE: _LATER,
    OrdStatus.FILLED: _PENDING | {OrdStatus.FILLED, OrdStatus.CALCULATED},
    OrdStatus.CANCELED: frozenset(),
    OrdStatus.REJECTED: frozenset(),
    OrdStatus.EXPIRED: frozenset(),
}
"""Which status may follow which (5.1, first table and the platform's additions).

The table is closed under reports left out: where A leads to B and B to C, A leads to C, so that a report that comes
late or never does no harm. What a bust, a correction or a replace makes of a filled order is `level_before`; what
revives an order that has ended is a restatement alone (`may_follow_end`)."""

PAIRS: dict[ExecType, frozenset[OrdStatus]] = {
    ExecType.PENDING_NEW: frozenset({OrdStatus.PENDING_NEW}),
    ExecType.NEW: frozenset({OrdStatus.NEW}),
    ExecType.TRADE: frozenset({OrdStatus.PARTIALLY_FILLED, OrdStatus.FILLED}) | _PENDING,
    ExecType.DONE_FOR_DAY: frozenset({OrdStatus.DONE_FOR_DAY}),
    ExecType.CANCELED: frozenset({OrdStatus.CANCELED}),
    ExecType.REPLACED: _LEVELS | _PENDING,
    ExecType.PENDING_CANCEL: frozenset({OrdStatus.PENDING_CANCEL}),
    ExecType.PENDING_REPLACE: _PENDING,
    ExecType.STOPPED: frozenset({OrdStatus.STOPPED}),
    ExecType.REJECTED: frozenset({OrdStatus.REJECTED}),
    ExecType.SUSPENDED: frozenset({OrdStatus.SUSPENDED}),
    ExecType.CALCULATED: frozenset({OrdStatus.CALCULATED}),
    ExecType.EXPIRED: frozenset({OrdStatus.EXPIRED}),
    ExecType.RESTATED: _ALL,
    ExecType.TRADE_CORRECT: _LEVELS
    | _PENDING
    | {OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.DONE_FOR_DAY},
    ExecType.TRADE_CANCEL: _LEVELS
    | _PENDING
    | {OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.DONE_FOR_DAY},
    ExecType.ORDER_STATUS: _ALL,
    ExecType.TRIGGERED: frozenset({OrdStatus.NEW}) | _PENDING,
}
"""Which status a report of each kind may carry (5.1); where several statuses hold at once, the one that wins."""

PRECEDENCE: dict[OrdStatus, int] = {
    OrdStatus.PENDING_CANCEL: 12,
    OrdStatus.PENDING_REPLACE: 11,
    OrdStatus.DONE_FOR_DAY: 10,
    OrdStatus.CALCULATED: 9,
    OrdStatus.FILLED: 8,
    OrdStatus.STOPPED: 7,
    OrdStatus.SUSPENDED: 6,
    OrdStatus.CANCELED: 5,
    OrdStatus.EXPIRED: 5,
    OrdStatus.PARTIALLY_FILLED: 4,
    OrdStatus.NEW: 2,
    OrdStatus.PENDING_NEW: 2,
    OrdStatus.REJECTED: 2,
}
"""Which status is said where several hold at once, the highest (5.1, FIX Appendix D)."""

AMENDING = frozenset({ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT})
FILLING = frozenset({ExecType.TRADE, ExecType.TRADE_CORRECT})
_FIRST = frozenset({ExecType.PENDING_NEW, ExecType.NEW})
_NOT_FILLED = frozenset({OrdStatus.PENDING_NEW, OrdStatus.NEW, OrdStatus.REJECTED})
SMALLEST_PRICE = Decimal("1e-12")


class Applied(StrEnum):
    """What became of a report; a member of `BREAKS` is to be looked into by a person."""

    APPLIED = "applied"
    REPEATED = "repeated"
    EARLY = "early"
    LATE_FILL = "late_fill"
    AMENDED_AFTER_END = "amended_after_end"
    MISSING_FILLS = "missing_fills"
    SURPLUS_FILLS = "surplus_fills"
    EXEC_ID_REUSED = "exec_id_reused"
    ILLEGAL_PAIR = "illegal_pair"
    ILLEGAL_TRANSITION = "illegal_transition"
    OVERFILLED = "overfilled"
    QUANTITIES_DISAGREE = "quantities_disagree"
    PRICES_DISAGREE = "prices_disagree"
    TERMS_DISAGREE = "terms_disagree"
    WRONG_ORDER = "wrong_order"


BREAKS = frozenset(Applied) - {Applied.APPLIED, Applied.REPEATED, Applied.EARLY}
"""Answers to reports that do not fit."""
COUNTED = frozenset(
    {
        Applied.LATE_FILL,
        Applied.AMENDED_AFTER_END,
        Applied.MISSING_FILLS,
        Applied.SURPLUS_FILLS,
        Applied.OVERFILLED,
        Applied.PRICES_DISAGREE,
        Applied.TERMS_DISAGREE,
    }
)
"""Breaks of reports that take effect all the same: what they tell of is a fact. The others change nothing."""


def winning(statuses: Iterable[OrdStatus]) -> OrdStatus:
    """Return the status that is said where several hold at once; the first of those that are level."""
    return max(statuses, key=PRECEDENCE.__getitem__)


def contradiction(report: Execution) -> Applied | None:
    """Return what a report says against itself, whatever the order's state; None where it makes sense."""
    status, kind = report.ord_status, report.exec_type
    if status not in PAIRS[kind]:
        return Applied.ILLEGAL_PAIR
    order_qty, cum_qty, last_qty = report.order_qty, report.cum_qty, report.last_qty
    if kind in FILLING:
        fits = last_qty >= 1 and report.last_px is not None and report.last_px.is_finite()
        fits = fits and cum_qty >= (last_qty if kind is ExecType.TRADE else 0)
    else:
        fits = last_qty == 0 or kind is ExecType.TRADE_CANCEL
    over = cum_qty > order_qty
    leaves_qty = 0 if status in IDLE or over else order_qty - cum_qty
    fits = fits and cum_qty >= 0 and (report.leaves_qty == leaves_qty or (over and report.leaves_qty <= 0))
    if status in _NOT_FILLED:
        fits = fits and cum_qty == 0
    elif status is OrdStatus.PARTIALLY_FILLED:
        fits = fits and 0 < cum_qty < order_qty
    elif status is OrdStatus.FILLED:
        fits = fits and cum_qty >= order_qty
    return None if fits else Applied.QUANTITIES_DISAGREE


def level_before(status: OrdStatus, report: Execution) -> OrdStatus:
    """Return the status that a report follows on, by what it says is filled.

    An order that was filled, and of which its venue now says that it is not filled whole, was busted, corrected or
    replaced up in between, even where the report that said so was lost.
    """
    if status not in _LEVELS or report.exec_type in _FIRST or report.cum_qty >= report.order_qty:
        return status
    if report.cum_qty:
        return OrdStatus.PARTIALLY_FILLED
    return OrdStatus.NEW


def filled_range(status: OrdStatus, order_qty: int) -> tuple[int, int]:
    """Return how much of an order may be filled at least and at most in a status (units)."""
    if status in _NOT_FILLED:
        return 0, 0
    if status is OrdStatus.PARTIALLY_FILLED:
        return 1, max(1, order_qty - 1)
    if status is OrdStatus.FILLED:
        return order_qty, END
    return 0, END


def may_refuse(status: OrdStatus, said: OrdStatus) -> bool:
    """Say whether the refusal of a cancel or a replace may give `said` as the state of an order that is in `status`.

    A venue that has forgotten an order that is over says Rejected, and so it does of one that never came there.
    """
    if said is OrdStatus.REJECTED:
        return status in ENDED or status is OrdStatus.PENDING_NEW
    return said is status if status in ENDED else status is not OrdStatus.FILLED or said not in ENDED


def may_follow_end(status: OrdStatus, report: Execution) -> bool:
    """Say whether a report about an order that has ended gives its status: a restatement, or the same one told again.

    A venue may take up again what it has cancelled or let expire (Appendix D, group E), and nothing that it rejected.
    """
    if report.ord_status is status:
        return report.exec_type in {ExecType.ORDER_STATUS, ExecType.RESTATED}
    revived = report.ord_status not in {OrdStatus.PENDING_NEW, OrdStatus.REJECTED}
    return report.exec_type is ExecType.RESTATED and status is not OrdStatus.REJECTED and revived


def disagreement(status: OrdStatus, cum_qty: int, report: Execution) -> Applied | None:
    """Return why a report cannot follow on a state that has not ended; None where it can."""
    if report.ord_status not in TRANSITIONS[level_before(status, report)]:
        return Applied.ILLEGAL_TRANSITION
    if cum_qty and (report.exec_type in _FIRST or report.exec_type is ExecType.REJECTED):
        return Applied.QUANTITIES_DISAGREE
    return None


def average_fits(report: Execution, notional: Decimal) -> bool:
    """Say whether AvgPx(6) is the average of the fills, to one unit of the last place that it is reported in."""
    reported = report.avg_px
    if not reported.is_finite():
        return False
    unit = max(Decimal(1).scaleb(int(reported.as_tuple().exponent)), SMALLEST_PRICE)
    return abs(reported * report.cum_qty - notional) <= unit * report.cum_qty


def is_open(status: OrdStatus) -> bool:
    """Say whether more is expected of an order in that status."""
    return status not in FINAL
