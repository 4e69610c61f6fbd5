"""The keys of a route that an nginx location has beside CORS: what each of them means, and every way to get it wrong."""

import re
from pathlib import Path

import pytest

from cors_gateway.config.compile.effective import effective
from cors_gateway.config.load import load
from cors_gateway.policy.quoting import REDACTED
from cors_gateway.snapshot import CookieEdits, FieldEdits, Redirect, Refusal, Route, SetField
from tests.config.written import load_text


def file(*routes: str, more: str = "") -> str:
    """A file with these routes; each has a name, a path, an upstream and cors unless it says otherwise."""
    rows = "".join(f"  - {{{_completed(route, number)}}}\n" for number, route in enumerate(routes))
    return f"version: 1\n{more}routes:\n{rows}"


def _completed(route: str, number: int) -> str:
    parts = [route] if route else []
    own = re.sub(r"\{.*?\}+", "", route)
    for key, value in (("name", f"r{number}"), ("path", f"/{number}"), ("cors", "disabled")):
        if f"{key}:" not in own:
            parts.append(f"{key}: {value}")
    if not any(f"{key}:" in own for key in ("upstream", "redirect", "refuse")):
        parts.append("upstream: http://b")
    return ", ".join(parts)


def loaded_route(directory: Path, text: str) -> Route:
    loaded = load_text(directory, file(text))
    assert loaded.snapshot is not None, loaded.problems
    return loaded.snapshot.routes[0]


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("host: API.example.com.", "hosts", ("api.example.com",)),
        ("hosts: [API.example.com, '*.b.example']", "hosts", ("api.example.com", "*.b.example")),
        ("", "hosts", ()),
        ("match: exact, path: /a/", "path", "/a/"),
        ("match: prefix, path: /a/", "path", "/a"),
        ("match: exact", "is_exact", True),
        ("", "is_exact", False),
        ("extensions: [WOFF2, min.js]", "extensions", frozenset({"woff2", "min.js"})),
        ("", "extensions", None),
        ("replace_prefix: /v1/", "replace_prefix", "/v1"),
        ("replace_prefix: /", "replace_prefix", "/"),
        ("strip_prefix: true", "replace_prefix", "/"),
        ("match: exact, replace_prefix: /v1/", "replace_prefix", "/v1/"),
        ("", "replace_prefix", None),
        ("redirect: {to: 'https://www.example.com/'}", "answer", Redirect("https://www.example.com", 307)),
        ("redirect: {to: /new/, status: 301}", "answer", Redirect("/new", 301)),
        ("redirect: {to: /}", "answer", Redirect("", 307)),
        ("redirect: {to: 'http://[::1]:8080/x', status: 308}, strip_prefix: true", "replace_prefix", "/"),
        ("refuse: 404", "answer", Refusal(404)),
        ("refuse: 404", "upstream", ""),
        ("", "answer", None),
        ("request_headers: {set: {X-Api-Key: abc}, remove: [Cookie]}", "request_headers", FieldEdits((SetField("X-Api-Key", "abc"),), ("cookie",))),
        ("response_headers: {remove: [Server, X-Powered-By]}", "response_headers", FieldEdits((), ("server", "x-powered-by"))),
        ("response_headers: {}", "response_headers", FieldEdits()),
        ("cookies: {same_site: none, secure: true}", "cookies", CookieEdits("None", True)),
        ("cookies: {same_site: lax, secure: false, domain: .Example.com, path: /api}", "cookies", CookieEdits("Lax", False, "example.com", "/api")),
        ("cookies: {domain: remove, path: remove}", "cookies", CookieEdits(domain="", path="")),
        ("cookies: {same_site: keep, domain: keep, path: keep}", "cookies", CookieEdits()),
        ("limits: {request_body: 50MiB}", "request_body", 50 * 1024**2),
        ("limits: {request_body: 0}", "request_body", 0),
        ("limits: {}", "request_body", None),
    ],
)  # fmt: skip
def test_a_key_arrives_in_its_final_form(text: str, key: str, value: object, tmp_path: Path) -> None:
    assert getattr(loaded_route(tmp_path, text), key) == value


@pytest.mark.parametrize(
    ("text", "found", "hint"),
    [
        ("host: a.example, hosts: [b.example]", "schema.conflict routes[0].host", "write the name in hosts"),
        ("hosts: []", "schema.empty routes[0].hosts", "write at least one entry"),
        ("hosts: a.example", "schema.type routes[0].hosts", 'write it as a list: ["a.example"]'),
        ("hosts: [a.example, 'https://b.example:1']", "routes.host routes[0].hosts[1]", 'write "b.example"'),
        ("hosts: [a.example, 'bücher.example']", "routes.host routes[0].hosts[1]", 'write "xn--bcher-kva.example"'),
        ("hosts: [a.example, '*.Bücher.example:80']", "routes.host routes[0].hosts[1]", 'write "*.xn--bcher-kva.example"'),
        ("hosts: [a.example, A.example.]", "routes.hosts routes[0].hosts[1]", "remove one"),
        ("match: regex", "schema.type routes[0].match", ""),
        ("match: exat", "schema.type routes[0].match", 'did you mean "exact"?'),
        ("extensions: []", "schema.empty routes[0].extensions", "write at least one entry"),
        ("extensions: [.woff2]", "routes.extensions routes[0].extensions[0]", "write woff2"),
        ("extensions: ['*.woff2']", "routes.extensions routes[0].extensions[0]", "write woff2"),
        ("extensions: ['\\.woff2$']", "routes.extensions routes[0].extensions[0]", "write woff2"),
        ("extensions: ['a/b']", "routes.extensions routes[0].extensions[0]", "write one without its dot: woff2"),
        ("extensions: [js, JS]", "routes.extensions routes[0].extensions[1]", "remove one"),
        ("match: exact, extensions: [js]", "schema.conflict routes[0].extensions", "remove one of the two"),
        ("replace_prefix: v1/", "routes.replace_prefix routes[0].replace_prefix", 'write "/v1/"'),
        ("replace_prefix: /v1?x", "routes.replace_prefix routes[0].replace_prefix", 'write "/v1"'),
        ("replace_prefix: //v1", "routes.replace_prefix routes[0].replace_prefix", "write a path without empty segments, ';' or encoded delimiters"),
        ("replace_prefix: /a/../b", "routes.replace_prefix routes[0].replace_prefix", "write the path as requests have it after normalisation"),
        ("replace_prefix: /v1, strip_prefix: true", "schema.conflict routes[0].strip_prefix", "remove one of the two"),
        ("path: /a, replace_prefix: /a/", "schema.conflict routes[0].replace_prefix", "remove it"),
        ("refuse: 404, upstream: http://b", "schema.conflict routes[0].refuse", "remove upstream or refuse"),
        ("refuse: 404, redirect: {to: /x}", "schema.conflict routes[0].refuse", "remove redirect or refuse"),
        ("refuse: 200", "refuse.status routes[0].refuse", "write 403 or 404"),
        ("refuse: 401", "refuse.status routes[0].refuse", "write 403 or 404"),
        ("refuse: 444", "refuse.status routes[0].refuse", "write 403 or 404"),
        ("refuse: '404'", "schema.type routes[0].refuse", "write 404 without quotes"),
        ("refuse: 404, strip_prefix: true", "schema.conflict routes[0].strip_prefix", "remove it"),
        ("refuse: 404, request_headers: {remove: [X]}", "schema.conflict routes[0].request_headers", "remove it"),
        ("refuse: 404, cors: passthrough", "schema.conflict routes[0].cors", "name a policy, or write disabled"),
        ("refuse: 404, cookies: {secure: true}", "schema.conflict routes[0].cookies", "remove it"),
        ("redirect: {to: /x}, limits: {request_body: 1MiB}", "schema.conflict routes[0].limits", "remove it"),
        ("redirect: {}", "schema.missing routes[0].redirect.to", ""),
        ("redirect: {to: /x, status: 200}", "redirect.status routes[0].redirect.status", "write 301, 302, 303, 307 or 308"),
        ("redirect: {to: www.example.com}", "redirect.to routes[0].redirect.to", 'write "https://www.example.com", or a path such as /new/'),
        ("redirect: {to: //evil.example}", "redirect.to routes[0].redirect.to", 'write "https://www.example.com", or a path such as /new/'),
        ("redirect: {to: 'https://a.example/?x=1'}", "redirect.to routes[0].redirect.to", 'write "https://a.example/"'),
        ("redirect: {to: 'https://a.example/#x'}", "redirect.to routes[0].redirect.to", 'write "https://a.example/"'),
        ("redirect: {to: 'https://a b/'}", "redirect.to routes[0].redirect.to", "write a name, an IPv4 address or an IPv6 address in brackets"),
        ("redirect: {to: 'https://u:p@a.example/'}", "redirect.to routes[0].redirect.to", 'write "https://www.example.com", or a path such as /new/'),
        ("redirect: {to: 'https://a.example/$request_uri'}", "redirect.to routes[0].redirect.to", "path and query of the request are added: leave it out"),
        ("redirect: {to: 'javascript:alert(1)'}", "redirect.to routes[0].redirect.to", 'write "https://www.example.com", or a path such as /new/'),
        ("cookies: {same_site: none, secure: false}", "cookies.same_site routes[0].cookies.same_site", "write secure: true as well"),
        ("cookies: {same_site: None}", "schema.type routes[0].cookies.same_site", 'did you mean "none"?'),
        ("cookies: {domain: 'https://a.example'}", "cookies.domain routes[0].cookies.domain", "write keep, remove, or a name such as example.com"),
        ("cookies: {domain: co.uk}", "cookies.domain routes[0].cookies.domain", "write a name of your own, or remove"),
        ("cookies: {path: api}", "cookies.path routes[0].cookies.path", "write keep, remove, or a path such as /api"),
        ("cookies: {path: '/a;b'}", "cookies.path routes[0].cookies.path", "write keep, remove, or a path such as /api"),
        ("cookies: {httponly: true}", "schema.unknown_key routes[0].cookies.httponly", "known keys: domain, path, same_site, secure"),
        ("limits: {request_body: big}", "schema.type routes[0].limits.request_body", "write a whole number and a unit: B, KiB, MiB, GiB"),
        ("limits: {header_fields: 1}", "schema.unknown_key routes[0].limits.header_fields", "known keys: request_body"),
        ("request_headers: [X]", "schema.type routes[0].request_headers", ""),
        ("request_headers: {add: {X: y}}", "schema.unknown_key routes[0].request_headers.add", "known keys: remove, set"),
        ("request_headers: {set: {X: 5}}", "schema.type routes[0].request_headers.set.X", "put the value or its reference in double quotes"),
        ("request_headers: {set: {X: ''}}", "request_headers.value routes[0].request_headers.set.X", "write remove: [X] if nobody shall get it"),
        ("request_headers: {set: {X: ' a'}}", "request_headers.value routes[0].request_headers.set.X", "remove it"),
        ('request_headers: {set: {X: "a\\nb"}}', "request_headers.value routes[0].request_headers.set.X", "write it on one line"),
        ("request_headers: {set: {X: a, x: b}}", "request_headers.duplicate routes[0].request_headers.set.x", "keep one of them"),
        ("request_headers: {set: {X: a}, remove: [x]}", "request_headers.duplicate routes[0].request_headers.remove[0]", "leave it out of remove: set replaces what came"),
        ("request_headers: {remove: [x, X]}", "request_headers.duplicate routes[0].request_headers.remove[1]", "keep one of them"),
        ("request_headers: {remove: ['X-A: b']}", "request_headers.invalid routes[0].request_headers.remove[0]", "write one name, such as X-Api-Key"),
        ("request_headers: {set: {'X-A:': b}}", 'request_headers.invalid routes[0].request_headers.set["X-A:"]', "write X-A"),
        ("request_headers: {remove: ['X-A, X-B']}", "request_headers.invalid routes[0].request_headers.remove[0]", "split it into 2 entries: X-A, X-B"),
        ("response_headers: {set: {X-Served-By: $hostname}}", "response_headers.value routes[0].response_headers.set.X-Served-By", "write the text that is meant, or ${NAME} for an environment variable"),
        ("response_headers: {set: {Strict-Transport-Security: max-age=1}}", "response_headers.plain_http routes[0].response_headers.set.Strict-Transport-Security", "serve tls, or list the proxy that does in trusted_proxies"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_code_its_place_and_a_hint(
    text: str, found: str, hint: str, tmp_path: Path
) -> None:
    problems = load_text(tmp_path, file(text)).problems

    assert [(f"{problem.code} {problem.path}", problem.hint) for problem in problems] == [(found, hint)]


GRANTING = "cors: {allow_origins: ['https://a.example'], allow_headers: [X-A, X-B]}"


@pytest.mark.parametrize(
    ("edits", "found"),
    [
        ("remove: [X-C, x-a]", ["request_headers.granted routes[0].request_headers.remove[1]"]),
        ("set: {x-b: y}", ["request_headers.granted routes[0].request_headers.set.x-b"]),
        ("set: {X-C: y}", []),
    ],
)
def test_what_is_granted_has_to_arrive(edits: str, found: list[str], tmp_path: Path) -> None:
    problems = load_text(tmp_path, file(f"request_headers: {{{edits}}}, {GRANTING}")).problems

    assert [f"{problem.code} {problem.path}" for problem in problems] == found


@pytest.mark.parametrize(
    ("policy", "edits", "found"),
    [
        ("timing_allow_origin: same-as-origins", "set: {Timing-Allow-Origin: '*'}", True),
        ("cross_origin_resource_policy: same-site", "remove: [Cross-Origin-Resource-Policy]", True),
        ("cross_origin_resource_policy: same-site", "remove: [Timing-Allow-Origin]", False),
        ("max_age: 0", "set: {Cross-Origin-Resource-Policy: same-site}", False),
    ],
)
def test_what_the_policy_writes_is_written_there(
    policy: str, edits: str, found: bool, tmp_path: Path
) -> None:
    cors = f"cors: {{allow_origins: ['https://a.example'], allow_methods: [PUT], {policy}}}"
    loaded = load_text(tmp_path, file(f"response_headers: {{{edits}}}, {cors}"))

    assert [problem.code for problem in loaded.problems] == ["response_headers.forbidden"] * found
    assert (loaded.snapshot is None) == found


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Access-Control-Allow-Origin", "allow_origins"),
        ("access-control-allow-credentials", "allow_credentials"),
        ("Access-Control-Expose-Headers", "expose_headers"),
        ("Access_Control_Max_Age", "max_age"),
        ("Access-Control-Request-Method", "policy"),
        ("Vary", "nothing is lost"),
        ("Origin", "forward_origin"),
        ("Host", "host on the upstream"),
        ("Content-Length", "remove it"),
        ("Date", "remove it"),
        ("Transfer-Encoding", "remove it"),
        ("Connection", "remove it"),
        ("Upgrade", "remove it"),
        ("TE", "remove it"),
        ("Expect", "remove it"),
        ("Sec-WebSocket-Key", "remove it"),
        ("Proxy-Authorization", "remove it"),
        ("Forwarded", "trusted_proxies"),
        ("X-Forwarded-For", "trusted_proxies"),
        ("X.Forwarded.Proto", "trusted_proxies"),
        ("X-Real-IP", "trusted_proxies"),
        ("Via", "trusted_proxies"),
    ],
)
@pytest.mark.parametrize("direction", ["request_headers", "response_headers"])
@pytest.mark.parametrize("form", ["{{set: {{{}: x}}}}", "{{remove: [{}]}}"])
def test_what_the_gateway_decides_is_refused_with_the_key_that_does_it(
    name: str, key: str, direction: str, form: str, tmp_path: Path
) -> None:
    problems = load_text(tmp_path, file(f"{direction}: {form.format(name)}")).problems

    assert [problem.code for problem in problems] == [f"{direction}.forbidden"]
    assert key in problems[0].hint


@pytest.mark.parametrize("name", ["Proxy", "X-Original-URL", "X-Rewrite-URL"])
def test_some_names_are_refused_for_requests_only(name: str, tmp_path: Path) -> None:
    for direction, count in (("request_headers", 1), ("response_headers", 0)):
        assert len(load_text(tmp_path, file(f"{direction}: {{set: {{{name}: x}}}}")).problems) == count


def test_a_route_needs_somewhere_to_go(tmp_path: Path) -> None:
    problems = load_text(tmp_path, "version: 1\nroutes:\n  - {name: r, path: /, cors: disabled}\n").problems

    assert [f"{problem.code} {problem.path}" for problem in problems] == ["schema.missing routes[0].upstream"]


@pytest.mark.parametrize("key", ["upstream: 5", "redirect: 5", "refuse: x"])
def test_a_destination_that_cannot_be_read_is_not_missing_as_well(key: str, tmp_path: Path) -> None:
    problems = load_text(tmp_path, file(key)).problems

    assert [problem.code for problem in problems] == ["schema.type"]


SECRET = "s3cr3t-0123456789"


@pytest.mark.parametrize("content", [SECRET, f"{SECRET}\nX-Evil: 1", f"{SECRET} ", "12345", "true"])
def test_no_problem_repeats_a_secret(content: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(content)
    loaded = load_text(tmp_path, file('request_headers: {set: {X-Api-Key: "${file:key}"}}'))

    assert (loaded.snapshot is None) == (content not in (SECRET, "12345", "true"))
    assert content.split()[0] not in "".join(str(problem) for problem in loaded.problems)


def test_a_secret_is_not_shown_where_it_does_not_belong(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SECRET)
    loaded = load_text(tmp_path, file('match: "${file:key}"', 'request_headers: "${file:key}"'))

    assert [problem.code for problem in loaded.problems] == ["schema.type"] * 2
    assert SECRET not in "".join(str(problem) for problem in loaded.problems)


def test_a_value_is_printed_as_its_reference_and_loads_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SECRET + "\n")
    text = file('request_headers: {set: {X-Api-Key: "Key ${file:key}", X-Env: "${ENV}"}}')
    environ = {"ENV": "production-7"}
    snapshot = load_text(tmp_path, text, environ).snapshot
    assert snapshot is not None
    printed = effective(snapshot)
    (tmp_path / "elsewhere").mkdir()

    assert snapshot.routes[0].request_headers.set[0].value == f"Key {SECRET}"
    assert SECRET not in printed + repr(snapshot)
    assert "production-7" not in printed
    assert load_text(tmp_path / "elsewhere", printed, environ).snapshot == snapshot


def test_a_secret_in_the_file_is_redacted(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, file(f"request_headers: {{set: {{X-Api-Key: {SECRET}, X-Tenant: acme}}}}"))
    assert loaded.snapshot is not None
    printed = effective(loaded.snapshot)

    assert [problem.code for problem in loaded.problems] == ["request_headers.secret"]
    assert REDACTED in printed
    assert "acme" in printed
    assert SECRET not in printed + repr(loaded.snapshot)


def test_a_secret_that_changes_is_a_change_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("one")
    before = load_text(tmp_path, file('request_headers: {set: {X-Api-Key: "${file:key}"}}'))
    (tmp_path / "key").write_text("two")
    after = load(tmp_path / "gateway.yaml", {})

    assert str(tmp_path / "key") in after.files
    assert before.fingerprint != after.fingerprint
    assert before.snapshot != after.snapshot


@pytest.mark.parametrize(
    "server",
    [
        "server: {trusted_proxies: [private]}\n",
        "server: {listen: [{address: '0.0.0.0:443', tls: {certificate: c.pem, key: k.pem}}]}\n",
    ],
)
def test_strict_transport_security_needs_tls_here_or_before(server: str, tmp_path: Path) -> None:
    text = "response_headers: {set: {Strict-Transport-Security: max-age=31536000}}"
    problems = load_text(tmp_path, file(text, more=server)).problems

    assert not any(problem.code == "response_headers.plain_http" for problem in problems)
