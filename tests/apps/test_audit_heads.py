"""The audit of what was decided has one head whatever the workers and batches, and a check finds it untouched."""

import pytest

from apps.audit import Question, verified
from apps.replaying import replayed
from config.audit import read_audit
from connectors.audit.rows import lines_of, segments
from flows.stages import NOT_AUDITED
from tests.apps.kept import audited
from tests.apps.small_market import request


def events_of(folder):
    """Return the streams of the rows of the audit, in order."""
    rows = lines_of(segments(folder / "audit" / "decisions"))
    return [line.rpartition(b'"stream":"')[2].partition(b'"')[0].decode() for line in rows]


@pytest.mark.parametrize(("workers", "batch_rows"), [(1, 64), (2, 4_096)])
def test_the_rows_and_the_head_do_not_depend_on_workers_and_batches(
    undisturbed, tmp_path, workers, batch_rows
):
    replayed(request(workers=workers, batch_rows=batch_rows), tmp_path / "out")

    assert audited(tmp_path / "out") == audited(undisturbed[0])


def test_every_decision_record_of_the_run_is_in_the_audit_once(undisturbed):
    folder, summary = undisturbed
    topics = (
        "signals",
        "decision_points",
        "intents",
        "verdicts",
        "oms.orders",
        "oms.cancels",
        "oms.executions",
    )
    events = events_of(folder)

    assert {topic: events.count(topic) for topic in topics if topic in summary["counts"]} == {
        topic: summary["counts"][topic] for topic in topics if topic in summary["counts"]
    }
    assert not NOT_AUDITED & set(events)


def test_the_audit_of_a_run_is_what_was_written_and_says_what_it_began_with(undisturbed):
    folder, _ = undisturbed

    found = verified(folder, read_audit(), Question())

    assert (found.ok, found.first) == (True, None)
    assert [log.writer for log in found.logs] == ["decisions", "doors"]
    assert found.logs[0].after_head == 0
    begun = next(lines_of(segments(folder / "audit" / "doors")))
    assert b'"type":"DeskStarted"' in begun
    assert b'"limits.yaml":' in begun
