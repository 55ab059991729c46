"""Names of instruments and what venues call them."""

import importlib

import pytest

from connectors.source import SourceError
from connectors.websocket.feed import CODECS

PAIRS = [
    ("binance", "BTC-USDT", "BTCUSDT"),
    ("binance", "BNB-BTC", "BNBBTC"),
    ("binance", "EUR-USDT", "EURUSDT"),
    ("binance_futures", "BTC-USDT-PERP", "BTCUSDT"),
    ("binance_futures", "BTC-USDT-240927", "BTCUSDT_240927"),
    ("bitstamp", "BTC-USD", "btcusd"),
    ("bitstamp", "USDT-EUR", "usdteur"),
    ("bitstamp", "DOT-USD", "dotusd"),
    ("bybit", "BTC-USDT-PERP", "BTCUSDT"),
    ("bybit", "BTC-USD-PERP", "BTCUSD"),
    ("bybit", "BTC-USDC-PERP", "BTCPERP"),
    ("coinbase", "SKL-BTC", "SKL-BTC"),
    ("kraken", "BTC-EUR", "XBT/EUR"),
    ("kraken", "DOGE-BTC", "XDG/XBT"),
    ("okx", "1INCH-USDT", "1INCH-USDT"),
]


def symbols(venue: str):
    return importlib.import_module(f"connectors.websocket.{venue}.symbols")


@pytest.mark.parametrize(("venue", "name", "symbol"), PAIRS)
def test_a_name_and_its_symbol_lead_to_each_other(venue: str, name: str, symbol: str) -> None:
    assert symbols(venue).venue_symbol(name) == symbol
    assert symbols(venue).instrument_name(symbol) == name


@pytest.mark.parametrize("venue", CODECS)
@pytest.mark.parametrize("name", ["", "BTC", "btc-usd", "BTC-USD-PERP-X", "BTC/USD", "-USD"])
def test_what_is_no_name_is_refused_with_the_way_to_write_one(venue: str, name: str) -> None:
    with pytest.raises(SourceError, match=r"an instrument of .* is written BASE-QUOTE"):
        symbols(venue).venue_symbol(name)


def test_the_nearest_name_is_told() -> None:
    with pytest.raises(SourceError, match=r"the nearest: BTC-USDT$"):
        symbols("binance").venue_symbol("BTCUSDT")
    with pytest.raises(SourceError, match=r"quoted in 'USX'.*the nearest: USD"):
        symbols("bitstamp").venue_symbol("BTC-USX")
    with pytest.raises(SourceError, match=r"ends in no quote currency that is known; the nearest: USD, USDT"):
        symbols("bybit").instrument_name("BTCUSDX")
