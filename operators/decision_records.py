"""The records that leave the decisions step, made from what its stages answered."""

import math
from decimal import Decimal
from typing import NamedTuple

from domain.action_records import ActionRecord
from domain.controls import Control
from domain.corporate_actions import RATIOS, ActionKind
from domain.decisions import (
    Breach,
    Check,
    DecisionPoint,
    Direction,
    Position,
    RiskSnapshot,
    ScopeRisk,
    Signal,
    Verdict,
)
from domain.envelope import record_id
from domain.instruments import Instrument
from domain.market import ScoreReason
from domain.order_messages import (
    DropCopy,
    OrderCancelReject,
    OrderReport,
    OrderRequest,
    OrderRestated,
    ReconciliationBreak,
)
from domain.orders import Execution, Intent, Order, OrderCancelRequest, OrdType, Progress
from operators.compliance import Assessment
from operators.orders import OrderState
from operators.positions import PositionBook, Valuation, holding

DIRECTIONS = {1: Direction.LONG, 0: Direction.FLAT, -1: Direction.SHORT}


class Decided(NamedTuple):
    """What one ordered batch led to, each stream in the order in which it happened.

    `arrived` is the monotonic clock of the batch's arrival (ns), for measuring only; `progress` tells a venue elsewhere
    how far the desk is.
    """

    watermark: int
    signals: list[Signal]
    decision_points: list[DecisionPoint]
    intents: list[Intent]
    verdicts: list[Verdict]
    orders: list[Order]
    cancels: list[OrderCancelRequest]
    executions: list[Execution]
    positions: list[Position]
    snapshots: list[RiskSnapshot]
    breaches: list[Breach]
    controls: list[Control]
    exposures: list[ScopeRisk]
    requests: list[OrderRequest]
    reports: list[OrderReport]
    refusals: list[OrderCancelReject]
    drop_copy: list[DropCopy]
    breaks: list[ReconciliationBreak]
    restated: list[OrderRestated]
    arrived: int = 0
    progress: Progress | None = None


def nothing_decided(watermark: int, arrived: int = 0) -> Decided:
    """Return an empty answer up to a watermark (ns UTC)."""
    return Decided(watermark, [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], arrived)


class Score(NamedTuple):
    """One row of `domain.market.SCORE` with names in place of indices."""

    strategy: str
    symbol: str
    direction: int
    score: float
    volatility: float
    price: float
    close_at: int
    known_at: int
    version: int
    reason: int
    changed: bool
    weight: float = 1.0


def signal_of(score: Score, sequence: int) -> Signal:
    """Return the SignalGenerated of a changed score."""
    lasting = record_id("signal", score.strategy, score.symbol, score.close_at, score.version)
    return Signal(
        event_at=score.close_at,
        known_at=score.known_at,
        received_at=score.known_at,
        source=f"strategy:{score.strategy}",
        sequence=sequence,
        record_id=lasting,
        signal_id=lasting,
        strategy=score.strategy,
        symbol=score.symbol,
        direction=DIRECTIONS[score.direction],
        score=_known(score.score),
        volatility=_known(score.volatility),
        reference_price=_known(score.price),
        bar_close_at=score.close_at,
        bar_version=score.version,
        reason=ScoreReason(score.reason).name.lower(),
    )


def decision_point(
    score: Score, signal_id: str, sequence: int, stage: str, answer: str, text: str, cl_ord_id: str = ""
) -> DecisionPoint:
    """Return the record of what a stage answered to a signal."""
    now_at = score.known_at
    lasting = record_id("decision", score.strategy, score.symbol, now_at, sequence)
    return DecisionPoint(
        event_at=now_at,
        known_at=now_at,
        received_at=now_at,
        source="decisions",
        sequence=sequence,
        record_id=lasting,
        decision_point_id=lasting,
        signal_id=signal_id,
        strategy=score.strategy,
        symbol=score.symbol,
        stage=stage,
        answer=answer,
        text=text,
        cl_ord_id=cl_ord_id,
    )


def verdict_of(intent: Intent, assessment: Assessment, sequence: int, times: int = 0) -> Verdict:
    """Return the recorded decision on an intent; `times` is how often it was judged before."""
    lasting = record_id("verdict", intent.cl_ord_id, *([times] if times else []))
    return Verdict(
        event_at=intent.event_at,
        known_at=intent.known_at,
        received_at=intent.received_at,
        source="compliance",
        sequence=sequence,
        record_id=lasting,
        decision_id=lasting,
        cl_ord_id=intent.cl_ord_id,
        account=intent.account,
        strategy=intent.strategy,
        symbol=intent.symbol,
        kind=assessment.kind,
        checks=assessment.checks,
        codes=assessment.codes,
        ord_rej_reason=assessment.ord_rej_reason,
        text=assessment.text,
        limits_version=assessment.limits_version,
        reserved_notional=assessment.reserved_notional,
    )


def order_of(
    intent: Intent, verdict: Verdict, order_qty: int, sequence: int, price: Decimal | None = None
) -> Order:
    """Return the order that an approved intent becomes, of the quantity that was allowed.

    `price` is the limit that a check has set in place of the intent's, None where none has.
    """
    order_id = record_id("order", intent.cl_ord_id)
    return Order(
        event_at=intent.event_at,
        known_at=intent.known_at,
        received_at=intent.received_at,
        source="decisions",
        sequence=sequence,
        record_id=order_id,
        cl_ord_id=intent.cl_ord_id,
        account=intent.account,
        desk=intent.desk,
        trader=intent.trader,
        strategy=intent.strategy,
        symbol=intent.symbol,
        side=intent.side,
        order_qty=order_qty,
        ord_type=intent.ord_type if price is None else OrdType.LIMIT,
        time_in_force=intent.time_in_force,
        transact_time=intent.transact_time,
        ex_destination=intent.ex_destination,
        price=intent.price if price is None else price,
        currency=intent.currency,
        order_id=order_id,
        decision_id=verdict.decision_id,
    )


def cancel_of(order: Order, text: str, now_at: int, sequence: int) -> OrderCancelRequest:
    """Return the request to cancel what is left of an order."""
    lasting = record_id("cancel", order.order_id)
    return OrderCancelRequest(
        event_at=now_at,
        known_at=now_at,
        received_at=now_at,
        source=order.source,
        sequence=sequence,
        record_id=lasting,
        cl_ord_id=lasting,
        orig_cl_ord_id=order.cl_ord_id,
        order_id=order.order_id,
        account=order.account,
        strategy=order.strategy,
        symbol=order.symbol,
        side=order.side,
        order_qty=order.order_qty,
        transact_time=now_at,
        ex_destination=order.ex_destination,
        text=text,
    )


def restated_of(state: OrderState, action: ActionRecord, now_at: int, sequence: int) -> OrderRestated:
    """Return the report of an order that a corporate action has made another one."""
    order = state.order
    lasting = record_id("restated", order.order_id, action.action_id)
    return OrderRestated(
        event_at=now_at,
        known_at=now_at,
        received_at=now_at,
        source="decisions",
        sequence=sequence,
        record_id=lasting,
        exec_id=lasting,
        order_id=order.order_id,
        cl_ord_id=state.cl_ord_id,
        account=order.account,
        strategy=order.strategy,
        symbol=order.symbol,
        side=order.side,
        ord_status=state.status,
        order_qty=state.order_qty,
        leaves_qty=state.leaves_qty,
        cum_qty=state.cum_qty,
        avg_px=state.avg_px,
        price=state.price,
        transact_time=now_at,
        text=action_words(action),
        action_id=action.action_id,
    )


def action_words(action: ActionRecord) -> str:
    """Return what an action is, in words: what a record says as the cause of a change."""
    kind = action.kind.replace("_", " ")
    if action.kind in RATIOS:
        return f"{kind} {action.ratio} for 1"
    terms = [f"{action.amount} a share"] if action.amount else []
    terms += (
        [f"{action.ratio} {action.into} a share"]
        if action.into and action.kind is not ActionKind.RENAME
        else []
    )
    return " and ".join([" ".join([kind, *terms[:1]]), *terms[1:]])


def breach_of(scope: str, check: Check, action: str, now_at: int, sequence: int) -> Breach:
    """Return the record of a limit that set a kill switch; `check` is the one that failed."""
    lasting = record_id("breach", scope, check.code, now_at)
    return Breach(
        event_at=now_at,
        known_at=now_at,
        received_at=now_at,
        source="compliance",
        sequence=sequence,
        record_id=lasting,
        breach_id=lasting,
        limit_id=check.code,
        scope=scope,
        measured=_number(check.measured),
        limit=_number(check.limit),
        level="severe",
        action=action,
    )


def _number(value: float | str | None) -> float | None:
    return None if value is None or isinstance(value, str) else float(value)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def position_of(
    book: PositionBook, strategy: str, instrument: Instrument, now_at: int, cause: str, sequence: int
) -> Position:
    """Return the record of a holding as it is now."""
    held = holding(book, strategy, instrument.name)
    mark = book.marks.get(instrument.name, held.average_cost)
    return Position(
        event_at=now_at,
        known_at=now_at,
        received_at=now_at,
        source="positions",
        sequence=sequence,
        record_id=record_id("position", book.account, strategy, instrument.name, sequence),
        account=book.account,
        strategy=strategy,
        symbol=instrument.name,
        quantity=held.quantity,
        average_cost=held.average_cost,
        realised=held.realised,
        unrealised=held.unrealised(mark),
        fees=held.fees,
        mark=mark,
        currency=instrument.currency,
        cause=cause,
    )


def snapshot_of(account: str, value: Valuation, now_at: int, sequence: int) -> RiskSnapshot:
    """Return the record of where an account stands."""
    return RiskSnapshot(
        event_at=now_at,
        known_at=now_at,
        received_at=now_at,
        source="positions",
        sequence=sequence,
        record_id=record_id("snapshot", account, now_at, sequence),
        account=account,
        cash=value.cash,
        market_value=value.market_value,
        equity=value.equity,
        gross=value.gross,
        net=value.net,
        day_pnl=value.day_pnl,
        drawdown=float(value.drawdown),
    )
