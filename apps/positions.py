"""Positions as a journal has them, by account, strategy and instrument, or added up."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from domain.decisions import Position

FIELDS = ("account", "strategy", "instrument")


class PositionLine(msgspec.Struct, frozen=True, kw_only=True):
    """A holding: average cost of a unit, money in `currency`; total = realised + unrealised - fees.

    Where several strategies are added up, the average cost is that of their net quantity, None where that is 0.
    """

    account: str
    strategy: str
    instrument: str
    quantity: int
    average_cost: Decimal | None
    realised: Decimal
    unrealised: Decimal
    fees: Decimal
    total: Decimal
    mark: Decimal
    currency: str
    at: int


def lines_of(positions: Iterable[Position]) -> list[PositionLine]:
    """Return one line for each holding, sorted by account, strategy and instrument."""
    lines = [
        PositionLine(
            account=each.account,
            strategy=each.strategy,
            instrument=each.symbol,
            quantity=each.quantity,
            average_cost=each.average_cost if each.quantity else None,
            realised=each.realised,
            unrealised=each.unrealised,
            fees=each.fees,
            total=each.realised + each.unrealised - each.fees,
            mark=each.mark,
            currency=each.currency,
            at=each.known_at,
        )
        for each in positions
    ]
    return sorted(lines, key=lambda line: (line.account, line.strategy, line.instrument))


def added(lines: Iterable[PositionLine], by: tuple[str, ...]) -> list[PositionLine]:
    """Return lines added up over everything but `by` (of `FIELDS`) and the currency; the others read `*`.

    Quantities of different instruments are not added: without `instrument` the quantity is 0 and there is no cost.
    """
    groups: dict[tuple[str, ...], list[PositionLine]] = {}
    for line in lines:
        key = tuple(getattr(line, name) if name in by else "*" for name in FIELDS)
        groups.setdefault((*key, line.currency), []).append(line)
    return [_sum(key, many, one="instrument" in by) for key, many in sorted(groups.items())]


def _sum(key: tuple[str, ...], lines: list[PositionLine], *, one: bool) -> PositionLine:
    """Return the sum of lines under a key; `one` says that they are of one instrument."""
    quantity = sum(line.quantity for line in lines) if one else 0
    cost = sum((line.quantity * (line.average_cost or Decimal(0)) for line in lines), Decimal(0))
    newest = max(lines, key=lambda line: line.at)
    account, strategy, instrument, currency = key
    return PositionLine(
        account=account,
        strategy=strategy,
        instrument=instrument,
        quantity=quantity,
        average_cost=cost / quantity if quantity else None,
        realised=_total(line.realised for line in lines),
        unrealised=_total(line.unrealised for line in lines),
        fees=_total(line.fees for line in lines),
        total=_total(line.total for line in lines),
        mark=newest.mark if one else Decimal(0),
        currency=currency,
        at=newest.at,
    )


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
