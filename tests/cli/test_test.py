"""`cors-gateway test`: lines, summary, forms and exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cors_gateway.cli import main

ROUTES = """\
version: 1
routes:
  - {name: api, path: /, upstream: http://127.0.0.1:9, cors: {allow_origins: [https://app.example.com]}}
"""
TESTS = """\
tests:
  - {origin: https://app.example.com, path: /x, expect: allow}
  - {origin: https://app.example.com, method: PUT, host: a.example, path: /x, headers: [X-A, X-B], credentials: true, expect: deny, reason: method_not_allowed}
"""
FAILING = "  - {origin: https://app.example.com, path: /x, expect: deny}\n"


def run(directory: Path, text: str, *arguments: str) -> Result:
    (directory / "gateway.yaml").write_text(text)
    return CliRunner().invoke(main, ["test", "-c", str(directory / "gateway.yaml"), *arguments])


def test_a_line_for_each_test_and_a_summary(tmp_path: Path) -> None:
    result = run(tmp_path, ROUTES + TESTS)

    file = tmp_path / "gateway.yaml"
    assert result.exit_code == 0
    assert result.stdout == (
        f"pass  {file}:5: GET /x from https://app.example.com: allow\n"
        f"pass  {file}:6: PUT a.example/x with X-A, X-B with credentials from https://app.example.com: deny, method_not_allowed\n"
        "2 passed, 0 failed\n"
    )


def test_a_failure_says_why_and_ends_with_4(tmp_path: Path) -> None:
    result = run(tmp_path, ROUTES + TESTS + FAILING)

    file = tmp_path / "gateway.yaml"
    assert result.exit_code == 4
    assert result.stdout.splitlines()[2:] == [
        f"FAIL  {file}:7: GET /x from https://app.example.com: deny",
        f'      expected deny: The script may read the response. Allowed by "https://app.example.com" ({file}:3).',
        "2 passed, 1 failed",
    ]


def test_no_tests_are_no_failure(tmp_path: Path) -> None:
    result = run(tmp_path, ROUTES)

    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path / 'gateway.yaml'}: there are no tests; write some under tests:\n"


@pytest.mark.parametrize(("text", "code"), [(ROUTES, 0), (ROUTES + TESTS, 0), (ROUTES + TESTS + FAILING, 4)])
def test_json_says_the_same(tmp_path: Path, text: str, code: int) -> None:
    result = run(tmp_path, text, "--format", "json")

    document = json.loads(result.stdout)
    assert result.exit_code == code
    assert list(document) == ["ok", "passed", "failed", "tests"]
    assert document["ok"] is (code == 0)
    assert document["passed"] + document["failed"] == len(document["tests"])


def test_json_has_everything_about_a_test(tmp_path: Path) -> None:
    result = run(tmp_path, ROUTES + TESTS, "--format", "json")

    assert json.loads(result.stdout)["tests"][1] == {
        "file": str(tmp_path / "gateway.yaml"),
        "line": 6,
        "column": 5,
        "request": {
            "origin": "https://app.example.com",
            "method": "PUT",
            "host": "a.example",
            "path": "/x",
            "headers": ["X-A", "X-B"],
            "credentials": True,
        },
        "expect": "deny",
        "expect_reason": "method_not_allowed",
        "passed": True,
        "failure": "",
        "verdict": "refused",
        "reason": "method_not_allowed",
    }


def test_a_test_that_cannot_be_sent_fails(tmp_path: Path) -> None:
    text = ROUTES + "tests:\n  - {path: /x, host: 'a b', expect: deny}\n"
    result, plain = run(tmp_path, text, "--format", "json"), run(tmp_path, text)

    (only,) = json.loads(result.stdout)["tests"]
    assert (only["passed"], only["verdict"], only["reason"]) == (False, None, None)
    assert plain.exit_code == 4
    assert "cannot be sent" in plain.stdout


def test_an_invalid_configuration_ends_with_1_and_its_problems(tmp_path: Path) -> None:
    text = run(tmp_path, ROUTES + "tests:\n  - {path: x, expect: deny}\n")
    document = run(tmp_path, "version: 1\n", "--format", "json")

    assert (text.exit_code, document.exit_code) == (1, 1)
    assert "tests[0].path" in text.stderr
    assert json.loads(document.stdout)["ok"] is False
