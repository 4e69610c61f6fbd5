"""`watch`: a stream of events in a terminal. Together with a gateway that runs: `test_live.py`."""

import json

import click
import pytest
from click.testing import CliRunner

from cors_gateway.cli import main
from cors_gateway.cli.watch import line_for_people
from tests.cli.admin_listener import AdminListener, unused_address

ENTRY: dict[str, object] = {
    "ts": "2026-01-31T12:34:56.789Z",
    "route": "api",
    "method": "OPTIONS",
    "host": "api.example.com",
    "path": "/v1",
    "status": 403,
    "origin": "https://a.example",
    "cors": {"kind": "preflight", "outcome": "refused", "reason": "header_not_allowed"},
}
ACTUAL = {"kind": "actual", "outcome": "granted", "reason": "allowed"}
PLAIN = {"kind": "not_cors", "outcome": "none", "reason": "not_cors"}
STREAM = (
    'event: watching\ndata: {"origin": "", "route": "api"}\n\n'
    f"data: {json.dumps(ENTRY)}\n\n: still watching\n\nevent: lost\ndata: 7\n\n"
)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            {},
            "12:34:56 403 OPTIONS api.example.com/v1 on api from https://a.example preflight refused: header_not_allowed",
        ),
        (
            {"asked": {"method": "PUT", "headers": "x-a,x-b"}},
            (
                "12:34:56 403 OPTIONS api.example.com/v1 on api from https://a.example preflight refused: "
                "header_not_allowed asked PUT with x-a,x-b"
            ),
        ),
        (
            {
                "method": "GET",
                "status": 502,
                "cors": ACTUAL,
                "failure": "upstream_refused",
                "cause": "upstream_refused",
            },
            "12:34:56 502 GET api.example.com/v1 on api from https://a.example actual granted: allowed upstream_refused",
        ),
        (
            {
                "method": "GET",
                "status": 400,
                "cors": PLAIN,
                "origin": None,
                "route": "_none",
                "cause": "no_colon",
                "detail": "line 3",
            },
            "12:34:56 400 GET api.example.com/v1 on no route not_cors no_colon (line 3)",
        ),
    ],
)
def test_a_request_is_one_line(fields: dict[str, object], line: str) -> None:
    assert click.unstyle(line_for_people({**ENTRY, **fields})) == line


def test_events_are_printed_until_the_gateway_ends() -> None:
    listener = AdminListener(200, STREAM.encode())
    with listener.on_tcp() as address:
        result = CliRunner().invoke(main, ["watch", "--url", address, "--route", "api", "--token", "t"])

    assert result.exit_code == 1
    assert result.stdout == click.unstyle(line_for_people(ENTRY)) + "\n"
    assert result.stderr.splitlines() == [
        "watching api; Ctrl+C ends it",
        "7 more were lost: they come faster than they are read",
        "the gateway has ended",
    ]
    assert listener.requests == ["GET /watch?route=api Bearer t"]


def test_the_lines_can_be_had_as_json() -> None:
    listener = AdminListener(200, STREAM.encode())
    with listener.on_tcp() as address:
        result = CliRunner().invoke(main, ["watch", "--url", address, "--format", "json"])

    assert json.loads(result.stdout) == ENTRY


def test_a_refusal_is_told_with_its_reason() -> None:
    listener = AdminListener(503, b'{"detail": "8 are watching already"}')
    with listener.on_tcp() as address:
        result = CliRunner().invoke(main, ["watch", "--url", address])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"http://{address} answered 503: 8 are watching already\n"


def test_nobody_there() -> None:
    result = CliRunner().invoke(main, ["watch", "--url", unused_address()])

    assert result.exit_code == 1
    assert "no answer from" in result.stderr


def test_a_diagnosis_is_for_one_origin() -> None:
    result = CliRunner().invoke(main, ["watch", "--diagnose", "10m"])

    assert result.exit_code == 2
    assert "name it with --origin" in result.stderr
