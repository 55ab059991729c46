"""The decisions stage under the contract suite: a seeded market of five instruments with scores that change their mind.

Limits and tolerances are wide enough that no instrument's orders can depend on another's, which is what lets the suite
compare an instrument among others with the same instrument alone.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from config.settings import compliance_params, read_settings
from connectors.kept_sessions import session_table
from domain.instruments import Instrument, Split, Universe
from domain.market import SCORE, SECOND, Ordered, ScoreReason, Ticks, select
from flows.stages import streams as streams_of
from operators.best_quotes import BestQuotes, BestQuotesParams
from operators.decision_records import Decided
from operators.decisions import Decisions
from operators.desk_state import DeskParams
from operators.sizing import SizingParams
from operators.strategy import Strategy, params_of
from operators.venue_params import VenueParams
from tests.operators.tick_samples import batches, random_ticks

NAMES = ("A", "B", "C", "D", "E")
OPEN = 1_709_821_800 * SECOND  # 2024-03-07 09:30 in New York
TABLE = session_table("XNYS", "2024-03-06", "2024-03-12")
BETWEEN_ROWS = SECOND // 5
BETWEEN_SCORES = 10 * SECOND
STRATEGIES = ("trend", "reversion")
SHOWN = {
    "signals": ("strategy", "known_at", "direction", "score"),
    "decision_points": ("strategy", "known_at", "stage", "answer"),
    "intents": ("strategy", "known_at", "side", "order_qty", "price", "position_before", "target_position"),
    "verdicts": ("strategy", "known_at", "kind", "codes", "reserved_notional"),
    "oms.orders": ("strategy", "known_at", "side", "order_qty", "price"),
    "oms.executions": ("strategy", "known_at", "exec_type", "last_qty", "last_px", "cum_qty", "commission"),
    "positions": ("strategy", "quantity", "average_cost", "realised", "fees"),
}
"""What of an instrument's records may not depend on other instruments: all but identifiers and running numbers."""


@cache
def desk_params(splits: tuple[Split, ...] = ()) -> DeskParams:
    """Return a desk of five instruments and two strategies with the limits of the project."""
    universe = Universe(tuple(Instrument(name=name) for name in NAMES))
    compliance = compliance_params(read_settings(), universe)
    wide = msgspec.structs.replace(
        compliance.tolerances,
        state_lag_seconds=60,
        reference_age_seconds={"liquid": 60},
        sigma_floor_percent=2.0,
    )
    kinds = dict(zip(STRATEGIES, ("trend", "mean_reversion"), strict=True))
    return DeskParams(
        universe=universe,
        strategies=tuple(Strategy(name, kind, params_of(kind, {})) for name, kind in kinds.items()),
        compliance=compliance.replaced(tolerances=wide),
        sizing=SizingParams(notional_max=Decimal(60_000)),
        venue=VenueParams(),
        sessions=TABLE,
        splits=splits,
    )


def stage() -> Decisions:
    """Return the stage."""
    return Decisions(desk_params())


def scores_until(last_at: int, first: int = OPEN) -> NDArray[np.void]:
    """Return scores of each strategy and instrument each ten seconds; one in three changes its direction."""
    random = np.random.default_rng(11)
    times = np.arange(first + 30 * SECOND, last_at - 40 * SECOND, BETWEEN_SCORES)
    rows = np.zeros((len(times), len(NAMES), len(STRATEGIES)), SCORE)
    rows["close_at"] = times[:, None, None]
    rows["known_at"] = rows["close_at"] + SECOND // 4
    rows["instrument"] = np.arange(len(NAMES))[None, :, None]
    rows["strategy"] = np.arange(len(STRATEGIES))[None, None, :]
    turns = random.random(rows.shape) < 0.35
    wanted = random.integers(-1, 2, rows.shape)
    direction = np.zeros(rows.shape[1:], np.int8)
    for row, turn, want in zip(rows, turns, wanted, strict=True):
        row["previous"] = direction
        direction = np.where(turn, want, direction).astype(np.int8)
        row["direction"] = direction
    rows["changed"] = rows["direction"] != rows["previous"]
    rows["reason"] = ScoreReason.HELD
    rows["score"], rows["volatility"], rows["price"] = rows["direction"] * 0.7, 0.1, 100.0
    return rows.reshape(-1)


def market(rows: int, first: int = OPEN) -> tuple[Ticks, NDArray[np.void]]:
    """Return the ticks of a run, with best quotes, and its scores."""
    ticks = random_ticks(7, rows, [first + SECOND], len(NAMES), quotes=0.6, pace=BETWEEN_ROWS)
    return ticks, scores_until(int(ticks.known_at[-1]), first)


def items(rows: int, batch_rows: int, only: int | None, first: int = OPEN) -> list[Ordered]:
    """Return the ordered batches of a run that begins at `first`."""
    ticks, scores = market(rows, first)
    if only is not None:
        ticks = select(ticks, ticks.instrument == only)
        scores = scores[scores["instrument"] == only]
    quotes = BestQuotes(BestQuotesParams(len(NAMES), TABLE, names=NAMES))
    state, made, since = quotes.fresh(), [], -1
    for batch in batches(ticks, batch_rows):
        for quoted in quotes.step(state, batch):
            ready = (scores["known_at"] >= since) & (scores["known_at"] < batch.watermark)
            made.append(Ordered(batch.watermark, quoted.ticks, scores[ready]))
        since = batch.watermark
    return made


def streams(answers: Sequence[Decided]) -> dict[str, Any]:
    """Return every record by topic."""
    joined: dict[str, list[Any]] = {}
    for decided in answers:
        for topic, records in streams_of(decided):
            joined.setdefault(topic, []).extend(records)
    return {topic: tuple(records) for topic, records in joined.items()}


def doors(came: Sequence[Ordered], left: dict[str, Any]) -> tuple[int, int]:
    """Count changed scores and intents; each of them is answered by one signal, or one verdict."""
    changed = sum(int(item.scores["changed"].sum()) for item in came)
    intents = {intent.cl_ord_id for intent in left["intents"]}
    answered = {verdict.cl_ord_id for verdict in left["verdicts"]} & intents
    return changed + len(left["intents"]), len(left["signals"]) + len(answered)


def of_key(left: dict[str, Any], key: int) -> dict[str, Any]:
    """Return what may not depend on other instruments, of one of them."""
    return {
        topic: tuple(
            tuple(getattr(record, field) for field in fields)
            for record in left[topic]
            if record.symbol == NAMES[key]
        )
        for topic, fields in SHOWN.items()
    }
