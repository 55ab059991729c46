"""Why was this order sent, and why was none: the whole way from the bar to the position, read from a run's folder."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from apps.audit_seen import audit_seen
from apps.explanation import Answer, BarSeen, Explanation, MadeBy, Reasoning, ScoreSeen
from apps.identifiers import Unidentified, identified
from apps.kept_run import KeptRun
from apps.local_time import day_of, parse_instant, stamp
from apps.market_seen import bar_before, features_at, score_deciding, scores_at, span
from apps.orders import KeptOrders
from apps.provenance import code_digest, provenance
from connectors.source import nearest
from connectors.sqlite.journal import Journal
from domain.decisions import DecisionPoint, Position, Signal, Verdict, VerdictKind
from domain.market import SECOND
from domain.money import SMALLEST
from domain.order_messages import OrderCancelReject, OrderReport, OrderRequest
from domain.orders import Execution, Order, OrderCancelRequest, OrdStatus
from operators.compliance import visible


class NothingToExplain(ValueError):
    """The order, instrument or instant is not of this run; says what is."""


def explain_order(folder: Path, identifier: str, *, audit: bool = False) -> Explanation:
    """Explain one order, by its OrderID or ClOrdID, or the first characters of one; also an intent that was refused.

    `audit` shows every check; without it the ones that only compliance may see read as passed. Raises NothingToExplain,
    RunFolderError, NoJournal.
    """
    run = KeptRun(folder)
    with Journal(run.journal) as journal:
        asked = _identified(run, journal, identifier)
        sent = journal.order(asked)
        cl_ord_id = asked if sent is None else sent.cl_ord_id
        intent = journal.intent(cl_ord_id)
        if intent is None:
            raise NothingToExplain(f"order {identifier!r} has no intent in {folder}: the journal is damaged")
        score = score_deciding(run, intent.symbol, intent.strategy, intent.known_at)
        points = journal.decision_points(intent.symbol, intent.known_at, intent.known_at)
        point = next((point for point in points if point.cl_ord_id == cl_ord_id), None)
        reasoning = _reasoning(
            journal, intent.symbol, intent.strategy, score, point, asked_now=True, audit=audit
        )
    closed_at, version = (score.close_at, score.version) if score is not None else (intent.known_at, 0)
    bar = bar_before(run, intent.symbol, closed_at, intent.known_at)
    return Explanation(
        folder=str(folder),
        instrument=intent.symbol,
        at=intent.known_at,
        order=cl_ord_id,
        asked=asked,
        audit=audit,
        finished=run.finished,
        bar=bar,
        features=features_at(run, intent.symbol, bar.close_at, version) if bar is not None else (),
        strategies=(reasoning,),
        made_by=_made_by(run, (reasoning,)),
        words=f"{reasoning.answer.stage} spoke last: {reasoning.answer.said}",
        proved=audit_seen(run, cl_ord_id),
    )


def explain_instant(folder: Path, instrument: str, at: str, *, audit: bool = False) -> Explanation:
    """Explain what each strategy did about an instrument at the last bar that closed at or before `at`.

    `at` is ISO with zone or a New York time of the run's first day. Raises NothingToExplain, NoInstant, RunFolderError.
    """
    run = KeptRun(folder)
    held = span(run)
    if held is None:
        raise NothingToExplain(f"{folder} holds no bars yet; let the run come to its end")
    if instrument not in held.instruments:
        raise NothingToExplain(
            f"unknown instrument {instrument!r}; the nearest of {len(held.instruments)} are "
            f"{nearest(instrument, held.instruments)}"
        )
    instant = parse_instant(at, day_of(held.first_at))
    if not held.first_at <= instant <= held.last_at:
        raise NothingToExplain(
            f"{stamp(instant)} New York is outside the run, which goes from {stamp(held.first_at)} "
            f"to {stamp(held.last_at)}"
        )
    bar = bar_before(run, instrument, instant, instant)
    scores = scores_at(run, instrument, bar.close_at, instant) if bar is not None else ()
    with Journal(run.journal) as journal:
        strategies = tuple(_standing(journal, instrument, score, audit=audit) for score in scores)
    version = max((score.version for score in scores), default=bar.version if bar is not None else 0)
    return Explanation(
        folder=str(folder),
        instrument=instrument,
        at=instant,
        order="",
        audit=audit,
        finished=run.finished,
        bar=bar,
        features=features_at(run, instrument, bar.close_at, version) if bar is not None else (),
        strategies=strategies,
        made_by=_made_by(run, strategies),
        words=_in_a_sentence(instrument, instant, bar, strategies),
        proved=audit_seen(run),
    )


def _made_by(run: KeptRun, strategies: tuple[Reasoning, ...]) -> MadeBy:
    """Return what made a run, as it stood last, and what of it these strategies are configured with."""
    kept = provenance(run.path)
    told = kept[-1] if kept else {"configuration": {}, "code": {"packages": {}, "versions": {}}}
    configured = told["configuration"].get("strategies.yaml", {}).get("strategies", [])
    judged = [
        verdict
        for each in strategies
        for verdict in (*each.verdicts_before, each.verdict)
        if verdict is not None
    ]
    limits = (verdict.limits_version for verdict in judged)
    return MadeBy(
        configuration=str(run.manifest.get("configuration", "")),
        code=code_digest(told["code"]),
        versions=told["code"]["versions"],
        strategies={
            row["name"]: row
            for row in configured
            if row.get("name") in {each.strategy for each in strategies}
        },
        limits=tuple(dict.fromkeys(limits)),
    )


def _in_a_sentence(instrument: str, at: int, bar: BarSeen | None, strategies: tuple[Reasoning, ...]) -> str:
    if bar is None:
        return f"no trade has closed a bar of {instrument} by then, so no strategy was asked"
    quiet = at - bar.close_at >= 2 * bar.interval * SECOND
    waiting = f"no bar of {instrument} has closed since {stamp(bar.close_at)}; " if quiet else ""
    if not strategies:
        return f"{waiting}no strategy scored that bar"
    return waiting + "; ".join(
        f"{each.strategy}: {each.answer.stage} said {each.answer.said}" for each in strategies
    )


def _identified(run: KeptRun, journal: Journal, identifier: str) -> str:
    """Return the OrderID or ClOrdID that is given, whole or by its beginning; raises NothingToExplain."""
    if journal.order(identifier) is not None or journal.intent(identifier) is not None:
        return identifier
    intents = run.rows("intents").select("ClOrdID").collect()["ClOrdID"].to_list()
    orders = run.rows("oms.orders").select("OrderID", "ClOrdID").collect().iter_rows()
    known: dict[str, str] = {
        **{str(order_id): str(own) for order_id, own in orders},
        **{n: n for n in intents},
    }
    if not known:
        raise NothingToExplain(f"unknown order {identifier!r}: nothing was asked for in {run.path}")
    try:
        meant = identified(identifier, known, "order")
    except Unidentified as nothing:
        raise NothingToExplain(
            f"{nothing}; find one with `ita orders --out {run.path}`, "
            "or by instrument and time with --instrument and --at"
        ) from nothing
    return next(name for name in known if known[name] == meant and name.startswith(identifier))


def _standing(journal: Journal, instrument: str, score: ScoreSeen, *, audit: bool) -> Reasoning:
    """Return what came of a score: its own decision point, or where it asked for nothing the last one before it."""
    points = [
        point
        for point in journal.decision_points(instrument, last_at=score.known_at)
        if point.strategy == score.strategy
    ]
    point = points[-1] if points else None
    now = point is not None and point.known_at == score.known_at
    return _reasoning(journal, instrument, score.strategy, score, point, asked_now=now, audit=audit)


def _reasoning(
    journal: Journal,
    instrument: str,
    strategy: str,
    score: ScoreSeen | None,
    point: DecisionPoint | None,
    *,
    asked_now: bool,
    audit: bool,
) -> Reasoning:
    cl_ord_id = point.cl_ord_id if point is not None else ""
    order = journal.order(cl_ord_id) if cl_ord_id else None
    verdicts = journal.verdicts_on(cl_ord_id) if cl_ord_id else []
    verdict = verdicts[-1] if verdicts else None
    executions = tuple(journal.executions(order.order_id)) if order is not None else ()
    signal: Signal | None = journal.signal(point.signal_id) if point is not None else None
    seen_at = max(
        [execution.event_at for execution in executions] + ([score.known_at] if score is not None else []),
        default=0,
    )
    return Reasoning(
        strategy=strategy,
        answer=_answer(journal, score, point, verdict, executions) if asked_now else _silence(score, point),
        score=score,
        signal=signal,
        decision_point=point,
        asked_now=asked_now,
        intent=journal.intent(cl_ord_id) if cl_ord_id else None,
        verdict=verdict if verdict is None or audit else _for_traders(verdict),
        order=order,
        executions=executions,
        verdicts_before=tuple(each if audit else _for_traders(each) for each in verdicts[:-1]),
        requests=_said(journal, order, OrderCancelRequest, OrderRequest),
        reports=_said(journal, order, OrderReport, OrderCancelReject),
        position=_position(journal, instrument, strategy, seen_at),
    )


def _said(journal: Journal, order: Order | None, *kinds: type[Any]) -> tuple[Any, ...]:
    """Return the records of some types about an order, as they were said."""
    if order is None:
        return ()
    found = [record for kind in kinds for record in journal.of_order(kind, order.order_id)]
    return tuple(sorted(found, key=lambda record: (record.event_at, record.sequence, record.record_id)))


def _for_traders(verdict: Verdict) -> Verdict:
    """Return a verdict with the checks that a trader may see."""
    return msgspec.structs.replace(verdict, checks=visible(verdict.checks))


def _position(journal: Journal, instrument: str, strategy: str, as_of: int) -> Position | None:
    held = (p for p in journal.positions(as_of) if (p.symbol, p.strategy) == (instrument, strategy))
    return next(held, None)


def _silence(score: ScoreSeen | None, before: DecisionPoint | None) -> Answer:
    """Return why a score asked for nothing, and what was said when its strategy last asked."""
    said, words = (score.reason, score.words) if score is not None else ("nothing", "the bar was not scored")
    if before is not None:
        words += f"; it last asked at {stamp(before.known_at)}: {before.stage} said {before.answer}"
    return Answer(stage="signals", said=said, words=words, traded=False)


def _answer(
    journal: Journal,
    score: ScoreSeen | None,
    point: DecisionPoint | None,
    verdict: Verdict | None,
    executions: tuple[Execution, ...],
) -> Answer:
    """Return which stage spoke last of those that were asked: sizing, compliance, orders or the venue."""
    if point is None:
        return _silence(score, None)
    if verdict is not None and verdict.kind is not VerdictKind.APPROVED:
        said = f"{verdict.kind.value}: {', '.join(verdict.codes)}" if verdict.codes else verdict.kind.value
        return Answer(stage="compliance", said=said, words=verdict.text, traded=False)
    if verdict is None:
        return Answer(stage=point.stage, said=point.answer, words=point.text, traded=False)
    return _venue_answer(journal, executions)


def _venue_answer(journal: Journal, executions: tuple[Execution, ...]) -> Answer:
    """Return what the venue said last; of an order whose fills were busted or corrected, what stands of them."""
    if not executions:
        return Answer(
            stage="venue",
            said="no report",
            words="the order is on its way, nothing came back yet",
            traded=False,
        )
    last = executions[-1]
    status, quantity, filled, price = (
        OrdStatus(last.ord_status).name.lower(),
        last.order_qty,
        last.cum_qty,
        last.avg_px,
    )
    if journal.reports(last.order_id):
        line = KeptOrders(journal).line(last.order_id)
        status, quantity, filled, price = line.status, line.order_qty, line.cum_qty, line.avg_px
    words = f"{filled:,} of {quantity:,} filled" + (f" at {_short(price):f}" if filled else "")
    return Answer(
        stage="venue", said=status, words=f"{words}; {last.text}" if last.text else words, traded=filled > 0
    )


def _short(price: Decimal) -> Decimal:
    """Return an average price without the digits that a division leaves behind its eighth decimal."""
    return min(price, price.quantize(SMALLEST), key=lambda each: len(each.as_tuple().digits))
