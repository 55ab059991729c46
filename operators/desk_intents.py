"""Intents: how the desk asks for what sizing wants, with a limit a few ticks through the opposite quote."""

from decimal import Decimal

from domain.envelope import record_id
from domain.instruments import Instrument
from domain.money import exact_price
from domain.orders import Intent, OrdType, Side, TimeInForce
from operators.decision_records import Score
from operators.desk_state import DeskParams, DeskState
from operators.marks import mark_price


def intent_of(
    params: DeskParams,
    state: DeskState,
    score: Score,
    instrument: Instrument,
    sizes: tuple[int, int, int],
    sequence: int,
) -> Intent:
    """Return the intent of a score; `sizes` are units held, by how many they change, and what they shall be."""
    now_at = score.known_at
    held, change, target = sizes
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
        account=params.account,
        desk=params.desk,
        trader=params.trader,
        strategy=score.strategy,
        symbol=score.symbol,
        side=side,
        order_qty=abs(change),
        ord_type=OrdType.LIMIT,
        time_in_force=TimeInForce.DAY,
        transact_time=now_at,
        ex_destination=params.venue.name,
        price=limit_price(params, state, score, instrument, 1 if change > 0 else -1),
        currency=instrument.currency,
        signal_id=state.signal_ids.get((score.strategy, score.symbol), ""),
        signal_at=now_at,
        position_before=held,
        target_position=target,
    )


def limit_price(
    params: DeskParams, state: DeskState, score: Score, instrument: Instrument, sign: int
) -> Decimal | None:
    """Return a limit a few ticks beyond the opposite quote, beyond the mark where it is not quoted."""
    mark = state.marks[params.universe.index(score.symbol)]
    bid, ask = float(mark["bid"]), float(mark["ask"])
    opposite = ask if sign > 0 else bid
    price = opposite if opposite > 0 and not bid > ask else mark_price(mark)
    if not price > 0:
        return None
    through = sign * params.limit_through_ticks * instrument.tick_size
    return max(exact_price(price, instrument.tick_size, sign) + through, instrument.tick_size)
