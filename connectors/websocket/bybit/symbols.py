"""Instruments at Bybit: `BTC-USDT-PERP` is `BTCUSDT`, `BTC-USD-PERP` (inverse) `BTCUSD`, `BTC-USDC-PERP` `BTCPERP`."""

from connectors.websocket.names import PERPETUAL, joined_parts, split_symbol


def venue_symbol(name: str) -> str:
    """Return the venue's symbol of an instrument; raises SourceError."""
    base, quote, delivery = joined_parts(name, "bybit", futures=True)
    if delivery != PERPETUAL:
        return f"{base}{quote}-{delivery}"
    return f"{base}{PERPETUAL}" if quote == "USDC" else base + quote


def instrument_name(symbol: str) -> str:
    """Return the instrument of a venue's symbol; raises SourceError."""
    pair, _, delivery = symbol.upper().partition("-")
    if pair.endswith(PERPETUAL):
        return f"{pair.removesuffix(PERPETUAL)}-USDC-{PERPETUAL}"
    return "-".join((*split_symbol(pair, "bybit"), delivery or PERPETUAL))
