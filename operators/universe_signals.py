"""Universe signals: where do the strategies that compare instruments want to stand?

Key     book
In      Ordered with features, those that compare instruments among them
Out     Ordered with the scores of these strategies beside those of the shards, in the one total order
State   as of Signals: per strategy and instrument direction, and the bar it was taken from
Time    the feature rows' own
Silence never: as Signals, by the same step
"""

import numpy as np
from numpy.typing import NDArray

from domain.market import Ordered
from operators.agenda import Living, lives
from operators.signals import SignalParams, Signals, in_score_order
from operators.stage import Stage

LIVES = lives(Living.UNTOUCHED)
"""As of Signals: what it reads is continuous over an action."""


class UniverseSignals(Stage[NDArray[np.void]]):
    """Comparisons to scores and changes of direction."""

    def __init__(self, params: SignalParams) -> None:
        self._signals = Signals(params)
        self.numbers = params.numbers

    def fresh(self) -> NDArray[np.void]:
        """Return the memory of a book that stands nowhere."""
        return self._signals.fresh()

    def step(self, state: NDArray[np.void], item: Ordered) -> list[Ordered]:
        """Add the scores of an ordered batch's feature rows."""
        rows = item.features
        if rows is None or not len(rows.bars):
            return [item]
        made = self._signals.scores(state, rows)
        return [item._replace(scores=in_score_order(np.concatenate([item.scores, made])))]
