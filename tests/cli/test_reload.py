"""`reload`: what the admin listener answers, for people."""

import json

from click.testing import CliRunner, Result

from cors_gateway.cli import main
from tests.cli.admin_listener import AdminListener, unused_address

APPLIED = {
    "ok": True,
    "message": "the configuration was replaced by generation 2",
    "problems": [],
    "changes": ["route api: added"],
}
REJECTED = {
    "ok": False,
    "message": "the configuration was not replaced: 1 error",
    "problems": [
        {
            "severity": "error",
            "code": "schema.type",
            "message": "not a number",
            "hint": "write 600",
            "file": "gateway.yaml",
            "line": 3,
            "column": 7,
            "path": "policies.app.max_age",
        }
    ],
    "changes": [],
}


def _reload(status: int, body: bytes, *arguments: str) -> tuple[Result, list[str]]:
    listener = AdminListener(status, body)
    with listener.on_tcp() as address:
        return CliRunner().invoke(main, ["reload", "--url", address, *arguments]), listener.requests


def test_a_reload_that_worked_shows_the_changes() -> None:
    result, requests = _reload(200, json.dumps(APPLIED).encode())

    assert result.exit_code == 0
    assert result.stdout == "the configuration was replaced by generation 2\n  route api: added\n"
    assert requests == ["POST /reload None"]


def test_a_reload_that_failed_is_exit_code_1_and_shows_the_problems() -> None:
    result, _ = _reload(409, json.dumps(REJECTED).encode())

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "the configuration was not replaced: 1 error",
        "gateway.yaml:3:7: error schema.type policies.app.max_age: not a number",
        "  = write 600",
    ]


def test_json_is_passed_on_as_it_came() -> None:
    body = json.dumps(REJECTED).encode()
    result, _ = _reload(409, body, "--format", "json")

    assert (result.exit_code, json.loads(result.stdout)) == (1, REJECTED)


def test_a_token_is_sent_as_bearer() -> None:
    _, requests = _reload(200, json.dumps(APPLIED).encode(), "--token", "secret")

    assert requests == ["POST /reload Bearer secret"]


def test_a_problem_document_is_understood() -> None:
    problem = {"title": "token needed", "status": 401, "detail": "the bearer token is missing or wrong"}
    result, _ = _reload(401, json.dumps(problem).encode())

    assert (result.exit_code, result.stdout) == (1, "the bearer token is missing or wrong\n")


def test_something_else_on_that_port_is_exit_code_1() -> None:
    result, _ = _reload(200, b"<html>")

    assert result.exit_code == 1
    assert "not as the admin listener does" in result.stderr


def test_no_answer_is_exit_code_1() -> None:
    assert CliRunner().invoke(main, ["reload", "--url", unused_address()]).exit_code == 1
