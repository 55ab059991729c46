"""What a worker tells over HTTP: metrics for Prometheus, and whether it is live and ready."""

import json
import threading
from collections.abc import Iterable
from http import HTTPStatus
from socketserver import ThreadingMixIn
from time import perf_counter_ns, time_ns
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.health import Health
from connectors.kafka.reader import READING
from connectors.patience import WAITS
from connectors.websocket.connection import LINKS, Link
from domain.market import END, MarketBatch, Quality, row_count
from operators.decision_records import Decided
from operators.stage import Observer

MICROSECONDS = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 100_000, 1_000_000)
ROWS = (1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536)


class Metrics(Observer):
    """Counts what the stages do; `speed` is how fast event time runs, for the lag (0: no lag is told)."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        shared: dict[str, Any] = {"registry": self.registry}
        self._rows = Counter("ita_rows", "Rows received", **shared)
        self._bars = Counter("ita_bars", "Bars closed or revised", ["kind"], **shared)
        self._late = Counter("ita_late_rows", "Rows flagged as regressing", **shared)
        self._refused = Counter("ita_quarantined_rows", "Rows refused", ["reason"], **shared)
        self._records = Counter("ita_records", "Decision records", ["topic"], **shared)
        self._batch = Histogram("ita_batch_rows", "Rows a batch", buckets=ROWS, **shared)
        self._stage = Histogram(
            "ita_stage_microseconds", "Time of a stage's activation", ["step"], buckets=MICROSECONDS, **shared
        )
        self._whole = Histogram(
            "ita_arrival_to_decision_microseconds",
            "From a batch's arrival in the source to its decisions",
            buckets=MICROSECONDS,
            **shared,
        )
        self._state = Gauge("ita_state_bytes", "Bytes of a step's stored state", ["step"], **shared)
        self._watermark = Gauge(
            "ita_watermark_seconds", "Event time that the step has reached", ["step"], **shared
        )
        self._behind = Gauge(
            "ita_wall_lag_seconds", "Machine's clock minus event time at the decisions", **shared
        )
        self.registry.register(Edges())

    def activated(self, step_name: str, nanoseconds: int, items: list[Any], answers: list[Any]) -> None:
        """Count an activation of a step."""
        self._stage.labels(step_name).observe(nanoseconds / 1_000)
        if step_name == "normalise":
            for batch in items:
                self._received(batch)
        elif step_name == "signals":
            for batch in answers:
                self._scored(batch)
        elif step_name == "decisions":
            for decided in answers:
                self._decided(decided)

    def stored(self, step_name: str, size: int) -> None:
        """Note the size of a state."""
        self._state.labels(step_name).set(size)

    def _received(self, batch: MarketBatch) -> None:
        rows = row_count(batch.ticks)
        if rows:
            self._rows.inc(rows)
            self._batch.observe(rows)

    def _scored(self, batch: MarketBatch) -> None:
        for malformed in batch.malformed:
            self._refused.labels(malformed.reason).inc()
        if batch.ticks.flags is not None:
            self._late.inc(int(((batch.ticks.flags & int(Quality.REGRESSING)) != 0).sum()))
        if batch.bars is not None and len(batch.bars):
            revised = int((batch.bars["version"] > 0).sum())
            self._bars.labels("revised").inc(revised)
            self._bars.labels("closed").inc(len(batch.bars) - revised)

    def _decided(self, decided: Decided) -> None:
        if decided.arrived:
            self._whole.observe((perf_counter_ns() - decided.arrived) / 1_000)
        if 0 <= decided.watermark < END:
            self._watermark.labels("decisions").set(decided.watermark / 1e9)
            self._behind.set((time_ns() - decided.watermark) / 1e9)
        for topic in ("signals", "intents", "verdicts", "orders", "executions"):
            self._records.labels(topic).inc(len(getattr(decided, topic)))


class Edges(Collector):
    """What the connectors count by themselves, read when it is asked for."""

    def collect(self) -> Iterable[Metric]:
        """Yield the waits for servers, and how much is left to read."""
        waits = CounterMetricFamily("ita_server_waits", "Waits for a server", labels=["server"])
        seconds = CounterMetricFamily("ita_server_wait_seconds", "Seconds of them", labels=["server"])
        waiting = GaugeMetricFamily("ita_server_waiting", "How many wait for it now", labels=["server"])
        for server, told in sorted(WAITS.by_server().items()):
            waits.add_metric([server], told.waits)
            seconds.add_metric([server], told.seconds)
            waiting.add_metric([server], told.waiting)
        left = GaugeMetricFamily(
            "ita_kafka_lag_messages", "Messages left to read", labels=["topic", "partition"]
        )
        for place, messages in sorted(READING.left.copy().items()):
            left.add_metric([place.topic, str(place.partition)], messages)
        return (waits, seconds, waiting, left, *_venues())


def _venues() -> Iterable[Metric]:
    """Yield what the connections to venues have come to."""
    counted = (
        "frames",
        "frame_bytes",
        "connects",
        "losses",
        "mutes",
        "refusals",
        "snapshots",
        "requests_failed",
    )
    for name in counted:
        metric = CounterMetricFamily(
            f"ita_venue_{name}", f"Of a venue's connection: {name}", labels=["venue"]
        )
        for venue, counts in sorted(LINKS.items()):
            metric.add_metric([venue], getattr(counts, name))
        yield metric
    fresh = GaugeMetricFamily(
        "ita_venue_fresh", "1 where a venue is connected and subscribed", labels=["venue"]
    )
    offset = GaugeMetricFamily(
        "ita_venue_clock_offset_seconds", "How far our clock is ahead of a venue's", labels=["venue"]
    )
    for venue, counts in sorted(LINKS.items()):
        fresh.add_metric([venue], float(counts.link is Link.FRESH))
        if counts.clock_offset is not None:
            offset.add_metric([venue], counts.clock_offset / 1e9)
    yield fresh
    yield offset


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing of each request."""


def serve(metrics: Metrics, health: Health, host: str, port: int) -> WSGIServer:
    """Serve /metrics, /live and /ready from a thread of their own; raises OSError where the port is taken."""
    told = make_wsgi_app(metrics.registry)

    def answer(environ: Any, start_response: Any) -> Any:
        match environ["PATH_INFO"]:
            case "/metrics":
                return told(environ, start_response)
            case "/live":
                reason = health.why_not_live()
                return _answered(
                    start_response, {"live": reason is None, "reason": reason or ""}, ok=not reason
                )
            case "/ready":
                reasons = health.why_not_ready()
                return _answered(start_response, {"ready": not reasons, "reasons": reasons}, ok=not reasons)
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"there are /metrics, /live and /ready\n"]

    server = make_server(host, port, answer, _Server, _Quiet)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def _answered(start_response: Any, told: dict[str, Any], *, ok: bool) -> list[bytes]:
    status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
    start_response(f"{status.value} {status.phrase}", [("Content-Type", "application/json")])
    return [json.dumps(told).encode() + b"\n"]
