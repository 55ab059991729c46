"""Instruments at Binance USD-M futures: `BTC-USDT-PERP` is `BTCUSDT`, `BTC-USDT-240927` is `BTCUSDT_240927`."""

from connectors.websocket.names import PERPETUAL, joined_parts, split_symbol


def venue_symbol(name: str) -> str:
    """Return the venue's symbol of an instrument; raises SourceError."""
    base, quote, delivery = joined_parts(name, "binance_futures", futures=True)
    return base + quote if delivery == PERPETUAL else f"{base}{quote}_{delivery}"


def instrument_name(symbol: str) -> str:
    """Return the instrument of a venue's symbol, in any case; raises SourceError."""
    pair, _, delivery = symbol.upper().partition("_")
    return "-".join((*split_symbol(pair, "binance_futures"), delivery or PERPETUAL))
