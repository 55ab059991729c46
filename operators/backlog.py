"""How far one side has run ahead of another that it waits for."""

from domain.market import MINUTE

LIVE = MINUTE
"""How far market data may be from the wall clock (ns) to be of now; what is older is repeated, and not late."""


class Backlog:
    """How many batches wait inside a stage, for whoever brings more; `is_over` where it will do nothing more.

    The stage stands at `stands_at`, and has data up to `known_until` (ns UTC).
    """

    def __init__(self, batches_max: int = 64) -> None:
        self.batches_max, self.batches, self.is_over = batches_max, 0, False
        self.stands_at = self.known_until = self._empty_at = 0

    def is_full(self) -> bool:
        """Say whether no more batches should be brought for now."""
        return self.batches >= self.batches_max

    def is_behind(self, wall_at: int, allowed: int, *, was: bool) -> bool:
        """Say whether batches of now have waited for longer than is allowed (ns) at an instant of the wall clock.

        A batch that comes after a long silence has not waited, old as the last one is. Where it `was` behind it is so
        until it has caught up, however old its batches have become by then. It has to be asked often.
        """
        if not self.batches:
            self._empty_at = wall_at
        is_late = self.batches > 0 and wall_at - max(self.stands_at, self._empty_at) > allowed
        return is_late and (was or wall_at - self.known_until <= LIVE)
