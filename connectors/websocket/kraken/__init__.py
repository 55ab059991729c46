"""Kraken: channels of pairs over a websocket, books with a checksum."""
