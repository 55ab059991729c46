"""When silence is too long: judged by a connection's own rhythm, between a floor and a cap."""

GAPS_REMEMBERED = 64


class Rhythm:
    """Says after how many seconds of silence a connection is mute: `factor` times the longest of its recent gaps.

    Until it has heard enough to have a rhythm, the cap holds. Raises ValueError where the floor is above the cap.
    """

    def __init__(self, floor_seconds: float, cap_seconds: float, factor: float = 8.0) -> None:
        if not 0 < floor_seconds <= cap_seconds or not factor >= 1:
            raise ValueError(
                f"silence is allowed from a floor above 0 to a cap, and for a factor of at least 1; "
                f"{floor_seconds}, {cap_seconds} and {factor} were given"
            )
        self._floor, self._cap, self._factor = floor_seconds, cap_seconds, factor
        self._gaps: list[float] = []
        self._place = 0
        self._heard_at: float | None = None
        self._longest = 0.0

    def heard(self, seconds: float) -> None:
        """Note that something came, at a time of the clock that never goes back."""
        if self._heard_at is not None:
            self._remember(seconds - self._heard_at)
        self._heard_at = seconds

    def _remember(self, gap: float) -> None:
        if len(self._gaps) < GAPS_REMEMBERED:
            self._gaps.append(gap)
            self._longest = max(self._longest, gap)
            return
        gone, self._gaps[self._place] = self._gaps[self._place], gap
        self._place = (self._place + 1) % GAPS_REMEMBERED
        if gap >= self._longest:
            self._longest = gap
        elif gone == self._longest:
            self._longest = max(self._gaps)

    def allowed_seconds(self) -> float:
        """Return how much silence is allowed now."""
        if len(self._gaps) < GAPS_REMEMBERED:
            return self._cap
        return min(self._cap, max(self._floor, self._factor * self._longest))

    def silent_seconds(self, seconds: float) -> float:
        """Return how long nothing came."""
        return 0.0 if self._heard_at is None else seconds - self._heard_at

    def is_mute(self, seconds: float) -> bool:
        """Say whether silence is too long by now."""
        return self.silent_seconds(seconds) > self.allowed_seconds()
