"""Which trades came before: a venue sends its last trades again after a reconnect, and some messages twice.

A trade is known by its id, price and size: Kraken numbers none, and its codec gives their time for an id, which the
trades of one order share. The trades of one message are never compared with each other.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from connectors.websocket.columns import NO_ID, Frames
from features.depth_book import Event

REMEMBERED = 4096
"""How many trades an instrument keeps; the oldest go first."""


class _Known(NamedTuple):
    """What a trade is known by."""

    number: int | str
    price: float
    size: float


class TradeIds:
    """The last trades of each of so many instruments, with the message (counted from the first) that each came in."""

    def __init__(self, instruments: int) -> None:
        self._seen: list[dict[_Known, int]] = [{} for _ in range(instruments)]

    def again(self, frames: Frames, first_line: int) -> NDArray[np.bool_]:
        """Say which events are trades that came before, and remember the others; one without an id never did.

        `first_line` is how many lines came before the block.
        """
        doubled = np.zeros(len(frames.events), np.bool_)
        rows = np.flatnonzero(frames.events["kind"] == Event.TRADE)
        instruments = frames.events["instrument"][rows].tolist()
        lines, numbers = (frames.line[rows] + first_line).tolist(), frames.numbers[rows, :2].tolist()
        for place, row in enumerate(rows):
            number = frames.trade_ids[place]
            if number in {NO_ID, ""}:
                continue
            seen, known = self._seen[instruments[place]], _Known(number, *numbers[place])
            before = seen.get(known)
            doubled[row] = before is not None and before != lines[place]
            if before is None:
                seen[known] = lines[place]
                if len(seen) > REMEMBERED:
                    del seen[next(iter(seen))]
        return doubled
