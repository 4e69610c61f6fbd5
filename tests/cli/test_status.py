"""`status`: what the admin listener's summary says, for people."""

import json
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from cors_gateway.cli import main
from tests.cli.admin_listener import AdminListener, unused_address

NUMBERS = {"requests": 12.3, "preflights": 0.0, "refused_origins": 0.05, "server_errors": 0.0}
SUMMARY: dict[str, Any] = {
    "ready": True,
    "phase": "ready",
    "version": "1.2.3",
    "uptime": 187_200.0,
    "generation": 3,
    "configuration": "config",
    "listen": ["0.0.0.0:8080", "unix:/run/gw.sock"],
    "complaints": [],
    "warnings": 0,
    "certificates": [{"file": "/etc/tls.pem", "ends": 0, "days_left": 89}],
    "per_second": NUMBERS,
    "since_start": {"requests": 1234, "preflights": 56, "refused_origins": 7, "server_errors": 0},
    "connections": 4,
    "tunnels": 1,
    "active_requests": 2,
    "workers": 1,
    "workers_serving": 1,
    "upstreams": {
        "backend": [
            {"server": "http://a:1", "healthy": True, "known": True},
            {"server": "http://b:1", "healthy": False, "known": True},
        ]
    },
}


def _status(summary: object, *arguments: str, status: int = 200) -> tuple[Result, list[str]]:
    listener = AdminListener(status, json.dumps(summary).encode())
    with listener.on_tcp() as address:
        return CliRunner().invoke(main, ["status", "--url", address, *arguments]), listener.requests


def test_everything_at_a_glance() -> None:
    result, requests = _status(SUMMARY)

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "ready: generation 3, up 2 d 4 h, version 1.2.3",
        "Nothing is wrong.",
        "",
        "  requests             12/s  1,234 in all",
        "  preflights            0/s  56 in all",
        "  refused origins    <0.1/s  7 in all",
        "  server errors         0/s  0 in all",
        "  connections             4  1 tunnel",
        "  in progress             2  1 worker",
        "",
        "  configuration    config",
        "  listens on       0.0.0.0:8080, unix:/run/gw.sock",
        "  certificate      /etc/tls.pem, 89 days left",
        "  backend          http://a:1 available, http://b:1 not available",
    ]
    assert requests == ["GET /summary None"]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"ready": False, "phase": "draining"}, "draining: generation 3"),
        (
            {"complaints": ["Upstream backend: http://b:1 not available."]},
            "Upstream backend: http://b:1 not available.",
        ),
        ({"per_second": None}, "  requests                –  1,234 in all"),
        ({"workers": 4, "workers_serving": 3}, "3 of 4 workers"),
        ({"warnings": 1}, "config, 1 warning, see cors-gateway check"),
        (
            {"upstreams": {"backend": [{"server": "http://a:1", "healthy": True, "known": False}]}},
            "  backend          http://a:1 not known, it has not answered yet",
        ),
        (
            {"certificates": [{"file": "/etc/tls.pem", "ends": 0, "days_left": -4}]},
            "  certificate      /etc/tls.pem, expired",
        ),
    ],
)
def test_what_differs_is_said(change: dict[str, Any], line: str) -> None:
    result, _ = _status(SUMMARY | change)

    assert result.exit_code == 0
    assert line in result.stdout


def test_a_complaint_takes_the_place_of_nothing_is_wrong() -> None:
    assert "Nothing is wrong" not in _status(SUMMARY | {"complaints": ["x"]})[0].stdout


def test_colours_say_nothing_more() -> None:
    listener = AdminListener(200, json.dumps(SUMMARY).encode())
    with listener.on_tcp() as address:
        coloured = CliRunner().invoke(main, ["status", "--url", address], color=True)

    assert coloured.stdout != click.unstyle(coloured.stdout) == _status(SUMMARY)[0].stdout


def test_json_is_passed_on_as_it_came() -> None:
    result, _ = _status(SUMMARY, "--format", "json")

    assert (result.exit_code, json.loads(result.stdout)) == (0, SUMMARY)


def test_a_token_is_sent_and_its_absence_explained() -> None:
    problem = {"title": "token needed", "status": 401, "detail": "the bearer token is missing or wrong"}
    result, requests = _status(problem, "--token", "secret", status=401)

    assert requests == ["GET /summary Bearer secret"]
    assert (result.exit_code, result.stdout) == (1, "")
    assert "answered 401: the bearer token is missing or wrong" in result.stderr


def test_something_else_on_that_port_is_exit_code_1() -> None:
    result, _ = _status(["not", "a", "mapping"])

    assert result.exit_code == 1
    assert "not as the admin listener does" in result.stderr


def test_no_answer_is_exit_code_1() -> None:
    result = CliRunner().invoke(main, ["status", "--url", unused_address()])

    assert result.exit_code == 1
    assert "no answer from" in result.stderr
