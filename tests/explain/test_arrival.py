"""What an explanation says about header fields that do not arrive as they were sent."""

import pytest

from cors_gateway.explain.arrival import arrival_notes, refused_name
from cors_gateway.explain.described_request import describe
from cors_gateway.explain.explainer import Explainer
from cors_gateway.policy.policy import Policy
from cors_gateway.snapshot import Route, Server, ServerAddress, Snapshot, UnderscoreHeaders, Upstream

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


@pytest.mark.parametrize(
    ("header", "underscores", "is_allowed"),
    [
        ("X_Forwarded_For: 1", UnderscoreHeaders.PASS, False),
        ("X_Token: 1", UnderscoreHeaders.REJECT, True),
        ("X-Token: 1", UnderscoreHeaders.REJECT, True),
    ],
)
def test_what_the_gateway_answers_with_400_is_not_called_readable(
    header: str, underscores: UnderscoreHeaders, is_allowed: bool
) -> None:
    policy = Policy(any_origin=True, any_header=True)
    upstream = Upstream("u", (ServerAddress("s", 80),))
    server = Server((), underscore_headers=underscores)
    snapshot = Snapshot(server, None, {"u": upstream}, (Route("r", "/", "u", policy),))
    explanation = Explainer(snapshot).explain(
        describe(URL, origin="https://app.example.com", headers=[header])
    )

    assert explanation.is_allowed is is_allowed
    assert explanation.actual is not None
    assert explanation.actual.status == (None if is_allowed else 400)
    assert is_allowed or "another name" in str(explanation.remedy)


def test_a_name_that_no_policy_lists_is_refused_where_the_option_says_so() -> None:
    request, route = describe(URL, origin=None, headers=["X_Token: 1"]), Route("r", "/", "u", Policy())

    assert [refused_name(request, route, option) for option in UnderscoreHeaders] == [None, None, "x_token"]
