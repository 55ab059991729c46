"""Coinbase: channels of products over a websocket, books among them."""
