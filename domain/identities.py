"""Who trades under a ticker on a day: a rename keeps the instrument, and a ticker that is used again is another one."""

from collections.abc import Iterable
from datetime import date, timedelta

from domain.action_records import ENDS
from domain.corporate_actions import ActionKind, CorporateAction

EPOCH = date(1970, 1, 1)


class Identities:
    """Instruments by ticker and day, after renames, mergers and delistings; days are since 1970-01-01.

    An instrument keeps the name that its ticker was when it was first seen. From the ex-date of a rename on its new
    ticker stands for it, and whoever uses the old one is another instrument, `TICKER@DATE`; so is who uses the ticker
    of one that was delisted or taken over. Who used the new ticker before is an instrument of its own, too.
    """

    def __init__(self, actions: Iterable[CorporateAction]) -> None:
        kinds = {ActionKind.RENAME, *ENDS}
        self._changes: dict[str, list[tuple[int, str]]] = {}
        self._taken: set[tuple[int, str]] = set()
        for action in sorted(actions, key=lambda one: (one.ex_on, one.kind, one.instrument)):
            if action.kind not in kinds:
                continue
            who = self.of(action.instrument, action.ex_on - 1)
            again = f"{action.instrument}@{EPOCH + timedelta(days=action.ex_on)}"
            self._changes.setdefault(action.instrument, []).append((action.ex_on, again))
            if action.kind == ActionKind.RENAME:
                self._changes.setdefault(action.into, []).append((action.ex_on, who))
                self._taken.add((action.ex_on, action.into))

    def happens_to(self, action: CorporateAction) -> str:
        """Return the instrument that an action happens to.

        Its ticker is that of the day before its ex-date, or the new one where a rename takes effect on that day, too.
        """
        joins = (action.ex_on, action.instrument) in self._taken
        stays = action.kind not in {ActionKind.RENAME, *ENDS}
        return self.of(action.instrument, action.ex_on if joins and stays else action.ex_on - 1)

    def of(self, ticker: str, day: int) -> str:
        """Return the instrument that a ticker stands for on a day."""
        name = ticker
        for since, other in self._changes.get(ticker, ()):
            if since <= day:
                name = other
        return name

    def all_of(self, ticker: str, first: int, last: int) -> list[str]:
        """Return the instruments that a ticker stands for from a first day to a last one, in order."""
        days = [first, *(since for since, _ in self._changes.get(ticker, ()) if first < since <= last)]
        return list(dict.fromkeys(self.of(ticker, day) for day in days))
