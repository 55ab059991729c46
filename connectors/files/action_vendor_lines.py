"""Corporate actions from Databento's reference data: lines of JSON, of events or of adjustment factors.

A line about an event that was told before replaces what was told; one that says that it is cancelled or deleted takes
it back. The fields are those of databento.com/docs/schemas (corporate-actions, adjustment-factors).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from domain.corporate_actions import ActionKind, CorporateAction

SPLITS = frozenset({"FSPLT", "RSPLT"})
DIVIDEND, BONUS, NEW_TICKER, LISTING = "DIV", "BON", "LCC", "LSTAT"
IN_STOCK = "S"
TAKEN_OVER = frozenset({"MRGR", "TKOVR"})
WITHOUT_EX_DATE = frozenset({*TAKEN_OVER, NEW_TICKER, LISTING})
OF_NO_PRICE = frozenset({"AGM", "ICC", "INCHG", "ISCHG", "LTCHG", "MKCHG", "NLIST", "SHOCH"})
"""Meetings, new names and codes, lots, listings and counts: what leaves a price and a holding as they are."""
TAKEN_BACK = frozenset({"C", "D"})
Instants = Callable[[str], int]


def vendor_actions(lines: Sequence[str], instant_of: Instants) -> list[tuple[int, CorporateAction]]:
    """Return the actions of lines, each with the number of its line (from 1); `instant_of` reads dates and times.

    Raises ValueError, with the line, where one is no event that is known here.
    """
    found: list[tuple[int, CorporateAction]] = []
    last: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line, type=dict[str, Any])
            name = _name(row)
            action = _action(row, f"{name}#{number}", last.get(name, ""), instant_of)
        except (ValueError, TypeError, ZeroDivisionError, msgspec.MsgspecError) as error:
            raise ValueError(f"line {number}: {error}") from error
        if action is not None:
            last[name] = action.action_id
            found.append((number, action))
    return found


def _name(row: Mapping[str, Any]) -> str:
    """Return what names an event over all its listings and versions."""
    return "-".join(
        str(row.get(each) or "") for each in ("event_id", "security_id", "option_id", "serial_id")
    )


def _action(
    row: Mapping[str, Any], action_id: str, corrects: str, instant_of: Instants
) -> CorporateAction | None:
    event = row.get("event") or row.get("event_type") or ""
    told = row.get("ts_record") or row.get("ts_created")
    ex_date = row.get("ex_date") or (_taking_effect(row) if event in WITHOUT_EX_DATE else None)
    if event in OF_NO_PRICE:
        return None
    if not (event and told and ex_date):
        raise ValueError("an event has event, ex_date and ts_record or ts_created; one of them is missing")
    factors = "factor" in row
    back = row.get("status") != "A" if factors else row.get("event_action") in TAKEN_BACK
    if back and not corrects:
        return None
    terms = Terms(ActionKind.CANCEL) if back else _terms(row, event)
    known_at = instant_of(told)
    return CorporateAction(
        kind=terms.kind,
        ex_on=instant_of(ex_date) // 86_400_000_000_000,
        amount=terms.amount,
        ratio=terms.ratio,
        known_at=known_at,
        instrument=row.get("nasdaq_symbol") or row.get("symbol") or row.get("local_code") or "",
        action_id=action_id,
        corrects=corrects,
        into=terms.into,
        announced_at=_announced(row, known_at, instant_of),
    )


def _taking_effect(row: Mapping[str, Any]) -> str | None:
    """Return the date from which an event without an ex-date holds."""
    return row.get("effective_date") or row.get("delisting_date") or row.get("event_date")


def _announced(row: Mapping[str, Any], known_at: int, instant_of: Instants) -> int:
    """Return when a company said it, 0 where the row does not tell; a date after the row itself is none."""
    dates = row.get("date_info") or {}
    said = dates.get("declaration_date") or row.get("notification_date") or row.get("event_created_date")
    at = instant_of(said) if said else 0
    return at if at <= known_at else 0


class Terms(NamedTuple):
    """Kind, amount and ratio of an event, and whose shares are given, as `domain.corporate_actions` has them."""

    kind: ActionKind
    amount: float = 0.0
    ratio: float = 1.0
    into: str = ""


def _terms(row: Mapping[str, Any], event: str) -> Terms:
    """Return the terms of an event; raises ValueError for one that is not known here, or tells no terms."""
    if "factor" in row:
        factor = float(row["factor"])
        if event in SPLITS:
            return Terms(ActionKind.SPLIT, ratio=1.0 / factor)
        kind = ActionKind.CASH_DIVIDEND if event == DIVIDEND else ActionKind.SPECIAL_DIVIDEND
        return Terms(kind, float(row["close"]) * (1.0 - factor))
    if event in SPLITS:
        return Terms(ActionKind.SPLIT, ratio=_each(row))
    if event == BONUS or (event == DIVIDEND and row.get("payment_type") == IN_STOCK):
        return Terms(ActionKind.STOCK_DIVIDEND, ratio=1.0 + _each(row))
    rates, info = row.get("rate_info") or {}, row.get("event_info") or {}
    paid = row.get("gross_dividend") or rates.get("gross_dividend")
    if event == DIVIDEND and paid:
        return Terms(ActionKind.CASH_DIVIDEND, float(paid))
    if event in TAKEN_OVER:
        return _merger(row, rates)
    if event == NEW_TICKER and info.get("new_local_code"):
        return Terms(ActionKind.RENAME, into=str(info["new_local_code"]))
    if event == LISTING and row.get("delisting_date"):
        return Terms(ActionKind.DELISTING)
    raise ValueError(
        f"an event is one of {', '.join(sorted((*SPLITS, *TAKEN_OVER, BONUS)))} with their terms, {DIVIDEND} with "
        f"gross_dividend, {NEW_TICKER} with new_local_code, or {LISTING} with delisting_date; {event} was given; "
        "the file of adjustment factors has all events that change prices"
    )


def _each(row: Mapping[str, Any]) -> float:
    """Return how many shares there are for each one of before."""
    return float(row["ratio_new"]) / float(row["ratio_old"])


def _merger(row: Mapping[str, Any], rates: Mapping[str, Any]) -> Terms:
    """Return cash and shares of a merger; raises ValueError where it tells neither, or a range of prices."""
    least, most = rates.get("min_price"), rates.get("max_price")
    if least is not None and most is not None and float(least) != float(most):
        raise ValueError(f"a merger has one price; {least} to {most} was given")
    cash = float(most or least or 0.0)
    into = row.get("outturn_local_code") if row.get("ratio_new") and row.get("ratio_old") else None
    if not (cash or into):
        raise ValueError(
            "a merger tells max_price, or ratio_new, ratio_old and outturn_local_code; neither is there"
        )
    return Terms(ActionKind.MERGER, cash, _each(row) if into else 1.0, str(into or ""))
