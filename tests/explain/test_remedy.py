"""What to change: the advice works, is as small as it can be, and says when it is unwise."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cors_gateway.config.lint.policy_rules import lint_policy
from cors_gateway.config.load import load
from cors_gateway.config.policy_conversion import policy_of, written_form
from cors_gateway.explain.described_request import Request, describe
from cors_gateway.explain.explainer import Explainer
from cors_gateway.explain.explanation import Explanation, Remedy
from cors_gateway.explain.remedy_sentences import change_text
from cors_gateway.policy.policy import Mode
from tests.explain.edited import apply
from tests.explain.situations import document, explain, explainer

API = "https://api.example.com"
APP = "https://app.example.com"


def remedy_of(explanation: Explanation) -> Remedy:
    assert explanation.remedy is not None
    return explanation.remedy


def texts(remedy: Remedy) -> list[str]:
    return [change_text(change) for change in remedy.changes]


def followed(remedy: Remedy, directory: Path, content: dict[str, Any]) -> Explainer:
    """An explainer for the configuration in which the advice was taken. It must load without an error."""
    for change in remedy.changes:
        apply(change, content)
    file = directory / "gateway.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    loaded = load(file, {})
    assert loaded.snapshot is not None, loaded.problems
    return Explainer(loaded.snapshot)


REMEDIES = [
    pytest.param(
        (f"{API}/api/x", "https://other.example"),
        ['add "https://other.example" to policies.app.allow_origins (gateway.yaml:12)'],
        id="origin",
    ),
    pytest.param(
        (f"{API}/api/x", "moz-extension://0f7c6b2a-1f4e-4f5e-9d3c-2b8f6f1a7c11"),
        ['add "moz-extension://*" to policies.app.allow_origins (gateway.yaml:12)'],
        id="extension with another origin in every browser",
    ),
    pytest.param(
        (f"{API}/api/x", "chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh"),
        ['add "chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh" to policies.app.allow_origins (gateway.yaml:12)'],
        id="extension with one origin",
    ),
    pytest.param(
        (f"{API}/api/x", "file://"), ['add "file://" to policies.app.allow_origins (gateway.yaml:12)'], id="local file"
    ),
    pytest.param(
        (f"{API}/api/x", "app://."), ['add "app://." to policies.app.allow_origins (gateway.yaml:12)'], id="app"
    ),
    pytest.param(
        (f"{API}/api/x", APP, "DELETE"), ["add DELETE to policies.app.allow_methods (gateway.yaml:8)"], id="method"
    ),
    pytest.param(
        (f"{API}/partner/x", "https://partner.example", "PUT"),
        ["set policies.plain.allow_methods: [GET, HEAD, POST, PUT] (gateway.yaml:29)"],
        id="method where the key may be absent",
    ),
    pytest.param(
        (f"{API}/api/x", APP, "GET", ["X-CSRF-Token"]),
        ["add X-CSRF-Token to policies.app.allow_headers (gateway.yaml:8)"],
        id="header as typed",
    ),
    pytest.param(
        (f"{API}/partner/x", "https://partner.example", "GET", ["X-A", "X-B", "X-A"]),
        ["set policies.plain.allow_headers: [X-A, X-B] (gateway.yaml:29)"],
        id="first headers",
    ),
    pytest.param(
        (f"{API}/tokens/x", "https://any.example", "GET", ["authorization"]),
        ["add authorization to policies.open-tokens.allow_headers (gateway.yaml:26)"],
        id="authorization beside a star",
    ),
    pytest.param(
        (f"{API}/closed/x", "https://new.example", "PUT", ["X-A"]),
        ['write cors: {allow_origins: ["https://new.example"], allow_methods: [PUT], allow_headers: [X-A]} in place of cors: disabled on route closed (gateway.yaml:51)'],
        id="closed route, nobody's policy fits",
    ),
    pytest.param(
        (f"{API}/closed/x", APP),
        ["write cors: app in place of cors: disabled on route closed (gateway.yaml:51)"],
        id="closed route, a policy fits",
    ),
    pytest.param((f"{API}/elsewhere?x=1", APP), ["add a route that serves /elsewhere"], id="no route"),
    pytest.param(
        (f"{API}/fonts/x", "https://any.example", "PUT"),
        [
            "add PUT to methods of route fonts (gateway.yaml:43)",
            "set policies.public.allow_methods: [GET, HEAD, POST, PUT] (gateway.yaml:23)",
        ],
        id="no route for the method, and no policy either",
    ),
    pytest.param(
        ("wss://api.example.com/admin/events", "https://other.example"),
        ['add "https://other.example" to policies.guarded.allow_origins (gateway.yaml:19)'],
        id="websocket",
    ),
    pytest.param(
        ("http://intranet.example/admin/x", "http://intranet.example", "POST"),
        ['add "http://intranet.example" to policies.guarded.public_origins (gateway.yaml:18)'],
        id="own page over plain http",
    ),
    pytest.param(
        (f"{API}/sandbox/x", "null", "PUT"),
        ["set policies.sandbox.allow_methods: [GET, HEAD, POST, PUT] (gateway.yaml:34)"],
        id="null is allowed there",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("described", "changes"), REMEDIES)
def test_the_smallest_change_is_named(described: tuple[Any, ...], changes: list[str]) -> None:
    remedy = remedy_of(explain(*described))

    assert texts(remedy) == changes
    assert remedy.blocked == ""


CREDENTIALED = [
    pytest.param(
        (f"{API}/inline/x", "https://new.example", "PATCH", ["X-A"]),
        [
            'add "https://new.example" to cors.allow_origins of route inline (gateway.yaml:49)',
            "set cors.allow_methods of route inline: [GET, HEAD, POST, PATCH] (gateway.yaml:49)",
            "set cors.allow_headers of route inline: [X-A] (gateway.yaml:49)",
            "set cors.allow_credentials of route inline: true (gateway.yaml:49)",
        ],
        id="everything at once, in a route's own policy",
    ),
    pytest.param(
        (f"{API}/tokens/x", "https://any.example"),
        [
            'replace "*" in policies.open-tokens.allow_origins by "https://any.example" (gateway.yaml:27)',
            "set policies.open-tokens.allow_credentials: true (gateway.yaml:26)",
        ],
        id="a star makes way",
    ),
    pytest.param(
        (f"{API}/pages/x", "https://mine.github.io"),
        [
            "set policies.shared-hosting.allow_credentials: true (gateway.yaml:37)",
            "set policies.shared-hosting.dangerously_allow_public_suffix: true (gateway.yaml:37)",
        ],
        id="wildcard under a public suffix",
    ),
    pytest.param(
        (f"{API}/partner/x", "https://partner.example"),
        [
            "set policies.plain.allow_credentials: true (gateway.yaml:29)",
            "set policies.plain.dangerously_allow_insecure_origins: true (gateway.yaml:29)",
        ],
        id="plain http in the list",
    ),
]


@pytest.mark.parametrize(("described", "changes"), CREDENTIALED)
def test_the_smallest_change_for_a_call_with_credentials_is_named(
    described: tuple[Any, ...], changes: list[str]
) -> None:
    assert texts(remedy_of(explain(*described, credentials=True))) == changes


@pytest.mark.parametrize("described", [case.values[0] for case in REMEDIES], ids=[case.id for case in REMEDIES])  # fmt: skip
def test_who_follows_the_advice_is_let_through(described: tuple[Any, ...], tmp_path: Path) -> None:
    explanation = explain(*described)

    changed = followed(remedy_of(explanation), tmp_path, document())

    assert changed.explain(explanation.request).is_allowed


@pytest.mark.parametrize("described", [case.values[0] for case in CREDENTIALED], ids=[case.id for case in CREDENTIALED])  # fmt: skip
def test_who_follows_the_advice_is_let_through_with_credentials(described: tuple[Any, ...], tmp_path: Path) -> None:  # fmt: skip
    explanation = explain(*described, credentials=True)

    changed = followed(remedy_of(explanation), tmp_path, document())

    assert changed.explain(explanation.request).is_allowed


def requests() -> st.SearchStrategy[Request]:
    """Requests to every route, from friends, strangers and whoever looks like a friend."""
    routes = [route.path.strip("/") for route in explainer().snapshot.routes]
    origins = [
        APP,
        "https://a.b.tenant.example.com",
        "http://localhost:3000",
        "https://partner.example",
        "https://other.example:8443",
        "http://other.example",
        "https://x.github.io",
        "capacitor://localhost",
        "http://[::1]:8080",
        "https://xn--bcher-kva.example",
        "https://admin.example.com",
        "null",
        API,
    ]
    return st.builds(
        lambda path, origin, method, headers, credentials: describe(
            f"{API}/{path}/x", origin=origin, method=method, headers=headers, credentials=credentials
        ),
        path=st.sampled_from([*routes, "nowhere"]),
        origin=st.sampled_from(origins),
        method=st.sampled_from(["GET", "POST", "PUT", "patch", "PROPFIND", "HEAD", "OPTIONS"]),
        headers=st.lists(st.sampled_from(["X-A", "Content-Type", "authorization", "Accept", "Cookie"]), max_size=3),
        credentials=st.booleans(),
    )  # fmt: skip


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(described=requests())
@example(described=describe(f"{API}/admin/x", origin="null", method="POST"))
def test_advice_always_works_or_says_that_nothing_would(described: Request, tmp_path: Path) -> None:
    explanation = explainer().explain(described)
    if explanation.remedy is None:
        return
    if explanation.remedy.blocked:
        assert explanation.remedy.changes == ()
        return
    if not explanation.remedy.changes:  # a form of another site: what helps is another route, no other policy
        assert (described.origin, described.method) == ("null", "POST")
        assert explanation.remedy.instead.startswith("if a form of another site is posted here")
        return

    changed = followed(explanation.remedy, tmp_path, document())

    after = changed.explain(described)
    adds_route = any(change.key == "routes" for change in explanation.remedy.changes)
    assert after.is_allowed or (adds_route and after.route is not None)


@given(requests())
def test_what_is_allowed_needs_no_remedy_and_what_is_refused_has_one(described: Request) -> None:
    explanation = explainer().explain(described)

    assert (explanation.remedy is not None) == (explanation.verdict == "refused")


BLOCKED = [
    ((f"{API}/api/x", "null"), False, "null with credentials lets any site act as the user"),
    ((f"{API}/api/x", "https://App.example.com"), False, "matches what no browser sends"),
    ((f"{API}/closed/x", "https://App.example.com"), False, "matches what no browser sends"),
    ((f"{API}/api/x", APP, "TRACE"), False, "use another method: browsers never send TRACE"),
    ((f"{API}/api/..%2fx", APP), False, "the address has to change"),
    ((f"{API}/fonts/x", APP, "patch"), False, "no client sends"),
    ((f"{API}/fonts/x", APP), True, '"*" and credentials exclude each other'),
    ((f"{API}/api/x", APP, "GET", ["Timing-Allow-Origin"]), False, "is a response header"),
    ((f"{API}/api/x", APP, "GET", ["X-" + "a" * 4096]), False, "fewer headers"),
    ((f"{API}/api/x", "https://xn--.example"), False, "write"),
]  # fmt: skip


@pytest.mark.parametrize(("described", "credentials", "why"), BLOCKED)
def test_what_nothing_can_allow_is_said_to_be_so(
    described: tuple[Any, ...], credentials: bool, why: str
) -> None:
    remedy = remedy_of(explain(*described, credentials=credentials))

    assert why in remedy.blocked
    assert remedy.changes == ()


@pytest.mark.parametrize(
    ("described", "credentials", "warning"),
    [
        ((f"{API}/api/x", "http://other.example"), False, "is plain http: whoever replaces its pages"),
        ((f"{API}/pages/x", "https://mine.github.io"), True, "anyone can register a name under github.io"),
        ((f"{API}/partner/x", "null"), False, "null is allowed: any site can be it"),
        ((f"{API}/tokens/x", "https://any.example"), True, "every other origin loses access"),
        ((f"{API}/closed/x", APP), False, "make sure that this is no longer meant"),
        ((f"{API}/api/x", "https://app.example.com.evil.example"), False, "it belongs to whoever owns its end"),
        ((f"{API}/api/x", "https://app.exampl3.com"), False, "make sure that it is yours"),
        ((f"{API}/partner/x", "https://mypartner.example"), False, "is no name below it: anyone could own it"),
        ((f"{API}/api/x", APP, "POST", ["X-HTTP-Method-Override"]), False, "lets a granted POST act as a method"),
    ],
)  # fmt: skip
def test_an_unwise_change_is_warned_about(
    described: tuple[Any, ...], credentials: bool, warning: str
) -> None:
    warnings = remedy_of(explain(*described, credentials=credentials)).warnings

    assert any(warning in text for text in warnings), warnings


@pytest.mark.parametrize(
    ("described", "likely"),
    [
        ((f"{API}/api/x", "https://app.exmaple.com"), 'did you mean "https://app.example.com" (gateway.yaml:10)?'),
        ((f"{API}/api/x", "https://a.tennant.example.com"), 'did you mean "https://a.tenant.example.com", which "https://*.tenant.example.com" (gateway.yaml:11) covers?'),
        ((f"{API}/api/x", "https://App.Example.com:443/"), 'did you mean "https://app.example.com"?'),
        ((f"{API}/api/x", "?"), ""),
        ((f"{API}/api/x", "http://app.example.com"), '"https://app.example.com" (gateway.yaml:10) is listed: the same host with another scheme is another origin'),
        ((f"{API}/api/x", "https://app.example.com:8443"), '"https://app.example.com" (gateway.yaml:10) is listed: the same host with another port is another origin'),
        ((f"{API}/api/x", "https://www.app.example.com"), '"https://app.example.com" (gateway.yaml:10) is listed: a host with www. before it is another origin'),
        ((f"{API}/api/x", "https://tenant.example.com"), '"https://*.tenant.example.com" (gateway.yaml:11) is listed: it covers the names below tenant.example.com, not tenant.example.com itself'),
        ((f"{API}/api/x", APP, "patch"), "methods are case-sensitive, and browsers send patch as typed: write PATCH in the script"),
        ((f"{API}/named/x", APP), "route named (gateway.yaml:52) serves this path, for the host www.example.com only"),
        (("/named/x", APP), "route named (gateway.yaml:52) serves this path, for the host www.example.com only; give the whole URL"),
        ((f"{API}/api/x", "https://other.example"), ""),
    ],
)  # fmt: skip
def test_what_is_more_likely_to_be_wrong_is_named(described: tuple[Any, ...], likely: str) -> None:
    assert remedy_of(explain(*described)).instead == likely


def test_routes_that_share_the_policy_are_named() -> None:
    assert remedy_of(explain(f"{API}/api/x", "https://other.example")).consequences == (
        "policies.app also governs reports and named",
    )
    assert remedy_of(explain(f"{API}/partner/x", "https://other.example")).consequences == ()


def test_every_policy_can_be_written_down_again() -> None:
    policies = [route.policy for route in explainer().snapshot.routes if route.policy.mode is Mode.ENFORCE]

    assert [policy_of(written_form(policy)) for policy in policies] == policies
    assert [finding for policy in policies for finding in errors_of(lint_policy(written_form(policy)))] == []


def errors_of(findings: Sequence[Any]) -> list[Any]:
    return [finding for finding in findings if finding.severity == "error"]


def test_a_policy_keeps_the_flags_it_was_allowed_with(tmp_path: Path) -> None:
    policy = {
        "allow_origins": ["https://*.github.io", {"regex": r"https?://pr-[0-9]+\.example\.com"}],
        "allow_credentials": True,
        "dangerously_allow_insecure_origins": True,
        "dangerously_allow_public_suffix": True,
    }
    file = tmp_path / "gateway.yaml"
    route = {"name": "r", "path": "/", "upstream": "http://127.0.0.1:9", "cors": policy}
    file.write_text(yaml.safe_dump({"version": 1, "routes": [route]}))
    loaded = load(file, {})
    assert loaded.snapshot is not None

    written = written_form(loaded.snapshot.routes[0].policy)

    assert written.dangerously_allow_insecure_origins
    assert written.dangerously_allow_public_suffix
    assert errors_of(lint_policy(written)) == []


@pytest.mark.parametrize(("origin", "widens"), [("null", False), ("https://idp.example", True)])
def test_a_form_of_another_site_needs_a_route_of_its_own(origin: str, widens: bool) -> None:
    """`admin` rejects strangers. What an identity provider posts comes with its origin, or with none at all."""
    posted = remedy_of(explain(f"{API}/admin/users", origin, "POST"))
    asked = remedy_of(explain(f"{API}/admin/users", origin, "POST", ["Content-Type: application/json"]))

    assert "give /admin/users a route of its own" in posted.instead
    assert bool(posted.changes) is widens
    assert "a route of its own" not in asked.instead
