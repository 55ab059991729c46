"""Embedded topics: append-only framed files that processes of one machine meet over."""
