"""Counters and gauges as Prometheus samples, made when somebody asks.

Every metric of the gateway is named here; `docs/observability.md` lists them. Labels hold names from the
configuration and words from closed sets, never anything that a client chose.
"""

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from cors_gateway import __version__
from cors_gateway.observe.metrics import Histogram, Metrics, RouteStats, UpstreamStats

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_PREFIX = "cors_gateway_"
_OTHER = "other"


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """Whether one server of an upstream gets requests."""

    upstream: str
    address: str
    is_healthy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """What a process knows besides its counters."""

    open_connections: int = 0
    in_flight_requests: int = 0
    """Connections with a request, a body or a tunnel in progress."""
    servers: tuple[ServerHealth, ...] = ()
    generation: int = 0
    reloads_succeeded: int = 0
    reloads_failed: int = 0
    last_reload_successful: bool = True
    """True as long as nothing was reloaded."""
    last_reload_success_time: float = 0.0
    """Seconds since the epoch; the start of the process counts."""
    certificates: Mapping[str, float] = field(default_factory=dict)
    """By file when each expires, in seconds since the epoch."""
    workers_configured: int = 1
    workers_serving: int = 1


def render(metrics: Metrics, gauges: Gauges) -> bytes:
    """Everything, in the text format that `CONTENT_TYPE` names.

    May be called in a thread while counting goes on.
    """
    return generate_latest(_Everything(metrics, gauges))


def _process_collectors() -> tuple[Collector, ...]:
    registry = CollectorRegistry()
    return (
        ProcessCollector(registry=registry),
        PlatformCollector(registry=registry),
        GCCollector(registry=registry),
    )


_OF_PROCESS = _process_collectors()


class _Everything(Collector):
    def __init__(self, metrics: Metrics, gauges: Gauges) -> None:
        self._metrics = metrics
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        metrics = self._metrics
        # Copies: the data path may add entries while this is read in another thread.
        routes = list(metrics.routes.values())
        yield from _of_routes(routes)
        yield from _of_decisions(routes)
        yield from _of_upstreams(list(metrics.upstreams.values()))
        yield from _of_gateway(metrics)
        yield from _of_gauges(self._gauges)
        for collector in _OF_PROCESS:
            yield from collector.collect()


def _of_routes(routes: list[RouteStats]) -> Iterator[Metric]:
    requests = _counter("requests", "Requests by route, method and class of status", _REQUEST_LABELS)
    duration = _histogram(
        "request_duration_seconds",
        "Of requests for a backend, from the end of the head to the end of the response",
        ["route"],
    )
    stripped = _counter(
        "upstream_cors_headers_stripped", "Access-Control headers of backends that were removed", ["route"]
    )
    for route in routes:
        for method, counts in [*route.requests.items(), (_OTHER.encode(), route.other)]:
            for first_digit, count in enumerate(counts):
                if count:
                    requests.add_metric([route.name, method.decode(), f"{first_digit}xx"], count)
        _add(duration, [route.name], route.duration)
        stripped.add_metric([route.name], route.stripped)
    causes = _counter(
        "causes",
        "What befell requests that is not a decision; causes are in docs/causes.md",
        ["route", "cause"],
    )
    for route in routes:
        for cause, count in list(route.causes.items()):
            causes.add_metric([route.name, cause], count)
    yield from (requests, duration, stripped, causes)


def _count(route: RouteStats) -> int:
    """All requests of a route."""
    return sum(map(sum, [*route.requests.values(), route.other]))


_REQUEST_LABELS = ["route", "method", "status_class"]
_DECISION_LABELS = ["route", "kind", "outcome", "reason"]


def _of_decisions(routes: list[RouteStats]) -> Iterator[Metric]:
    decisions = _counter(
        "cors_decisions", "What CORS came to; reasons are in docs/decisions.md", _DECISION_LABELS
    )
    for route in routes:
        for tally in list(route.decisions.values()):
            decisions.add_metric([route.name, tally.kind, tally.outcome, tally.reason], tally.count)
    yield decisions


def _of_upstreams(upstreams: Iterable[UpstreamStats]) -> Iterator[Metric]:
    labels = ["upstream", "outcome"]
    requests = _counter("upstream_requests", "Requests to upstreams by how they ended", labels)
    duration = _histogram(
        "upstream_duration_seconds", "From sending a request to the response head, or to the failure", labels
    )
    for upstream in upstreams:
        for outcome, histogram in list(upstream.outcomes.items()):
            requests.add_metric([upstream.name, outcome], sum(histogram.counts))
            _add(duration, [upstream.name, outcome], histogram)
    yield from (requests, duration)


def _of_gateway(metrics: Metrics) -> Iterator[Metric]:
    overhead = _histogram(
        "overhead_seconds",
        "From a request's arrival until it is sent upstream, waiting for a connection included",
        [],
    )
    _add(overhead, [], metrics.overhead)
    yield overhead
    yield _value(_counter("connections", "Client connections accepted", []), metrics.connections_total)
    refused = _counter("connections_refused", "Client connections turned away at limits.connections", [])
    yield _value(refused, metrics.connections_refused)
    by_protocol = _counter("requests_by_protocol", "Requests by the protocol they came in", ["protocol"])
    streams, every = metrics.http2_requests, sum(_count(route) for route in list(metrics.routes.values()))
    by_protocol.add_metric(["http1"], max(every - streams, 0))
    by_protocol.add_metric(["http2"], streams)
    yield by_protocol
    ends = _counter(
        "http2_connections_ended", "HTTP/2 connections ended for what their client did", ["cause"]
    )
    for cause, count in list(metrics.http2_ends.items()):
        ends.add_metric([cause], count)
    yield ends
    dropped = _counter("access_log_dropped", "Lines of the access log that could not be written", [])
    yield _value(dropped, metrics.access_log_dropped)
    deaths = _counter("worker_deaths", "Worker processes that ended when nobody had told them to", [])
    yield _value(deaths, metrics.worker_deaths)


def _of_gauges(gauges: Gauges) -> Iterator[Metric]:
    def single(name: str, help_text: str, value: float) -> Metric:
        return _value(_gauge(name, help_text, []), value)

    yield single("open_connections", "Client connections open now", gauges.open_connections)
    yield single("in_flight_requests", "Requests and tunnels in progress", gauges.in_flight_requests)
    healthy = _gauge("upstream_healthy", "1 while the server gets requests", ["upstream", "address"])
    for server in gauges.servers:
        healthy.add_metric([server.upstream, server.address], server.is_healthy)
    yield healthy
    reloads = _counter("config_reloads", "Reloads that changed the configuration, or failed to", ["result"])
    reloads.add_metric(["success"], gauges.reloads_succeeded)
    reloads.add_metric(["failure"], gauges.reloads_failed)
    yield reloads
    yield single(
        "config_last_reload_successful",
        "1 if what is in the files is what is served",
        gauges.last_reload_successful,
    )
    yield single(
        "config_last_reload_success_timestamp_seconds",
        "When the configuration was last read without error",
        gauges.last_reload_success_time,
    )
    yield single("config_generation", "1 for the first configuration, one more each time", gauges.generation)
    expiry = _gauge(
        "certificate_expiry_timestamp_seconds", "When the certificate in this file expires", ["file"]
    )
    for file, ends in gauges.certificates.items():
        expiry.add_metric([file], ends)
    yield expiry
    yield single("workers", "Worker processes that serve now", gauges.workers_serving)
    yield single("workers_configured", "Worker processes that should serve", gauges.workers_configured)
    build = _gauge("build_info", "Version of the gateway and of Python; always 1", ["version", "python"])
    build.add_metric([__version__, platform.python_version()], 1)
    yield build


def _counter(name: str, help_text: str, labels: list[str]) -> CounterMetricFamily:
    return CounterMetricFamily(_PREFIX + name, help_text, labels=labels)


def _gauge(name: str, help_text: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, help_text, labels=labels)


def _histogram(name: str, help_text: str, labels: list[str]) -> HistogramMetricFamily:
    return HistogramMetricFamily(_PREFIX + name, help_text, labels=labels)


def _value(family: CounterMetricFamily | GaugeMetricFamily, value: float) -> Metric:
    family.add_metric([], value)
    return family


def _add(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    total = 0
    buckets = []
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else str(bound), total))
    family.add_metric(labels, buckets, histogram.sum)
