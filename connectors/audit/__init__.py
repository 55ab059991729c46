"""The audit trail: append-only chained records, Merkle trees with signed heads, anchors, proofs and their checks."""
