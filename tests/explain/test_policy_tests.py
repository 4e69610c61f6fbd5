"""The `tests:` of a configuration: what makes one pass, and what is said of one that fails."""

from pathlib import Path

import pytest
import yaml

from cors_gateway.explain.policy_tests import Outcome, run_tests
from tests.explain.situations import document, snapshot

APP = "https://app.example.com"


def outcome(directory: Path, **test: object) -> Outcome:
    """Run one test of the golden files' configuration."""
    content = document() | {"tests": [test]}
    file = directory / "gateway.yaml"
    file.write_text(yaml.safe_dump(content))
    (only,) = run_tests(snapshot(file))
    return only


@pytest.mark.parametrize(
    "test",
    [
        {"origin": APP, "path": "/api/x", "expect": "allow"},
        {"origin": APP, "path": "/api/x", "expect": "allow", "reason": "allowed"},
        {"origin": APP, "path": "/api/x", "method": "put", "headers": ["Content-Type"], "credentials": True, "expect": "allow"},
        {"origin": APP, "path": "/api/x", "method": "DELETE", "expect": "deny", "reason": "method_not_allowed"},
        {"origin": APP, "path": "/api/x", "headers": ["X-A"], "expect": "deny", "reason": "header_not_allowed"},
        {"origin": APP, "path": "/api/x", "headers": ["Accept"], "expect": "allow"},
        {"origin": "https://evil.example", "path": "/api/x", "expect": "deny"},
        {"origin": "https://evil.example", "path": "/admin/x", "expect": "deny", "reason": "origin_not_allowed"},
        {"origin": "https://api.example.com", "path": "/admin/x", "method": "PUT", "expect": "allow", "reason": "same_origin"},
        {"origin": "https://App.example.com", "path": "/api/x", "expect": "deny", "reason": "origin_malformed"},
        {"origin": "https://partner.example", "path": "/partner/x", "expect": "allow"},
        {"origin": "https://partner.example", "path": "/partner/x", "credentials": True, "expect": "deny", "reason": "allowed"},
        {"origin": APP, "path": "/trial/x", "expect": "allow"},
        {"origin": "https://evil.example", "path": "/trial/x", "expect": "deny"},
        {"origin": APP, "path": "/closed/x", "expect": "deny", "reason": "cors_disabled"},
        {"origin": APP, "path": "/own/x", "expect": "deny", "reason": "passthrough"},
        {"origin": APP, "path": "/nowhere", "expect": "deny", "reason": "no_route"},
        {"origin": APP, "path": "/named/x", "expect": "deny", "reason": "no_route"},
        {"origin": APP, "path": "/named/x", "host": "www.example.com", "expect": "allow"},
        {"path": "/api/x", "method": "DELETE", "expect": "allow", "reason": "not_cors"},
        {"path": "/nowhere", "expect": "deny", "reason": "no_route"},
        {"origin": APP, "path": "/api/..%2fclosed", "expect": "deny"},
    ],
    ids=str,
)  # fmt: skip
def test_what_passes(test: dict[str, object], tmp_path: Path) -> None:
    result = outcome(tmp_path, **test)

    assert result.failure == ""
    assert result.passed


@pytest.mark.parametrize(
    ("test", "failure"),
    [
        (
            {"origin": "https://evil.example", "path": "/api/x", "expect": "allow"},
            ("expected allow: The backend gets the request and answers, but the browser keeps the response from the"
            " script: no entry of allow_origins covers https://evil.example."),
        ),
        (
            {"origin": "https://a.tenant.example.com", "path": "/api/x", "expect": "deny"},
            'expected deny: The script may read the response. Allowed by "https://*.tenant.example.com"',
        ),
        (
            {"origin": APP, "path": "/api/x", "method": "DELETE", "expect": "deny", "reason": "origin_not_allowed"},
            "expected reason origin_not_allowed, got reason method_not_allowed: The browser asks first",
        ),
        (
            {"origin": APP, "path": "/api/%zz", "expect": "deny", "reason": "no_route"},
            "expected reason no_route, got no reason: The gateway answers 400",
        ),
        (
            {"origin": APP, "path": "/own/x", "expect": "allow", "reason": "passthrough"},
            "expected allow: Only the backend knows",
        ),
        (
            {"origin": APP, "path": "/own/x", "expect": "deny"},
            ("expected deny: Only the backend knows: route own-cors says cors: passthrough, so the gateway leaves CORS alone."
            " To test for that, add reason: passthrough."),
        ),
        ({"origin": APP, "path": "/api/x", "host": "no host", "expect": "deny"}, 'cannot be sent: "no host" is not a host'),
        ({"origin": "", "path": "/api/x", "expect": "deny"}, 'cannot be sent: "" cannot be sent as an origin'),
        ({"path": "/api/x", "expect": "deny"}, "expected deny: Not a CORS request"),
    ],
    ids=str,
)  # fmt: skip
def test_what_fails_says_why(test: dict[str, object], failure: str, tmp_path: Path) -> None:
    result = outcome(tmp_path, **test)

    assert result.failure.startswith(failure)
    assert not result.passed


def test_a_test_knows_its_place_in_the_file(tmp_path: Path) -> None:
    result = outcome(tmp_path, path="/api/x", expect="allow")

    assert result.test.location is not None
    assert result.test.location.file == str(tmp_path / "gateway.yaml")
