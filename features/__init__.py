"""Arithmetic of the market: compiled kernels, indicators and the feature catalogue."""
