"""Refusals in an access log."""

import json

from cors_gateway.observe.log_reading import read_log
from cors_gateway.observe.refusals import RefusedOrigin

ORIGIN = "https://new.example.com"


def line(kind: str = "actual", outcome: str = "refused", **more: object) -> str:
    reason = "origin_not_allowed" if outcome == "refused" else "allowed"
    entry = {
        "ts": "2026-11-29T04:20:14.882Z",
        "event": "request",
        "route": "api",
        "method": "OPTIONS" if kind == "preflight" else "GET",
        "host": "api.example.com",
        "path": "/api/x",
        "status": 200,
        "cors": {"kind": kind, "outcome": outcome, "reason": reason},
        "origin": ORIGIN,
    }
    return json.dumps({**entry, **more})


def test_refusals_are_counted_by_what_they_have_in_common() -> None:
    reading = read_log([line(), line("preflight"), line(path="/api/y"), line(outcome="granted")])

    assert reading.requests == 4
    assert reading.refusals == (
        RefusedOrigin(
            "api", ORIGIN, "origin_not_allowed", "actual", 2, 0.0, "GET", "api.example.com", "/api/y"
        ),
        RefusedOrigin(
            "api", ORIGIN, "origin_not_allowed", "preflight", 1, 0.0, "", "api.example.com", "/api/x"
        ),
    )


def test_a_preflight_is_known_by_what_it_asked_for() -> None:
    reading = read_log(
        [line("preflight", asked={"method": "PUT", "headers": "x-a,x-b"}), line("preflight", asked=7)]
    )

    assert [(refusal.method, refusal.headers) for refusal in reading.refusals] == [
        ("PUT", "x-a,x-b"),
        ("", ""),
    ]


def test_other_lines_and_what_a_collector_puts_before_a_line_are_passed_over() -> None:
    reading = read_log(
        [
            "",
            "starting",
            "[1, 2]",
            '{"event":"started"}',
            "{",
            f"gateway-1  | {line()}\n",
            line(cors=None),
            line(cors=7),
        ]
    )

    assert reading.requests == 3
    assert [refusal.count for refusal in reading.refusals] == [1]


def test_no_access_log_at_all() -> None:
    assert read_log(['1.2.3.4 - - [x] "GET / HTTP/1.1" 200 1']).requests == 0
