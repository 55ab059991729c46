"""A seeded market of our own, and its venue."""
