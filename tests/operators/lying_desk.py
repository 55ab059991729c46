"""A desk whose venue lies in every way, over the market of the decisions case."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec

from domain.market import END
from operators.decisions import Decisions
from operators.desk_state import DeskParams
from operators.venue_params import SECOND, Latency, LatencyKind, LineParams, VenueParams
from tests.operators import decision_case

ROWS = 3000
TOLERANCE = Decimal("0.005")
LINE = LineParams(
    lost_acknowledgements=0.25,
    late_fills=0.3,
    duplicates=0.3,
    reordered=0.3,
    rejects=0.05,
    partial_fills=0.5,
    busts=0.1,
    corrections=0.1,
    refusals=0.2,
    report_latency=Latency(LatencyKind.LOGNORMAL, SECOND // 5, 1.0),
    pending_nanoseconds=SECOND,
    disconnect_every=120 * SECOND,
)


def params(**line: Any) -> DeskParams:
    """Return the desk of the decisions case with a lying venue."""
    lies = replace(LINE, **line)
    return replace(
        decision_case.desk_params(),
        venue=VenueParams(queue=True, seed=3, line=lies),
        answer_nanoseconds=3 * SECOND,
    )


def items(batch_rows: int = 500) -> list[Any]:
    """Return the ordered batches of the run, the last of which ends it."""
    made = decision_case.items(ROWS, batch_rows, None)
    return [*made[:-1], made[-1]._replace(watermark=END)]


def run(desk: DeskParams, came: Sequence[Any]) -> dict[str, Sequence[msgspec.Struct]]:
    """Return every record of a run by topic."""
    stage = Decisions(desk)
    state = stage.fresh()
    return decision_case.streams([answer for item in came for answer in stage.step(state, item)])
