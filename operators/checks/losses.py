"""Portfolio (PT-35): has the scope lost too much to go on?"""

from domain.decisions import Check, Outcome
from domain.orders import Intent
from operators.checks.answers import MALFORMED, Answers, Rule, failed, passed, unlimited
from operators.compliance_state import Share
from operators.compliance_view import View
from operators.limits import Bound

LOSS = Rule("PT-35", "LOSS_LIMIT", 21, "the loss limit is reached")
DRAWDOWN = Rule("PT-35", "DRAWDOWN", 21, "the drawdown limit is reached")
SOFT = "in the soft zone only risk-reducing orders are allowed"

_MEASURES = (("daily_loss", LOSS), ("drawdown", DRAWDOWN), ("consecutive_losses", LOSS))


def losses(intent: Intent, view: View) -> Answers:
    """PT-35: daily loss and drawdown (percent) and losses in a row are below the soft limit of every scope.

    At the soft limit and above only what reduces the scope's position goes on: an order that would go through
    zero is clipped to what reduces, any other is rejected. At the hard limit and above the scope is killed. A
    scope whose standing is not known, or whose equity is used up, is refused.
    """
    answers: list[Check] = []
    fullest, least = -1.0, None
    known, bounds = view.state.losses, view.sheet.bounds
    for index, (measure, rule) in enumerate(_MEASURES):
        if not bounds[measure] and measure != "consecutive_losses":
            answers.extend(unlimited(rule, None))
        for bound in bounds[measure]:
            scope_losses = known.get(bound.scope)
            share = scope_losses[index] if scope_losses is not None else None
            if share is None:
                words = "unknown" if scope_losses is None else MALFORMED
                answers.append(failed(rule, words, bound.limit, bound.scope, text="the loss is not known"))
                continue
            if share.above >= bound.start * share.below:
                answers.append(_breached(intent, view, rule, bound, share))
            elif share.measured > fullest * (limit := bound.start_limit):
                fullest, least = share.measured / (limit or 1.0), (rule, share.measured, limit, bound.scope)
    if not answers and least is not None:
        answers.append(passed(*least))
    return tuple(answers)


def _breached(intent: Intent, view: View, rule: Rule, bound: Bound, share: Share) -> Check:
    """Answer an order of a scope that is at its soft limit or above."""
    if share.above >= bound.hard * share.below:
        return failed(rule, share.measured, bound.limit, bound.scope, Outcome.KILL)
    limit = bound.limit if bound.soft is None else float(bound.soft)
    reducing = reducing_quantity(intent, view, bound.scope)
    outcome = Outcome.CLIP if reducing else Outcome.REJECT
    if reducing and reducing == view.quantity:
        outcome = Outcome.WARN
    return failed(rule, share.measured, limit, bound.scope, outcome, SOFT)


def reducing_quantity(intent: Intent, view: View, scope: str) -> int:
    """Return how much of an order takes units off the position of a scope, in whole lots, or 0."""
    if not view.sane or view.market.instrument is None:
        return 0
    most = min(view.quantity, view.holding(scope, intent.symbol).reducible(view.sign))
    return most - most % view.market.instrument.lot_size if most < view.quantity else most
