"""Binance spot: combined streams over a websocket, books over REST."""
