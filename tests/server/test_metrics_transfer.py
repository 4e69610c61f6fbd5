"""Counters survive the way through JSON, and add up."""

import json

from cors_gateway.observe.metrics import Metrics
from cors_gateway.server.metrics_transfer import add_metrics, export_metrics


def _counted() -> Metrics:
    metrics = Metrics()
    metrics.connections_total = 7
    metrics.connections_refused = 2
    route = metrics.route("api")
    route.count(b"GET", 200, 0.02)
    route.count(b"GET", 503, 99.0)
    route.count(b"BREW", 418, 0.001)
    route.decision("actual", "allowed", "granted").count = 3
    route.stripped = 4
    route.causes["origin_removed"] = 2
    metrics.access_log_dropped = 5
    metrics.overhead.observe(0.003)
    metrics.upstream("b").outcome("timeout").observe(3.0)
    metrics.upstream("b").ok.observe(0.2)
    metrics.upstream("b").ok.observe(0.3)
    return metrics


def test_what_arrives_is_what_was_sent() -> None:
    arrived = Metrics()
    exported = export_metrics(_counted())
    add_metrics(arrived, json.loads(json.dumps(exported)))

    assert export_metrics(arrived) == exported
    assert arrived.route("api").requests[b"GET"][2] == 1
    assert arrived.route("api").decisions["actual", "allowed"].count == 3


def test_workers_add_up() -> None:
    total = Metrics()
    for _ in range(3):
        add_metrics(total, export_metrics(_counted()))
    route = total.route("api")

    assert (total.connections_total, total.connections_refused) == (21, 6)
    assert (route.requests[b"GET"][2], route.requests[b"GET"][5], route.other[4]) == (3, 3, 3)
    assert (sum(route.duration.counts), round(route.duration.sum, 3)) == (9, 297.063)
    assert (route.decision("actual", "allowed", "granted").count, route.stripped) == (9, 12)
    durations = total.upstream("b").outcomes
    assert {outcome: sum(one.counts) for outcome, one in durations.items()} == {"ok": 6, "timeout": 3}
    assert (round(durations["ok"].sum, 3), round(durations["timeout"].sum, 3)) == (1.5, 9.0)
    assert route.causes == {"origin_removed": 6}
    assert (total.access_log_dropped, sum(total.overhead.counts)) == (15, 3)


def test_a_snapshot_does_not_change_while_counting_goes_on() -> None:
    metrics = _counted()
    total = Metrics()
    add_metrics(total, export_metrics(metrics))
    metrics.route("api").count(b"GET", 200, 0.0)

    assert total.route("api").requests[b"GET"][2] == 1
