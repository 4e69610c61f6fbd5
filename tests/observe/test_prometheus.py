"""What `/metrics` says: valid text, the documented names and labels, sums that add up, and no word of a client's."""

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cors_gateway.observe.metrics import Metrics
from cors_gateway.observe.prometheus import CONTENT_TYPE, Gauges, ServerHealth, render
from cors_gateway.policy.reason import Kind, Reason

CONTRACT = {
    "requests": ("counter", {"route", "method", "status_class"}),
    "request_duration_seconds": ("histogram", {"route"}),
    "overhead_seconds": ("histogram", set()),
    "cors_decisions": ("counter", {"route", "kind", "outcome", "reason"}),
    "upstream_requests": ("counter", {"upstream", "outcome"}),
    "upstream_duration_seconds": ("histogram", {"upstream", "outcome"}),
    "upstream_healthy": ("gauge", {"upstream", "address"}),
    "upstream_cors_headers_stripped": ("counter", {"route"}),
    "in_flight_requests": ("gauge", set()),
    "open_connections": ("gauge", set()),
    "connections": ("counter", set()),
    "connections_refused": ("counter", set()),
    "requests_by_protocol": ("counter", {"protocol"}),
    "http2_connections_ended": ("counter", {"cause"}),
    "access_log_dropped": ("counter", set()),
    "worker_deaths": ("counter", set()),
    "config_reloads": ("counter", {"result"}),
    "config_last_reload_successful": ("gauge", set()),
    "config_last_reload_success_timestamp_seconds": ("gauge", set()),
    "config_generation": ("gauge", set()),
    "causes": ("counter", {"route", "cause"}),
    "certificate_expiry_timestamp_seconds": ("gauge", {"file"}),
    "workers": ("gauge", set()),
    "workers_configured": ("gauge", set()),
    "build_info": ("gauge", {"version", "python"}),
}
"""Name (without prefix, `_total` and the suffixes of histograms), type and labels of every metric."""

GAUGES = Gauges(
    open_connections=12,
    in_flight_requests=3,
    servers=(ServerHealth("backend", "http://a:8000", True), ServerHealth("backend", "http://b:8000", False)),
    generation=4,
    reloads_succeeded=3,
    reloads_failed=2,
    last_reload_successful=False,
    last_reload_success_time=1_795_348_800.5,
    certificates={"/etc/tls/tls.crt": 1_803_124_800.0},
    workers_configured=2,
    workers_serving=1,
)


def counted() -> Metrics:
    metrics = Metrics()
    metrics.connections_total, metrics.connections_refused, metrics.access_log_dropped = 40, 2, 1
    metrics.http2_requests, metrics.http2_ends = 2, {"http2_ping_flood": 1}
    api = metrics.route("api")
    api.count(b"GET", 200, 0.02)
    api.count(b"GET", 204, 0.3)
    api.count(b"GET", 502, 60.0)
    api.count(b"BREW\xff", 418, 0.0)
    api.decision("actual", "allowed", "granted").count = 3
    api.decision("preflight", "origin_not_allowed", "refused").count = 1
    api.stripped = 7
    api.causes["folded_line"] = 2
    metrics.unrouted.count(b"GET", 404, 0.0)
    backend = metrics.upstream("backend")
    backend.ok.observe(0.02)
    backend.outcome("upstream_refused").observe(0.001)
    metrics.overhead.observe(0.0002)
    return metrics


def samples(metrics: Metrics, gauges: Gauges = GAUGES) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Values by name and labels."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in text_string_to_metric_families(render(metrics, gauges).decode()):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def value(name: str, **labels: str) -> float:
    return samples(counted())[f"cors_gateway_{name}", frozenset(labels.items())]


def own_families(metrics: Metrics) -> Iterator[tuple[str, str, set[str]]]:
    for family in text_string_to_metric_families(render(metrics, GAUGES).decode()):
        if family.name.startswith("cors_gateway_"):
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            yield family.name.removeprefix("cors_gateway_"), family.type, labels


def test_names_types_and_labels_are_the_documented_ones() -> None:
    assert {name: (kind, labels) for name, kind, labels in own_families(counted())} == CONTRACT


def test_every_metric_has_a_help_text() -> None:
    families = text_string_to_metric_families(render(Metrics(), GAUGES).decode())

    assert [family.name for family in families if not family.documentation] == []


def test_the_content_type_is_that_of_the_text_format() -> None:
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    ("expected", "name", "labels"),
    [
        (2, "requests_total", {"route": "api", "method": "GET", "status_class": "2xx"}),
        (1, "requests_total", {"route": "api", "method": "GET", "status_class": "5xx"}),
        (1, "requests_total", {"route": "api", "method": "other", "status_class": "4xx"}),
        (1, "requests_total", {"route": "_none", "method": "GET", "status_class": "4xx"}),
        (1, "request_duration_seconds_bucket", {"route": "api", "le": "0.01"}),
        (2, "request_duration_seconds_bucket", {"route": "api", "le": "0.025"}),
        (3, "request_duration_seconds_bucket", {"route": "api", "le": "10.0"}),
        (4, "request_duration_seconds_bucket", {"route": "api", "le": "+Inf"}),
        (4, "request_duration_seconds_count", {"route": "api"}),
        (60.32, "request_duration_seconds_sum", {"route": "api"}),
        (0, "overhead_seconds_bucket", {"le": "0.0001"}),
        (1, "overhead_seconds_bucket", {"le": "0.00025"}),
        (
            3,
            "cors_decisions_total",
            {"route": "api", "kind": "actual", "outcome": "granted", "reason": "allowed"},
        ),
        (
            1,
            "cors_decisions_total",
            {"route": "api", "kind": "preflight", "outcome": "refused", "reason": "origin_not_allowed"},
        ),
        (1, "upstream_requests_total", {"upstream": "backend", "outcome": "ok"}),
        (1, "upstream_requests_total", {"upstream": "backend", "outcome": "upstream_refused"}),
        (1, "upstream_duration_seconds_count", {"upstream": "backend", "outcome": "ok"}),
        (1, "upstream_healthy", {"upstream": "backend", "address": "http://a:8000"}),
        (0, "upstream_healthy", {"upstream": "backend", "address": "http://b:8000"}),
        (7, "upstream_cors_headers_stripped_total", {"route": "api"}),
        (3, "in_flight_requests", {}),
        (12, "open_connections", {}),
        (40, "connections_total", {}),
        (2, "connections_refused_total", {}),
        (1, "access_log_dropped_total", {}),
        (3, "config_reloads_total", {"result": "success"}),
        (2, "config_reloads_total", {"result": "failure"}),
        (0, "config_last_reload_successful", {}),
        (1_795_348_800.5, "config_last_reload_success_timestamp_seconds", {}),
        (4, "config_generation", {}),
        (1, "workers", {}),
        (2, "workers_configured", {}),
    ],
)
def test_what_was_counted_is_what_is_shown(expected: float, name: str, labels: dict[str, str]) -> None:
    assert value(name, **labels) == pytest.approx(expected)


DURATIONS = "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1.0 2.5 5.0 10.0"
OVERHEADS = "5e-05 0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.1 1.0"


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("request_duration_seconds", DURATIONS),
        ("upstream_duration_seconds", DURATIONS),
        ("overhead_seconds", OVERHEADS),
    ],
)
def test_buckets_keep_their_bounds_because_queries_name_them(name: str, bounds: str) -> None:
    shown = {
        dict(labels)["le"] for each, labels in samples(counted()) if each == f"cors_gateway_{name}_bucket"
    }

    assert shown == {*bounds.split(), "+Inf"}


@pytest.mark.parametrize("bound", range(11))
def test_a_duration_is_in_the_bucket_that_it_just_fills(bound: int) -> None:
    exactly = float(DURATIONS.split()[bound])
    histogram = Metrics().route("api").duration
    histogram.observe(exactly)
    histogram.observe(exactly * 1.0001)

    expected = [0] * 12
    expected[bound] = expected[bound + 1] = 1
    assert histogram.counts == expected
    assert histogram.sum == pytest.approx(2.0001 * exactly)


@pytest.mark.parametrize("status", [101, 204, 302, 404, 503])
@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "other"]
)
def test_a_request_is_counted_by_method_and_class_of_its_status(method: str, status: int) -> None:
    metrics = Metrics()
    metrics.route("api").count(method.encode(), status, 0.0)
    metrics.route("api").count_answer(method.encode(), status)
    shown = [
        (dict(labels), count)
        for (name, labels), count in samples(metrics).items()
        if name == "cors_gateway_requests_total"
    ]

    assert shown == [({"route": "api", "method": method, "status_class": f"{status // 100}xx"}, 2)]


def test_a_process_begins_with_nothing_counted() -> None:
    metrics = Metrics()
    metrics.route("api").tally(Kind.ACTUAL, Reason.ALLOWED)
    metrics.upstream("backend")
    families = text_string_to_metric_families(render(metrics, Gauges()).decode())
    counted = {
        sample.name: sample.value
        for family in families
        for sample in family.samples
        if family.name.startswith("cors_gateway_") and family.type != "gauge" and sample.value
    }

    assert counted == {}


def test_the_process_and_the_interpreter_are_measured_too() -> None:
    names = {name for name, _ in samples(Metrics())}

    assert names >= {"process_resident_memory_bytes", "process_cpu_seconds_total", "python_info"}


def test_a_method_that_a_client_made_up_is_no_label() -> None:
    assert b"BREW" not in render(counted(), GAUGES)


def test_what_never_happened_takes_no_room() -> None:
    """A thousand routes times eight methods times five classes would be too much to read every fifteen seconds."""
    metrics = Metrics()
    metrics.route("quiet")
    shown = [labels for name, labels in samples(metrics) if name == "cors_gateway_requests_total"]

    assert shown == []


def test_a_route_without_requests_has_a_duration_of_zero() -> None:
    """So that a rate over the first request is not lost."""
    metrics = Metrics()
    metrics.route("quiet")
    shown = samples(metrics)

    assert shown["cors_gateway_request_duration_seconds_count", frozenset({("route", "quiet")})] == 0


def test_names_may_hold_what_the_format_must_escape() -> None:
    metrics = Metrics()
    metrics.route('a "quoted" \\ name').count(b"GET", 200, 0.0)
    names = {dict(labels).get("route") for _, labels in samples(metrics)}

    assert 'a "quoted" \\ name' in names
