"""Corporate actions as dated records: what happens to a share, from which day on, and since when it is known."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum

import msgspec


class ActionKind(StrEnum):
    """What happens to a share."""

    CASH_DIVIDEND = "cash_dividend"
    SPECIAL_DIVIDEND = "special_dividend"
    SPLIT = "split"
    STOCK_DIVIDEND = "stock_dividend"
    SPIN_OFF = "spin_off"
    RIGHTS = "rights"
    MERGER = "merger"
    RENAME = "rename"
    DELISTING = "delisting"
    CANCEL = "cancel"


AMOUNTS = frozenset(
    {ActionKind.CASH_DIVIDEND, ActionKind.SPECIAL_DIVIDEND, ActionKind.SPIN_OFF, ActionKind.RIGHTS}
)
RATIOS = frozenset({ActionKind.SPLIT, ActionKind.STOCK_DIVIDEND})


class CorporateAction(msgspec.Struct, frozen=True, kw_only=True):
    """One action: bars and positions from `ex_on` on (days since 1970-01-01) are without it.

    `amount` is in currency for each share as it is on the ex-date: the dividend, what is spun off or the right is
    worth, the cash of a merger, the last price of a delisting (0: the last mark times `ratio`). `ratio` is shares after
    for each share before (0.1 for a reverse split of one for ten, 1.05 for a stock dividend of 5 %), and of `into` for
    each share where a spin-off, rights or a merger give shares of another instrument; a rename has its new ticker in
    `into`. `known_at` (ns UTC) is when it could be known, `action_id` names it, and `corrects` names the action that it
    replaces; a CANCEL takes that one back. `announced_at` (ns UTC) is when the company said it, which may be before it
    was known here; 0 where that is not told.
    """

    kind: ActionKind
    ex_on: int
    amount: float = 0.0
    ratio: float = 1.0
    known_at: int = 0
    instrument: str = ""
    action_id: str = ""
    corrects: str = ""
    into: str = ""
    announced_at: int = 0

    def __post_init__(self) -> None:
        """Refuse what would make nothing of a price, or says nothing."""
        if self.kind in AMOUNTS and not 0.0 < self.amount < float("inf"):
            raise ValueError(f"a {self.kind} has an amount above 0; {self.amount:g} was given")
        if self.kind in RATIOS and not 0.0 < self.ratio < float("inf"):
            raise ValueError(f"a {self.kind} has a ratio above 0; {self.ratio:g} was given")
        if self.kind == ActionKind.RENAME and not self.into and self.instrument:
            raise ValueError("a rename says into which ticker; none was given")
        if self.announced_at > self.known_at:
            raise ValueError(
                f"a {self.kind} is announced before it is known; {_moment(self.announced_at)} and "
                f"{_moment(self.known_at)} were given"
            )
        if self.kind == ActionKind.CANCEL and not self.corrects:
            raise ValueError("a cancel names the action that it takes back; none was given")


def _moment(instant: int) -> str:
    """Return an instant (ns UTC) as a person reads it."""
    return datetime.fromtimestamp(instant // 1_000_000_000, UTC).isoformat()


def as_known(actions: Iterable[CorporateAction], known_at: int | None = None) -> tuple[CorporateAction, ...]:
    """Return the actions as they were known at an instant (ns UTC), or as they are known now, in order of ex-date.

    What a later correction replaced, or a cancel took back, is left out.
    """
    known = [action for action in actions if known_at is None or action.known_at <= known_at]
    replaced = {action.corrects for action in known if action.corrects}
    standing = [
        action
        for action in known
        if action.kind != ActionKind.CANCEL and not (action.action_id and action.action_id in replaced)
    ]
    return tuple(sorted(standing, key=lambda action: (action.ex_on, action.kind, action.action_id)))
