"""Frames of the second version of Kraken's websocket in columns (Kraken, WebSocket API v2: `book`, `trade`, `ticker`).

Numbers are written as such, with the digits that the checksum is of; a snapshot of a book has a checksum too. The
snapshot of trades that a subscription begins with is of the past and is left out.
"""

import numpy as np

from connectors.websocket.columns import BUY, SELL, NoticeKind
from connectors.websocket.fields import ISO, Shape, word
from connectors.websocket.frames import Block, Reader, Side
from connectors.websocket.readers import quote_reader
from features.depth_book import Event

SECOND_VERSION = b'{"channel":"'
BOOK_KEY = b'{"channel":"book'
STATUSES = {
    "heartbeat": NoticeKind.HEARTBEAT,
    "pong": NoticeKind.HEARTBEAT,
    "status": NoticeKind.STATUS,
    "subscribe": NoticeKind.ACKNOWLEDGED,
    "unsubscribe": NoticeKind.ACKNOWLEDGED,
}
_SIDES = ("data.0.bids", "data.0.asks")
_BOOK = Shape(
    "type",
    "data.0.checksum",
    optional=("data.0.timestamp", *_SIDES),
    lists=_SIDES,
    row=Shape("price", "qty"),
)
_TRADES = Shape(
    "type", "data", lists=("data",), row=Shape("price", "qty", "side", "timestamp", "trade_id", "symbol")
)
_NUMBERS = ("bid", "bid_qty", "ask", "ask_qty")
_TICKERS = quote_reader(*(f"data.0.{name}" for name in _NUMBERS), at="data.0.timestamp", unit=ISO)
_KINDS = {"snapshot": float(Event.SNAPSHOT), "update": float(Event.DIFFERENCE)}


def second_books(block: Block) -> None:
    """Read snapshots and updates of books; the key's number is how deep they are."""
    fields = block.fields(_BOOK)
    kind, rows = fields.chosen("type", _KINDS), fields.rows
    at = fields.instants("data.0.timestamp", unit=ISO, missing=0)
    digits = np.column_stack((rows.digits("price"), rows.digits("qty")))
    levels = Side(rows, rows.floats("price"), rows.floats("qty"), rows.which == 1, digits)
    checksum = fields.integers("data.0.checksum")
    block.depth(fields, kind, at, levels, previous=checksum, depth=block.extra)


def _trades(block: Block) -> None:
    fields = block.fields(_TRADES)
    block.left_out(fields, fields.words("type") == word("snapshot"), "trades of before the subscription")
    rows = fields.rows
    symbols = rows.texts("symbol")
    first = {frame: symbols[at] for at, frame in reversed(list(enumerate(rows.row.tolist())))}
    mixed = [symbol != first[frame] for symbol, frame in zip(symbols, rows.row.tolist(), strict=True)]
    rows.doubt(np.array(mixed, np.bool_), lambda _: "the trades of a message are of one symbol")
    numbers = rows.floats("price"), rows.floats("qty"), rows.chosen("side", {"buy": BUY, "sell": SELL})
    block.trades(fields, rows.instants("timestamp", unit=ISO), numbers, rows.integers("trade_id").tolist())


READERS: dict[bytes, Reader] = {b'{"channel":"trad': _trades, b'{"channel":"tick': _TICKERS}
