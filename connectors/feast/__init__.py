"""Feature rows pushed to and read from Feast."""
