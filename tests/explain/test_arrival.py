"""What an explanation says about header fields that do not arrive as they were sent."""

import pytest

from cors_gateway.explain.arrival import arrival_notes
from cors_gateway.explain.described_request import describe
from cors_gateway.policy.policy import Policy
from cors_gateway.snapshot import Route

URL = "https://api.example.com/x"


@pytest.mark.parametrize(
    ("header", "policy", "said"),
    [
        ("X_Forwarded_For: 1", Policy(), "answers 400"),
        ("X-Forwarded-For: 1", Policy(), "not taken from a client"),
        ("X-Request-Id: 1", Policy(), "own value"),
        ("X-Original-URL: /", Policy(), "does not go on"),
        ("X_Token: 1", Policy(), "underscore_headers"),
        ("Accept: text/event-stream", Policy(), "response_head"),
        ("X_Token: 1", Policy(allow_headers=("x_token",)), None),
        ("X_Token: 1", Policy(any_header=True), None),
        ("X-Token: 1", Policy(), None),
        ("Accept: text/html", Policy(), None),
    ],
)
def test_what_becomes_of_a_header_is_said(header: str, policy: Policy, said: str | None) -> None:
    found = arrival_notes(
        describe(URL, origin="https://app.example.com", headers=[header]), Route("r", "/", "u", policy)
    )

    assert len(found) == (said is not None)
    assert said is None or said in found[0]
