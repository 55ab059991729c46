"""Feast declarations, made from the feature catalogue."""
