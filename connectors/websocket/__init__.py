"""Edges to venues that speak over websockets: one folder each, and the connection that all of them share."""
