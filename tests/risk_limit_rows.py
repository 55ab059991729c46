"""Limits of risk for the tests."""

from analytics.risk_limit_rows import RiskLimit


def limit_row(**fields):
    """Return a limit of 100 on the gross exposure of the firm, but for what is said otherwise."""
    plain = {
        "limit_id": "gross-firm",
        "measure": "gross",
        "scope_type": "firm",
        "scope_id": "firm",
        "hard": 100.0,
        "unit": "currency",
        "rationale": "a test",
    }
    return RiskLimit(**{**plain, **fields})
