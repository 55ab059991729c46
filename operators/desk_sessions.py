"""PT-46: is the session of the venue heard, and what happens by itself when it is not?

A venue inside the desk is heard as long as its line is not cut; one elsewhere by its promises, without which the desk
decides nothing. When more heartbeats are missed than are allowed, the venue is killed at that instant, order or no
order: its orders are cancelled (FIX 378 = 12), and two persons let it go on (`ita release venue:NAME`).
"""

from typing import TYPE_CHECKING

from domain.decisions import Outcome
from domain.market import END
from operators.checks.answers import failed
from operators.checks.flow import DISCONNECTED
from operators.compliance_rules import KillMode
from operators.compliance_state import hear, set_kill
from operators.decision_records import breach_of
from operators.venue_line import back_from_cut, cut_since, next_cut

if TYPE_CHECKING:
    from operators.desk import Desk


def listen(desk: "Desk", now_at: int) -> int:
    """Note when the venue was heard last (ns UTC), and return how many heartbeats it has missed."""
    rules, venue = desk.compliance, desk.params.venue
    since = cut_since(venue, now_at)
    heard_at = now_at if since is None else since
    hear(desk.state.compliance, venue.name, heard_at, rules.heartbeat)
    return (now_at - heard_at) // rules.heartbeat


def watch_session(desk: "Desk", now_at: int) -> None:
    """Kill the venue where too many heartbeats are missed by now, and set when to look again."""
    venue, rules = desk.params.venue, desk.compliance
    most = rules.tolerances.heartbeats_missed_max
    missed, patience = listen(desk, now_at), (most + 1) * rules.heartbeat
    since = cut_since(venue, now_at)
    if missed > most:
        _kill(desk, missed, now_at)
        back_at = back_from_cut(venue, now_at)
        desk.state.session_watch_at = END if back_at is None else back_at
        return
    begins_at = since if since is not None else next_cut(venue, now_at)
    desk.state.session_watch_at = END if begins_at is None else begins_at + patience


def _kill(desk: "Desk", missed: int, now_at: int) -> None:
    scope, kills = f"venue:{desk.params.venue.name}", desk.state.compliance.kills
    held = kills.get(scope)
    if held is not None and held.mode is KillMode.CANCEL_ALL:
        return
    set_kill(desk.state.compliance, scope, KillMode.CANCEL_ALL, now_at, DISCONNECTED.code)
    limit = float(desk.compliance.tolerances.heartbeats_missed_max)
    check = failed(DISCONNECTED, float(missed), limit, scope, Outcome.KILL)
    number = desk.next_number("breaches")
    desk.decided.breaches.append(breach_of(scope, check, str(KillMode.CANCEL_ALL), now_at, number))
    desk.cancel_all(now_at, scope, DISCONNECTED.text)
