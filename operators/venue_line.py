"""The line between desk and venue, and how it lies: what the venue says is lost, late, twice, or in another order.

Key     venue
In      the reports that the venue has made
Out     the reports that the desk hears, each at its instant; the drop copy, on which everything stands
State   what is on its way, and when the line is cut next
Time    event time only; what is lost or late is a function of the seed and of the report's name
Silence where a report is lost, until somebody asks, or reads the drop copy
"""

import heapq

import msgspec

from domain.market import END
from domain.order_messages import OrderReport, Report
from domain.orders import ExecType, Execution
from operators.agenda import Living, lives
from operators.orders import name_of
from operators.venue_params import LineParams, VenueParams, chance
from operators.venue_state import LineState

LIVES = lives(Living.UNTOUCHED)
"""A report on its way says what was so when it was sent; whoever reads it knows in which units (`operators.orders`)."""


def say(line: LineState, params: VenueParams, made: list[Report]) -> None:
    """Put what the venue says on its way to the desk, and on the drop copy."""
    rules = params.line or LineParams()
    for report in made:
        name, said_at = name_of(report), report.transact_time
        if not _happens(params, "drop_copy", name, rules.drop_copy_losses):
            line.drop_copy.append((said_at + rules.drop_copy_nanoseconds, report))
        fills = isinstance(report, Execution) and report.exec_type is ExecType.TRADE
        if not fills and _happens(params, "lost", name, rules.lost_acknowledgements):
            continue
        due_at = said_at + rules.report_latency.draw(chance("report", params.seed, name))
        if fills and _happens(params, "late", name, rules.late_fills):
            due_at += rules.late_nanoseconds
        elif _happens(params, "reordered", name, rules.reordered):
            due_at += rules.reorder_nanoseconds
        else:
            line.last_due_at = due_at = max(line.last_due_at, due_at)
        _post(line, params, due_at, report)
        if _happens(params, "twice", name, rules.duplicates):
            _post(line, params, due_at + rules.reorder_nanoseconds, _repeated(report))


def _happens(params: VenueParams, what: str, name: str, probability: float) -> bool:
    return probability > 0 and chance(what, params.seed, name) < probability


def _repeated(report: Report) -> Report:
    return msgspec.structs.replace(report, poss_dup=True) if isinstance(report, OrderReport) else report


def _post(line: LineState, params: VenueParams, due_at: int, report: Report) -> None:
    """Put a report on its way; while the line is cut it waits, and is sent again when the line is back."""
    back_at = back_from_cut(params, due_at)
    if back_at is not None:
        due_at, report = back_at, _repeated(report)
    line.number += 1
    heapq.heappush(line.outbox, (due_at, line.number, report))


def hear(line: LineState, now_at: int) -> list[Report]:
    """Return what has come out of the line by now, as it was known at its instant."""
    heard: list[Report] = []
    while line.outbox and line.outbox[0][0] <= now_at:
        due_at, _, report = heapq.heappop(line.outbox)
        heard.append(msgspec.structs.replace(report, known_at=due_at, received_at=due_at))
    return heard


def next_heard(line: LineState) -> int:
    """Return when the next report comes out of the line (ns UTC), the greatest int64 where none is on its way."""
    return line.outbox[0][0] if line.outbox else END


def read_drop_copy(line: LineState, now_at: int) -> list[Report]:
    """Return what the drop copy has by now, each report once."""
    read = [report for said_at, report in line.drop_copy if said_at <= now_at]
    line.drop_copy = [entry for entry in line.drop_copy if entry[0] > now_at]
    return read


def _cut(params: VenueParams, number: int) -> tuple[int, int]:
    """Return from when until when (ns UTC) the line is cut for the n-th time."""
    rules = params.line or LineParams()
    room = rules.disconnect_every - rules.disconnect_nanoseconds
    begins_at = number * rules.disconnect_every + int(chance("cut", params.seed, number) * room)
    return begins_at, begins_at + rules.disconnect_nanoseconds


def back_from_cut(params: VenueParams, now_at: int) -> int | None:
    """Return when the line is back that is cut now (ns UTC); None where it is not cut."""
    if params.line is None or not params.line.disconnect_every:
        return None
    begins_at, ends_at = _cut(params, now_at // params.line.disconnect_every)
    return ends_at if begins_at <= now_at < ends_at else None


def cut_since(params: VenueParams, now_at: int) -> int | None:
    """Return since when the line is cut (ns UTC); None where it is not cut."""
    if params.line is None or not params.line.disconnect_every:
        return None
    begins_at, ends_at = _cut(params, now_at // params.line.disconnect_every)
    return begins_at if begins_at <= now_at < ends_at else None


def next_cut(params: VenueParams, now_at: int) -> int | None:
    """Return when the line is cut next, after now (ns UTC); None where it never is."""
    if params.line is None or not params.line.disconnect_every:
        return None
    number = now_at // params.line.disconnect_every
    begins_at, _ = _cut(params, number)
    return begins_at if begins_at > now_at else _cut(params, number + 1)[0]
