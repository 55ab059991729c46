"""What every relational store of the desk has in common: tables, rows, and how the journal is read."""
