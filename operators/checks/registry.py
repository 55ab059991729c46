"""The checks in order of evaluation (standards.md 1.3); a new check is one function and one line here."""

from collections.abc import Callable

from domain.orders import Intent
from operators.checks.answers import Answers
from operators.checks.authority import entitlements, unique_identifier
from operators.checks.kill import freshness, kill_switches, limits_set
from operators.checks.losses import losses
from operators.checks.position import exposures, open_notional, position_bounds
from operators.checks.price import collar, reference_price
from operators.checks.rates import message_rate
from operators.checks.regulatory import listed
from operators.checks.sanity import in_time, not_repeated, on_step, tradable, well_formed
from operators.checks.size import order_notional, order_quantity, short_windows
from operators.compliance_view import View

CheckFunction = Callable[[Intent, View], Answers]

CHECKS: tuple[tuple[str, CheckFunction], ...] = (
    ("PT-01", kill_switches),
    ("PT-02", freshness),
    ("PT-03", limits_set),
    ("PT-04", entitlements),
    ("PT-06", unique_identifier),
    ("PT-07", well_formed),
    ("PT-08", tradable),
    ("PT-09", in_time),
    ("PT-10", on_step),
    ("PT-11", not_repeated),
    ("PT-36", listed),
    ("PT-12", reference_price),
    ("PT-13", collar),
    ("PT-19", order_quantity),
    ("PT-20", order_notional),
    ("PT-22", short_windows),
    ("PT-23", message_rate),
    ("PT-27", position_bounds),
    ("PT-28", open_notional),
    ("PT-29", exposures),
    ("PT-35", losses),
)
