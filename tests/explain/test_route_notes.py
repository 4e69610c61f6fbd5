"""Explanations of routes that do more than forward under one policy."""

from pathlib import Path

import pytest

from cors_gateway.explain.described_request import describe
from cors_gateway.explain.explainer import Explainer
from cors_gateway.explain.explanation import Explanation, Verdict
from tests.config.written import load_text

FILE = """\
version: 1
policies:
  own: {allow_origins: [https://app.example], allow_credentials: true}
  telling: {allow_origins: [https://app.example], cross_origin_redirects: unauthorized, forward_origin: strip}
  partners: {allow_origins: ['https://*.partner.example'], allow_headers: [X-A, X-Api-Key]}
  everybody: {allow_origins: ['*']}
routes:
  - {name: several, path: /several, upstream: http://b, cors: [own, partners]}
  - {name: open, path: /open, upstream: http://b, cors: [own, everybody]}
  - {name: closed, path: /open/admin, refuse: 404, cors: own}
  - {name: moved, path: /old, redirect: {to: "https://new.example/base", status: 308}, replace_prefix: /v2, cors: own}
  - {name: told, path: /told, upstream: http://b, cors: telling}
  - {name: here, path: /told/not, redirect: {to: "https://new.example"}, cors: telling}
  - name: edits
    path: /edits
    upstream: http://b
    cors: partners
    request_headers: {set: {X-Api-Key: "${KEY}"}, remove: [X-A, Cookie]}
    cookies: {same_site: none, secure: true}
"""
API = "https://api.example"


@pytest.fixture
def explainer(tmp_path: Path) -> Explainer:
    loaded = load_text(tmp_path, FILE, {"KEY": "s3cret"})
    assert loaded.snapshot is not None, loaded.problems
    return Explainer(loaded.snapshot)


def _headers(explanation: Explanation) -> dict[str, str]:
    assert explanation.actual is not None
    return dict(explanation.actual.headers)


@pytest.mark.parametrize(
    ("path", "origin", "policy", "allowed", "note"),
    [
        ("/several", "https://app.example", "own", "https://app.example", "own is the one that lists the origin"),
        ("/several", "https://a.partner.example", "partners", "https://a.partner.example", "partners is the one that lists the origin"),
        ("/several", "https://stranger.example", "own", None, "none lists the origin, so own refuses it"),
        ("/open", "https://stranger.example", "everybody", "*", "everybody is the one that lists the origin"),
    ],
)  # fmt: skip
def test_the_policy_that_decides_is_named(
    explainer: Explainer, path: str, origin: str, policy: str, allowed: str | None, note: str
) -> None:
    explanation = explainer.explain(describe(API + path, origin=origin))

    assert explanation.route is not None
    assert explanation.route.policy_name == policy
    assert _headers(explanation).get("Access-Control-Allow-Origin") == allowed
    assert _headers(explanation)["Vary"] == "Origin"
    assert explanation.notes[0].endswith(note)


def test_a_stranger_is_to_be_listed_by_the_first_policy(explainer: Explainer) -> None:
    remedy = explainer.explain(describe(f"{API}/several", origin="https://stranger.example")).remedy
    assert remedy is not None

    assert [change.policy for change in remedy.changes] == ["own"]
    assert remedy.consequences == ("policies.own also governs open, closed and moved",)


def test_a_route_that_answers_itself_says_so(explainer: Explainer) -> None:
    explanation = explainer.explain(describe(f"{API}/open/admin/x", origin="https://app.example"))
    assert explanation.actual is not None

    assert explanation.verdict is Verdict.ALLOWED
    assert (explanation.actual.answered_by, explanation.actual.status) == ("gateway", 404)
    assert "answers by itself with 404" in explanation.notes[-1]


def test_a_redirect_names_the_place(explainer: Explainer) -> None:
    explanation = explainer.explain(describe(f"{API}/old/x?y", origin="https://app.example"))
    assert explanation.actual is not None

    assert explanation.actual.status == 308
    assert "https://new.example/base/v2/x?y" in explanation.notes[-1]


def test_no_websocket_opens_where_nothing_is_forwarded(explainer: Explainer) -> None:
    explanation = explainer.explain(describe("wss://api.example/open/admin", origin="https://app.example"))

    assert explanation.verdict is Verdict.REFUSED
    assert explanation.remedy is not None
    assert explanation.remedy.blocked.startswith("route closed has no backend")


def test_what_does_not_arrive_is_told_without_its_value(explainer: Explainer) -> None:
    request = describe(
        f"{API}/edits", origin="https://a.partner.example", headers=["X-Api-Key", "X-A"], credentials=True
    )
    notes = "\n".join(explainer.explain(request).notes)

    assert "sets X-Api-Key: what the script sends does not reach the backend" in notes
    assert "removes x-a: the backend does not see it" in notes
    assert "removes Cookie" in notes
    assert "SameSite=None" in notes
    assert "s3cret" not in notes


@pytest.mark.parametrize(("path", "is_said"), [("/told", True), ("/told/not", False)])
def test_what_concerns_the_backend_is_not_said_of_a_route_without_one(
    explainer: Explainer, path: str, is_said: bool
) -> None:
    said = " | ".join(explainer.explain(describe(API + path, origin="https://app.example")).notes)

    assert ("cross_origin_redirects" in said, "forward_origin" in said) == (is_said, is_said)


@pytest.mark.parametrize(
    ("path", "origin", "is_said"),
    [
        ("/open", "https://app.example", True),
        ("/several", "https://stranger.example", False),
        ("/open/admin", "https://app.example", False),
        ("/told", "https://app.example", False),
    ],
)
def test_a_granted_call_may_be_redirected_by_the_backend(
    explainer: Explainer, path: str, origin: str, is_said: bool
) -> None:
    notes = explainer.explain(describe(API + path, origin=origin)).notes

    assert any("answers with a redirect to another origin" in note for note in notes) is is_said
