"""`market.actions`: a corporate action as a record of a run, and what it does to prices and numbers of shares."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from domain.corporate_actions import AMOUNTS, RATIOS, ActionKind
from domain.envelope import Record, record_id
from domain.instruments import Split

PER_TRILLION = Decimal("1e-12")
ENDS = frozenset({ActionKind.MERGER, ActionKind.DELISTING})
"""What an instrument does not outlive."""


class ActionRecord(Record, frozen=True, kw_only=True):
    """An action that the run knows of since `known_at` and that takes effect at `effective_at`, both ns UTC.

    `ex_on` is its ex-date (days since 1970-01-01), `announced_at` when the world could know it (ns UTC); the other
    fields are those of `domain.corporate_actions.CorporateAction`, exact. `effective_at` is when the trading day of
    the ex-date begins: whoever holds until then has the dividend.
    """

    action_id: str
    kind: ActionKind
    instrument: str
    ex_on: int
    effective_at: int
    announced_at: int
    amount: Decimal = Decimal(0)
    ratio: Decimal = Decimal(1)
    into: str = ""
    corrects: str = ""


class Step(NamedTuple):
    """What a price of before is divided by, and a number of shares of before multiplied by, to be one of after."""

    price: float
    shares: float


UNCHANGED = Step(1.0, 1.0)


def step_of(action: ActionRecord, before: float) -> Step:
    """Return the step of an action, given the last price before it (NaN or 0 where there was none).

    A split of ratio s is (s, s); what is paid or parted with, an amount D of a price P, is (P / (P - D), 1), the usual
    back-adjustment 1 - D/P (standards.md 6.1). Without a price above the amount nothing is known to change.
    """
    if action.kind in RATIOS:
        return Step(float(action.ratio), float(action.ratio))
    if action.kind in AMOUNTS and before > float(action.amount):
        return Step(before / (before - float(action.amount)), 1.0)
    return UNCHANGED


def exact(value: float) -> Decimal:
    """Return a measure as a Decimal to twelve places: what was typed comes back as it was typed."""
    return Decimal(repr(value)).quantize(PER_TRILLION).normalize() + 0


def of_split(split: Split, number: int) -> ActionRecord:
    """Return a split that a source knows of as a record; `number` tells those of one run apart."""
    return ActionRecord(
        event_at=split.effective_at,
        known_at=split.known_at,
        received_at=split.known_at,
        source="reference",
        sequence=number,
        record_id=record_id("action", "split", split.instrument, split.effective_at),
        action_id=f"split-{split.instrument}-{split.effective_at}",
        kind=ActionKind.SPLIT,
        instrument=split.instrument,
        ex_on=split.effective_at // 86_400_000_000_000,
        effective_at=split.effective_at,
        announced_at=split.known_at,
        ratio=split.ratio,
    )


def actions_in_order(records: Iterable[ActionRecord]) -> tuple[ActionRecord, ...]:
    """Return records in the one total order: (known_at, instrument, source, sequence)."""
    return tuple(sorted(records, key=lambda row: (row.known_at, row.instrument, row.source, row.sequence)))
