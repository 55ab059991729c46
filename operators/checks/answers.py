"""How a check answers: passed or failed, with the measured value, the limit, and whose limit it is.

`against` and `worst` compare one measure with several bounds. They answer with every bound that fails, or,
where none does, with the tightest one; with no bound at all they refuse, since a missing limit must not skip
the check (PT-03).
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from domain.decisions import Check, Outcome
from operators.limits import Bound

MALFORMED = "malformed"
UNPRICED = "no reference price"
Answers = tuple[Check, ...]
_PASS = Outcome.PASS
_LESS_THAN_ANY = float("-inf")


class Rule(NamedTuple):
    """How a check signs its failures: standards.md id, internal code, OrdRejReason(103), and its words."""

    check: str
    code: str
    reason: int
    text: str


def passed(rule: Rule, measured: float | str | None, limit: float | str | None, scope: str = "") -> Check:
    """Answer that the check has passed."""
    return Check(check=rule.check, code="", outcome=_PASS, measured=measured, limit=limit, scope=scope)


def failed(
    rule: Rule,
    measured: float | str | None,
    limit: float | str | None,
    scope: str = "",
    outcome: Outcome = Outcome.REJECT,
    text: str = "",
) -> Check:
    """Answer that the check has failed, or warns."""
    return Check(
        check=rule.check,
        code=rule.code,
        outcome=outcome,
        measured=measured,
        limit=limit,
        scope=scope,
        text=text or rule.text,
        ord_rej_reason=rule.reason,
    )


def unlimited(rule: Rule, measured: float | str | None) -> Answers:
    """Refuse because no limit is set."""
    return (failed(rule, measured, None, text="no limit is set"),)


def against(rule: Rule, exact: Decimal | int, measured: float, bounds: tuple[Bound, ...]) -> Answers:
    """Compare one value with each bound, and report it as `measured`; at the bound passes."""
    if not bounds:
        return unlimited(rule, measured)
    failures: list[Check] = []
    tightest = bounds[0]
    for bound in bounds:
        if exact > bound.hard:
            failures.append(failed(rule, measured, bound.limit, bound.scope))
        elif bound.hard < tightest.hard:
            tightest = bound
    if failures:
        return tuple(failures)
    return (passed(rule, measured, tightest.limit, tightest.scope),)


def worst(rule: Rule, measures: Iterable[tuple[Decimal | float, Bound, bool]]) -> Answers:
    """Answer from (measured, bound, fails) of several bounds that measure different things.

    What is measured was compared already: a caller that has it as a float gives that.
    """
    failures: list[Check] = []
    fullest: tuple[float, Bound] | None = None
    most = _LESS_THAN_ANY
    for exact, bound, fails in measures:
        measured = float(exact)
        if fails:
            failures.append(failed(rule, measured, bound.limit, bound.scope))
        elif (share := measured / (bound.limit or 1.0)) > most:
            most, fullest = share, (measured, bound)
    if failures:
        return tuple(failures)
    if fullest is None:
        return unlimited(rule, None)
    return (passed(rule, fullest[0], fullest[1].limit, fullest[1].scope),)
