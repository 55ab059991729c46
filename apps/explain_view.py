"""An explanation as a person reads it: the stages in the order of the business, the answer first."""

import math
from collections.abc import Iterable, Iterator

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from apps.explanation import AuditSeen, BarSeen, Explanation, MadeBy, Measured, Reasoning
from apps.local_time import stamp
from domain.decisions import Outcome, Verdict, VerdictKind
from domain.order_messages import CxlRejResponseTo, OrderCancelReject, OrderReport, OrderRequest
from domain.orders import ExecType, Execution, OrdStatus, Side

COLOURS = {Outcome.PASS: "green", Outcome.WARN: "yellow", Outcome.CLIP: "yellow", Outcome.HOLD: "yellow"}
SIDES = {Side.BUY: "buy", Side.SELL: "sell", Side.SELL_SHORT: "sell short"}
STANDS = {1: "long", 0: "flat", -1: "short"}


def rendered(explanation: Explanation) -> RenderableType:
    """Return an explanation for the terminal; times are New York."""
    parts: list[RenderableType] = [
        Text(f"{_about(explanation)} at {stamp(explanation.at)} New York", style="bold"),
        Text(explanation.words),
    ]
    if not explanation.finished:
        parts.append(
            Text("the run is not finished: what is still being gathered is missing here", style="yellow")
        )
    if explanation.bar is not None:
        parts += [_heading("bar"), Padding(_bar(explanation.bar), (0, 2))]
    if explanation.features:
        parts += [_heading("features at its close"), Padding(_features(explanation.features), (0, 2))]
    for reasoning in explanation.strategies:
        parts += [_heading(f"strategy {reasoning.strategy}"), *_reasoning(reasoning, audit=explanation.audit)]
    parts += [_heading("made by"), Padding(_made_by(explanation.made_by), (0, 2))]
    if explanation.proved is not None:
        parts += [_heading("audit"), Padding(_proved(explanation.proved), (0, 2))]
    return Group(*parts)


def _made_by(made: MadeBy) -> Text:
    """Return what an answer depends on besides the market: the same of all of it gives the same answer."""
    lines = [f"configuration {made.configuration}, code {made.code or 'not kept'}"]
    if made.limits:
        lines.append(f"limits {', '.join(made.limits)}")
    lines += [
        f"{name}: {row.get('kind', name)} {', '.join(f'{key} {value}' for key, value in row.get('params', {}).items())}"
        for name, row in made.strategies.items()
    ]
    lines.append(", ".join(f"{name} {version}" for name, version in made.versions.items()))
    return Text("\n".join(lines))


def _proved(proved: AuditSeen) -> Text:
    """Return under which head the decisions stand, and which of their rows tell of the order."""
    style = "bold red" if proved.wrong else "green"
    rows = ", ".join(map(str, proved.records))
    return Text(f"{proved.words}{f'; this order is rows {rows}' if rows else ''}", style=style)


def _heading(words: str) -> Text:
    return Text(f"\n{words}", style="bold cyan")


def _bar(bar: BarSeen) -> Text:
    revision = f", revision {bar.version}" if bar.version else ""
    return Text(
        f"{bar.interval} s, {stamp(bar.open_at)} to {stamp(bar.close_at)}, {bar.session}{revision}\n"
        f"open {bar.open:g}  high {bar.high:g}  low {bar.low:g}  close {bar.close:g}  "
        f"volume {bar.volume:,.0f}  vwap {bar.vwap:.4f}  trades {bar.trade_count:,}"
    )


def _features(features: tuple[Measured, ...]) -> Columns:
    """Return the features, as many on a line as fit; what each means stands in the catalogue and in the JSON form."""
    lines = [f"{feature.name:<23}{_value(feature):>12} {feature.unit:<13}" for feature in features]
    return Columns(lines, column_first=True)


def _value(feature: Measured) -> str:
    return "not yet" if math.isnan(feature.value) else f"{feature.value:.6g}"


def _reasoning(reasoning: Reasoning, *, audit: bool) -> Iterator[RenderableType]:
    """Yield a strategy's stages as far as they were asked."""
    answer = reasoning.answer
    style = "bold green" if answer.traded else "bold yellow"
    yield Padding(Text(f"{answer.stage} spoke last: {answer.said}. {answer.words}", style=style), (0, 2))
    for stage, words in _stages(reasoning):
        yield Padding(Text.assemble((f"{stage:<10}", "dim"), words), (0, 2))
    if reasoning.verdict is not None:
        yield Padding(_checks(reasoning.verdict, audit=audit), (0, 2))
    if reasoning.executions:
        beside = [each for each in reasoning.reports if isinstance(each, OrderReport)]
        said = sorted((*reasoning.executions, *beside), key=lambda each: (each.event_at, each.sequence))
        yield Padding(_executions(said), (0, 2))
    if reasoning.position is not None:
        held = reasoning.position
        yield Padding(
            Text.assemble(
                (f"{'position':<10}", "dim"),
                f"{held.quantity:,} at {held.average_cost:.4f}, marked {held.mark:f}; realised {held.realised:,.2f}, "
                f"unrealised {held.unrealised:,.2f}, fees {held.fees:,.2f} ({held.cause})",
            ),
            (0, 2),
        )


def _about(explanation: Explanation) -> str:
    """Return what is explained, by the identifier that was asked for; an intent that led to no order is one."""
    if not explanation.order:
        return explanation.instrument
    order = explanation.strategies[0].order
    if order is None:
        return f"intent {explanation.order}, {explanation.instrument}"
    other = (
        f"OrderID {order.order_id}"
        if explanation.asked == explanation.order
        else f"ClOrdID {explanation.order}"
    )
    return f"order {explanation.asked} ({other}), {explanation.instrument}"


def _stages(reasoning: Reasoning) -> Iterator[tuple[str, str]]:
    """Yield (stage, what it said) up to the verdict."""
    score, signal, point, intent = (
        reasoning.score,
        reasoning.signal,
        reasoning.decision_point,
        reasoning.intent,
    )
    if score is not None:
        value = "none yet" if math.isnan(score.score) else f"{score.score:+.3f}"
        moved = (
            f"{STANDS[score.previous]} to {STANDS[score.direction]}"
            if score.changed
            else STANDS[score.direction]
        )
        yield "score", f"{value}, {moved}: {score.reason.replace('_', ' ')}"
    if signal is not None:
        yield (
            "signal",
            f"{signal.direction.value} since {stamp(signal.known_at)}, {signal.reason} ({signal.signal_id})",
        )
    if point is not None:
        when = "" if reasoning.asked_now else f" (at {stamp(point.known_at)})"
        text = "" if point.text == reasoning.answer.words else f". {point.text}"
        yield "decision", f"{point.stage}: {point.answer}{when}{text}"
    if intent is not None:
        price = "at the market" if intent.price is None else f"limit {intent.price:f} {intent.currency}"
        what = f"{SIDES[intent.side]} {intent.order_qty:,} {intent.symbol} {price}"
        yield (
            "intent",
            f"{what}, from {intent.position_before:,} to {intent.target_position:,} ({intent.cl_ord_id})",
        )
    for before in reasoning.verdicts_before:
        codes = f", {', '.join(before.codes)}" if before.codes else ""
        yield "before", f"{before.kind.value} at {stamp(before.known_at)}{codes}; {len(before.checks)} checks"
    if reasoning.verdict is not None:
        verdict = reasoning.verdict
        codes = f", {', '.join(verdict.codes)}" if verdict.codes else ""
        said = f"{verdict.kind.value} at {stamp(verdict.known_at)}{codes}"
        yield "verdict", f"{said}; {len(verdict.checks)} checks, limits {verdict.limits_version}"
    if reasoning.order is not None:
        yield (
            "order",
            f"{reasoning.order.order_id}, {reasoning.order.order_qty:,} to {reasoning.order.ex_destination}",
        )
    for request in reasoning.requests:
        kind = request.kind.name.lower() if isinstance(request, OrderRequest) else "cancel"
        yield kind, f"asked at {stamp(request.known_at)}: {request.text}"
    for report in reasoning.reports:
        if isinstance(report, OrderCancelReject):
            asked = CxlRejResponseTo(report.cxl_rej_response_to).name.lower()
            words = f": {report.text}" if report.text else f", reason {report.cxl_rej_reason}"
            yield asked, f"refused at {stamp(report.event_at)}{words}"


def _checks(verdict: Verdict, *, audit: bool) -> Table:
    title = None if verdict.kind is VerdictKind.APPROVED else "what did not pass stands out"
    table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="dim")
    for name in ("check", "outcome", "measured", "limit", "whose", "code"):
        table.add_column(name, justify="right" if name in {"measured", "limit"} else "left")
    for check in verdict.checks:
        colour = COLOURS.get(check.outcome, "bold red")
        row = (_plain(check.measured), _plain(check.limit), check.scope, f"{check.code} {check.text}".strip())
        table.add_row(check.check, Text(check.outcome.value, style=colour), *row)
    if audit:
        table.caption = "every check, also those that only compliance may see"
    return table


def _plain(value: float | str | None) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else f"{value:,.6g}" if abs(value) < 1 else f"{value:,.2f}"


def _executions(executions: Iterable[Execution]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("execution", "what", "units", "price", "filled", "left", "fee"):
        table.add_column(name, justify="left" if name in {"execution", "what"} else "right")
    for execution in executions:
        what = ExecType(execution.exec_type).name.lower().replace("_", " ")
        status = OrdStatus(execution.ord_status).name.lower().replace("_", " ")
        happened = what if what == status else f"{what}, {status}"
        table.add_row(
            stamp(execution.event_at)[11:],
            f"{happened}: {execution.text}" if execution.text else happened,
            f"{execution.last_qty:,}",
            "" if execution.last_px is None else f"{execution.last_px:f}",
            f"{execution.cum_qty:,}",
            f"{execution.leaves_qty:,}",
            f"{execution.commission:,.2f}",
        )
    return table
