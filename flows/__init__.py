"""Sentences of the desk: one dataflow per file."""
