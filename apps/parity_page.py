"""A comparison of two runs on one page that opens without network: when they differ, in what, and why."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

import numpy as np

from apps.kept_run import KeptRun
from apps.local_time import day_of, stamp
from apps.parity import Parity, TopicParity
from apps.parity_causes import CAUSES
from apps.parity_view import shown
from apps.report.axes import TimeAxis
from apps.report.charts import svg
from apps.report.page import page
from apps.report.readings import Span, windows
from apps.report.tables import Cell, number, table
from apps.run_folder import MANIFEST, write_whole
from domain.market import Int64

LANE, TOP, LEFT, RIGHT = 26.0, 20.0, 170.0, 936.0
COLUMNS = 420
COLOURS = {
    "input": "var(--up)",
    "late data": "var(--wait)",
    "configuration": "var(--line)",
    "code": "var(--good)",
    "non-determinism": "var(--bad)",
}


def write_page(parity: Parity, target: Path) -> None:
    """Write the page of a comparison, whole; the same comparison gives the same bytes."""
    left, right = (escape(str(run)) for run in parity.runs)
    verdict = "The runs are the same." if parity.same else "The runs differ."
    body = (
        f"<h1>Parity of two runs</h1><p>A: <code>{left}</code><br>B: <code>{right}</code></p><p><b>{verdict}</b></p>"
        f"{_planted(parity)}<h2>When they differ</h2>{_timeline(parity)}<h2>Topics</h2>{_topics(parity)}"
        f"<h2>First differences</h2>{_firsts(parity)}"
    )
    write_whole(target, page("Parity of two runs", body))


def _planted(parity: Parity) -> str:
    """Return everything that is another between the runs."""
    if parity.same:
        return ""
    nothing = [("non-determinism", "what was received, configuration and code are the same")]
    return f"<h2>What is another</h2>{table(('cause', 'what'), list(parity.planted) or nothing)}"


def _spans(parity: Parity) -> tuple[Span, ...]:
    """Return the trading days of run A where it is a whole run, else the days on which there are differences."""
    run = parity.runs[0]
    known = windows(KeptRun(run)) if (run / MANIFEST).exists() else ()
    apart = np.concatenate(
        [
            np.empty(0, np.int64),
            *(instants for topic in parity.topics for instants in topic.known_at.values()),
        ]
    )
    spans = {span.words: span for span in known}
    for at in apart.tolist() if not known else ():
        words = day_of(at)
        before = spans.get(words, Span(at, at, words))
        spans[words] = Span(min(before.first_at, at), max(before.last_at, at + 1), words)
    return tuple(spans.values())


def _timeline(parity: Parity) -> str:
    apart = [topic for topic in parity.topics if topic.first is not None]
    spans = _spans(parity)
    if not apart or not spans:
        return '<p class="none">nowhere</p>'
    axis = TimeAxis(spans, LEFT, RIGHT)
    height = TOP + LANE * len(apart) + 24
    parts = [
        f'<text class="middle" x="{place:.1f}" y="{height - 8:.1f}">{words}</text>'
        for place, words in axis.ticks()
    ]
    for lane, topic in enumerate(apart):
        parts += _lane(axis, topic, TOP + LANE * lane)
    named = {cause for topic in apart for cause in topic.known_at}
    key = "".join(
        f'<span><b style="color:{COLOURS[name]}">■</b> {name}</span>' for name in CAUSES if name in named
    )
    return (
        f'{svg(height, "differences by topic over time", parts)}<p class="key">{key}</p>'
        '<p class="dim">Times are New York; a bar is as high as its differences are many, by lane, each in the colour '
        "of its cause.</p>"
    )


def _lane(axis: TimeAxis, topic: TopicParity, top: float) -> Iterator[str]:
    bottom = top + LANE - 4
    yield f'<text class="end" x="{LEFT - 8}" y="{bottom - 4:.1f}">{escape(topic.topic)}</text>'
    yield f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{bottom:.1f}" y2="{bottom:.1f}"/>'
    counts = {cause: _columns(axis, instants) for cause, instants in topic.known_at.items()}
    most = max(1, *np.sum(list(counts.values()), axis=0).tolist())
    taken = np.zeros(COLUMNS)
    for cause, columns in counts.items():
        for column in np.flatnonzero(columns).tolist():
            high = max(2.0, (LANE - 8) * columns[column] / most)
            taken[column] += high
            x = LEFT + (RIGHT - LEFT) * column / COLUMNS
            yield (
                f'<rect fill="{COLOURS[cause]}" x="{x:.1f}" y="{bottom - taken[column]:.1f}" width="2" '
                f'height="{high:.1f}"><title>{columns[column]:,} of {escape(topic.topic)}: {cause}</title></rect>'
            )


def _columns(axis: TimeAxis, instants: Int64) -> Int64:
    """Return how many of some instants (ns UTC) fall into each column of the timeline."""
    places: list[float] = []
    for part in range(len(axis.spans)):
        span = axis.spans[part]
        inside = instants[(instants >= span.first_at) & (instants <= span.last_at)]
        places += axis.places(inside, part).tolist()
    return np.histogram(places, bins=COLUMNS, range=(LEFT, RIGHT))[0]


def _topics(parity: Parity) -> str:
    heads = (
        "topic",
        "in A>",
        "in B>",
        "equal>",
        "different>",
        "only in A>",
        "only in B>",
        "causes",
    )
    rows: list[tuple[str, ...]] = [
        (topic, "kept" if run == "A" else "", "kept" if run == "B" else "", "", "", "", "", "not compared")
        for topic, run in parity.kept_by_one
    ]
    rows += [
        (
            topic.topic,
            *(number(count) for count in (*topic.rows, topic.equal, topic.different, *topic.only)),
            ", ".join(f"{len(at):,} {cause}" for cause, at in topic.known_at.items()),
        )
        for topic in parity.topics
    ]
    return table(heads, rows)


def _firsts(parity: Parity) -> str:
    rows: list[tuple[str, ...]] = []
    for topic in parity.topics:
        if topic.first is None or topic.cause is None:
            continue
        values = "".join(
            f"<div><b>{escape(name)}</b> {escape(shown(name, one))} and {escape(shown(name, other))}</div>"
            for name, (one, other) in topic.first.fields.items()
        )
        rows.append(
            (
                topic.topic,
                stamp(topic.first.known_at),
                topic.first.instrument,
                topic.first.what,
                Cell(f"<td>{values}</td>"),
                f"{topic.cause.name}: {topic.cause.evidence}",
            )
        )
    return table(("topic", "known at", "instrument", "what", "values, A and B", "cause"), rows)
