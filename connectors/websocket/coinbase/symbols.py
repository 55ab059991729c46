"""Instruments at Coinbase: written as the house writes them."""

from connectors.websocket.names import parts_of


def venue_symbol(name: str) -> str:
    """Return the venue's product of an instrument, which is its name; raises SourceError."""
    return "-".join(parts_of(name, "coinbase"))


def instrument_name(symbol: str) -> str:
    """Return the instrument of a product, which is its name; raises SourceError."""
    return "-".join(parts_of(symbol, "coinbase"))
