"""Instruments at Binance spot: `BTC-USDT` is `BTCUSDT`."""

from connectors.websocket.names import joined_parts, split_symbol


def venue_symbol(name: str) -> str:
    """Return the venue's symbol of an instrument; raises SourceError."""
    return "".join(joined_parts(name, "binance"))


def instrument_name(symbol: str) -> str:
    """Return the instrument of a venue's symbol, in any case; raises SourceError."""
    return "-".join(split_symbol(symbol.upper(), "binance"))
