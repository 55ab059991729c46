"""Whether an instrument's data may be traded on: what is known of each feed, and what it leaves allowed."""

from collections.abc import Iterable
from enum import StrEnum

from domain.envelope import SCHEMA_VERSION, Record, record_id


class HealthState(StrEnum):
    """How a source's data of an instrument stands; later members are worse."""

    FRESH = "fresh"
    GAP = "gap"
    CROSSED = "crossed"
    DISAGREEING = "disagreeing"
    DEGRADED = "degraded"
    MUTE = "mute"
    HALTED = "halted"


class TradingState(StrEnum):
    """What may be done in an instrument; later members allow less."""

    NORMAL = "normal"
    REDUCE_ONLY = "reduce_only"
    HALT = "halt"


ALLOWED: dict[HealthState, TradingState] = {
    HealthState.FRESH: TradingState.NORMAL,
    HealthState.GAP: TradingState.REDUCE_ONLY,
    HealthState.CROSSED: TradingState.REDUCE_ONLY,
    HealthState.DISAGREEING: TradingState.REDUCE_ONLY,
    HealthState.DEGRADED: TradingState.HALT,
    HealthState.MUTE: TradingState.HALT,
    HealthState.HALTED: TradingState.HALT,
}
"""What each state leaves allowed: where prices are doubtful a position may still be taken off; where there are none, or
too many were refused (standards.md 6.4), nothing may be sent."""

FOUND_OUT = "quality:"
"""What the source of a record begins with that the feed did not say itself."""

_STATES = tuple(HealthState)


class MarketHealth(Record, frozen=True, kw_only=True):
    """`market.health`: from `known_at` on, a source's data of an instrument is in this state.

    `source` is the feed itself where it said so, and `quality:` with the feed's name where the quality stage found it
    out. `reason` names the rule, with the measured value and the limit where there are any.
    """

    instrument: str
    state: HealthState
    reason: str = ""


def market_health(
    instrument: str,
    state: HealthState,
    reason: str,
    *,
    source: str,
    sequence: int,
    event_at: int,
    known_at: int,
    received_at: int | None = None,
) -> MarketHealth:
    """Return a record under its lasting name; instants are ns UTC, `received_at` is `known_at` unless given."""
    return MarketHealth(
        event_at=event_at,
        known_at=known_at,
        received_at=known_at if received_at is None else received_at,
        source=source,
        sequence=sequence,
        record_id=record_id("health", source, instrument, state, event_at, sequence),
        schema_version=SCHEMA_VERSION,
        instrument=instrument,
        state=state,
        reason=reason,
    )


def in_order(records: Iterable[MarketHealth]) -> tuple[MarketHealth, ...]:
    """Return records in the one total order: (known_at, instrument, source, sequence)."""
    return tuple(sorted(records, key=lambda row: (row.known_at, row.instrument, row.source, row.sequence)))


def worst(states: Iterable[HealthState]) -> HealthState:
    """Return the worst of states, FRESH where there are none."""
    return max(states, key=_STATES.index, default=HealthState.FRESH)
