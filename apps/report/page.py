"""The report of a run on one page that opens without network: figures, prices, equity, verdicts, quality, orders."""

import json
from html import escape
from pathlib import Path
from typing import Any

from apps.audit_seen import audit_seen
from apps.explanation import AuditSeen
from apps.kept_run import KeptRun
from apps.people_view import deeds
from apps.report.charts import MARKERS_MAX, equity_chart, price_chart
from apps.report.look import SCRIPT, STYLE, WITHOUT_SCRIPT
from apps.report.readings import (
    INSTRUMENTS_MAX,
    Curve,
    Span,
    Story,
    bar_counts,
    curves,
    flag_counts,
    orders,
    reason_texts,
    stories,
    windows,
)
from apps.report.tables import (
    Cell,
    bar_table,
    number,
    order_table,
    people_table,
    position_table,
    quality_table,
    table,
    verdict_table,
)
from apps.run_folder import write_whole

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def write_report(folder: Path, target: Path) -> None:
    """Write the report of the finished run in `folder` to `target`, whole; the same run gives the same bytes.

    Raises RunFolderError where the folder holds no finished run.
    """
    run = KeptRun(folder)
    summary = run.summary()
    days, told, accounts = windows(run), stories(run), curves(run)
    parts = [
        _head(run, days),
        _figures(summary, told, accounts),
        _prices(told, days),
        _equity(accounts, days),
        f"<h2>Verdicts by reason</h2>{verdict_table(summary['verdicts'], reason_texts(run))}",
        f"<h2>What people did</h2>{people_table(deeds(run))}",
        f"<h2>Positions and results</h2>{position_table(summary['positions'])}",
        _quality(run, summary),
        _orders(run, summary),
        _audit(audit_seen(run)),
        _how(run, summary),
    ]
    write_whole(target, page("Trading report", "".join(parts)))


def page(title: str, body: str) -> str:
    """Return a whole page that opens without network."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>{WITHOUT_SCRIPT}</head>"
        f"<body><main>{body}</main><script>{SCRIPT}</script></body></html>\n"
    )


def _head(run: KeptRun, days: tuple[Span, ...]) -> str:
    when = f"{days[0].words} to {days[-1].words}" if len(days) > 1 else days[0].words if days else "no day"
    sources = run.manifest.get("sources") or [run.manifest.get("source", "")]
    return (
        f"<h1>Trading report, {escape(when)}</h1>"
        f'<p class="dim">{escape(", ".join(map(str, sources)))}. Times are New York.</p>'
    )


def _figures(summary: dict[str, Any], told: tuple[Story, ...], accounts: tuple[Curve, ...]) -> str:
    counts, profit = summary["counts"], summary["pnl"]
    approved = summary["verdicts"]["by_kind"].get("approved", 0)
    worst = max((float(curve.drawdown.max()) for curve in accounts), default=0.0)
    fills = sum(len(story.fills) for story in told)
    figures = (
        (f"{float(profit['total']):+,.2f}", "P&L after fees"),
        (f"{-100 * worst:.2f} %", "largest drawdown"),
        (f"{approved:,} of {counts.get('intents', 0):,}", "intents approved"),
        (f"{fills:,}", "orders filled, at least in part"),
        (f"{counts.get('signals', 0):,}", "signals"),
        (f"{summary['rows_in']:,}", "ticks in"),
        (f"{sum(summary['quarantined'].values()):,}", "rows quarantined or late"),
        (f"{summary['ticks_per_second']:,.0f}", "ticks a second"),
    )
    cards = "".join(
        f'<div class="figure"><b>{value}</b><span>{escape(words)}</span></div>' for value, words in figures
    )
    return f'<div class="figures">{cards}</div>'


def _prices(told: tuple[Story, ...], days: tuple[Span, ...]) -> str:
    if not told:
        return '<h2>Prices</h2><p class="none">the run made no bars</p>'
    options = "".join(
        f'<option value="i{place}">{escape(story.name)} ({len(story.fills):,} filled)</option>'
        for place, story in enumerate(told)
    )
    drawn = "".join(
        f'<section class="story{" shown" if not place else ""}" id="i{place}"><h3>{escape(story.name)}</h3>'
        f"{price_chart(story, days)}</section>"
        for place, story in enumerate(told)
    )
    key = (
        '<p class="key"><span>▲ bought, ▼ sold (at their average price)</span><span>lanes: where a strategy stood, '
        "upper half long, lower half short</span><span>shaded: halted</span><span>dashed: split</span></p>"
    )
    more = f"Those with the most fills first, {INSTRUMENTS_MAX} at most; of each the last {MARKERS_MAX} fills at most."
    return (
        f'<h2>Price, signals and fills</h2><p><label>Instrument <select id="instrument">{options}</select></label></p>'
        f'{drawn}{key}<p class="dim">{more}</p>'
    )


def _equity(accounts: tuple[Curve, ...], days: tuple[Span, ...]) -> str:
    drawn = "".join(
        f"<h3>account {escape(curve.account)}</h3>{equity_chart(curve, days)}" for curve in accounts if days
    )
    return f"<h2>Equity and drawdown</h2>{drawn or '<p class=none>no snapshot was taken</p>'}"


def _quality(run: KeptRun, summary: dict[str, Any]) -> str:
    flags = table(
        ("flag on rows let through", "rows>"),
        [(flag, number(count)) for flag, count in flag_counts(run).items()],
    )
    bars = bar_table(bar_counts(run))
    return f"<h2>Data quality</h2>{quality_table(summary)}<h3>Flags</h3>{flags}<h3>Bars</h3>{bars}"


def _orders(run: KeptRun, summary: dict[str, Any]) -> str:
    chosen = orders(run)
    words = (
        f"{len(chosen):,} of {summary['counts'].get('intents', 0):,}: what was refused or held, what the venue did not "
        "fill, and the last of the others. All about one of them: ita explain, with its ClOrdID or how it begins."
    )
    return f'<h2>Orders</h2><p class="dim">{words}</p>{order_table(chosen)}'


def _audit(seen: AuditSeen | None) -> str:
    """Return under which head the decisions stand; who signed it is not part of the run, and not said."""
    if seen is None:
        return '<h2>Audit</h2><p class="none">the run keeps no audit trail</p>'
    if seen.wrong:
        return f"<h2>Audit</h2><p><strong>NOT what was written: {escape(seen.wrong)}</strong></p>"
    return (
        f"<h2>Audit</h2><p>Verified: {seen.rows:,} records of what was decided, under the root "
        f"<code>{seen.root}</code>.</p>"
        '<p class="dim">Check it anew with ita verify-audit, and prove a record with ita audit prove.</p>'
    )


def _how(run: KeptRun, summary: dict[str, Any]) -> str:
    made_of = [(name, _plain(value)) for name, value in sorted(run.manifest.items())]
    took = [
        ("elapsed", f"{summary['elapsed_seconds']:.1f} s"),
        ("peak memory", f"{summary['peak_rss_mb']:,.0f} MB"),
    ]
    digests = [
        (topic, number(summary["counts"].get(topic, 0)), Cell(f"<td><code>{digest}</code></td>"))
        for topic, digest in sorted(summary["digests"].items())
    ]
    return (
        f"<h2>How it was run</h2>{table(('what', 'value'), made_of + took)}"
        "<details><summary>Topics and their digests: two runs with the same digest hold the same records</summary>"
        f"{table(('topic', 'rows>', 'SHA-256'), digests)}</details>"
    )


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)
