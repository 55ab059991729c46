"""The desk behind the signals: sizing, compliance, orders, venue and positions, in the order of the business.

`Desk` walks one batch; all its memory is in `DeskState`. It calls the stages and passes their answers on; each
stage is a
file of its own.
"""

from decimal import Decimal

import numpy as np

from domain.decisions import VerdictKind
from domain.envelope import record_id
from domain.instruments import Instrument, Split
from domain.market import END, ScoreReason, Session
from domain.money import exact_price
from domain.order_messages import Report
from domain.orders import Intent, OrdType, Side, TimeInForce
from operators.compliance import decide
from operators.compliance_state import Standing, set_mark, set_position, set_standing
from operators.compliance_view import Market, Reference, Watermarks, choose_reference
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
from operators.desk_orders import ask_overdue, cancel, next_question, settle_session, take_reports, tell_open
from operators.desk_state import DeskParams, DeskState, Working
from operators.health import binding
from operators.marks import exact_mark, mark_price, split_mark
from operators.order_ledger import enter
from operators.positions import (
    apply_split,
    holding,
    reconcile,
    set_price,
    start_day,
    valuation,
)
from operators.sizing import size_position
from operators.venue_link import link_of
from operators.venue_state import Top


class BookBroken(RuntimeError):
    """Cash and positions do not come to what was earned: the desk's books are wrong, so it stops."""


class Desk:
    """One walk of the desk over one ordered batch; what it decides is added to `decided`."""

    def __init__(self, params: DeskParams, state: DeskState, decided: Decided) -> None:
        self.params, self.state, self.decided = params, state, decided
        self.venue = link_of(state.venue, params.venue)
        self.compliance = with_limits(params.compliance, state.controls.limits)
        self.lies = params.venue.line is not None
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
        asked_at = next_question(self) if self.lies else END
        return min(
            split_at, state.session_end_at, self.venue.next_due(), cancel_at, asked_at, state.snapshot_at
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
                cancel(self, working, "its time is over", now_at)
        if self.lies:
            ask_overdue(self, now_at)
        if state.snapshot_at <= now_at:
            self._snapshot(now_at)

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
            signal = signal_of(score, self.next("signals"))
            state.signal_ids[score.strategy, score.symbol] = signal.signal_id
            self.decided.signals.append(signal)
        working = state.working.get((score.strategy, score.symbol))
        if working is not None:
            if not working.cancelled:
                cancel(self, working, "the strategy has a new score", now_at)
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
        verdict = verdict_of(intent, assessment, self.next("verdicts"))
        self.decided.verdicts.append(verdict)
        for request in assessment.kills:
            check = next(c for c in assessment.checks if c.code == request.code and c.scope == request.scope)
            self.decided.breaches.append(
                breach_of(request.scope, check, str(request.mode), score.known_at, self.next("breaches"))
            )
        reducing = abs(held + change) < abs(held)
        if verdict.kind is not VerdictKind.APPROVED:
            self._settle(score, unsettled=reducing)
            self._point(score, "compliance", str(verdict.kind), verdict.text, intent.cl_ord_id)
            if assessment.kills:
                self.cancel_all(score.known_at)
            return
        self._settle(score, unsettled=held + change != target or reducing)
        order = order_of(intent, verdict, assessment.order_qty, self.next("orders"))
        self.decided.orders.append(order)
        self._point(score, "orders", "sent", f"{order.order_qty} at {order.price}", intent.cl_ord_id)
        self.state.working[(score.strategy, score.symbol)] = Working(
            enter(self.state.ledger, order), score.known_at + self.params.order_ttl_nanoseconds
        )
        which = self._index[score.symbol]
        self.venue.send(order, which, instrument.tick_size, score.known_at)

    def _intent(self, score: Score, instrument: Instrument, held: int, change: int, target: int) -> Intent:
        now_at, sequence = score.known_at, self.next("intents")
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
            price=self._limit_price(score, instrument, 1 if change > 0 else -1),
            currency=instrument.currency,
            signal_id=self.state.signal_ids.get((score.strategy, score.symbol), ""),
            signal_at=now_at,
            position_before=held,
            target_position=target,
        )

    def _limit_price(self, score: Score, instrument: Instrument, sign: int) -> Decimal | None:
        """Return a limit a few ticks beyond the opposite quote, beyond the mark where it is not quoted."""
        mark = self.state.marks[self._index[score.symbol]]
        bid, ask = float(mark["bid"]), float(mark["ask"])
        opposite = ask if sign > 0 else bid
        price = opposite if opposite > 0 and not bid > ask else mark_price(mark)
        if not price > 0:
            return None
        through = sign * self.params.limit_through_ticks * instrument.tick_size
        return max(exact_price(price, instrument.tick_size, sign) + through, instrument.tick_size)

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

    def cancel_all(self, now_at: int, scope: str = "firm:") -> None:
        """Ask the venue to cancel all orders of a kill scope."""
        for working in self.state.working.values():
            if not working.cancelled and is_of(working.state.order, scope):
                cancel(self, working, "trading was stopped", now_at)

    def _executed(self, reports: list[Report], now_at: int) -> None:
        """Hand reports to orders, compliance and positions."""
        take_reports(self, reports, now_at)
        self._look()

    def _look(self) -> None:
        """Wait for the rows of the instruments that the venue holds orders of."""
        self.state.wanted[:] = False
        self.state.wanted[list(self.venue.wants())] = True

    def _mark_book(self, symbol: str, price: Decimal | None, instrument: Instrument) -> None:
        if price is not None:
            set_price(self.state.positions, symbol, price)
            set_mark(self.state.compliance, symbol, price * instrument.multiplier)

    def _mark_all(self) -> None:
        for symbol in sorted({symbol for _, symbol in self.state.positions.holdings}):
            instrument = self.params.universe.of(symbol)
            self._mark_book(symbol, exact_mark(self.state.marks[self._index[symbol]], instrument), instrument)

    def position(self, strategy: str, symbol: str, now_at: int, cause: str) -> None:
        """Record a holding as it is now, and why."""
        book = self.state.positions
        instrument = self.params.universe.of(symbol)
        sequence = self.next("positions")
        self.decided.positions.append(position_of(book, strategy, instrument, now_at, cause, sequence))

    def _snapshot(self, now_at: int) -> None:
        """Record where the account stands."""
        self._mark_all()
        value = valuation(self.state.positions)
        self.decided.snapshots.append(snapshot_of(self.params.account, value, now_at, self.next("snapshots")))
        self.state.snapshot_at += self.params.snapshot_nanoseconds

    def _end_session(self, now_at: int) -> None:
        """Expire the day's orders, record every holding, and begin the next day."""
        state = self.state
        self._executed(self.venue.end_session(now_at), now_at)
        if self.lies:
            settle_session(self, now_at)
        else:
            tell_open(self, now_at)
        self._mark_all()
        for (strategy, symbol), held in state.positions.holdings.items():
            if held.quantity or held.realised or held.fees:
                self.position(strategy, symbol, now_at, "end of session")
        self._reconcile()
        start_day(state.positions)
        state.marks["prior_close"] = state.marks["last"]
        state.session_end_at = self.params.sessions.regular(now_at)[1]

    def _apply_split(self, split: Split, now_at: int) -> None:
        """Divide prices and multiply holdings of an instrument by a split's ratio."""
        state, which = self.state, self._index[split.instrument]
        split_mark(state.marks, which, split.ratio)
        for strategy in apply_split(state.positions, split.instrument, split.ratio):
            quantity = holding(state.positions, strategy, split.instrument).quantity
            set_position(
                state.compliance, self.params.account, strategy, self.params.desk, split.instrument, quantity
            )
            self.position(strategy, split.instrument, now_at, f"split {split.ratio} for 1")

    def close(self) -> None:
        """End the input: whatever is still on its way or working ends with it, and every holding is recorded."""
        last_at = int(self.state.marks_at[0])
        self._executed(self.venue.end_session(last_at), last_at)
        if self.lies:
            settle_session(self, last_at, last=True)
        self._mark_all()
        for (strategy, symbol), held in self.state.positions.holdings.items():
            if held.quantity or held.realised or held.fees:
                self.position(strategy, symbol, last_at, "end of input")
        self._reconcile()
        value = valuation(self.state.positions)
        self.decided.snapshots.append(
            snapshot_of(self.params.account, value, last_at, self.next("snapshots"))
        )

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
        sequence = self.next("decision_points")
        signal_id = self.state.signal_ids.get((score.strategy, score.symbol), "")
        self.decided.decision_points.append(
            decision_point(score, signal_id, sequence, stage, answer, text, cl_ord_id)
        )

    def next(self, stream: str) -> int:
        """Return the next number of a stream of records."""
        self.state.sequences[stream] = number = self.state.sequences.get(stream, 0) + 1
        return number
