"""Regulatory (PT-36): is the instrument on a list?

The watch list is silent: the order goes its way, and the answer carries the scope `SILENT`, which only
compliance may see. What a trader may read of a verdict is `compliance.visible`; a restricted instrument is
refused in general words.
"""

from domain.decisions import Check, Outcome
from domain.orders import Intent
from operators.checks.answers import Answers, Rule, failed, passed
from operators.compliance_view import View

SILENT = "compliance-only"
RESTRICTED = Rule("PT-36", "RESTRICTED", 0, "not permitted in this instrument")
WATCHED = Rule("PT-36", "WATCHLIST", 0, "accepted")
_UNLISTED = (passed(RESTRICTED, "clear", "clear"),)


def listed(intent: Intent, view: View) -> Answers:
    """PT-36: neither instrument nor issuer is on a list that binds firm, account or trader now."""
    instrument = view.market.instrument
    if not view.identified:
        return (failed(RESTRICTED, "malformed", "clear"),)
    entries = view.params.listed_for(intent.symbol, instrument.issuer if instrument else "")
    if not entries:
        return _UNLISTED
    now_at = view.market.now_at
    holders = ("firm", f"account:{intent.account}", f"trader:{intent.trader}")
    answers: list[Check] = []
    for entry in entries:
        if entry.holder in holders and entry.valid_from <= now_at < entry.valid_to:
            if entry.kind == "restricted":
                answers.append(failed(RESTRICTED, "listed", "clear", entry.holder))
            else:
                answers.append(failed(WATCHED, "listed", "clear", SILENT, Outcome.WARN))
    return tuple(answers) or _UNLISTED
