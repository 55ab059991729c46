"""Nouns of the desk: records, decisions, instruments, sessions and money."""
