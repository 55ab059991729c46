"""The desk behind the signals: sizing, compliance, orders, venue and positions, in the order of the business.

`Desk` walks one batch; all its memory is in `DeskState`. It calls the stages and passes their answers on; each stage is
a file of its own.
"""

from decimal import Decimal

import numpy as np

from domain.decisions import VerdictKind
from domain.envelope import record_id
from domain.instruments import Instrument, Split
from domain.market import END, ScoreReason, Session
from domain.money import exact_price
from domain.orders import FINAL, Execution, Intent, OrdType, Side, TimeInForce
from operators.compliance import count_message, decide
from operators.compliance_state import Standing, set_mark, set_position, set_standing, settle
from operators.compliance_view import Market, Reference, Watermarks, choose_reference
from operators.controls import is_of, with_limits
from operators.decision_records import (
    Decided,
    Score,
    breach_of,
    cancel_of,
    decision_point,
    order_of,
    position_of,
    signal_of,
    snapshot_of,
    verdict_of,
)
from operators.desk_state import BookBroken, DeskParams, DeskState, OrderBroken, Working
from operators.health import binding
from operators.marks import exact_mark, limit_price, marked_at, split_mark
from operators.orders import Applied, OrderState, apply_report
from operators.positions import (
    apply_execution,
    apply_split,
    holding,
    reconcile,
    set_price,
    start_day,
    valuation,
)
from operators.risk_watch import RiskWatch
from operators.sizing import size_position
from operators.venue import Top
from operators.venue_link import link_of


class Desk:
    """One walk of the desk over one ordered batch; what it decides is added to `decided`."""

    def __init__(self, params: DeskParams, state: DeskState, decided: Decided) -> None:
        self.params, self.state, self.decided = params, state, decided
        self.venue = link_of(state.venue, params.venue)
        self.compliance = with_limits(params.compliance, state.controls.limits)
        self.risk = RiskWatch(params, state, decided)
        self._index = params.universe.indices()
        self._strategy = {strategy.name: number for number, strategy in enumerate(params.strategies)}

    def open(self, first_at: int) -> None:
        """Set the timers when the first row of all comes in."""
        state = self.state
        if state.snapshot_at == END:
            step = self.params.snapshot_nanoseconds
            state.snapshot_at = (first_at // step + 1) * step
            state.session_end_at = self.params.sessions.regular(first_at)[1]
            while state.splits_done < len(self.params.splits) and self._split().effective_at <= first_at:
                state.splits_done += 1

    def next_due(self) -> int:
        """Return the next instant (ns UTC) at which something is due by itself."""
        state = self.state
        split_at = self._split().effective_at if state.splits_done < len(self.params.splits) else END
        cancel_at = min((w.expires_at for w in state.working.values() if not w.cancelled), default=END)
        risk_at = self.risk.next_due()
        return min(
            split_at, state.session_end_at, self.venue.next_due(), cancel_at, state.snapshot_at, risk_at
        )

    def _split(self) -> Split:
        return self.params.splits[self.state.splits_done]

    def on_due(self, now_at: int) -> None:
        """Do what is due: splits, the end of a session, the venue's events, cancels, the snapshot, in that order."""
        state = self.state
        while state.splits_done < len(self.params.splits) and self._split().effective_at <= now_at:
            self._apply_split(self._split(), now_at)
            state.splits_done += 1
        if state.session_end_at <= now_at:
            self._end_session(now_at)
        if self.venue.next_due() <= now_at:
            self._executed(self.venue.due(lambda which: self._top(which, now_at), now_at), now_at)
        for working in list(state.working.values()):
            if working.expires_at <= now_at and not working.cancelled:
                self._cancel(working, "its time is over", now_at)
        if state.snapshot_at <= now_at:
            self._snapshot(now_at)
            state.snapshot_at += self.params.snapshot_nanoseconds
        elif self.risk.next_due() <= now_at:
            self._judge(now_at, is_active=False)

    def on_quote(self, which: int, now_at: int) -> None:
        """Let the venue see a new best quote of an instrument that it holds orders of."""
        self._executed(self.venue.quote(which, self._top(which, now_at), now_at), now_at)

    def on_trade(self, which: int, price: float, size: float, now_at: int) -> None:
        """Let the venue see a trade of an instrument that it holds orders of."""
        top = self._top(which, now_at)
        self._executed(self.venue.trade(which, price, size, top, now_at), now_at)

    def on_row_reports(self, now_at: int) -> None:
        """Take what a venue elsewhere has made of the market rows by now."""
        self._executed(self.venue.of_row(now_at), now_at)

    def on_score(self, score: Score) -> None:
        """Follow a score to what it leads to: nothing, a refusal, or an order."""
        state, now_at = self.state, score.known_at
        if not score.changed and score.reason == ScoreReason.OUTSIDE_SESSION and not self._regular(now_at):
            return
        if score.changed:
            signal = signal_of(score, self._next("signals"))
            state.signal_ids[score.strategy, score.symbol] = signal.signal_id
            self.decided.signals.append(signal)
        working = state.working.get((score.strategy, score.symbol))
        if working is not None:
            if not working.cancelled:
                self._cancel(working, "the strategy has a new score", now_at)
            self._settle(score, unsettled=True)
            self._point(
                score, "orders", "wait", f"order {working.state.order.cl_ord_id} is being cancelled first"
            )
            return
        instrument = self.params.universe.of(score.symbol)
        held = holding(state.positions, score.strategy, score.symbol).quantity
        price = exact_mark(state.marks[self._index[score.symbol]], instrument)
        self._mark_book(score.symbol, price, instrument)
        sizing = size_position(
            self.params.sizing,
            instrument,
            score.direction,
            score.volatility,
            price,
            valuation(state.positions).equity,
            held,
        )
        if sizing.change == 0:
            self._settle(score, unsettled=score.direction == 0 and held != 0)
            self._point(score, "sizing", "no", sizing.reason)
            return
        self._ask(score, instrument, held, sizing.change, sizing.target)

    def _ask(self, score: Score, instrument: Instrument, held: int, change: int, target: int) -> None:
        """Put an intent to compliance, and what it allows to the venue."""
        intent = self._intent(score, instrument, held, change, target)
        self.decided.intents.append(intent)
        self._stand(score.known_at)
        assessment = decide(self.state.compliance, self.compliance, intent, self._market(intent, instrument))
        verdict = verdict_of(intent, assessment, self._next("verdicts"))
        self.decided.verdicts.append(verdict)
        for request in assessment.kills:
            check = next(c for c in assessment.checks if c.code == request.code and c.scope == request.scope)
            self.decided.breaches.append(
                breach_of(request.scope, check, str(request.mode), score.known_at, self._next("breaches"))
            )
        reducing = abs(held + change) < abs(held)
        if verdict.kind is not VerdictKind.APPROVED:
            self._settle(score, unsettled=reducing)
            self._point(score, "compliance", str(verdict.kind), verdict.text, intent.cl_ord_id)
            if assessment.kills:
                self.cancel_all(score.known_at)
            return
        self._settle(score, unsettled=held + change != target or reducing)
        order = order_of(intent, verdict, assessment.order_qty, self._next("orders"))
        self.decided.orders.append(order)
        self._point(score, "orders", "sent", f"{order.order_qty} at {order.price}", intent.cl_ord_id)
        self.state.working[(score.strategy, score.symbol)] = Working(
            OrderState(order), score.known_at + self.params.order_ttl_nanoseconds
        )
        which = self._index[score.symbol]
        self.venue.send(order, which, instrument.tick_size, score.known_at)

    def _intent(self, score: Score, instrument: Instrument, held: int, change: int, target: int) -> Intent:
        now_at, sequence = score.known_at, self._next("intents")
        mark = self.state.marks[self._index[score.symbol]]
        lasting = record_id("intent", score.strategy, score.symbol, now_at, sequence)
        side = Side.BUY if change > 0 else (Side.SELL if held > 0 else Side.SELL_SHORT)
        return Intent(
            event_at=now_at,
            known_at=now_at,
            received_at=now_at,
            source=f"strategy:{score.strategy}",
            sequence=sequence,
            record_id=lasting,
            cl_ord_id=lasting,
            account=self.params.account,
            desk=self.params.desk,
            trader=self.params.trader,
            strategy=score.strategy,
            symbol=score.symbol,
            side=side,
            order_qty=abs(change),
            ord_type=OrdType.LIMIT,
            time_in_force=TimeInForce.DAY,
            transact_time=now_at,
            ex_destination=self.params.venue.name,
            price=limit_price(mark, instrument, 1 if change > 0 else -1, self.params.limit_through_ticks),
            currency=instrument.currency,
            signal_id=self.state.signal_ids.get((score.strategy, score.symbol), ""),
            signal_at=now_at,
            position_before=held,
            target_position=target,
        )

    def _market(self, intent: Intent, instrument: Instrument) -> Market:
        """Return what compliance is told of the instrument at the instant of the intent."""
        state, now_at = self.state, intent.known_at
        mark = state.marks[self._index[intent.symbol]]
        table = self.params.sessions
        segment = int(np.searchsorted(table.edges, now_at, side="right"))
        both = float(mark["bid"]) > 0 and float(mark["ask"]) >= float(mark["bid"])
        half = instrument.tick_size / 2
        mid = exact_price((float(mark["bid"]) + float(mark["ask"])) / 2, half) if both else None
        last = exact_price(float(mark["last"]), half) if float(mark["last"]) > 0 else None
        close = exact_price(float(mark["prior_close"]), half) if float(mark["prior_close"]) > 0 else None
        age = self.compliance.reference_age.get(instrument.tier, 0)
        reference = choose_reference(
            now_at,
            age,
            Reference(mid, "mid", int(mark["quote_at"])),
            Reference(last, "last_trade", int(mark["last_at"])),
            Reference(close, "prior_close", 0),
        )
        return Market(
            now_at=now_at,
            trading_day=int(table.days[segment]),
            instrument=instrument if instrument.tradable else None,
            session=Session(int(table.labels[segment])),
            halted=bool(mark["halted"]),
            reference=reference,
            watermarks=Watermarks(
                now_at, now_at, int(state.marks_at[0]), state.controls.limits_at(now_at), now_at
            ),
            closes_at=int(table.edges[segment]) if segment < len(table.edges) else None,
            health=binding(state.health, intent.symbol) if self.params.health_gates else None,
        )

    def _stand(self, now_at: int) -> None:
        value = valuation(self.state.positions)
        standing = Standing(value.equity, value.day_pnl, value.drawdown)
        set_standing(self.state.compliance, f"account:{self.params.account}", standing)
        set_standing(self.state.compliance, f"firm:{self.state.compliance.firm}", standing)

    def _regular(self, now_at: int) -> bool:
        return bool(self.params.sessions.session(np.array([now_at]))[0] == Session.REGULAR)

    def _top(self, which: int, now_at: int) -> Top:
        return Top.of(self.state.marks[which], is_open=self._regular(now_at))

    def _cancel(self, working: Working, text: str, now_at: int) -> None:
        """Ask the venue to cancel what is left of an order; `text` says why."""
        order = working.state.order
        working.cancelled = True
        tier = self.params.universe.of(order.symbol).tier
        count_message(self.state.compliance, self.compliance, order, tier, now_at)
        request = cancel_of(order, text, now_at, self._next("orders"))
        self.decided.cancels.append(request)
        self.venue.cancel(request)

    def cancel_all(self, now_at: int, scope: str = "firm:") -> None:
        """Ask the venue to cancel all orders of a kill scope."""
        for working in self.state.working.values():
            if not working.cancelled and is_of(working.state.order, scope):
                self._cancel(working, "trading was stopped", now_at)

    def _executed(self, executions: list[Execution], now_at: int) -> None:
        """Hand execution reports to orders, compliance and positions, and record what changed."""
        state = self.state
        for execution in executions:
            key = (execution.strategy, execution.symbol)
            working = state.working[key]
            applied = apply_report(working.state, execution)
            if applied is not Applied.APPLIED:
                raise OrderBroken(f"execution {execution.exec_id} of order {execution.order_id}: {applied}")
            self.decided.executions.append(execution)
            settle(state.compliance, execution)
            instrument = self.params.universe.of(execution.symbol)
            if apply_execution(state.positions, execution, instrument.multiplier) is not None:
                self.risk.filled(execution)
                self._position(*key, now_at, f"execution {execution.exec_id}")
            if execution.ord_status in FINAL:
                del state.working[key]
        if any(execution.last_qty for execution in executions):
            self._judge(now_at, is_active=True)
        self._look()

    def _look(self) -> None:
        """Wait for the rows of the instruments that the venue holds orders of."""
        self.state.wanted[:] = False
        self.state.wanted[list(self.venue.wants())] = True

    def _mark_book(self, symbol: str, price: Decimal | None, instrument: Instrument) -> None:
        if price is not None:
            set_price(self.state.positions, symbol, price)
            at = marked_at(self.state.marks[self._index[symbol]])
            self.state.risk.ledger.mark(symbol, price, at)
            set_mark(self.state.compliance, symbol, price * instrument.multiplier)

    def _mark_all(self) -> None:
        for symbol in sorted({symbol for _, symbol in self.state.positions.holdings}):
            instrument = self.params.universe.of(symbol)
            self._mark_book(symbol, exact_mark(self.state.marks[self._index[symbol]], instrument), instrument)

    def _position(self, strategy: str, symbol: str, now_at: int, cause: str) -> None:
        book = self.state.positions
        instrument = self.params.universe.of(symbol)
        sequence = self._next("positions")
        self.decided.positions.append(position_of(book, strategy, instrument, now_at, cause, sequence))

    def _snapshot(self, now_at: int) -> None:
        """Record where the account and every scope stand, and judge them by the limits of risk."""
        self._mark_all()
        value, number = valuation(self.state.positions), self._next("snapshots")
        self.decided.snapshots.append(snapshot_of(self.params.account, value, now_at, number))
        self.risk.tell(now_at)
        self._judge(now_at, is_active=False)

    def _judge(self, now_at: int, *, is_active: bool) -> None:
        """Compare the book with the limits of risk, and cancel the orders of the scopes that are stopped."""
        for scope in self.risk.judge(now_at, is_active=is_active):
            self.cancel_all(now_at, scope)

    def _end_session(self, now_at: int) -> None:
        """Expire the day's orders, record every holding, and begin the next day."""
        state = self.state
        self._executed(self.venue.end_session(now_at), now_at)
        self._record_holdings(now_at, "end of session")
        start_day(state.positions)
        self.risk.start_day()
        state.marks["prior_close"] = state.marks["last"]
        state.session_end_at = self.params.sessions.regular(now_at)[1]

    def _apply_split(self, split: Split, now_at: int) -> None:
        """Divide prices and multiply holdings of an instrument by a split's ratio."""
        state, which = self.state, self._index[split.instrument]
        split_mark(state.marks, which, split.ratio)
        changed = apply_split(state.positions, split.instrument, split.ratio)
        price = state.positions.marks.get(split.instrument)
        state.risk.ledger.split(split.instrument, split.ratio, price)
        for strategy in changed:
            quantity = holding(state.positions, strategy, split.instrument).quantity
            set_position(
                state.compliance, self.params.account, strategy, self.params.desk, split.instrument, quantity
            )
            self._position(strategy, split.instrument, now_at, f"split {split.ratio} for 1")

    def close(self) -> None:
        """End the input: whatever is still on its way or working ends with it, and every holding is recorded."""
        last_at = int(self.state.marks_at[0])
        self._executed(self.venue.end_session(last_at), last_at)
        self._record_holdings(last_at, "end of input")
        self._snapshot(last_at)

    def _record_holdings(self, now_at: int, cause: str) -> None:
        """Mark and record every holding, and check that the books agree."""
        self._mark_all()
        for (strategy, symbol), held in self.state.positions.holdings.items():
            if held.quantity or held.realised or held.fees:
                self._position(strategy, symbol, now_at, cause)
        self._reconcile()

    def _reconcile(self) -> None:
        """Check that cash and positions come to what was earned; a break stops the book."""
        difference = reconcile(self.state.positions)
        if difference != 0:
            raise BookBroken(
                f"account {self.params.account} is off by {difference}: cash and positions disagree"
            )

    def _settle(self, score: Score, *, unsettled: bool) -> None:
        self.state.unsettled[self._strategy[score.strategy], self._index[score.symbol]] = unsettled

    def _point(self, score: Score, stage: str, answer: str, text: str, cl_ord_id: str = "") -> None:
        sequence = self._next("decision_points")
        signal_id = self.state.signal_ids.get((score.strategy, score.symbol), "")
        self.decided.decision_points.append(
            decision_point(score, signal_id, sequence, stage, answer, text, cl_ord_id)
        )

    def _next(self, stream: str) -> int:
        """Return the next number of a stream of records."""
        self.state.sequences[stream] = number = self.state.sequences.get(stream, 0) + 1
        return number
