"""A comparison of two runs for people and machines."""

from collections.abc import Iterator
from typing import Any

from apps.local_time import clock, local
from apps.parity import Parity, TopicParity
from domain.market import SECOND


def told(parity: Parity) -> dict[str, Any]:
    """Return a comparison as plain values."""
    return {
        "runs": [str(run) for run in parity.runs],
        "same": parity.same,
        "kept_by_one": [{"topic": topic, "run": run} for topic, run in parity.kept_by_one],
        "planted": [{"cause": cause, "what": what} for cause, what in parity.planted],
        "topics": [_topic(topic) for topic in parity.topics],
    }


def _topic(topic: TopicParity) -> dict[str, Any]:
    counts: dict[str, Any] = {
        "topic": topic.topic,
        "rows": list(topic.rows),
        "equal": topic.equal,
        "different": topic.different,
        "only_a": topic.only[0],
        "only_b": topic.only[1],
        "causes": {cause: len(instants) for cause, instants in topic.known_at.items()},
    }
    if topic.first is None or topic.cause is None:
        return {**counts, "first": None}
    first = {
        "known_at": topic.first.known_at,
        "event_at": topic.first.event_at,
        "instrument": topic.first.instrument,
        "what": topic.first.what,
        "fields": {
            name: {"a": _plain(one), "b": _plain(other)} for name, (one, other) in topic.first.fields.items()
        },
    }
    return {**counts, "first": first, "cause": topic.cause.name, "evidence": topic.cause.evidence}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | bool) or value is None else repr(value)


def shown(field: str, value: Any) -> str:
    """Return a value for the eye: an instant (ns UTC) as New York time, to the last digit."""
    if isinstance(value, int) and field.endswith(("_at", "Time")) and value > SECOND:
        return f"{local(value):%Y-%m-%d %H:%M:%S}.{value % SECOND:09d}"
    return str(value)


def lines(parity: Parity) -> Iterator[str]:
    """Yield a comparison as lines of text."""
    for name, run in parity.kept_by_one:
        yield f"{name}: kept by run {run} only, not compared"
    for topic in parity.topics:
        if topic.first is None or topic.cause is None:
            yield f"{topic.topic}: {topic.rows[0]:,} records, the same"
            continue
        yield (
            f"{topic.topic}: {topic.rows[0]:,} and {topic.rows[1]:,} records; {topic.equal:,} equal, "
            f"{topic.different:,} different, {topic.only[0]:,} only in A, {topic.only[1]:,} only in B"
        )
        whose = f" of {topic.first.instrument}" if topic.first.instrument else ""
        yield f"    first{whose} at {clock(topic.first.known_at)}: {topic.first.what}"
        for field, (one, other) in topic.first.fields.items():
            yield f"        {field}: {shown(field, one)} and {shown(field, other)}"
        yield f"    cause: {topic.cause.name} ({topic.cause.evidence})"
        if len(topic.known_at) > 1:
            counts = (f"{len(instants):,} by {cause}" for cause, instants in topic.known_at.items())
            yield f"    of all its differences {', '.join(counts)}"
    if not parity.same:
        yield "what is another between the runs:"
        yield from (f"    {cause}: {what}" for cause, what in parity.planted)
    if not parity.same and not parity.planted:
        yield "    nothing: not what was received, not the configuration, not the code"
    yield "the runs are the same" if parity.same else "the runs differ"
