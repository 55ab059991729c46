"""Kill and availability (PT-01, PT-02, PT-03): is the switch clear, what we know fresh, every limit set?"""

from domain.decisions import Check, Outcome
from domain.market import SECOND
from domain.orders import Intent
from operators.checks.answers import Answers, Rule, failed, passed
from operators.compliance_rules import KillMode
from operators.compliance_state import Kill
from operators.compliance_view import View

KILL = Rule("PT-01", "KILL_ACTIVE", 0, "a kill switch is set")
SOFT_LIMIT = Rule("PT-01", "RISK_LIMIT_SOFT", 21, "a limit of risk is at its soft value")
STALE = Rule("PT-02", "RISK_STATE_STALE", 0, "what is known is too old to decide on")
NOT_SET = Rule("PT-03", "LIMIT_NOT_SET", 3, "a mandatory limit is not set")
_REDUCING = frozenset((KillMode.REDUCE_ONLY, KillMode.HOLD_INCREASING))
_CLEAR = (passed(KILL, KillMode.NONE.value, KillMode.NONE.value),)
_ALL_SET = (passed(NOT_SET, 0.0, 0.0),)


def kill_switches(intent: Intent, view: View) -> Answers:
    """PT-01: no kill switch of firm, desk, trader, strategy, account, instrument or venue stops the order.

    REDUCE_ONLY lets through what takes units off the position of its scope (of the account where the scope
    holds none of its own) and no more, orders already open counted. HOLD_INCREASING lets the same through, and holds
    the rest for a person: a limit of risk has reached its soft value (standards.md 2.6, level 1).
    """
    kills = view.state.kills
    if not kills:
        return _CLEAR
    account, strategy, desk, firm = view.sheet.scopes
    other = (f"trader:{intent.trader}", f"instrument:{intent.symbol}", f"venue:{intent.ex_destination}")
    failures: list[Check] = []
    for scope in (firm, desk, other[0], strategy, account, *other[1:]):
        kill = kills.get(scope)
        if kill is None:
            continue
        if kill.mode in _REDUCING and view.sane:
            owner = account if scope in other else scope
            if view.quantity <= view.holding(owner, intent.symbol).reducible(view.sign):
                continue
        if kill.mode is KillMode.HOLD_INCREASING:
            failures.append(
                failed(SOFT_LIMIT, kill.mode.value, KillMode.NONE.value, scope, Outcome.HOLD, _words(kill))
            )
            continue
        failures.append(failed(KILL, kill.mode.value, KillMode.NONE.value, scope))
    return tuple(failures) or _CLEAR


def _words(kill: Kill) -> str:
    return f"{SOFT_LIMIT.text} ({kill.reason}); orders that increase the risk wait for a person"


def freshness(_intent: Intent, view: View) -> Answers:
    """PT-02: positions, orders, prices, limits and profit are known up to now; the engine is ready.

    Measured and limit in seconds of event time. Profit has a bound of its own: the marks that it is of are as old as
    the last quote or trade of each holding (`operators.knowledge`).
    """
    now_at, allowed = view.market.now_at, view.params.state_lag
    marks = view.market.watermarks
    limit = allowed / SECOND
    failures = [] if view.market.ready else [failed(STALE, "replaying", "ready", "engine")]
    oldest = min(marks[:-1])
    if now_at - oldest > allowed:
        failures += [
            failed(STALE, (now_at - at) / SECOND, limit, name.removesuffix("_at"))
            for name, at in zip(marks._fields[:-1], marks[:-1], strict=True)
            if now_at - at > allowed
        ]
    if now_at - marks.profit_at > view.params.profit_lag:
        most = view.params.profit_lag / SECOND
        failures.append(failed(STALE, (now_at - marks.profit_at) / SECOND, most, "profit"))
    return tuple(failures) or (passed(STALE, max(0, now_at - oldest) / SECOND, limit),)


def limits_set(_intent: Intent, view: View) -> Answers:
    """PT-03: every mandatory limit has a row that speaks now; measured is how many were found."""
    if not view.sheet.missing:
        return _ALL_SET
    excused = view.params.excused
    return (
        tuple(
            failed(
                NOT_SET,
                0.0,
                1.0,
                missing.scope,
                text=f"no {missing.measure} limit"
                + (f" over {missing.window_seconds} s" if missing.window_seconds else ""),
            )
            for missing in view.sheet.missing
            if missing.measure not in excused
        )
        or _ALL_SET
    )
