"""Rules for keys that have no effect beside the others."""

from typing import Any

import pytest

from tests.config.lint.said import APP, regex, said

HTTP = "http://app.example.com"
SUFFIX = "https://*.github.io"


def conflict(key: str, severity: str = "warning") -> str:
    return f"{severity} schema.conflict at {key}"


CASES: list[tuple[str, dict[str, Any], set[str]]] = [
    (
        "insecure origins without credentials",
        {"allow_origins": [HTTP], "dangerously_allow_insecure_origins": True},
        {
            "warning allow_origins.insecure at allow_origins[0]",
            conflict("dangerously_allow_insecure_origins"),
        },
    ),
    (
        "insecure origins when there is none",
        {"dangerously_allow_insecure_origins": True, "allow_credentials": True},
        {conflict("dangerously_allow_insecure_origins")},
    ),
    (
        "insecure origins that are loopback",
        {
            "allow_origins": ["http://localhost:*"],
            "dangerously_allow_insecure_origins": True,
            "allow_credentials": True,
        },
        {conflict("dangerously_allow_insecure_origins")},
    ),
    (
        "insecure origins in effect",
        {"allow_origins": [HTTP], "dangerously_allow_insecure_origins": True, "allow_credentials": True},
        {"warning allow_origins.insecure at allow_origins[0]"},
    ),
    (
        "insecure origins in effect through an expression",
        {
            "allow_origins": [regex(r"https?://app\.example\.com")],
            "dangerously_allow_insecure_origins": True,
            "allow_credentials": True,
        },
        {"warning allow_origins.insecure at allow_origins[0]"},
    ),
    (
        "public suffix without credentials",
        {"allow_origins": [SUFFIX], "dangerously_allow_public_suffix": True},
        {
            "warning allow_origins.public_suffix at allow_origins[0]",
            conflict("dangerously_allow_public_suffix"),
        },
    ),
    (
        "public suffix when there is none",
        {"dangerously_allow_public_suffix": True, "allow_credentials": True},
        {conflict("dangerously_allow_public_suffix")},
    ),
    (
        "public suffix in effect",
        {"allow_origins": [SUFFIX], "dangerously_allow_public_suffix": True, "allow_credentials": True},
        {"warning allow_origins.public_suffix at allow_origins[0]"},
    ),
    (
        "null in effect",
        {"dangerously_allow_null_origin": True},
        {"warning allow_origins.null at dangerously_allow_null_origin"},
    ),
    (
        "null where the star is",
        {"allow_origins": ["*"], "dangerously_allow_null_origin": True},
        {conflict("dangerously_allow_null_origin")},
    ),
    (
        "a list with an error may yet need the switch",
        {
            "allow_origins": ["http://app.example.com/", APP],
            "dangerously_allow_insecure_origins": True,
            "allow_credentials": True,
        },
        {"error allow_origins.invalid at allow_origins[0]"},
    ),
    (
        "reject where the star is",
        {
            "allow_origins": ["*"],
            "on_disallowed_request": "reject",
            "public_origins": ["https://api.example.com"],
        },
        {conflict("on_disallowed_request")},
    ),
    (
        "socket check where the star is",
        {"allow_origins": ["*"], "websocket_origin_check": True},
        {conflict("websocket_origin_check")},
    ),
    ("socket check with a list", {"websocket_origin_check": True}, set()),
    (
        "merging into the star",
        {"expose_headers": ["*"], "upstream_expose": "merge"},
        {conflict("upstream_expose")},
    ),
    (
        "all names where the star is",
        {"expose_headers": ["*"], "upstream_expose": "all"},
        {conflict("upstream_expose")},
    ),
    ("all names", {"expose_headers": ["ETag"], "upstream_expose": "all"}, set()),
    ("one origin for everybody", {"allow_credentials": True, "constant_origin": True}, set()),
    (
        "two origins for everybody",
        {"allow_origins": [HTTP, "https://a.example.com"], "constant_origin": True},
        {
            "error constant_origin.origins at constant_origin",
            "warning allow_origins.insecure at allow_origins[0]",
        },
    ),
    (
        "a pattern for everybody",
        {"allow_origins": ["https://*.a.example.com"], "constant_origin": True},
        {"error constant_origin.origins at constant_origin"},
    ),
    (
        "the star for everybody",
        {"allow_origins": ["*"], "constant_origin": True},
        {"error constant_origin.origins at constant_origin"},
    ),
    (
        "an expression for everybody",
        {"allow_origins": [{"regex": "https://a\\.example\\.com"}], "constant_origin": True},
        {"error constant_origin.origins at constant_origin"},
    ),
    (
        "null beside the one for everybody",
        {"constant_origin": True, "dangerously_allow_null_origin": True},
        {
            "error constant_origin.origins at constant_origin",
            "warning allow_origins.null at dangerously_allow_null_origin",
        },
    ),
    (
        "one origin for everybody, and refusals by origin",
        {
            "constant_origin": True,
            "on_disallowed_request": "reject",
            "public_origins": ["https://own.example.com"],
        },
        {conflict("constant_origin", "error")},
    ),
    ("merging into a list", {"expose_headers": ["ETag"], "upstream_expose": "merge"}, set()),
]


@pytest.mark.parametrize(("keys", "expected"), [pytest.param(k, e, id=i) for i, k, e in CASES])
def test_conflicts(keys: dict[str, Any], expected: set[str]) -> None:
    assert said(**keys) == expected
