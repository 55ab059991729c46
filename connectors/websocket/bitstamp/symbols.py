"""Instruments at Bitstamp: `BTC-USD` is `btcusd`."""

from connectors.websocket.names import joined_parts, split_symbol


def venue_symbol(name: str) -> str:
    """Return the venue's pair of an instrument; raises SourceError."""
    return "".join(joined_parts(name, "bitstamp")).lower()


def instrument_name(symbol: str) -> str:
    """Return the instrument of a pair, in any case; raises SourceError."""
    return "-".join(split_symbol(symbol.upper(), "bitstamp"))
