"""Levels of books out of frames: bids and asks apart, or in one list that says the side of each."""

import numpy as np

from connectors.websocket.fields import Fields, Shape
from connectors.websocket.frames import Side
from domain.market import Float64, Int64

PAIR = Shape("0", "1")
"""A level that is written as price and size."""
BIDS_OR_ASKS = {"buy": 0.0, "sell": 1.0, "Buy": 0.0, "Sell": 1.0}


def two_sides(fields: Fields) -> Side:
    """Return levels of two lists of price and size, bids first."""
    rows = fields.rows
    return Side(rows, rows.floats("0"), rows.floats("1"), rows.which == 1)


def sided(rows: Fields, price: Float64, size: Float64, side: str, how: Int64 | None = None) -> Side:
    """Return levels that say their side at a path; `how` is what each says that it does to the book."""
    asks = rows.chosen(side, BIDS_OR_ASKS) == 1.0
    return Side(rows, price, size, asks, None if how is None else np.column_stack((how, np.zeros_like(how))))
