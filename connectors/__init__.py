"""Edges: one folder for each outside system, with the same file names in each."""
