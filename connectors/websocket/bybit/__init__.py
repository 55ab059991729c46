"""Bybit: topics over a websocket, books as snapshot and typed updates."""
