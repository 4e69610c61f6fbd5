"""A backend that still does CORS is reported when it disagrees with the policy: rarely, and by name."""

from typing import Any

import pytest

from cors_gateway.http1.response import ResponseReader
from cors_gateway.observe.metrics import RouteStats
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.backend_cors import QUIET_SECONDS, report_difference

GRANT = Grant(
    b"Access-Control-Allow-Origin: https://app.example.com\r\nAccess-Control-Allow-Credentials: true\r\n",
    (b"Origin",),
    b"Vary: Origin\r\n",
)
REFUSED = Grant(b"", (b"Origin",), b"Vary: Origin\r\n")
MERGING = GRANT._replace(merge_expose=True)

Events = list[tuple[str, str, dict[str, Any]]]

AGREES = "access-control-allow-origin: https://app.example.com"


def answer(stats: RouteStats, *lines: str, grant: Grant = GRANT, now: float = 1000.0) -> None:
    head = "\r\n".join(["HTTP/1.1 200 OK", *lines]).encode()
    report_difference(stats, ResponseReader().read(head).head, grant, now)


@pytest.mark.parametrize(
    ("lines", "grant", "headers"),
    [
        (["Access-Control-Allow-Origin: *"], GRANT, ["access-control-allow-origin"]),
        ([AGREES], REFUSED, ["access-control-allow-origin"]),
        (
            [AGREES, "Access-Control-Allow-Origin: https://other.example"],
            GRANT,
            ["access-control-allow-origin"],
        ),
        (
            ["Access-Control-Max-Age: 5", "Access-Control-Allow-Methods: GET"],
            GRANT,
            ["access-control-allow-methods", "access-control-max-age"],
        ),
        (["Access-Control-Expose-Headers: X-One"], GRANT, ["access-control-expose-headers"]),
    ],
)
def test_what_differs_is_named(events: Events, lines: list[str], grant: Grant, headers: list[str]) -> None:
    answer(RouteStats("api"), *lines, grant=grant)
    ((name, level, fields),) = events

    assert (name, level) == ("backend_cors_removed", "WARNING")
    assert fields["route"] == "api"
    assert fields["headers"] == headers


@pytest.mark.parametrize(
    ("line", "is_proposed"),
    [("Access-Control-Expose-Headers: X-One", True), ("Access-Control-Allow-Origin: *", False)],
)
def test_where_a_backend_exposes_more_its_list_can_be_merged(
    events: Events, line: str, is_proposed: bool
) -> None:
    answer(RouteStats("api"), line)
    ((_, _, fields),) = events

    assert ("upstream_expose: merge" in fields["message"]) is is_proposed


@pytest.mark.parametrize(
    ("lines", "grant"),
    [
        ([AGREES, "Access-Control-Allow-Credentials: true"], GRANT),
        (["Vary: Accept-Encoding"], GRANT),
        (["Access-Control-Expose-Headers: X-One"], MERGING),
    ],
)
def test_a_backend_that_agrees_is_not_reported(events: Events, lines: list[str], grant: Grant) -> None:
    answer(RouteStats("api"), *lines, grant=grant)

    assert events == []


def test_each_route_is_reported_at_once_and_then_once_a_minute(events: Events) -> None:
    api, site = RouteStats("api"), RouteStats("site")
    for now in (1000.0, 1001.0, 1000.0 + QUIET_SECONDS - 1, 1000.0 + QUIET_SECONDS):
        for stats in (api, site):
            answer(stats, "Access-Control-Allow-Origin: *", now=now)

    assert [fields["route"] for _, _, fields in events] == ["api", "site"] * 2


def test_a_backend_that_agrees_does_not_silence_one_that_does_not(events: Events) -> None:
    stats = RouteStats("api")
    answer(stats, AGREES)
    answer(stats, "Access-Control-Allow-Origin: *")

    assert len(events) == 1
