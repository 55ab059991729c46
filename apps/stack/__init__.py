"""The servers of a served run: passwords, start, readiness, stop, and what has to be in them."""
