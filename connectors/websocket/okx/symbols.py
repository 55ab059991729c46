"""Instruments at OKX spot: written as the house writes them."""

from connectors.websocket.names import parts_of


def venue_symbol(name: str) -> str:
    """Return the venue's symbol of an instrument, which is its name; raises SourceError."""
    return "-".join(parts_of(name, "okx"))


def instrument_name(symbol: str) -> str:
    """Return the instrument of a venue's symbol, which is its name; raises SourceError."""
    return "-".join(parts_of(symbol, "okx"))
