"""Signals: where does each strategy want to stand, now that a bar has closed?

Key     shard
In      MarketBatch with features
Out     MarketBatch with `scores`: a row for each feature row and strategy; those with `changed` are SignalGenerated
State   per strategy and instrument: direction, and the bar it was taken from
Time    the feature rows' own; a row of an older bar than the last one is scored and marked, and changes no direction
Silence never: warming up, gated, below entry and outside the session are answers with their reason
"""

import difflib
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from domain.market import SCORE, SECOND, FeatureRows, MarketBatch, ScoreReason, Session
from domain.sessions import SessionTable
from features.reference import UnknownFeature, reference, versioned
from operators.stage import Stage
from operators.strategy import Strategy

STAND = np.dtype([("close_at", np.int64), ("direction", np.int64)], align=True)
_WARMING_UP, _GATED, _BELOW, _HELD, _ENTERED, _LEFT, _OUTSIDE, _SUPERSEDED = (
    int(reason) for reason in ScoreReason
)


@dataclass(frozen=True)
class SignalParams:
    """The strategies in their order, the feature columns in theirs, and the sessions."""

    instruments: int
    columns: tuple[str, ...]
    strategies: tuple[Strategy, ...]
    sessions: SessionTable | None

    def __post_init__(self) -> None:
        """Refuse a strategy that reads what the catalogue does not make, and two of one name."""
        for strategy in self.strategies:
            self.places(strategy)
        names = [strategy.name for strategy in self.strategies]
        if len(set(names)) != len(names):
            raise ValueError(f"each strategy has a name of its own; {names} were given")

    def places(self, strategy: Strategy) -> dict[str, int]:
        """Return where each feature that a strategy reads stands among the columns, under the name that it reads.

        Raises ValueError where one is not made.
        """
        held = {name: at for at, name in enumerate(self.columns)}
        found: dict[str, int] = {}
        for read in strategy.features():
            name = versioned(read)[0]
            name = name if name in held else _column(name)
            if name not in held:
                near = difflib.get_close_matches(name, held, 1, 0.0)
                raise ValueError(
                    f"strategy {strategy.name} reads the feature {read!r}, which is not made; "
                    f"the nearest is {near[0] if near else 'none'!r}"
                )
            found[read] = held[name]
        return found


def _column(name: str) -> str:
    """Return the name of a column as the catalogue writes it, `RSI(14)` for `rsi`."""
    try:
        return reference(name).name
    except UnknownFeature:
        return name


@njit(cache=True, nogil=True, error_model="numpy")
def stand(score, gate, open_for, enter, leave, which, close_at, stands, out):  # type: ignore[no-untyped-def]
    """Move each instrument's direction by the row's score; write direction, reason and change into `out`."""
    directions, stood_at = stands["direction"], stands["close_at"]
    for row in range(len(score)):
        at = np.int64(which[row])
        before = directions[at]
        after, reason = before, _WARMING_UP
        if close_at[row] < stood_at[at]:
            reason = _SUPERSEDED
        elif not open_for[row]:
            after, reason = 0, _OUTSIDE
        elif np.isnan(score[row]):
            reason = _WARMING_UP
        elif before != 0 and score[row] * before >= leave:
            reason = _HELD
        elif abs(score[row]) >= enter:
            if gate[row]:
                after, reason = (1 if score[row] > 0 else -1), _ENTERED
            else:
                after, reason = 0, _GATED
        else:
            after, reason = 0, (_LEFT if before != 0 else _BELOW)
        directions[at] = after
        stood_at[at] = max(stood_at[at], close_at[row])
        out[row].direction, out[row].previous, out[row].reason = after, before, reason
        out[row].changed = 1 if after != before else 0


class Signals(Stage[NDArray[np.void]]):
    """Features to scores and changes of direction."""

    def __init__(self, params: SignalParams) -> None:
        self.params = params
        self._places = [params.places(strategy) for strategy in params.strategies]

    def fresh(self) -> NDArray[np.void]:
        """Return the memory of a shard that stands nowhere."""
        return np.zeros((len(self.params.strategies), self.params.instruments), STAND)

    def step(self, state: NDArray[np.void], item: MarketBatch) -> list[MarketBatch]:
        """Add the scores of a batch's feature rows."""
        rows = item.features
        if rows is None or not len(rows.bars):
            return [item._replace(scores=np.empty(0, SCORE))]
        parts = [
            self._score(state, number, strategy, rows)
            for number, strategy in enumerate(self.params.strategies)
        ]
        scores = np.concatenate([np.empty(0, SCORE), *parts])
        order = np.lexsort((scores["close_at"], scores["strategy"], scores["instrument"], scores["known_at"]))
        return [item._replace(scores=scores[order])]

    def _score(
        self, state: NDArray[np.void], number: int, strategy: Strategy, rows: FeatureRows
    ) -> NDArray[np.void]:
        bars = rows.bars
        columns = {name: rows.values[at] for name, at in self._places[number].items()}
        opinion = strategy.score(columns)
        volatility = columns[strategy.volatility]
        out = np.zeros(len(bars), SCORE)
        for name in ("close_at", "known_at", "instrument", "version"):
            out[name] = bars[name]
        out["strategy"], out["price"] = number, bars["close"]
        out["score"] = np.where(np.isnan(volatility), np.nan, opinion.score)
        out["volatility"] = volatility
        stand(
            out["score"],
            opinion.gate,
            self._open_for(strategy, bars),
            strategy.enter,
            strategy.leave,
            bars["instrument"],
            bars["close_at"],
            state[number],
            out,
        )
        return out

    def _open_for(self, strategy: Strategy, bars: NDArray[np.void]) -> NDArray[np.bool_]:
        """Say for each bar whether the strategy may stand anywhere but flat after it."""
        table = self.params.sessions
        if table is None:
            return np.ones(len(bars), np.bool_)
        after = np.ascontiguousarray(bars["close_at"]) + strategy.flat_before_close_seconds * SECOND
        regular: NDArray[np.bool_] = (bars["session"] == Session.REGULAR) & (
            table.session(after) == Session.REGULAR
        )
        return regular
