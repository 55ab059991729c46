"""Binance's USD-M futures in columns: spot's frames, with its own names and its own rule of what follows what."""

from collections.abc import Sequence

from connectors.websocket.binance import codec
from connectors.websocket.binance_futures.symbols import instrument_name
from features.depth_book import Rule


class Codec(codec.Codec):
    """Frames of USD-M futures."""

    rule = Rule.FUTURES

    def __init__(self, names: Sequence[str] | None = None) -> None:
        super().__init__(names, instrument_name)
