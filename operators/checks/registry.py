"""The checks in order of evaluation (standards.md 1.3); a new check is one function and one line here."""

from collections.abc import Callable
from decimal import Decimal

from domain.decisions import Check, Outcome
from domain.orders import Intent
from operators.checks.algorithms import algorithm
from operators.checks.answers import Answers
from operators.checks.authority import entitlements, unique_identifier
from operators.checks.capital import credit, margin
from operators.checks.concentration import concentration, groups
from operators.checks.conflicts import mandates, self_trade, trading_ahead
from operators.checks.flow import heartbeat, override, release
from operators.checks.kill import freshness, kill_switches, limits_set
from operators.checks.liquidity import volume_share
from operators.checks.losses import losses
from operators.checks.portfolio_risk import portfolio_risk
from operators.checks.position import exposures, open_notional, position_bounds
from operators.checks.price import collar, reference_price
from operators.checks.price_path import dynamic_collar, price_drift
from operators.checks.quotes import (
    band_price,
    bands,
    collar_price,
    market_order,
    protected_quotes,
    unlocked_price,
)
from operators.checks.rates import message_rate
from operators.checks.regulatory import listed
from operators.checks.sanity import in_time, not_repeated, on_step, tradable, well_formed
from operators.checks.short_sales import locate, marking, permitted_price, pre_borrow, price_test
from operators.checks.size import order_notional, order_quantity, short_windows
from operators.checks.throttles import order_to_trade, reject_loop, repeated_executions
from operators.compliance_rules import ComplianceParams
from operators.compliance_view import View

CheckFunction = Callable[[Intent, View], Answers]

CHECKS: tuple[tuple[str, CheckFunction], ...] = (
    ("PT-01", kill_switches),
    ("PT-02", freshness),
    ("PT-03", limits_set),
    ("PT-04", entitlements),
    ("PT-05", algorithm),
    ("PT-06", unique_identifier),
    ("PT-07", well_formed),
    ("PT-08", tradable),
    ("PT-09", in_time),
    ("PT-10", on_step),
    ("PT-11", not_repeated),
    ("PT-36", listed),
    ("PT-37", marking),
    ("PT-38", locate),
    ("PT-39", price_test),
    ("PT-40", pre_borrow),
    ("PT-41", self_trade),
    ("PT-42", trading_ahead),
    ("PT-43", mandates),
    ("PT-12", reference_price),
    ("PT-13", collar),
    ("PT-14", dynamic_collar),
    ("PT-15", price_drift),
    ("PT-16", bands),
    ("PT-17", market_order),
    ("PT-18", protected_quotes),
    ("PT-19", order_quantity),
    ("PT-20", order_notional),
    ("PT-21", volume_share),
    ("PT-22", short_windows),
    ("PT-23", message_rate),
    ("PT-24", repeated_executions),
    ("PT-25", order_to_trade),
    ("PT-26", reject_loop),
    ("PT-27", position_bounds),
    ("PT-28", open_notional),
    ("PT-29", exposures),
    ("PT-30", credit),
    ("PT-31", margin),
    ("PT-32", concentration),
    ("PT-33", groups),
    ("PT-34", portfolio_risk),
    ("PT-35", losses),
    ("PT-44", release),
    ("PT-45", override),
    ("PT-46", heartbeat),
)

REDUCTIONS_PASS = frozenset(f"PT-{number}" for number in range(19, 36))
"""What a replace that asks for no more than the order it stands for never fails (standards.md 1.4)."""

PRICES: dict[str, Callable[[Intent, View], Decimal | None]] = {
    "PT-16": band_price,
    "PT-17": lambda _intent, view: collar_price(view),
    "PT-18": unlocked_price,
    "PT-39": permitted_price,
}
"""At which price an order may go that one of these checks clips."""


def plan_of(params: ComplianceParams) -> tuple[tuple[str, CheckFunction], ...]:
    """Return the checks as they stand for a book: one that does not apply says why, one without input refuses."""
    lacking: dict[str, list[str]] = {}
    for what, name in params.unconfigured:
        lacking.setdefault(what.partition(" ")[0], []).append(f"{what} needs input {name}")
    made: list[tuple[str, CheckFunction]] = []
    for name, function in CHECKS:
        if name in lacking:
            made.append((name, _always(Outcome.REJECT, name, "not configured", "; ".join(lacking[name]))))
        elif not params.applies(name):
            made.append((name, _always(Outcome.PASS, name, "not applicable", params.not_applicable[name])))
        else:
            made.append((name, function))
    return tuple(made)


def _always(outcome: Outcome, name: str, measured: str, text: str) -> CheckFunction:
    """Return a check that answers the same whatever it is asked."""
    failing = outcome is not Outcome.PASS
    answers = (
        Check(
            check=name,
            code="LIMIT_NOT_SET" if failing else "",
            outcome=outcome,
            measured=measured,
            limit=None,
            text=text,
            ord_rej_reason=3 if failing else None,
        ),
    )
    return lambda _intent, _view: answers


UNTOUCHED: dict[str, Answers] = {
    name: (Check(check=name, code="", outcome=Outcome.PASS, measured="pure reduction", limit=None),)
    for name in REDUCTIONS_PASS
}
"""What is answered for a replace that only reduces."""
