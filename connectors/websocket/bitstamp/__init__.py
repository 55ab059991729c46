"""Bitstamp: channels over a websocket, books over REST."""
