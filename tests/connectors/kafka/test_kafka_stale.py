"""Orders are refused from when a desk cannot read its limits until it can again; a broker that is far is not silent."""

import time

import pytest

from connectors.kafka.controls import SILENT_SECONDS, ControlSource
from connectors.kafka.reader import READING
from domain.controls import ControlKind, ControlsRead
from domain.decisions import VerdictKind
from domain.market import SECOND
from operators.decisions import Decisions
from tests.connectors.deadline import until
from tests.connectors.kafka.conftest import MortalBroker
from tests.operators import decision_case
from tests.ports import free_port
from tests.served.slow_proxy import SlowProxy

pytestmark = pytest.mark.served

ROWS = 3_000
BATCH_ROWS = 64
STALE_SECONDS = 1.0
PAUSE_SECONDS = 0.02


class Heard:
    """A reader of limits and kill beside market data that never ceases."""

    def __init__(self, cluster, monkeypatch):
        source = ControlSource(cluster, "book", lambda: False, STALE_SECONDS)
        self._reader, self._monkeypatch = source.build_part("in", "controls", None), monkeypatch

    def taken(self):
        self._monkeypatch.setattr(READING, "came_at", time.monotonic())
        time.sleep(PAUSE_SECONDS)
        return [item for _, item in self._reader.next_batch()]

    def within(self, seconds):
        """Return all that is taken in so many seconds."""
        ends, items = time.monotonic() + seconds, []
        while time.monotonic() < ends:
            items += self.taken()
        return items

    def close(self):
        self._reader.close()


def said(items):
    return [getattr(item, "kind", item) for item in items]


def test_no_order_leaves_a_desk_from_when_its_limits_cannot_be_read_until_they_can(
    mortal_broker, monkeypatch
):
    broker = mortal_broker
    broker.make("limits", "kill", cleanup_policy="compact")
    heard = Heard(broker.cluster, monkeypatch)
    stage = Decisions(decision_case.desk_params(), controlled=True)
    book, answers = stage.fresh(), []
    batches = decision_case.items(ROWS, BATCH_ROWS, None)
    third = len(batches) // 3

    def decide(some):
        for item in some:
            answers.extend(stage.step(book, item))

    decide(until(heard.taken))
    decide(batches[:third])
    broker.kill()
    decide(until(heard.taken))
    decide(batches[third : 2 * third])
    broker.start()
    decide(until(heard.taken))
    decide(batches[2 * third :])
    heard.close()

    records = decision_case.streams(answers)
    stale, fresh = records["risk.controls"]
    shut_at = (
        stale.known_at + int(decision_case.desk_params().compliance.tolerances.state_lag_seconds * SECOND) + 1
    )
    shut = [each for each in records["verdicts"] if shut_at <= each.known_at < fresh.known_at]
    assert (stale.kind, fresh.kind) == (ControlKind.STALE, ControlKind.FRESH)
    assert len(shut) > 3
    assert {each.kind for each in shut} == {VerdictKind.REFUSED}
    assert all("RISK_STATE_STALE" in each.codes for each in shut)
    assert [order for order in records["oms.orders"] if shut_at <= order.known_at < fresh.known_at] == []
    for since, until_at in ((0, stale.known_at), (fresh.known_at, 2**63)):
        opened = [each for each in records["verdicts"] if since <= each.known_at < until_at]
        assert VerdictKind.APPROVED in {each.kind for each in opened}
        assert not any("RISK_STATE_STALE" in each.codes for each in opened)


def test_a_broker_a_second_away_is_not_silent_and_one_that_is_further_is_until_it_is_near_again(
    tmp_path, monkeypatch
):
    seen_at = free_port()
    broker = MortalBroker(tmp_path, seen_at)
    with SlowProxy(seen_at, broker.port) as proxy:
        try:
            broker.start()
            broker.make("limits", "kill", cleanup_policy="compact")
            heard = Heard(broker.cluster, monkeypatch)
            read = until(heard.taken)

            proxy.delay_seconds = SILENT_SECONDS / 6
            far = heard.within(3 * SILENT_SECONDS)
            proxy.delay_seconds = 2 * SILENT_SECONDS
            further = until(heard.taken)
            proxy.delay_seconds = 0.0
            near = until(heard.taken)
            heard.close()
        finally:
            broker.kill()

    assert said(read) == [ControlsRead()]
    assert far == []
    assert said(further) == [ControlKind.STALE]
    assert said(near) == [ControlKind.FRESH]
