"""Verbs of the desk: one stage per file."""
