"""Recorded sessions of venues: their lines, how they are kept, and a local venue that plays them again."""
