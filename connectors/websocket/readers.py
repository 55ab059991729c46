"""Readers of trades and quotes that say where in a frame each part is; what a venue has of its own it reads itself."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from connectors.websocket.fields import Shape
from connectors.websocket.frames import Block, Reader


class TradePaths(NamedTuple):
    """Where a trade has its instant, price, size, side and the venue's number, which is a text unless `counted`."""

    at: str
    price: str
    size: str
    side: str
    number: str
    counted: bool = False


def trade_reader(paths: TradePaths, unit: int, sides: Mapping[str, float], rows: str = "") -> Reader:
    """Return a reader of frames that are a trade each, or of those whose list at `rows` has them.

    `unit` is that of instants (ns), `sides` the words of buyers and sellers.
    """
    row = Shape(*dict.fromkeys((paths.at, paths.price, paths.size, paths.side, paths.number)))
    shape = Shape(rows, lists=(rows,), row=row) if rows else row
    words = dict(sides)

    def read(block: Block) -> None:
        fields = block.fields(shape)
        trades = fields.rows
        numbers = trades.floats(paths.price), trades.floats(paths.size), trades.chosen(paths.side, words)
        at = trades.instants(paths.at, unit=unit)
        number = paths.number
        ids = trades.integers(number).tolist() if paths.counted else trades.texts(number)
        block.trades(fields, at, numbers, ids)

    return read


def quote_reader(*numbers: str, at: str = "", unit: int = 0, last: str = "", sparse: bool = False) -> Reader:
    """Return a reader of frames that are a quote each: bid, its size, ask, its size, of which sizes may be `sparse`.

    `at` is where an instant may stand, `unit` its unit (ns), `last` the update id of the book of that quote.
    """
    sizes = numbers[1::2] if sparse else ()
    needed = (*(path for path in numbers if path not in sizes), *((last,) if last else ()))
    shape = Shape(*needed, optional=(*sizes, *((at,) if at else ())))

    def read(block: Block) -> None:
        fields = block.fields(shape)
        instants = fields.instants(at, unit=unit, missing=0) if at else np.zeros(len(fields), np.int64)
        values = [fields.floats(path) for path in numbers]
        block.quotes(fields, instants, values, last=fields.integers(last) if last else None)

    return read
