"""The relational journal on SQLite: decisions, orders, executions and positions."""
