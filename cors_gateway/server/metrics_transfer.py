"""Counters on their way from a worker to the parent: `Metrics` as plain JSON values, and their sum over workers."""

from typing import Any

from cors_gateway.observe.metrics import METHODS, Histogram, Metrics

Exported = dict[str, Any]
"""What `export_metrics` makes: strings, integers, floats, lists and dicts, fit for JSON."""

OTHER = "other"


def export_metrics(metrics: Metrics) -> Exported:
    """All counters of one process."""
    return {
        "connections_total": metrics.connections_total,
        "connections_refused": metrics.connections_refused,
        "http2_requests": metrics.http2_requests,
        "http2_ends": metrics.http2_ends,
        "access_log_dropped": metrics.access_log_dropped,
        "worker_deaths": metrics.worker_deaths,
        "overhead": _export_histogram(metrics.overhead),
        "routes": {
            name: {
                "requests": {method.decode(): counts for method, counts in route.requests.items()}
                | {OTHER: route.other},
                "decisions": [
                    [tally.kind, tally.reason, tally.outcome, tally.count]
                    for tally in route.decisions.values()
                ],
                "duration": _export_histogram(route.duration),
                "stripped": route.stripped,
                "causes": {str(cause): count for cause, count in route.causes.items()},
            }
            for name, route in metrics.routes.items()
        },
        "upstreams": {
            name: {outcome: _export_histogram(durations) for outcome, durations in upstream.outcomes.items()}
            for name, upstream in metrics.upstreams.items()
        },
    }


def add_metrics(total: Metrics, exported: Exported) -> None:
    """Add what one worker exported."""
    total.connections_total += exported["connections_total"]
    total.connections_refused += exported["connections_refused"]
    total.http2_requests += exported["http2_requests"]
    for cause, count in exported["http2_ends"].items():
        total.http2_ends[cause] = total.http2_ends.get(cause, 0) + count
    total.access_log_dropped += exported["access_log_dropped"]
    total.worker_deaths += exported["worker_deaths"]
    _add_histogram(total.overhead, exported["overhead"])
    for name, counted in exported["routes"].items():
        route = total.route(name)
        for method in METHODS:
            _add(route.requests[method], counted["requests"][method.decode()])
        _add(route.other, counted["requests"][OTHER])
        for kind, reason, outcome, count in counted["decisions"]:
            route.decision(kind, reason, outcome).count += count
        _add_histogram(route.duration, counted["duration"])
        route.stripped += counted["stripped"]
        for cause, count in counted["causes"].items():
            route.causes[cause] = route.causes.get(cause, 0) + count
    for name, outcomes in exported["upstreams"].items():
        upstream = total.upstream(name)
        for outcome, durations in outcomes.items():
            _add_histogram(upstream.outcome(outcome), durations)


def _add(total: list[int], counts: list[int]) -> None:
    total[:] = [left + right for left, right in zip(total, counts, strict=True)]


def _export_histogram(histogram: Histogram) -> list[Any]:
    return [histogram.counts, histogram.sum]


def _add_histogram(total: Histogram, exported: list[Any]) -> None:
    counts, seconds = exported
    _add(total.counts, counts)
    total.sum += seconds
