"""Records of orders as Annex IV of Delegated Regulation (EU) 2017/565 has them, by the numbers of its sections.

Section 1 has a row for each decision to deal (16 items), section 2 one for each event of an order (40 items). What the
desk does not have, or what an instrument of this kind cannot have, is empty: the desk trades for itself and in shares,
so there is no client's agent, no aggregation and no option's terms. Times are UTC to the microsecond.
"""

from datetime import UTC, datetime
from typing import Any

from apps.audit_export.trail import Event

SECTION_1 = (
    "1 client", "2 person acting for the client", "3 trader, investment decision", "4 algorithm, investment decision",
    "5 buy or sell", "6 instrument", "7 unit price notation", "8 price", "9 price multiplier", "10 currency 1",
    "11 currency 2", "12 initial quantity", "13 validity period", "14 order type", "15 other conditions",
    "16 time of the decision to deal",
)  # fmt: skip
SECTION_2 = (
    "1 client", "2 person acting for the client", "3 trader, investment decision", "4 algorithm, investment decision",
    "5 transaction reference", "6 order id", "7 order id of the venue", "8 aggregated orders", "9 venue",
    "10 person transmitted to", "11 seller and buyer", "12 trading capacity", "13 trader, execution",
    "14 algorithm, execution", "15 buy or sell", "16 instrument", "17 underlying", "18 put or call",
    "19 strike price", "20 up-front payment", "21 delivery type", "22 option style", "23 maturity date",
    "24 unit price notation", "25 price", "26 price multiplier", "27 currency 1", "28 currency 2",
    "29 remaining quantity", "30 modified quantity", "31 executed quantity", "32 time of submission",
    "33 time of the message", "34 time of a message of another firm", "35 message", "36 details of another firm",
    "37 sequence of events", "38 short selling", "39 short selling exemption", "40 waiver",
)  # fmt: skip
CODES = {
    "OrderSent": "NEWO",
    "OrderCancelRequested": "CAME",
    "OrderCanceled": "CAMO",
    "OrderRejectedByVenue": "REMO",
    "OrderExpired": "EXPI",
    "OrderAccepted": "NEWO",
    "OrderPendingNew": "NEWO",
    "OrderPendingCancel": "CAME",
}
"""Events by the codes of RTS 6, Annex II, table 3; fills are PARF and FILL."""
FILLED = "2"
CAPACITY = "DEAL"
SIDES = {"1": "BUYI", "2": "SELL", "5": "SELL"}
SHORT = {"5": "SESH"}
TYPES = {"1": "MARKET", "2": "LIMIT", "3": "STOP", "4": "STOP LIMIT"}
VALIDITY = {"0": "DAYV", "1": "GTCV", "3": "IOCV", "4": "FOKV", "6": "GTDV"}


def section_1(events: list[Event]) -> list[dict[str, str]]:
    """Return a row for each decision to deal."""
    return [
        _row(
            SECTION_1,
            {
                1: payload["Account"],
                3: payload["trader"],
                4: payload["strategy"],
                5: SIDES.get(payload["Side"], payload["Side"]),
                6: payload["Symbol"],
                7: "MONE",
                8: payload.get("Price") or "NOAP",
                9: "1",
                10: payload["Currency"],
                12: f"{payload['OrderQty']} UNIT",
                13: VALIDITY.get(payload["TimeInForce"], payload["TimeInForce"]),
                14: TYPES.get(payload["OrdType"], payload["OrdType"]),
                16: stamp(payload["known_at"]),
            },
        )
        for event in events
        if event.type == "OrderRequested"
        for payload in (event.payload,)
    ]


def section_2(events: list[Event]) -> list[dict[str, str]]:
    """Return a row for each event of an order, in the order in which they happened."""
    asked: dict[str, dict[str, Any]] = {}
    rows: list[dict[str, str]] = []
    sequence: dict[str, int] = {}
    for event in events:
        payload = event.payload
        if event.type == "OrderRequested":
            asked[payload["ClOrdID"]] = payload
        if not event.entry["stream"].startswith("oms."):
            continue
        name = payload.get("OrigClOrdID") or payload["ClOrdID"]
        sequence[name] = sequence.get(name, 0) + 1
        rows.append(_event_row(event, asked.get(name, {}), sequence[name]))
    return rows


def _event_row(event: Event, asked: dict[str, Any], place: int) -> dict[str, str]:
    payload = event.payload
    code = CODES.get(event.type, event.type)
    if event.type == "TradeExecuted":
        code = "FILL" if payload["OrdStatus"] == FILLED else "PARF"
    price = payload.get("LastPx") or asked.get("Price")
    return _row(
        SECTION_2,
        {
            1: payload["Account"],
            3: asked.get("trader", ""),
            4: payload["strategy"],
            5: payload.get("ExecID", ""),
            6: payload.get("OrigClOrdID") or payload["ClOrdID"],
            7: payload.get("OrderID", ""),
            9: payload.get("LastMkt") or payload.get("ExDestination") or asked.get("ExDestination", ""),
            12: CAPACITY,
            13: asked.get("trader", ""),
            14: payload["strategy"],
            15: SIDES.get(payload["Side"], payload["Side"]),
            16: payload["Symbol"],
            24: "MONE",
            25: price or "NOAP",
            26: "1",
            27: asked.get("Currency", payload.get("Currency", "")),
            29: payload.get("LeavesQty", payload["OrderQty"]),
            31: payload.get("LastQty", 0),
            32: stamp(asked["known_at"]) if asked else "",
            33: stamp(payload["TransactTime"]),
            35: f"{code} {event.type}",
            37: place,
            38: SHORT.get(payload["Side"], ""),
        },
    )


def _row(names: tuple[str, ...], values: dict[int, Any]) -> dict[str, str]:
    """Return a row with every item of a section, empty where nothing is said."""
    return {name: str(values.get(number, "")) for number, name in enumerate(names, 1)}


def stamp(instant: int) -> str:
    """Return an instant (ns UTC) as YYYY-MM-DDThh:mm:ss.ddddddZ."""
    at = datetime.fromtimestamp(instant // 1_000_000_000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{instant // 1_000 % 1_000_000:06d}Z"
