"""Tables of the report, as HTML: every word that comes from a run is escaped here."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from apps.local_time import stamp
from apps.people_view import Deed
from domain.orders import OrdStatus

IDENTIFIER_SHOWN = 12
SIDES = {"1": "buy", "2": "sell", "5": "sell short"}
Row = Sequence["str | Cell"]


class Cell(str):
    """HTML that is already fit to be shown."""


def number(value: object, form: str = "{:,}") -> Cell:
    """Return a number as a cell, aligned to the right."""
    return Cell(f'<td class="number">{form.format(value)}</td>')


def money(amount: str | float) -> Cell:
    """Return an amount as a cell, with the colour of a gain or a loss."""
    value = float(amount)
    kind = "gain" if value > 0 else "fall" if value < 0 else ""
    return Cell(f'<td class="number {kind}">{value:,.2f}</td>')


def share(count: int, whole: int) -> Cell:
    """Return a count as a cell with a bar, as long as its share of the whole."""
    percent = 100 * count / whole if whole else 0
    return Cell(f'<td class="wide"><span class="bar" style="width:{percent:.1f}%"></span></td>')


def marked(words: str, kind: str) -> Cell:
    """Return words as a cell with the colour of a verdict."""
    return Cell(f'<td class="{escape(kind)}">{escape(words)}</td>')


def table(heads: Sequence[str], rows: Iterable[Row], caption: str = "") -> str:
    """Return a table; a head that ends in `>` stands to the right, as its numbers do."""
    told = f"<caption>{escape(caption)}</caption>" if caption else ""
    head = "".join(
        f'<th class="number">{escape(words[:-1])}</th>'
        if words.endswith(">")
        else f"<th>{escape(words)}</th>"
        for words in heads
    )
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    if not body:
        body = f'<tr><td class="none" colspan="{len(heads)}">none</td></tr>'
    return (
        f'<div class="scroll"><table>{told}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _cell(value: str) -> str:
    return value if isinstance(value, Cell) else f"<td>{escape(value)}</td>"


def verdict_table(verdicts: dict[str, dict[str, int]], texts: dict[str, str]) -> str:
    """Return how many verdicts approved, held and refused, and each reason with what it means."""
    kinds, codes = verdicts["by_kind"], verdicts["by_code"]
    whole = sum(kinds.values())
    rows: list[Row] = [
        (marked(kind, kind), number(count), share(count, whole), "") for kind, count in kinds.items()
    ]
    ranked = sorted(codes.items(), key=lambda entry: (-entry[1], entry[0]))
    rows += [(code, number(count), share(count, whole), texts.get(code, "")) for code, count in ranked]
    return table(("verdict or reason", "verdicts>", "share of all verdicts", "meaning"), rows)


def people_table(deeds: Iterable[Deed]) -> str:
    """Return what people did, and what came of it."""
    rows = [
        (
            marked(deed.when, "when"),
            deed.who,
            deed.what,
            deed.why,
            marked(deed.outcome, "" if deed.carried_out else "refused"),
        )
        for deed in deeds
    ]
    return table(("New York", "who", "what", "why", "what came of it"), rows)


def order_table(orders: Iterable[dict[str, Any]]) -> str:
    """Return intents with their verdict and what the venue made of them."""
    heads = (
        "New York",
        "instrument",
        "strategy",
        "side",
        "asked>",
        "limit>",
        "verdict",
        "at the venue",
        "ClOrdID",
    )
    return table(heads, [_order_row(row) for row in orders])


def _order_row(row: dict[str, Any]) -> Row:
    kind = row["kind"] or "no verdict"
    codes = f": {', '.join(row['codes'])}" if row["codes"] else ""
    name = escape(row["ClOrdID"])
    return (
        marked(stamp(row["known_at"]), "when"),
        row["Symbol"],
        row["strategy"],
        SIDES.get(row["Side"], row["Side"]),
        number(row["OrderQty"]),
        number(row["Price"] or "market", "{}"),
        marked(f"{kind}{codes}", kind),
        marked(*_outcome(row)),
        Cell(f'<td><code title="{name}">{name[:IDENTIFIER_SHOWN]}</code></td>'),
    )


def _outcome(row: dict[str, Any]) -> tuple[str, str]:
    """Return what became of an order at the venue in words, and the colour for it."""
    if row["kind"] != "approved":
        return "", ""
    if row["OrdStatus"] is None:
        return "no report yet", "held"
    status = OrdStatus(row["OrdStatus"]).name.lower().replace("_", " ")
    filled = f", {row['CumQty']:,} at {float(row['AvgPx']):.4f}" if row["CumQty"] else ""
    return f"{status}{filled}", "filled" if row["OrdStatus"] == OrdStatus.FILLED else "held"


def position_table(positions: Iterable[dict[str, Any]]) -> str:
    """Return the last position of each strategy and instrument, the largest results first."""

    def result(row: dict[str, Any]) -> float:
        return float(row["realised"]) + float(row["unrealised"]) - float(row["fees"])

    heads = ("strategy", "instrument", "held>", "mark>", "realised>", "unrealised>", "fees>", "result>")
    rows = [
        (
            row["strategy"],
            row["instrument"],
            number(row["quantity"]),
            number(row["mark"], "{}"),
            money(row["realised"]),
            money(row["unrealised"]),
            number(float(row["fees"]), "{:,.2f}"),
            money(result(row)),
        )
        for row in sorted(positions, key=lambda row: -abs(result(row)))
    ]
    return table(heads, rows)


def quality_table(summary: dict[str, Any]) -> str:
    """Return where the rows that came in went: every one is let through or quarantined."""
    counts, reasons = summary["counts"], summary["quarantined"]
    late = {reason: count for reason, count in reasons.items() if reason.startswith("late")}
    received = summary["rows_in"]
    rows: list[Row] = [("rows in", number(received), share(received, received))]
    for topic, words in (
        ("market.trades", "trades, cancels and status let through"),
        ("market.quotes", "quotes let through"),
    ):
        rows.append((words, number(counts.get(topic, 0)), share(counts.get(topic, 0), received)))
    for reason, count in reasons.items():
        words = f"let through, too late for a bar: {reason}" if reason in late else f"quarantined: {reason}"
        rows.append((words.replace("_", " "), number(count), share(count, received)))
    return table(("rows", "count>", "share of rows in"), rows)


def bar_table(bars: Iterable[tuple[int, int, int]]) -> str:
    """Return how many bars there are of each interval, and how many revisions."""
    rows = [(f"{interval:,} s", number(first), number(revised)) for interval, first, revised in bars]
    return table(("interval", "bars>", "revisions>"), rows)
