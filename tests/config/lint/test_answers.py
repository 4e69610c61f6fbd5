"""Rules for `max_age`, `preflight_status` and `allow_private_network`."""

from typing import Any

import pytest

from tests.config.lint.said import said

PUT = {"allow_methods": ["PUT"]}
RANGE = {"error max_age.range at max_age"}
CAPPED = {"warning max_age.capped at max_age"}
UNUSED = {"warning max_age.unused at max_age"}
STATUS = {"error preflight_status.range at preflight_status"}
SUPERSEDED = "warning allow_private_network.superseded at allow_private_network"

CASES: list[tuple[dict[str, Any], set[str]]] = [
    ({"max_age": 0, **PUT}, set()),
    ({"max_age": 1, **PUT}, set()),
    ({"max_age": 7200, **PUT}, set()),
    ({"max_age": 7201, **PUT}, CAPPED),
    ({"max_age": 86_400, **PUT}, CAPPED),
    ({"max_age": 86_401, **PUT}, RANGE),
    ({"max_age": -1, **PUT}, RANGE),
    ({"max_age": -1}, RANGE),
    ({"max_age": 600}, UNUSED),
    ({"max_age": 600, "allow_methods": ["get", "POST", "HEAD"], "allow_headers": []}, UNUSED),
    ({"max_age": 600, "allow_headers": ["Content-Type"]}, set()),
    ({"max_age": 600, "allow_methods": ["*"]}, set()),
    ({"preflight_status": 200}, set()),
    ({"preflight_status": 204}, set()),
    ({"preflight_status": 299}, set()),
    ({"preflight_status": 206}, STATUS),
    ({"preflight_status": 199}, STATUS),
    ({"preflight_status": 300}, STATUS),
    ({"preflight_status": -204}, STATUS),
    ({"allow_private_network": False}, set()),
    ({"allow_private_network": True}, {SUPERSEDED}),
    (
        {"allow_private_network": True, "allow_origins": ["*"]},
        {SUPERSEDED, "error allow_private_network.wildcard at allow_private_network"},
    ),
]


@pytest.mark.parametrize(("keys", "expected"), [pytest.param(k, e, id=str(k)) for k, e in CASES])
def test_answers(keys: dict[str, Any], expected: set[str]) -> None:
    assert said(**keys) == expected
