"""The desk behind the signals: sizing, compliance, orders, venue and positions, in the order of the business.

`Desk` walks one batch; all its memory is in `DeskState`. It calls the stages and passes their answers on; each stage
is a file of its own.
"""

from collections.abc import Callable
from decimal import Decimal

from domain.decisions import Verdict, VerdictKind
from domain.instruments import Instrument
from domain.market import END, ScoreReason, Session
from domain.order_messages import Report
from domain.orders import Intent
from operators import desk_carry
from operators.compliance import Assessment, decide
from operators.compliance_rules import KillMode
from operators.compliance_state import Standing, set_mark, set_standing
from operators.compliance_view import Approval, Market
from operators.controls import is_of, with_limits
from operators.decision_records import (
    Decided,
    Score,
    breach_of,
    decision_point,
    order_of,
    position_of,
    signal_of,
    snapshot_of,
    verdict_of,
)
from operators.desk_actions import agenda, apply_action
from operators.desk_holds import expire, refuse, withdraw
from operators.desk_intents import intent_of
from operators.desk_market import market_of
from operators.desk_orders import ask_overdue, cancel, next_question, settle_session, take_reports, tell_open
from operators.desk_sessions import listen, watch_session
from operators.desk_state import BookBroken, DeskParams, DeskState, Working
from operators.holds import Held, failing
from operators.marks import exact_mark, marked_at
from operators.order_ledger import enter
from operators.order_risk import OrderRisk
from operators.people import NOBODY, People, answer
from operators.positions import (
    holding,
    reconcile,
    set_price,
    start_day,
    valuation,
)
from operators.risk_watch import RiskWatch
from operators.sizing import Wanted, size_position
from operators.venue_link import link_of
from operators.venue_state import Top

Watch = Callable[["Desk", Intent, Market], None]


class Desk:
    """One walk of the desk over one ordered batch; what it decides is added to `decided`.

    `watch` is shown every intent before it is decided on, with the market as compliance is told of it.
    """

    def __init__(
        self,
        params: DeskParams,
        state: DeskState,
        decided: Decided,
        watch: Watch | None = None,
        order_risk: OrderRisk | None = None,
        people: People = NOBODY,
    ) -> None:
        self.params, self.state, self.decided, self.watch = params, state, decided, watch
        self.order_risk, self.people = order_risk, people
        self.venue = link_of(state.venue, params.venue)
        self.compliance = with_limits(params.compliance, state.controls.limits)
        self.risk = RiskWatch(params, state, decided)
        self.lies = params.venue.line is not None
        self._index = params.universe.indices()
        self._strategy = {strategy.name: number for number, strategy in enumerate(params.strategies)}

    def open(self, first_at: int) -> None:
        """Set the timers when the first row of all comes in."""
        state = self.state
        if state.funding_at == END:
            desk_carry.begin(self, first_at)
        if state.snapshot_at == END:
            step = self.params.snapshot_nanoseconds
            state.snapshot_at = (first_at // step + 1) * step
            state.session_end_at = self.params.sessions.regular(first_at)[1]
            agenda(self).due(first_at)
            if self.compliance.applies("PT-46"):
                watch_session(self, first_at)

    def next_due(self) -> int:
        """Return the next instant (ns UTC) at which something is due by itself."""
        state = self.state
        cancel_at = min((w.expires_at for w in state.working.values() if not w.cancelled), default=END)
        hold_at, risk_at = state.holds.next_at(), self.risk.next_due()
        asked_at = next_question(self) if self.lies else END
        ends = min(state.session_end_at, state.funding_at)
        due = (ends, self.venue.next_due(), cancel_at, hold_at, risk_at, asked_at)
        return min(agenda(self).next_at(), *due, state.snapshot_at, state.session_watch_at)

    def on_due(self, now_at: int) -> None:
        """Do what is due, in order: corporate actions, a session's end, the venue's events, cancels, the snapshot."""
        state = self.state
        for action in agenda(self).due(now_at):
            apply_action(self, action, now_at)
        if state.session_end_at <= now_at:
            self._end_session(now_at)
        if state.funding_at <= now_at:
            self._mark_all()
            desk_carry.fund(self, now_at)
        if self.venue.next_due() <= now_at:
            self._executed(self.venue.due(lambda which: self._top(which, now_at), now_at), now_at)
        for working in list(state.working.values()):
            if working.expires_at <= now_at and not working.cancelled:
                cancel(self, working, "its time is over", now_at)
        if state.holds.next_at() <= now_at:
            expire(self, now_at)
        if state.session_watch_at <= now_at:
            watch_session(self, now_at)
        if self.lies:
            ask_overdue(self, now_at)
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
            signal = signal_of(score, self.next_number("signals"))
            state.signal_ids[score.strategy, score.symbol] = signal.signal_id
            self.decided.signals.append(signal)
        withdraw(self, score.strategy, score.symbol, now_at)
        working = state.working.get((score.strategy, score.symbol))
        if working is not None:
            if not working.cancelled:
                cancel(self, working, "the strategy has a new score", now_at)
            self._settle(score, unsettled=True)
            self.point(
                score, "orders", "wait", f"order {working.state.order.cl_ord_id} is being cancelled first"
            )
            return
        instrument = self.params.universe.of(score.symbol)
        held = holding(state.positions, score.strategy, score.symbol).quantity
        price = exact_mark(state.marks[self._index[score.symbol]], instrument)
        self._mark_book(score.symbol, price, instrument)
        strategy = self.params.strategies[self._strategy[score.strategy]]
        traded = state.turnover.get(score.strategy, Decimal(0))
        sizing = size_position(
            strategy.sizing or self.params.sizing,
            instrument,
            Wanted(score.direction, score.score, score.weight, traded),
            score.volatility,
            price,
            valuation(state.positions).equity,
            held,
        )
        if sizing.change == 0:
            self._settle(score, unsettled=score.direction == 0 and held != 0)
            self.point(score, "sizing", "no", sizing.reason)
            return
        self._ask(score, instrument, held, sizing.change, sizing.target)

    def _ask(self, score: Score, instrument: Instrument, held: int, change: int, target: int) -> None:
        """Put an intent to compliance."""
        sequence = self.next_number("intents")
        intent = intent_of(self.params, self.state, score, instrument, (held, change, target), sequence)
        self.decided.intents.append(intent)
        self.judge(score, intent)

    def judge(
        self, score: Score, intent: Intent, again: Held | None = None, approval: Approval | None = None
    ) -> None:
        """Let compliance decide on an intent, let it wait where it is held, and send what is allowed to the venue."""
        overrides, times = (again.overrides, again.times) if again is not None else ((), 0)
        self._stand(score.known_at)
        which = self._index[score.symbol]
        market = market_of(
            self.params, self.compliance, self.state, intent, which, score.volatility, approval, overrides
        )
        if self.compliance.applies("PT-46"):
            listen(self, score.known_at)
        if self.order_risk is not None and self.compliance.applies("PT-34"):
            self.order_risk.tell(self.state.compliance, intent, market)
        if self.watch is not None:
            self.watch(self, intent, market)
        assessment = decide(self.state.compliance, self.compliance, intent, market)
        verdict = verdict_of(intent, assessment, self.next_number("verdicts"), times)
        self.decided.verdicts.append(verdict)
        for request in assessment.kills:
            check = next(c for c in assessment.checks if c.code == request.code and c.scope == request.scope)
            self.decided.breaches.append(
                breach_of(
                    request.scope, check, str(request.mode), score.known_at, self.next_number("breaches")
                )
            )
        held, change = intent.position_before, intent.side.sign * intent.order_qty
        reducing = abs(held + change) < abs(held)
        if verdict.kind is not VerdictKind.APPROVED:
            self._settle(score, unsettled=reducing)
            self.point(score, "compliance", str(verdict.kind), verdict.text, intent.cl_ord_id)
            self._let_wait(score, intent, assessment, again)
            for request in assessment.kills:
                if request.mode is KillMode.CANCEL_ALL:
                    self.cancel_all(score.known_at, request.scope)
            return
        self._settle(score, unsettled=held + change != intent.target_position or reducing)
        self._send(score, intent, verdict, assessment)

    def _let_wait(self, score: Score, intent: Intent, assessment: Assessment, again: Held | None) -> None:
        """Let an intent that is held wait for a person, and one that is refused for an override."""
        now_at, refused = score.known_at, assessment.kind is VerdictKind.REFUSED
        price = intent.price if intent.price is not None else Decimal(0)
        instrument = self.params.universe.of(score.symbol)
        times = 1 if again is None else again.times + 1
        waits = Held(
            score=score,
            intent=intent,
            held_at=now_at if again is None else again.held_at,
            expires_at=now_at + self.compliance.hold_time if again is None else again.expires_at,
            checks=failing(assessment.checks),
            notional=price * intent.order_qty * instrument.unit_multiplier,
            refused=refused,
            times=times,
            overrides=() if again is None else again.overrides,
        )
        crowded_out = self.state.holds.put(waits, self.compliance.tolerances.holds_max)
        if again is None:
            answer(self.state.controls, self.people, waits)
        if crowded_out is not None and not crowded_out.refused:
            refuse(self, crowded_out, now_at, "too many intents wait")

    def _send(self, score: Score, intent: Intent, verdict: Verdict, assessment: Assessment) -> None:
        """Send what compliance has allowed to the venue."""
        for working in self.state.working.values():
            if working.state.order.cl_ord_id in assessment.cancels and not working.cancelled:
                cancel(self, working, "it could trade with an order of our own", score.known_at)
        sequence = self.next_number("orders")
        order = order_of(intent, verdict, assessment.order_qty, sequence, assessment.price)
        self.decided.orders.append(order)
        self.point(score, "orders", "sent", f"{order.order_qty} at {order.price}", intent.cl_ord_id)
        self.state.working[(score.strategy, score.symbol)] = Working(
            enter(self.state.ledger, order), score.known_at + self.params.order_ttl_nanoseconds
        )
        which, instrument = self._index[score.symbol], self.params.universe.of(score.symbol)
        self.venue.send(order, which, instrument.tick_size, score.known_at, instrument.unit)

    def _stand(self, now_at: int) -> None:
        value = valuation(self.state.positions)
        standing = Standing(value.equity, value.day_pnl, value.drawdown)
        set_standing(self.state.compliance, f"account:{self.params.account}", standing)
        set_standing(self.state.compliance, f"firm:{self.state.compliance.firm}", standing)

    def _regular(self, now_at: int) -> bool:
        return self.params.sessions.session_at(now_at) == Session.REGULAR

    def _top(self, which: int, now_at: int) -> Top:
        is_open = self._regular(now_at) and self.params.universe.names[which] not in self.state.ended
        return Top.of(self.state.marks[which], is_open=is_open)

    def cancel_all(self, now_at: int, scope: str = "firm:", text: str = "trading was stopped") -> None:
        """Ask the venue to cancel all orders of a kill scope; `text` says why."""
        for working in self.state.working.values():
            if not working.cancelled and is_of(working.state.order, scope):
                cancel(self, working, text, now_at)

    def _executed(self, reports: list[Report], now_at: int) -> None:
        """Hand reports to orders, compliance and positions, and judge the book where something was filled."""
        if take_reports(self, reports, now_at):
            self._judge(now_at, is_active=True)
        self._look()

    def _look(self) -> None:
        """Wait for the rows of the instruments that the venue holds orders of."""
        self.state.wanted[:] = False
        self.state.wanted[list(self.venue.wants())] = True

    def _mark_book(self, symbol: str, price: Decimal | None, instrument: Instrument) -> None:
        if price is not None:
            set_price(self.state.positions, symbol, price)
            ledger = self.state.risk.ledger
            ledger.mark(symbol, price, marked_at(self.state.marks[self._index[symbol]]))
            unit_value = price * instrument.unit_multiplier * ledger.rate(instrument.currency)
            set_mark(self.state.compliance, symbol, unit_value)

    def _mark_all(self) -> None:
        for symbol in sorted({symbol for _, symbol in self.state.positions.holdings}):
            instrument = self.params.universe.of(symbol)
            self._mark_book(symbol, exact_mark(self.state.marks[self._index[symbol]], instrument), instrument)

    def position(self, strategy: str, symbol: str, now_at: int, cause: str) -> None:
        """Record a holding as it is now, and why."""
        book, instrument = self.state.positions, self.params.universe.of(symbol)
        sequence = self.next_number("positions")
        self.decided.positions.append(position_of(book, strategy, instrument, now_at, cause, sequence))

    def _snapshot(self, now_at: int) -> None:
        """Record where the account and every scope stand, and judge them by the limits of risk."""
        self.state.volatility.observe(self.state.marks)
        self._mark_all()
        value, number = valuation(self.state.positions), self.next_number("snapshots")
        self.decided.snapshots.append(snapshot_of(self.params.account, value, now_at, number))
        self.risk.tell(now_at)
        self._judge(now_at, is_active=False)

    def _judge(self, now_at: int, *, is_active: bool) -> None:
        """Compare the book with the limits of risk, and cancel the orders of the scopes that are stopped."""
        for scope in self.risk.judge(now_at, is_active=is_active):
            self.cancel_all(now_at, scope)

    def watch_limits(self, now_at: int) -> None:
        """Judge the book by the limits of risk that hold from now on, where it was judged before."""
        self.risk = RiskWatch(self.params, self.state, self.decided)
        if self.state.risk.judged_at:
            self._judge(now_at, is_active=False)

    def _end_session(self, now_at: int) -> None:
        """Expire the day's orders, record every holding, and begin the next day."""
        state = self.state
        self._executed(self.venue.end_session(now_at), now_at)
        if self.lies:
            settle_session(self, now_at)
        else:
            tell_open(self, now_at)
        self._record_holdings(now_at, "end of session")
        desk_carry.carry_overnight(self, now_at)
        start_day(state.positions)
        state.volatility.end_session()
        state.turnover.clear()
        self.risk.start_day()
        state.marks["prior_close"] = state.marks["last"]
        state.session_end_at = self.params.sessions.regular(now_at)[1]

    def close(self) -> None:
        """End the input: whatever is still on its way or working ends with it, and every holding is recorded."""
        last_at = int(self.state.marks_at[0])
        self._executed(self.venue.end_session(last_at), last_at)
        if self.lies:
            settle_session(self, last_at, last=True)
        self._record_holdings(last_at, "end of input")
        self._snapshot(last_at)

    def _record_holdings(self, now_at: int, cause: str) -> None:
        """Mark and record every holding, and check that the books agree."""
        self._mark_all()
        for (strategy, symbol), held in self.state.positions.holdings.items():
            if held.quantity or held.realised or held.fees:
                self.position(strategy, symbol, now_at, cause)
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

    def point(self, score: Score, stage: str, answer: str, text: str, cl_ord_id: str = "") -> None:
        """Record what a stage answered to a score."""
        signal_id = self.state.signal_ids.get((score.strategy, score.symbol), "")
        number = self.next_number("decision_points")
        made = decision_point(score, signal_id, number, stage, answer, text, cl_ord_id)
        self.decided.decision_points.append(made)

    def next_number(self, stream: str) -> int:
        """Return the next number of a stream of records."""
        self.state.sequences[stream] = number = self.state.sequences.get(stream, 0) + 1
        return number
