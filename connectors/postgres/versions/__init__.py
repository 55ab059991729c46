"""Steps of the relational store, one file each, from the first to the last."""
