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
        "routes": {
            name: {
                "requests": {method.decode(): counts for method, counts in route.requests.items()}
                | {OTHER: route.other},
                "decisions": [
                    [tally.kind, tally.reason, tally.outcome, tally.count]
                    for tally in route.decisions.values()
                ],
                "duration": [route.duration.counts, route.duration.sum],
                "stripped": route.stripped,
            }
            for name, route in metrics.routes.items()
        },
        "upstreams": {name: dict(upstream.outcomes) for name, upstream in metrics.upstreams.items()},
    }


def add_metrics(total: Metrics, exported: Exported) -> None:
    """Add what one worker exported."""
    total.connections_total += exported["connections_total"]
    total.connections_refused += exported["connections_refused"]
    for name, counted in exported["routes"].items():
        route = total.route(name)
        for method in METHODS:
            _add(route.requests[method], counted["requests"][method.decode()])
        _add(route.other, counted["requests"][OTHER])
        for kind, reason, outcome, count in counted["decisions"]:
            route.decision(kind, reason, outcome).count += count
        _add_histogram(route.duration, *counted["duration"])
        route.stripped += counted["stripped"]
    for name, outcomes in exported["upstreams"].items():
        upstream = total.upstream(name)
        for outcome, count in outcomes.items():
            upstream.outcomes[outcome] = upstream.outcomes.get(outcome, 0) + count


def _add(total: list[int], counts: list[int]) -> None:
    total[:] = [left + right for left, right in zip(total, counts, strict=True)]


def _add_histogram(total: Histogram, counts: list[int], seconds: float) -> None:
    _add(total.counts, counts)
    total.sum += seconds
