"""The catalogue of indicators: one line each, made of a few compiled series."""
