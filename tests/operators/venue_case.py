"""The venue in a worker of its own under the contract suite: the market and the orders of the decisions case."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

from domain.orders import FINAL, NOTHING_ASKED, Progress
from operators.venue_stage import Answered, VenueStage
from tests.operators import decision_case


def stage() -> VenueStage:
    """Return the stage."""
    return VenueStage(decision_case.desk_params())


@cache
def requests(rows: int) -> tuple[Any, ...]:
    """Return what the desk asks its venue for, in order."""
    desk = decision_case.stage()
    book = desk.fresh()
    made = [a for item in decision_case.items(rows, 512, None) for a in desk.step(book, item)]
    asked = [each for decided in made for each in (*decided.orders, *decided.cancels)]
    return tuple(sorted(asked, key=lambda each: each.sequence))


def items(rows: int, batch_rows: int, only: int | None) -> list[Any]:
    """Return ordered batches, each followed by what the desk asked in its time, and by how far the desk is."""
    asked = [each for each in requests(rows) if only is None or each.symbol == decision_case.NAMES[only]]
    asked = [msgspec.structs.replace(each, sequence=place) for place, each in enumerate(asked, start=1)]
    made: list[Any] = []
    sent = NOTHING_ASKED.requests
    for batch in decision_case.items(rows, batch_rows, only):
        made.append(batch)
        while sent < len(asked) and asked[sent].transact_time < batch.watermark:
            made.append(asked[sent])
            sent += 1
        made.append(Progress(requests=sent, decided_until=batch.watermark))
    return made


def streams(answers: Sequence[Answered]) -> dict[str, Any]:
    """Return every report."""
    return {"oms.executions": tuple(report for answer in answers for report in answer.executions)}


def doors(came: Sequence[Any], left: dict[str, Any]) -> tuple[int, int]:
    """Count orders, and the reports that end one."""
    orders = sum(1 for item in came if type(item).__name__ == "Order")
    return orders, sum(1 for report in left["oms.executions"] if report.ord_status in FINAL)


def of_key(left: dict[str, Any], key: int) -> dict[str, Any]:
    """Return what may not depend on other instruments, of one of them."""
    fields = decision_case.SHOWN["oms.executions"]
    mine = [report for report in left["oms.executions"] if report.symbol == decision_case.NAMES[key]]
    return {"oms.executions": tuple(tuple(getattr(report, field) for field in fields) for report in mine)}
