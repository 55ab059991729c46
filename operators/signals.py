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
from features.reference import UnknownFeature, versioned
from operators.agenda import Living, lives
from operators.stage import Stage
from operators.strategy import Opinion, Strategy
from operators.strategy_reads import column, member, members, named

LIVES = lives(Living.UNTOUCHED)
"""A direction has no unit, and the features that it follows from are continuous over an action."""
STAND = np.dtype([("close_at", np.int64), ("direction", np.int64)], align=True)
_WARMING_UP, _GATED, _BELOW, _HELD, _ENTERED, _LEFT, _OUTSIDE, _SUPERSEDED = (
    int(reason) for reason in ScoreReason
)


@dataclass(frozen=True)
class SignalParams:
    """The strategies in their order, the feature columns in theirs, and the sessions.

    `scored` are the numbers of the strategies that are scored here, all of them where it is None.
    """

    instruments: int
    columns: tuple[str, ...]
    strategies: tuple[Strategy, ...]
    sessions: SessionTable | None
    scored: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse a strategy that reads what the catalogue does not make, and two of one name."""
        for number in self.numbers:
            for strategy in members(self.strategies[number], named(self.strategies)):
                self.places(strategy)
        names = [strategy.name for strategy in self.strategies]
        if len(set(names)) != len(names):
            raise ValueError(f"each strategy has a name of its own; {names} were given")

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return the numbers of the strategies that are scored here."""
        return tuple(range(len(self.strategies))) if self.scored is None else self.scored

    def places(self, strategy: Strategy) -> dict[str, int]:
        """Return where each feature that a strategy reads stands among the columns, under the name that it reads.

        Raises ValueError where one is not made.
        """
        held = {name: at for at, name in enumerate(self.columns)}
        found: dict[str, int] = {}
        for read in strategy.features():
            if member(read):
                continue
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
        return column(name).name
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


def in_score_order(scores: NDArray[np.void]) -> NDArray[np.void]:
    """Return scores in order of (known_at, instrument, strategy, close_at)."""
    keys = (scores["close_at"], scores["strategy"], scores["instrument"], scores["known_at"])
    return scores[np.lexsort(keys)]


class Signals(Stage[NDArray[np.void]]):
    """Features to scores and changes of direction."""

    def __init__(self, params: SignalParams) -> None:
        self.params = params
        self._known = named(params.strategies)
        read = [each for n in params.numbers for each in members(params.strategies[n], self._known)]
        self._places = {strategy.name: params.places(strategy) for strategy in read}

    def fresh(self) -> NDArray[np.void]:
        """Return the memory of a shard that stands nowhere."""
        return np.zeros((len(self.params.strategies), self.params.instruments), STAND)

    def step(self, state: NDArray[np.void], item: MarketBatch) -> list[MarketBatch]:
        """Add the scores of a batch's feature rows."""
        rows = item.features
        if rows is None or not len(rows.bars):
            return [item._replace(scores=np.empty(0, SCORE))]
        return [item._replace(scores=self.scores(state, rows))]

    def scores(self, state: NDArray[np.void], rows: FeatureRows) -> NDArray[np.void]:
        """Return the scores of feature rows, in order, and move where each strategy stands."""
        parts = [self._score(state, number, rows) for number in self.params.numbers]
        return in_score_order(np.concatenate([np.empty(0, SCORE), *parts]))

    def _score(self, state: NDArray[np.void], number: int, rows: FeatureRows) -> NDArray[np.void]:
        bars, strategy = rows.bars, self.params.strategies[number]
        opinion = self._opinion(strategy, rows)
        volatility = rows.values[self._places[strategy.name][strategy.volatility]]
        out = np.zeros(len(bars), SCORE)
        for name in ("close_at", "known_at", "instrument", "version"):
            out[name] = bars[name]
        out["strategy"], out["price"] = number, bars["close"]
        out["score"] = np.where(np.isnan(volatility), np.nan, opinion.score)
        out["volatility"] = volatility
        if opinion.weight is not None:
            out["weight"] = opinion.weight
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

    def _opinion(self, strategy: Strategy, rows: FeatureRows) -> Opinion:
        """Return what a strategy thinks of rows, by their features and by the scores of others that it reads."""
        columns = {name: rows.values[at] for name, at in self._places[strategy.name].items()}
        for text in strategy.features():
            if name := member(text):
                other = self._opinion(self._known[name], rows)
                columns[text] = np.where(other.gate | np.isnan(other.score), other.score, 0.0)
        return strategy.score(columns)

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
