"""Whatever a policy says is said wherever policies are shown: one variation for every field of `Policy`.

A field that is new fails here until it has a variation, and then for every place that does not know it.
"""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from cors_gateway.admin.page.words import policy_words
from cors_gateway.config.compile.effective import effective
from cors_gateway.config.load import load
from cors_gateway.config.policy_conversion import policy_of, written_form
from cors_gateway.config.written_policy import WrittenPolicy
from cors_gateway.explain.described_request import Request, describe
from cors_gateway.explain.document import as_document
from cors_gateway.explain.explainer import Explainer
from cors_gateway.policy.difference import KEYS, difference
from cors_gateway.policy.pattern import OriginPattern, parse_pattern
from cors_gateway.policy.policy import DISABLED, Mode, Policy
from cors_gateway.server.changes import compare
from cors_gateway.snapshot import Route, Server, ServerAddress, Snapshot, TcpListener, Upstream

API = "https://api.example.com"
APP = "https://app.example.com"


def _patterns(*texts: str) -> tuple[OriginPattern, ...]:
    found = [parse_pattern(text) for text in texts]
    return tuple(pattern for pattern in found if isinstance(pattern, OriginPattern))


BASE = Policy(allow_origins=_patterns(APP), allow_headers=("x-a",))
INSECURE = replace(BASE, allow_origins=_patterns("http://app.example.com"), allow_credentials=True)
SHARED = replace(BASE, allow_origins=_patterns("https://*.github.io"), allow_credentials=True)

VARIATIONS: dict[str, tuple[Policy, Policy]] = {
    "mode": (Policy(), DISABLED),
    "allow_origins": (BASE, replace(BASE, allow_origins=_patterns(APP, "https://other.example.com"))),
    "any_origin": (Policy(), Policy(any_origin=True)),
    "allow_null_origin": (BASE, replace(BASE, allow_null_origin=True)),
    "allow_methods": (BASE, replace(BASE, allow_methods=("GET", "PUT"))),
    "any_method": (BASE, replace(BASE, any_method=True)),
    "allow_headers": (BASE, replace(BASE, allow_headers=("x-a", "x-b"))),
    "any_header": (BASE, replace(BASE, any_header=True)),
    "expose_headers": (BASE, replace(BASE, expose_headers=("x-b",))),
    "expose_any": (BASE, replace(BASE, expose_any=True)),
    "allow_credentials": (BASE, replace(BASE, allow_credentials=True)),
    "max_age": (BASE, replace(BASE, max_age=60)),
    "allow_private_network": (BASE, replace(BASE, allow_private_network=True)),
    "preflight_status": (BASE, replace(BASE, preflight_status=200)),
    "diagnose_preflight_failure": (BASE, replace(BASE, diagnose_preflight_failure=True)),
    "reject_disallowed_request": (BASE, replace(BASE, reject_disallowed_request=True)),
    "public_origins": (BASE, replace(BASE, public_origins=("https://own.example.com",))),
    "strip_origin": (BASE, replace(BASE, strip_origin=True)),
    "upstream_expose": (replace(BASE, upstream_expose="merge"), replace(BASE, upstream_expose="all")),
    "cross_origin_redirects": (BASE, replace(BASE, cross_origin_redirects="unauthorized")),
    "constant_origin": (BASE, replace(BASE, constant_origin=True)),
    "timing_allow_origin": (BASE, replace(BASE, timing_allow_origin=True)),
    "cross_origin_resource_policy": (BASE, replace(BASE, cross_origin_resource_policy="same-site")),
    "websocket_origin_check": (BASE, replace(BASE, websocket_origin_check=True)),
    "report_only": (BASE, replace(BASE, report_only=True)),
    "allow_insecure_origins": (INSECURE, replace(INSECURE, allow_insecure_origins=True)),
    "allow_public_suffix": (SHARED, replace(SHARED, allow_public_suffix=True)),
}
"""Two policies that differ in one field; the second is one that a file can say."""

REQUESTS = [
    describe(f"{API}/x", origin=APP),
    describe(f"{API}/x", origin=APP, credentials=True),
    describe(f"{API}/x", origin="null"),
    describe(f"{API}/x", origin="https://other.example.com"),
    describe(f"{API}/x", origin="http://other.example.com", credentials=True),
    describe("/x", origin="https://own.example.com"),
    describe("wss://api.example.com/x", origin="https://other.example.com"),
    *(describe(f"{API}/x", origin=APP, method=method, headers=["x-a"]) for method in ("PUT", "PURGE")),
    *(describe(f"{API}/x", origin=APP, headers=[name]) for name in ("x-a", "x-b", "x-c")),
]

every_field = pytest.mark.parametrize("field", [field.name for field in fields(Policy)])


def _snapshot(policy: Policy) -> Snapshot:
    upstream = Upstream("http://b:80", (ServerAddress("b", 80),))
    server = Server((TcpListener("127.0.0.1", 8080),))
    return Snapshot(server, None, {upstream.name: upstream}, (Route("r", "/", upstream.name, policy),))


def _key(field: str) -> str:
    return KEYS.get(field, field)


@every_field
def test_a_variation_varies_one_field(field: str) -> None:
    old, new = VARIATIONS[field]

    assert [one.name for one in fields(Policy) if getattr(old, one.name) != getattr(new, one.name)] == [field]


@every_field
def test_every_field_is_named_in_the_configuration(field: str) -> None:
    assert _key(field) == "cors" or _key(field) in {key.name for key in fields(WrittenPolicy)}


@every_field
def test_a_policy_survives_being_written_down(field: str) -> None:
    for policy in VARIATIONS[field]:
        if policy.mode is Mode.ENFORCE:
            assert policy_of(written_form(policy)) == policy


@every_field
def test_the_difference_names_the_key(field: str) -> None:
    for old, new in (VARIATIONS[field], VARIATIONS[field][::-1]):
        found = difference(old, new)
        keys = {one.key for one in (*found.wider, *found.narrower, *found.changed)}

        assert _key(field) in keys or field == "mode"
        assert keys


@every_field
def test_a_reload_reports_it(field: str) -> None:
    old, new = map(_snapshot, VARIATIONS[field])

    assert compare(old, new).lines
    assert compare(new, old).lines
    assert len(set(compare(old, new).lines)) == len(compare(old, new).lines)


@every_field
def test_check_prints_it(field: str, tmp_path: Path) -> None:
    old, new = map(_snapshot, VARIATIONS[field])
    file = tmp_path / "gateway.yaml"
    file.write_text(effective(new).replace("http://b:80", "http://b"), encoding="utf-8")

    loaded = load(file, {}).snapshot

    assert effective(old) != effective(new)
    assert loaded is not None
    assert loaded.routes[0].policy == new.routes[0].policy


@every_field
def test_the_page_tells_it(field: str) -> None:
    old, new = VARIATIONS[field]

    assert list(policy_words(old)) != list(policy_words(new))


def _explained(policy: Policy, request: Request) -> object:
    explainer = Explainer(_snapshot(policy))
    return as_document(explainer.explain(request), explainer.snapshot.server)


@pytest.mark.parametrize("field", [name for name in VARIATIONS if name != "allow_public_suffix"])
def test_some_explanation_depends_on_it(field: str) -> None:
    """All but one: no remedy ever proposes the wildcard that `dangerously_allow_public_suffix` permits."""
    old, new = VARIATIONS[field]

    assert any(_explained(old, request) != _explained(new, request) for request in REQUESTS)
