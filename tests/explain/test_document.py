"""The object for programs: its keys are a promise."""

import json
from typing import Any

import pytest

from cors_gateway.explain.beyond_cors import REDIRECTED
from cors_gateway.explain.document import as_document
from tests.explain.situations import explain, explainer

APP = "https://app.example.com"
KEYS = [
    "verdict",
    "allowed",
    "reason",
    "summary",
    "request",
    "cross_origin",
    "relation",
    "route",
    "policy",
    "entry",
    "preflight_causes",
    "preflight",
    "actual",
    "readable_headers",
    "notes",
    "remedy",
    "curl",
]


def document(*described: Any, credentials: bool = False) -> dict[str, Any]:
    explanation = explain(*described, credentials=credentials)
    content = as_document(explanation, explainer().snapshot.server)
    plain: dict[str, Any] = json.loads(json.dumps(content))
    assert list(plain) == KEYS
    return plain


def test_an_allowed_request() -> None:
    assert document("https://a.example/api/x", APP, "PUT", ["Content-Type: application/json", "Accept"]) == {
        "verdict": "allowed",
        "allowed": True,
        "reason": "allowed",
        "summary": "The script may read the response.",
        "request": {
            "origin": APP,
            "method": "PUT",
            "url": "https://a.example/api/x",
            "host": "a.example",
            "path": "/api/x",
            "headers": [["Content-Type", "application/json"], ["Accept", None]],
            "credentials": False,
            "websocket": False,
            "browser": None,
        },
        "cross_origin": True,
        "relation": "the page is https://app.example.com, the gateway https://a.example",
        "route": {"name": "api", "file": "gateway.yaml", "line": 40},
        "policy": {
            "name": "app",
            "mode": "enforce",
            "report_only": False,
            "file": "gateway.yaml",
            "line": 8,
        },
        "entry": {"text": APP, "file": "gateway.yaml", "line": 10},
        "preflight_causes": ["the method is PUT", "the Content-Type is none that an HTML form can send"],
        "preflight": {
            "request": [
                "OPTIONS /api/x",
                "Host: a.example",
                f"Origin: {APP}",
                "Access-Control-Request-Method: PUT",
                "Access-Control-Request-Headers: content-type",
            ],
            "answered_by": "gateway",
            "status": 204,
            "headers": [
                ["Access-Control-Allow-Origin", APP],
                ["Access-Control-Allow-Credentials", "true"],
                ["Access-Control-Allow-Methods", "GET,POST,PUT"],
                ["Access-Control-Allow-Headers", "content-type,authorization"],
                ["Access-Control-Max-Age", "600"],
                ["Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"],
            ],
            "reason": "allowed",
            "detail": "",
            "fault": None,
        },
        "actual": {
            "request": [
                "PUT /api/x",
                "Host: a.example",
                f"Origin: {APP}",
                "Content-Type: application/json",
                "Accept: …",
            ],
            "answered_by": "backend",
            "status": None,
            "headers": [
                ["Vary", "Origin"],
                ["Access-Control-Allow-Origin", APP],
                ["Access-Control-Allow-Credentials", "true"],
                ["Access-Control-Expose-Headers", "x-request-id"],
            ],
            "reason": "allowed",
            "detail": "",
            "fault": None,
        },
        "readable_headers": [
            "cache-control",
            "content-language",
            "content-length",
            "content-type",
            "expires",
            "last-modified",
            "pragma",
            "x-request-id",
        ],
        "notes": [REDIRECTED],
        "remedy": None,
        "curl": {
            "preflight": f"curl -i -X OPTIONS https://a.example/api/x -H 'Origin: {APP}' -H 'Access-Control-Request-Method: PUT' -H 'Access-Control-Request-Headers: content-type'",
            "actual": f"curl -i -X PUT https://a.example/api/x -H 'Origin: {APP}' -H 'Content-Type: application/json' -H 'Accept: x'",
        },
    }


def test_a_refused_request() -> None:
    refused = document("https://a.example/api/x", APP, "DELETE", ["X-A"])

    assert (refused["verdict"], refused["allowed"], refused["reason"]) == (
        "refused",
        False,
        "method_not_allowed",
    )
    assert refused["preflight"]["detail"] == "DELETE"
    assert refused["preflight"]["fault"].startswith("its status is 403")
    assert (refused["actual"], refused["entry"], refused["readable_headers"]) == (None, None, [])
    assert refused["remedy"] == {
        "changes": [
            {
                "text": "add DELETE to policies.app.allow_methods (gateway.yaml:8)",
                "action": "add",
                "key": "allow_methods",
                "values": ["DELETE"],
                "policy": "app",
                "route": "api",
                "file": "gateway.yaml",
                "line": 8,
            },
            {
                "text": "add X-A to policies.app.allow_headers (gateway.yaml:8)",
                "action": "add",
                "key": "allow_headers",
                "values": ["X-A"],
                "policy": "app",
                "route": "api",
                "file": "gateway.yaml",
                "line": 8,
            },
        ],
        "warnings": [],
        "likely": "",
        "blocked": "",
        "consequences": ["policies.app also governs reports and named"],
    }


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (("/nowhere", APP), {"reason": "no_route", "route": None, "policy": None, "entry": None}),
        (("/api/..%2fx", APP), {"reason": None, "route": None, "allowed": False}),
        (("/own/x", APP), {"verdict": "unknown", "allowed": False, "remedy": None, "readable_headers": []}),
        (("/fonts/x", APP), {"readable_headers": "*", "preflight": None, "preflight_causes": []}),
        (("https://a.example/api/x", "https://a.example"), {"cross_origin": False, "reason": "same_origin"}),
    ],
)
def test_what_other_verdicts_look_like(described: tuple[Any, ...], expected: dict[str, Any]) -> None:
    content = document(*described)

    assert {key: content[key] for key in expected} == expected


def test_places_that_are_not_known_are_null() -> None:
    changes = document("/nowhere", APP)["remedy"]["changes"]

    assert [(change["file"], change["line"], change["policy"]) for change in changes] == [(None, None, None)]
