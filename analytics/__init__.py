"""Arithmetic of the book: exposures, performance and execution cost."""
