"""Fills added up by nothing but themselves, in exact fractions and without any of the desk's code."""

from fractions import Fraction

from domain.order_messages import Report
from domain.orders import ExecType, Execution


def naive(reports: list[Report]) -> dict[str, tuple[int, Fraction]]:
    """Return quantity and money of each order by nothing but its fills, busts and corrections."""
    fills: dict[str, dict[str, tuple[int, Fraction]]] = {}
    for report in reports:
        of_order = fills.setdefault(report.order_id, {})
        if not isinstance(report, Execution):
            continue
        reference = getattr(report, "exec_ref_id", "")
        if report.exec_type in {ExecType.TRADE_CANCEL, ExecType.TRADE_CORRECT}:
            del of_order[reference]
        if report.exec_type in {ExecType.TRADE, ExecType.TRADE_CORRECT}:
            of_order[report.exec_id] = (report.last_qty, Fraction(report.last_px or 0))
    return {
        order_id: (sum(q for q, _ in each.values()), sum((q * p for q, p in each.values()), Fraction(0)))
        for order_id, each in fills.items()
    }
