"""Binance USD-M futures: combined streams over a websocket, books over REST."""
