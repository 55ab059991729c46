"""Names of instruments at venues that write base and quote currency together or apart.

An instrument is `BASE-QUOTE` (`BTC-USDT`), a perpetual future `BASE-QUOTE-PERP`, a dated one `BASE-QUOTE-YYMMDD`.
"""

import re

from connectors.source import SourceError, nearest

_FIAT = (
    "EUR",
    "GBP",
    "TRY",
    "BRL",
    "JPY",
    "AUD",
    "RUB",
    "UAH",
    "ZAR",
    "NGN",
    "PLN",
    "RON",
    "ARS",
    "MXN",
    "CZK",
    "COP",
)
_DOLLARS = (
    "USDT",
    "USDC",
    "FDUSD",
    "BUSD",
    "TUSD",
    "USDP",
    "USDS",
    "USD1",
    "DAI",
    "PAX",
    "UST",
    "IDRT",
    "BIDR",
    "EURI",
)
QUOTES = {
    "binance": (
        "USD",
        *_DOLLARS,
        "AEUR",
        "IDR",
        *_FIAT,
        "BTC",
        "ETH",
        "BNB",
        "XRP",
        "TRX",
        "DOGE",
        "DOT",
        "SOL",
        "VAI",
    ),
    "binance_futures": ("USD", "USDT", "USDC", "BUSD", "USD1", "BTC", "ETH"),
    "bitstamp": ("USDT", "USDC", "USD", "EUR", "GBP", "BTC", "ETH", "DAI", "PAX"),
    "bybit": ("USDT", "USDC", "USD", "EUR", "BTC", "ETH"),
}
"""Currencies that a venue which writes base and quote together has instruments quoted in."""
_ENDINGS = tuple(sorted({quote for quotes in QUOTES.values() for quote in quotes}))
PERPETUAL = "PERP"
_WORD = re.compile(r"[A-Z0-9]+")


def split_symbol(symbol: str, venue: str) -> tuple[str, str]:
    """Return base and quote currency of a symbol that writes them together; raises SourceError."""
    for quote in sorted(QUOTES[venue], key=len, reverse=True):
        if symbol.endswith(quote) and _WORD.fullmatch(symbol.removesuffix(quote)):
            return symbol.removesuffix(quote), quote
    raise SourceError(
        f"{symbol!r} is no symbol of {venue}: it ends in no quote currency that is known; the nearest: "
        f"{nearest(symbol[-4:], QUOTES[venue])}"
    )


def parts_of(name: str, venue: str, *, futures: bool = False) -> tuple[str, ...]:
    """Return the parts of an instrument's name, (base, quote) or with the delivery; raises SourceError."""
    parts = tuple(name.split("-"))
    if len(parts) != (3 if futures else 2) or not all(map(_WORD.fullmatch, parts)):
        shape = "BASE-QUOTE-PERP or BASE-QUOTE-YYMMDD" if futures else "BASE-QUOTE"
        near = nearest(name.upper(), _examples(name, futures))
        raise SourceError(
            f"an instrument of {venue} is written {shape}; {name!r} was given; the nearest: {near}"
        )
    return parts


def joined_parts(name: str, venue: str, *, futures: bool = False) -> tuple[str, ...]:
    """Return the parts of a name at a venue that writes base and quote together, so that the quote must be known."""
    parts = parts_of(name, venue, futures=futures)
    if parts[1] not in QUOTES[venue]:
        raise SourceError(
            f"{name!r} is quoted in {parts[1]!r}, which {venue} is not known to have; the nearest: "
            f"{nearest(parts[1], QUOTES[venue])}"
        )
    return parts


def _examples(name: str, futures: bool) -> list[str]:
    """Return how a name that was written wrongly may have been meant."""
    letters = re.sub(r"[^A-Z0-9]", "", name.upper().removesuffix(PERPETUAL))
    ending = f"-{PERPETUAL}" if futures else ""
    return [f"{letters[: -len(quote)]}-{quote}{ending}" for quote in _ENDINGS if letters.endswith(quote)]
