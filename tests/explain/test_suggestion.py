"""From refusals to additions: what is added lets the requests through and passes the check, the rest is told and left."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cors_gateway.config.load import load
from cors_gateway.config.problems import Severity
from cors_gateway.explain.described_request import Request, Target
from cors_gateway.explain.explainer import Explainer
from cors_gateway.explain.suggestion import Suggestions, suggest
from cors_gateway.explain.suggestion_text import render_yaml, suggestions_document
from cors_gateway.observe.refusals import RefusedOrigin

CONFIGURATION = """\
version: 1
upstreams: {backend: {servers: [http://127.0.0.1:9]}}
policies:
  app:
    allow_origins: [https://app.example.com]
    allow_credentials: true
routes:
  - {name: api, path: /api/, upstream: backend, cors: app}
  - {name: files, path: /files/, upstream: backend, cors: app}
  - {name: trial, path: /trial/, upstream: backend, cors: {allow_origins: [https://app.example.com], allow_methods: [GET, PUT], report_only: true}}
  - {name: rest, path: /, upstream: backend, cors: disabled}
"""
APP = "https://app.example.com"
NEW = "https://new.example.com"


def refused(origin: str, path: str = "/api/x", **more: Any) -> RefusedOrigin:
    details = {"reason": "origin_not_allowed", "kind": "actual", "count": 1, "method": "GET", **more}
    return RefusedOrigin(route="", origin=origin, path=path, **details)


def preflight(
    origin: str, method: str, headers: str = "", path: str = "/api/x", **more: Any
) -> RefusedOrigin:
    details = {"reason": "method_not_allowed", **more}
    return refused(origin, path, kind="preflight", method=method, headers=headers, **details)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.yaml"
    file.write_text(CONFIGURATION)
    return file


def explainer(config: Path) -> Explainer:
    loaded = load(config, {})
    assert [problem for problem in loaded.problems if problem.severity is Severity.ERROR] == []
    assert loaded.snapshot is not None
    return Explainer(loaded.snapshot)


def written_into(config: Path, text: str) -> None:
    """Put what is suggested into the file, as its comments say."""
    content, additions = yaml.safe_load(config.read_text()), yaml.safe_load(text) or {}
    is_added = {line.strip().partition(":")[0] for line in text.splitlines() if "# add to" in line}
    for name, keys in additions.get("policies", {}).items():
        _merge(content["policies"][name], keys, is_added)
    for entry in additions.get("routes", ()):
        route = next(route for route in content["routes"] if route["name"] == entry["name"])
        if isinstance(entry["cors"], str):
            route["cors"] = entry["cors"]
        else:
            _merge(route["cors"], entry["cors"], is_added)
    config.write_text(yaml.safe_dump(content))


def _merge(policy: dict[str, Any], keys: dict[str, Any], is_added: set[str]) -> None:
    for key, value in keys.items():
        policy[key] = [*policy.get(key, []), *value] if key in is_added else value


def keys_of(found: Suggestions) -> dict[tuple[str, str], list[str]]:
    return {
        (each.policy or each.route, each.key): [value.text for value in each.values]
        for each in found.suggestions
    }


SUGGESTED: list[tuple[str, list[RefusedOrigin], dict[tuple[str, str], list[str]]]] = [
    ("an origin", [refused(NEW)], {("app", "allow_origins"): [NEW]}),
    (
        "an origin on two routes of one policy",
        [refused(NEW), refused(NEW, "/files/x")],
        {("app", "allow_origins"): [NEW]},
    ),
    (
        "methods join the defaults",
        [preflight(APP, "PUT"), preflight(APP, "DELETE")],
        {("app", "allow_methods"): ["GET", "HEAD", "POST", "PUT", "DELETE"]},
    ),
    (
        "headers",
        [preflight(APP, "POST", "content-type,x-a", reason="header_not_allowed")],
        {("app", "allow_headers"): ["content-type", "x-a"]},
    ),
    (
        "everything at once",
        [preflight(NEW, "PUT", "x-a", reason="origin_not_allowed")],
        {
            ("app", "allow_origins"): [NEW],
            ("app", "allow_methods"): ["GET", "HEAD", "POST", "PUT"],
            ("app", "allow_headers"): ["x-a"],
        },
    ),
    ("a policy on trial", [refused(NEW, "/trial/x")], {("trial", "allow_origins"): [NEW]}),
    (
        "a preflight of which a log knows nothing but the origin",
        [preflight(NEW, "", reason="origin_not_allowed")],
        {("app", "allow_origins"): [NEW]},
    ),
]


@pytest.mark.parametrize(
    ("refusals", "expected"), [case[1:] for case in SUGGESTED], ids=[case[0] for case in SUGGESTED]
)
def test_what_is_suggested_lets_the_requests_through_and_passes_the_check(
    config: Path, refusals: list[RefusedOrigin], expected: dict[tuple[str, str], list[str]]
) -> None:
    found = suggest(refusals, explainer(config))
    written_into(config, render_yaml(found, "here"))

    again = suggest(refusals, explainer(config))
    assert keys_of(found) == expected
    assert found.left_out == ()
    assert not again.suggestions
    assert not again.left_out
    assert again.allowed_now == len(refusals)


LEFT_OUT = [
    ("null", refused("null"), "any site"),
    ("plain http", refused("http://app.example.com"), "plain http"),
    ("a look-alike", refused("https://app.example.com.evil.example"), "only begins like"),
    ("a slip", refused("https://app.exmple.com"), "did you mean"),
    ("a name of a hosting service", refused("https://me.github.io"), "given to anybody"),
    (
        "what no browser sends",
        refused("HTTPS://APP.example.com/", reason="origin_malformed"),
        "no browser sends",
    ),
    ("a closed route", refused(APP, "/closed", reason="cors_disabled"), "is closed to every other origin"),
    ("a method in lower case", preflight(APP, "patch"), "case-sensitive"),
    ("an address of two readings", refused(NEW, "/api/..%2fx"), "address has to change"),
    ("what is not known", preflight(APP, "", path="/api/x"), "whose lines have `asked`"),
]


@pytest.mark.parametrize(
    ("refusal", "why"), [case[1:] for case in LEFT_OUT], ids=[case[0] for case in LEFT_OUT]
)
def test_what_looks_unsafe_is_told_and_left_out(config: Path, refusal: RefusedOrigin, why: str) -> None:
    found = suggest([refusal, refused(NEW)], explainer(config))
    text = render_yaml(found, "here")

    assert keys_of(found) == {("app", "allow_origins"): [NEW]}
    assert [each.refusal for each in found.left_out] == [refusal]
    assert why in " ".join(found.left_out[0].why)
    assert f"#   {refusal.origin}" in text


@pytest.mark.parametrize(
    ("origin", "path", "expected"),
    [
        (
            "http://app.example.com",
            "/api/x",
            {("app", "allow_origins"), ("app", "dangerously_allow_insecure_origins")},
        ),
        ("https://me.github.io", "/api/x", {("app", "allow_origins")}),
        (APP, "/closed", {("rest", "cors")}),
    ],
)
def test_what_is_asked_for_by_name_is_suggested_with_its_warning(
    config: Path, origin: str, path: str, expected: set[tuple[str, str]]
) -> None:
    found = suggest([refused(origin, path)], explainer(config), [origin])
    text = render_yaml(found, "here")
    written_into(config, text)

    assert set(keys_of(found)) == expected
    assert "# careful: " in text
    assert explainer(config).judge(Request(Target("", path), origin)).is_allowed


def test_what_nothing_allows_is_not_even_suggested_by_name(config: Path) -> None:
    found = suggest([refused("null")], explainer(config), ["null"])

    assert found.suggestions == ()
    assert len(found.left_out) == 1


def test_a_closed_route_that_several_ask_for_gets_one_value_to_choose(config: Path) -> None:
    other = "https://other.example.com"
    text = render_yaml(
        suggest([refused(NEW, "/closed"), refused(other, "/closed")], explainer(config), [NEW, other]), "here"
    )

    (route,) = yaml.safe_load(text)["routes"]
    assert route == {"name": "rest", "cors": {"allow_origins": [NEW]}}
    assert f'    # or cors: {{allow_origins: ["{other}"]}}' in text


def test_no_route_is_made_up(config: Path) -> None:
    config.write_text(CONFIGURATION.replace("path: /,", "path: /site/,"))
    found = suggest([refused(NEW, "/nowhere", reason="no_route")], explainer(config), [NEW])

    assert found.suggestions == ()
    assert found.left_out[0].why == ("no route serves it",)


def test_counts_add_up(config: Path) -> None:
    found = suggest([refused(NEW, count=3), refused(NEW, "/files/x", count=4)], explainer(config))

    (value,) = found.suggestions[0].values
    assert value.count == 7
    assert "    # mind: policies.app also governs files\n" in render_yaml(found, "here")
    assert "- https://new.example.com  # 7 x, last GET /api/x, GET /files/x" in render_yaml(found, "here")


def test_no_text_of_a_client_ends_a_comment(config: Path) -> None:
    text = render_yaml(
        suggest(
            [refused(NEW), refused(NEW, "/api/\nversion: 2"), refused("x\nversion: 2")], explainer(config)
        ),
        "here",
    )

    assert set(yaml.safe_load(text)) == {"policies"}
    assert "\\x0aversion: 2" in text


def test_nothing_refused_is_nothing_to_add(config: Path) -> None:
    found = suggest([refused(APP)], explainer(config))

    assert render_yaml(found, "here") == "# here: nothing to add; 1 requests would pass by now\n"
    assert suggestions_document(found, "here") == {
        "source": "here",
        "allowed_now": 1,
        "suggestions": [],
        "left_out": [],
    }
