"""Orders: what state is an order in after each report about it?

Key     order
In      Execution, OrderReport, OrderCancelReject
Out     what became of the report: in effect, repeated, waiting for an earlier one, or a break
State   OrderState: the reports by their `sequence`, and what they come to; bounded by the order's reports
Time    none; reports may come twice and in any order, `sequence` of their source tells which was first
Silence never: every report gets one answer

Rules and invariants of standards.md 5.1. The state is what the reports come to when they are read in the order of
their `sequence`, so it is a function of the set of reports and not of the order in which they came in. A report that
comes behind all others is read on the spot; one that comes late has all read again. CumQty is the sum of the fills
that are here: what the venue says is filled and is not here is the `gap`, which a status request or the drop copy
closes. Where the answer to a status request says so, the gap is filled by an execution of our own making, whose
ExecID is a function of what it stands for, until the true ones come.
"""

from bisect import insort
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from domain.action_records import ActionRecord
from domain.corporate_actions import RATIOS
from domain.market import END
from domain.order_messages import OrderCancelReject, OrderReport, OrderRequest, Report, RequestKind
from domain.orders import ENDED, FINAL, IDLE, ExecType, Execution, Order, OrdStatus
from operators.agenda import Living, lives
from operators.order_rules import (
    AMENDING,
    TRANSITIONS,
    Applied,
    average_fits,
    contradiction,
    disagreement,
    filled_range,
    may_follow_end,
    may_refuse,
)
from operators.restatements import Restatement, in_units, restate

LIVES = lives(Living.ADJUSTS)
_PENDING = frozenset({OrdStatus.PENDING_CANCEL, OrdStatus.PENDING_REPLACE})
_NAMES_ORIGINAL = frozenset({ExecType.PENDING_CANCEL, ExecType.PENDING_REPLACE, ExecType.CANCELED})
"""Kinds of report that answer a request: OrigClOrdID(41) is the one in force, ClOrdID(11) the request's own."""
_PENDING_KINDS = frozenset({ExecType.PENDING_CANCEL, ExecType.PENDING_REPLACE})
_TERMS_CHANGE = frozenset({ExecType.REPLACED, ExecType.RESTATED, ExecType.ORDER_STATUS})
_SAID = ("exec_type", "ord_status", "last_qty", "last_px", "cum_qty")
_ZERO = Decimal(0)
_ONE = Decimal(1)


class Fill(NamedTuple):
    """A fill as it was made: quantity, price and fee; `amended_by` names the bust or correction, empty while it stands.

    `restated` is how many restatements were in force then: it is in the units of after those.
    """

    quantity: int
    price: Decimal
    commission: Decimal
    amended_by: str = ""
    restated: int = 0


class Booking(NamedTuple):
    """What is to stand in the books for an order: signed in the order's direction."""

    quantity: int
    price: Decimal
    commission: Decimal


@dataclass
class OrderState:
    """An order, what was asked about it, and what its venue has said.

    `reports` are by (sequence, name), `answers` what became of each by its name. The rest is what the reports come
    to: the terms in force, `fills` by ExecID, `orphans` (busts and corrections of fills that are not here, by
    ExecRefID), `claimed_qty` (the last CumQty of the venue), and what a status report told of fills that are not here
    (`imputed_qty` and its value). `unknown_since` (ns UTC) is when an acknowledgement was missed.
    `restatements` are corporate actions since the order was sent, each read before the first report of after it;
    `ratios` is by how much each has multiplied what was filled. `order` and `fills` stay in the units that they had.
    """

    order: Order
    requests: dict[str, OrderRequest] = field(default_factory=dict)
    reports: list[tuple[int, str, Report]] = field(default_factory=list)
    unknown_since: int | None = None
    restatements: list[Restatement] = field(default_factory=list)
    answers: dict[str, Applied] = field(init=False)
    answered: set[str] = field(init=False)
    status: OrdStatus = field(init=False)
    cl_ord_id: str = field(init=False)
    order_qty: int = field(init=False)
    price: Decimal | None = field(init=False)
    fills: dict[str, Fill] = field(init=False)
    orphans: dict[str, str] = field(init=False)
    filled_qty: int = field(init=False)
    filled_value: Decimal = field(init=False)
    claimed_qty: int = field(init=False)
    imputed_qty: int = field(init=False)
    imputed_value: Decimal = field(init=False)
    ratios: list[Decimal] = field(init=False)

    def __post_init__(self) -> None:
        """Be an order of which nothing was said."""
        self.forget()

    def __setstate__(self, stored: dict[str, Any]) -> None:
        """Be what was stored, also by a version that kept only what the reports came to."""
        self.restatements, self.ratios = [], []
        if "early" not in stored:
            self.__dict__.update(stored)
            return
        self.order, self.requests, self.reports, self.unknown_since = stored["order"], {}, [], None
        self.forget()
        self.status, self.filled_value = stored["status"], stored["notional"]
        self.filled_qty = self.claimed_qty = stored["cum_qty"]
        self.answers = dict.fromkeys(stored["exec_ids"], Applied.APPLIED)

    def forget(self) -> None:
        """Be what the order was before any report."""
        self.answers, self.answered, self.fills, self.orphans, self.ratios = {}, set(), {}, {}, []
        self.status, self.cl_ord_id = OrdStatus.PENDING_NEW, self.order.cl_ord_id
        self.order_qty, self.price = self.order.order_qty, self.order.price
        self.filled_qty = self.claimed_qty = self.imputed_qty = 0
        self.filled_value = self.imputed_value = _ZERO

    @property
    def in_force(self) -> Order:
        """Return the order with the terms that are in force."""
        return msgspec.structs.replace(self.order, order_qty=self.order_qty, price=self.price)

    @property
    def cum_qty(self) -> int:
        """Return CumQty(14): the sum of the fills that stand, and of what a status report said of others."""
        return self.filled_qty + self.imputed_qty

    @property
    def notional(self) -> Decimal:
        """Return the sum of LastQty x LastPx over the same."""
        return self.filled_value + self.imputed_value

    @property
    def leaves_qty(self) -> int:
        """Return LeavesQty(151): what may still be filled."""
        return 0 if self.status in IDLE else max(0, self.order_qty - self.cum_qty)

    @property
    def avg_px(self) -> Decimal:
        """Return AvgPx(6), 0 before the first fill."""
        return self.notional / self.cum_qty if self.cum_qty else _ZERO

    @property
    def gap(self) -> int:
        """Return how much more the venue says is filled than is known here, below 0 how much less."""
        return self.claimed_qty - self.cum_qty

    @property
    def is_unknown(self) -> bool:
        """Say whether the venue was to speak and has not: the order may be working there, or not."""
        return self.unknown_since is not None and not self.reports

    @property
    def is_over(self) -> bool:
        """Say whether nothing more is expected: the status is final, and every fill is here."""
        return self.status in FINAL and self.gap == 0 and not self.orphans


def name_of(report: Report) -> str:
    """Return what a report is known by: its ExecID, or its record_id where it has none."""
    return report.exec_id if isinstance(report, Execution) else report.record_id


def apply_report(state: OrderState, report: Report) -> Applied:
    """Change `state` by a report, and say what became of it.

    Idempotent on ExecID(17). Invariants 1 to 5 of 5.1: LeavesQty = OrderQty - CumQty while working and 0 when it is
    not, CumQty = sum of LastQty of the fills that were not busted. A fill behind a cancel or an expiry is real: it
    counts, the order stays ended, and the answer is the break `LATE_FILL`; a fill too many counts as well
    (`OVERFILLED`). What a report did to the answers of others stands in `state.answers`.
    """
    if not _same_order(state, report):
        return Applied.WRONG_ORDER
    name = name_of(report)
    if name in state.answers:
        return _again(state, name, report)
    place = (report.sequence, name, report)
    behind = bool(state.reports) and place[:2] < state.reports[-1][:2]
    behind = behind or any(report.transact_time < one.action.effective_at for one in state.restatements)
    insort(state.reports, place, key=lambda entry: entry[:2])
    if behind:
        read_again(state)
    else:
        state.answers[name] = _read(state, report)
    return state.answers[name]


def read_again(state: OrderState) -> None:
    """Work out the state from all its reports."""
    state.forget()
    for _, name, report in state.reports:
        state.answers[name] = _read(state, report)
    _restate_until(state, END)


def adjust(state: OrderState, action: ActionRecord, tick_size: Decimal) -> bool:
    """Restate an order through a corporate action; say whether it goes on. The value of its fills stays."""
    state.restatements.append(Restatement(action, tick_size))
    if any(report.transact_time >= action.effective_at for _, _, report in state.reports):
        read_again(state)
    return _restate_until(state, END)


def _restate_until(state: OrderState, until: int) -> bool:
    """Read the actions that had taken effect by an instant (ns UTC); say whether the order outlives them."""
    goes_on = True
    while len(state.ratios) < len(state.restatements):
        action, tick_size = state.restatements[len(state.ratios)]
        if action.effective_at > until:
            break
        made = restate(state.in_force, state.cum_qty, action, tick_size)
        goes_on = goes_on and made.lives
        ratio = action.ratio if made.lives and action.kind in RATIOS else _ONE
        state.order_qty, state.price = made.order.order_qty, made.order.price
        filled = in_units(state.filled_qty, ratio)
        state.filled_qty, state.imputed_qty = filled, made.cum_qty - filled
        state.claimed_qty = in_units(state.claimed_qty, ratio)
        state.ratios.append(ratio)
    return goes_on


def terms_of(state: OrderState, request: OrderRequest) -> Order:
    """Return the order as a replace asks for it, in the units that are in force."""
    asked = msgspec.structs.replace(state.order, order_qty=request.order_qty, price=request.price)
    for action, tick_size in state.restatements[: len(state.ratios)]:
        if action.effective_at > request.transact_time:
            asked = restate(asked, 0, action, tick_size).order
    return asked


def _same_order(state: OrderState, report: Report) -> bool:
    """Say whether a report speaks of this order in everything that is booked by."""
    order = state.order
    same = report.order_id == order.order_id and (
        report.cl_ord_id == order.cl_ord_id or report.cl_ord_id in state.requests
    )
    owner = (order.account, order.strategy, order.symbol)
    same = same and (report.account, report.strategy, report.symbol) == owner
    return same and (isinstance(report, OrderCancelReject) or report.side is order.side)


def _again(state: OrderState, name: str, report: Report) -> Applied:
    """Answer a report whose name was seen before: the same one again, or another one under its name."""
    known = next((each for _, own, each in state.reports if own == name), report)
    if isinstance(known, Execution) and isinstance(report, Execution):
        same = all(getattr(known, name) == getattr(report, name) for name in _SAID)
        return Applied.REPEATED if same else Applied.EXEC_ID_REUSED
    return Applied.REPEATED


def _read(state: OrderState, report: Report) -> Applied:
    """Read the next report in order."""
    _restate_until(state, report.transact_time)
    if isinstance(report, OrderCancelReject):
        return _refused(state, report)
    wrong = contradiction(report)
    if wrong is not None:
        return wrong
    if state.status in ENDED:
        return _after_end(state, report)
    wrong = disagreement(state.status, state.cum_qty, report)
    if wrong is not None:
        return wrong
    terms = _follow_terms(state, report)
    state.status = report.ord_status
    return _count(state, report) or terms or Applied.APPLIED


def _follow_terms(state: OrderState, report: Execution) -> Applied | None:
    """Let the replace be in force that a report names, and take OrderQty from it; say where it was not asked."""
    named = report.cl_ord_id
    if report.exec_type in _NAMES_ORIGINAL and isinstance(report, OrderReport) and report.orig_cl_ord_id:
        named = report.orig_cl_ord_id
    request = state.requests.get(named)
    if report.exec_type in {ExecType.CANCELED, ExecType.REPLACED}:
        state.answered.add(report.cl_ord_id)
    waits = report.exec_type in _PENDING_KINDS and named == report.cl_ord_id
    asked = state.order_qty
    if request is not None and request.kind is RequestKind.REPLACE and not waits:
        terms = terms_of(state, request)
        # a quantity above what was asked is what was filled by then: all of it may have been busted since
        amended = report.order_qty if named != state.cl_ord_id else report.cum_qty
        asked = max(terms.order_qty, amended)
        state.cl_ord_id, state.price = named, terms.price
        state.answered.add(named)
    if isinstance(report, OrderReport) and report.price is not None:
        state.price = report.price
    same = report.order_qty in {state.order_qty, asked}
    state.order_qty = report.order_qty
    return None if same or report.exec_type in _TERMS_CHANGE else Applied.TERMS_DISAGREE


def _count(state: OrderState, report: Execution) -> Applied | None:
    """Take in what a report says was filled, busted, corrected or counted; return what is wrong with it."""
    answer: Applied | None = None
    if report.exec_type is ExecType.TRADE:
        _add(state, report.exec_id, report.last_qty, report.last_px or _ZERO, report.commission)
    elif report.exec_type in AMENDING:
        answer = _amend(state, report)
    elif report.exec_type is ExecType.ORDER_STATUS:
        answer = _impute(state, report)
    state.claimed_qty = report.cum_qty
    if report.cum_qty > report.order_qty:
        return Applied.OVERFILLED
    if answer is None and state.gap == 0 and not average_fits(report, state.notional):
        return Applied.PRICES_DISAGREE
    return answer


def _add(state: OrderState, exec_id: str, quantity: int, price: Decimal, commission: Decimal) -> None:
    state.fills[exec_id] = Fill(quantity, price, commission, restated=len(state.ratios))
    state.filled_qty += quantity
    state.filled_value += quantity * price


def _amend(state: OrderState, report: Execution) -> Applied | None:
    """Bust or correct the fill that a report refers to; one that is not here is waited for (invariant 4)."""
    reference = report.exec_ref_id if isinstance(report, OrderReport) else ""
    fill = state.fills.get(reference)
    while fill is not None and fill.amended_by in state.fills:
        reference = fill.amended_by
        fill = state.fills[reference]
    if fill is None:
        state.orphans[reference] = report.exec_id
        return Applied.EARLY
    if fill.amended_by:
        return Applied.REPEATED
    state.fills[reference] = fill._replace(amended_by=report.exec_id)
    quantity = fill.quantity
    for ratio in state.ratios[fill.restated :]:
        quantity = in_units(quantity, ratio)
    state.filled_qty -= quantity
    state.filled_value -= fill.quantity * fill.price
    if report.exec_type is ExecType.TRADE_CORRECT:
        _add(state, report.exec_id, report.last_qty, report.last_px or _ZERO, fill.commission)
    return None


def _impute(state: OrderState, report: Execution) -> Applied | None:
    """Take the venue's word for what is filled, where its own reports of that are not here.

    What was asked before the question and is not pending at the venue is answered by it: messages to a venue do not
    overtake each other.
    """
    asked = report.status_req_id if isinstance(report, OrderReport) else ""
    if asked in state.requests and report.ord_status not in _PENDING:
        names = list(state.requests)
        state.answered.update(names[: names.index(asked) + 1])
    state.imputed_qty = report.cum_qty - state.filled_qty
    state.imputed_value = report.avg_px * report.cum_qty - state.filled_value if state.imputed_qty else _ZERO
    if state.imputed_qty == 0:
        return None
    return Applied.MISSING_FILLS if state.imputed_qty > 0 else Applied.SURPLUS_FILLS


def _after_end(state: OrderState, report: Execution) -> Applied:
    """Read a report about an order that has ended: what it fills or takes back counts, and it stays ended."""
    if may_follow_end(state.status, report):
        terms = _follow_terms(state, report)
        state.status = report.ord_status
        return _count(state, report) or terms or Applied.APPLIED
    if report.exec_type is ExecType.TRADE:
        _count(state, report)
        return Applied.LATE_FILL
    if report.exec_type in AMENDING:
        return _count(state, report) or Applied.AMENDED_AFTER_END
    return Applied.ILLEGAL_TRANSITION


def _refused(state: OrderState, report: OrderCancelReject) -> Applied:
    """Read the refusal of a cancel or a replace: what was pending is not, and the order is what the refusal says.

    A refusal carries no quantities: its status alone says how much may be filled, and what does not fit that is a gap.
    """
    state.answered.add(report.cl_ord_id)
    said = report.ord_status
    if state.status in ENDED or not may_refuse(state.status, said):
        return Applied.APPLIED if may_refuse(state.status, said) else Applied.ILLEGAL_TRANSITION
    if said in TRANSITIONS[state.status]:
        state.status = said
    elif state.status in _PENDING:
        state.status = OrdStatus.NEW
    least, most = filled_range(said, state.order_qty)
    state.claimed_qty = max(least, min(state.claimed_qty, most))
    return Applied.APPLIED
