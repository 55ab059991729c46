"""Pre-trade checks, one small pure function each, in the order of `registry.CHECKS`."""
