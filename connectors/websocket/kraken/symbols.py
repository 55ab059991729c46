"""Instruments at Kraken: `BTC-EUR` is `XBT/EUR`; Kraken has names of its own for two currencies."""

from connectors.source import SourceError
from connectors.websocket.names import parts_of

_THEIRS = {"BTC": "XBT", "DOGE": "XDG"}
_OURS = {theirs: ours for ours, theirs in _THEIRS.items()}


def venue_symbol(name: str) -> str:
    """Return the venue's pair of an instrument; raises SourceError."""
    return "/".join(_THEIRS.get(part, part) for part in parts_of(name, "kraken"))


def instrument_name(symbol: str) -> str:
    """Return the instrument of a pair; raises SourceError."""
    if symbol.count("/") != 1:
        raise SourceError(f"a pair of kraken is written BASE/QUOTE, as XBT/EUR; {symbol!r} was given")
    return "-".join(_OURS.get(part, part) for part in symbol.split("/"))
