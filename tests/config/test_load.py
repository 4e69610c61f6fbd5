"""Whole files: what is required, what is refused, and what the snapshot says."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cors_gateway.config.load import load
from cors_gateway.policy.policy import DISABLED, PASSTHROUGH
from cors_gateway.snapshot import (
    AccessLog,
    Admin,
    Balance,
    HealthCheck,
    Limits,
    Location,
    PolicyTest,
    Server,
    ServerAddress,
    ServerTimeouts,
    Shutdown,
    TcpListener,
    UnixListener,
    Upstream,
    UpstreamKeepAlive,
    UpstreamTimeouts,
)
from tests.config.written import MINIMAL, codes, load_text

EVERYTHING = """\
version: 1
server:
  listen:
    - 0.0.0.0:8080
    - {address: "unix:/run/gw.sock", mode: "0600"}
  workers: auto
  trusted_proxies: [loopback, 10.0.0.0/8, 127.0.0.0/8]
  access_log: off
  limits: {request_head: 16KiB, header_fields: 50, request_body: 1MiB, connections: 0}
  timeouts: {request_head: 1s, request_body: 2s, keep_alive: 3s, send: 500ms}
  shutdown: {drain_delay: 5s, grace: 1m}
admin: {listen: "unix:/run/admin.sock", token: secret-0123456789, hosts: [Gateway., gateway, 10.0.0.1]}
upstreams:
  b:
    servers: [http://b1:8000, https://b2, "unix:/run/b3.sock"]
    balance: least_requests
    timeouts: {connect: 1s, response_head: 2s, idle: 3s}
    keep_alive: {connections: 1, idle: 1s}
    health_check: {path: "/h?x=1", interval: 9s, timeout: 8s, unhealthy_after: 7, healthy_after: 6}
    retries: 0
    host: API.internal:8080
policies:
  p:
    allow_origins: [https://a.example.com, {regex: 'https://pr-\\d+\\.example\\.com'}]
    allow_methods: [PUT]
    max_age: 10m
routes:
  - {name: one, host: API.example.com, path: /v1/, methods: [GET, PUT], upstream: b, cors: p, strip_prefix: true}
  - {name: two, path: /, upstream: "http://CDN", cors: {allow_origins: ["*"]}}
  - {name: three, path: /x, upstream: "http://cdn:80", cors: disabled}
  - {name: four, path: /y, upstream: b, cors: passthrough}
tests:
  - {origin: https://a.example.com, method: PUT, path: /v1/a, host: api.example.com, headers: [X-A], credentials: true, expect: allow}
  - {path: /, expect: deny, reason: not_cors}
"""


def test_everything_that_can_be_written_arrives_in_the_snapshot(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, EVERYTHING)
    snapshot = loaded.snapshot

    assert codes(loaded) == ["routes.rest"]
    assert snapshot is not None
    assert snapshot.server == Server(
        listen=(TcpListener("0.0.0.0", 8080), UnixListener("/run/gw.sock", 0o600)),
        workers=0,
        trusted_proxies=(ip_network("127.0.0.0/8"), ip_network("::1"), ip_network("10.0.0.0/8")),
        access_log=AccessLog.OFF,
        limits=Limits(16384, 50, 1048576, 0),
        timeouts=ServerTimeouts(1, 2, 3, 0.5),
        shutdown=Shutdown(5, 60),
    )
    assert snapshot.admin == Admin(
        UnixListener("/run/admin.sock"), "secret-0123456789", hosts=("gateway", "10.0.0.1")
    )
    assert snapshot.upstreams == {
        "b": Upstream(
            name="b",
            servers=(
                ServerAddress("b1", 8000),
                ServerAddress("b2", 443, tls=True),
                ServerAddress(unix_path="/run/b3.sock"),
            ),
            balance=Balance.LEAST_REQUESTS,
            timeouts=UpstreamTimeouts(1, 2, 3),
            keep_alive=UpstreamKeepAlive(1, 1),
            health_check=HealthCheck("/h?x=1", 9, 8, 7, 6),
            retries=0,
            host="api.internal:8080",
        ),
        "http://cdn:80": Upstream(name="http://cdn:80", servers=(ServerAddress("cdn", 80),)),
    }
    assert [
        (route.name, route.hosts, route.path, route.upstream, route.policy_name) for route in snapshot.routes
    ] == [
        ("one", ("api.example.com",), "/v1", "b", "p"),
        ("two", (), "/", "http://cdn:80", None),
        ("three", (), "/x", "http://cdn:80", None),
        ("four", (), "/y", "b", None),
    ]
    assert [route.strip_prefix for route in snapshot.routes] == [True, False, False, False]
    assert [route.methods for route in snapshot.routes] == [frozenset({"GET", "PUT"}), None, None, None]
    assert [snapshot.routes[2].policy, snapshot.routes[3].policy] == [DISABLED, PASSTHROUGH]
    assert snapshot.routes[0].policy.max_age == 600
    assert snapshot.tests == (
        PolicyTest("https://a.example.com", "PUT", "/v1/a", "api.example.com", ("X-A",), credentials=True),
        PolicyTest(None, "GET", "/", allow=False, reason="not_cors"),
    )


def test_routes_know_where_they_and_their_policies_are_written(tmp_path: Path) -> None:
    snapshot = load_text(tmp_path, EVERYTHING).snapshot
    lines = EVERYTHING.splitlines()

    def written(location: Location | None) -> str:
        assert location is not None
        assert location.file == str(tmp_path / "gateway.yaml")
        return lines[location.line - 1][location.column - 1 :][:14]

    assert snapshot is not None
    assert [written(route.location) for route in snapshot.routes] == [
        "{name: one, ho",
        "{name: two, pa",
        "{name: three, ",
        "{name: four, p",
    ]
    assert [written(route.policy_location) for route in snapshot.routes] == [
        "p:",
        "cors: {allow_o",
        "disabled}",
        "passthrough}",
    ]
    assert [[written(place) for place in route.origin_locations] for route in snapshot.routes] == [
        ["https://a.exam", "{regex: 'https"],
        ['"*"]}}'],
        [],
        [],
    ]
    assert [written(test.location) for test in snapshot.tests] == ["{origin: https", "{path: /, expe"]


def test_defaults_are_those_of_the_snapshot(tmp_path: Path) -> None:
    snapshot = load_text(tmp_path, MINIMAL).snapshot

    assert snapshot is not None
    assert snapshot.server == Server(listen=(TcpListener("0.0.0.0", 8080),))
    assert snapshot.admin == Admin(TcpListener("127.0.0.1", 9090))
    assert snapshot.upstreams == {
        "http://127.0.0.1:9": Upstream(name="http://127.0.0.1:9", servers=(ServerAddress("127.0.0.1", 9),))
    }


@pytest.mark.parametrize("admin", ["off", "'off'"])
def test_the_admin_listener_can_be_switched_off_by_a_word(admin: str, tmp_path: Path) -> None:
    snapshot = load_text(tmp_path, MINIMAL + f"admin: {admin}\n").snapshot

    assert snapshot is not None
    assert snapshot.admin is None


def route(**keys: str) -> str:
    """A file with one route, with these keys changed; an empty text leaves the key out."""
    written = {"name": "r", "path": "/", "upstream": "http://127.0.0.1:9", "cors": "disabled", **keys}
    return f"version: 1\nroutes:\n  - {{{', '.join(f'{key}: {value}' for key, value in written.items() if value)}}}\n"


def test_of(keys: str) -> str:
    return f"{MINIMAL}tests:\n  - {{path: /, expect: deny, {keys}}}\n"


test_of.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # what is required
        ("version: 1\n", ["schema.missing routes"]),
        ("routes: []\n", ["schema.missing version", "routes.empty routes"]),
        ("version: 1\nroutes: {}\n", ["schema.type routes"]),
        ("version: 1\nroutes:\n", ["schema.type routes"]),
        ("version: 1\nroutes: [5, null]\n", ["schema.type routes[0]", "schema.type routes[1]"]),
        (MINIMAL.replace("1\n", "2\n", 1), ["version.unsupported version"]),
        (MINIMAL.replace("1\n", "'1'\n", 1), ["schema.type version"]),
        (MINIMAL.replace("1\n", "1.0\n", 1), ["schema.type version"]),
        (MINIMAL.replace("1\n", "true\n", 1), ["schema.type version"]),
        (MINIMAL.replace(": 1\n", ":\n", 1), ["schema.type version"]),
        (MINIMAL + "upstreams:\n", ["schema.type upstreams"]),
        (MINIMAL + "policies: []\n", ["schema.type policies"]),
        (MINIMAL + "tests: {}\n", ["schema.type tests"]),
        (MINIMAL + "server: 5\n", ["schema.type server"]),
        (MINIMAL + "routez: []\n", ["schema.unknown_key routez"]),
        # routes
        (route(cors=""), ["schema.missing routes[0].cors"]),
        (route(name=""), ["schema.missing routes[0].name"]),
        (route(path="", upstream=""), ["schema.missing routes[0].path", "schema.missing routes[0].upstream"]),
        (route(name="'a b'"), ["name.invalid routes[0].name"]),
        (route(cors="null"), ["schema.type routes[0].cors"]),
        (route(cors="[a]"), ["cors.list routes[0].cors", "policy.unknown routes[0].cors[0]"]),
        (route(cors="''"), ["policy.unknown routes[0].cors"]),
        (route(cors="{}"), ["allow_origins.missing routes[0].cors.allow_origins"]),
        (route(methods="[]"), ["schema.empty routes[0].methods"]),
        (route(methods="GET"), ["schema.type routes[0].methods"]),
        (route(headers="{X-A: b}"), ["routes.header_condition routes[0].headers"]),
        (route(upstream="backend"), ["upstream.unknown routes[0].upstream"]),
        (route(upstream="''"), ["upstream.unknown routes[0].upstream"]),
        (route(upstream="backend:80"), ["upstreams.invalid routes[0].upstream"]),
        (route(upstream="http://a/b"), ["upstreams.invalid routes[0].upstream"]),
        (route(strip_prefix="yes"), ["schema.yaml11_boolean routes[0].strip_prefix"]),
        (route(strip_prefix="'true'"), ["schema.type routes[0].strip_prefix"]),
        (route(strip_prefix="1"), ["schema.type routes[0].strip_prefix"]),
        # one mistake does not hide the others of the same route
        (route(upstream="nope", cors="nope", pth="/"), ["upstream.unknown routes[0].upstream", "policy.unknown routes[0].cors", "schema.unknown_key routes[0].pth"]),
        (route(path="5", cors="{allow_origins: ['https://a/'], max_age: x}"), ["schema.type routes[0].path", "allow_origins.invalid routes[0].cors.allow_origins[0]", "max_age.type routes[0].cors.max_age"]),
        # server
        (MINIMAL + "server: {listen: []}\n", ["schema.empty server.listen"]),
        (MINIMAL + "server: {listen: 0.0.0.0:80}\n", ["schema.type server.listen"]),
        (MINIMAL + "server: {listen: [80]}\n", ["schema.type server.listen[0]"]),
        (MINIMAL + "server: {listen: ['*:80']}\n", ["listen.invalid server.listen[0]"]),
        (MINIMAL + "server: {listen: [{tls: {}}]}\n", ["schema.missing server.listen[0].address", "schema.missing server.listen[0].tls.certificate", "schema.missing server.listen[0].tls.key"]),
        (MINIMAL + "server: {listen: [{address: 'unix:/a', mode: 660}]}\n", ["schema.type server.listen[0].mode"]),
        (MINIMAL + "server: {listen: [{address: 'unix:/a', mode: '0999'}]}\n", ["listen.mode server.listen[0].mode"]),
        (MINIMAL + "server: {listen: [{address: '0.0.0.0:80', mode: '0660'}]}\n", ["schema.conflict server.listen[0].mode"]),
        (MINIMAL + "server: {listen: ['0.0.0.0:80', '127.0.0.1:80']}\n", ["listen.duplicate server.listen[1]"]),
        (MINIMAL + "server: {workers: 0}\n", ["schema.range server.workers"]),
        (MINIMAL + "server: {workers: many}\n", ["schema.type server.workers"]),
        (MINIMAL + "server: {workers: true}\n", ["schema.type server.workers"]),
        (MINIMAL + "server: {access_log: false}\n", ["schema.type server.access_log"]),
        (MINIMAL + "server: {trusted_proxies: [10.0.0.1/8]}\n", ["trusted_proxies.invalid server.trusted_proxies[0]"]),
        (MINIMAL + "server: {trusted_proxies: ['::/0']}\n", ["trusted_proxies.any server.trusted_proxies[0]"]),
        (MINIMAL + "server: {limits: {request_head: 100B, header_fields: -1, request_body: 1.5, connections: 2000000}}\n", ["schema.range server.limits.request_head", "schema.range server.limits.header_fields", "schema.type server.limits.request_body", "schema.range server.limits.connections"]),
        (MINIMAL + "server: {limits: {request_body: 9KB}}\n", ["schema.type server.limits.request_body"]),
        (MINIMAL + "server: {limits: {request_body: 1048576}}\n", []),
        (MINIMAL + "server: {timeouts: {send: true, keep_alive: 0s, request_head: 2d, request_body: 12:30}}\n", ["schema.type server.timeouts.send", "schema.range server.timeouts.keep_alive", "schema.range server.timeouts.request_head", "schema.type server.timeouts.request_body"]),
        (MINIMAL + "server: {shutdown: {drain_delay: 0s, grace: 0s}}\n", []),
        # admin
        (MINIMAL + "admin: false\n", ["schema.type admin"]),
        (MINIMAL + "admin: on\n", ["admin.listen admin"]),
        (MINIMAL + "admin: 0.0.0.0:8080\n", ["admin.listen admin", "admin.token admin"]),
        (MINIMAL + "admin: 0.0.0.0:9090\n", ["admin.token admin"]),
        (MINIMAL + "admin: {listen: '[::]:9090'}\n", ["admin.token admin.listen"]),
        (MINIMAL + "admin: {listen: '192.0.2.7:9090', token: long-enough-a-token}\n", []),
        (MINIMAL + "admin: '[::1]:9090'\n", []),
        (MINIMAL + "admin: unix:/run/admin.sock\n", []),
        (MINIMAL + "admin: {listen: '127.0.0.1:8080'}\n", ["admin.listen admin.listen"]),
        (MINIMAL + "admin: {token: 12345678}\n", ["admin.token admin.token"]),
        (MINIMAL + "admin: {token: short}\n", ["admin.token admin.token"]),
        (MINIMAL + "admin: {hosts: ['gw:9090', '*']}\n", ["admin.hosts admin.hosts[0]", "admin.hosts admin.hosts[1]"]),
        (MINIMAL + "admin: {token: 'with a space'}\n", ["admin.token admin.token"]),
        # upstreams
        (MINIMAL + "upstreams: {b: {}}\n", ["schema.missing upstreams.b.servers"]),
        (MINIMAL + "upstreams: {b: {servers: []}}\n", ["schema.empty upstreams.b.servers"]),
        (MINIMAL + "upstreams: {b: {servers: ['http://b']}}\n", ["upstream.unused upstreams.b"]),
        (
            MINIMAL + "upstreams: {b: {servers: ['http://b', 'http://c'], host: upstream}}\n",
            ["upstreams.host upstreams.b.host"],
        ),
        (MINIMAL + "upstreams: {b: {servers: ['http://b', 'http://B:80']}}\n", ["upstreams.duplicate upstreams.b.servers[1]"]),
        (MINIMAL + "upstreams: {'b c': {servers: ['http://b']}}\n", ['name.invalid upstreams["b c"]']),
        (MINIMAL + "upstreams: {b: {servers: ['http://b'], host: 'a b'}}\n", ["upstreams.host upstreams.b.host"]),
        (MINIMAL + "upstreams: {b: {servers: ['http://b'], retries: 11, balance: random}}\n", ["schema.range upstreams.b.retries", "schema.type upstreams.b.balance"]),
        (MINIMAL + "upstreams: {b: {servers: ['http://b'], health_check: {path: healthz}}}\n", ["upstreams.health_check upstreams.b.health_check.path"]),
        (MINIMAL + "upstreams: {b: {servers: ['http://b'], health_check: {path: /, interval: 1s}}}\n", ["schema.conflict upstreams.b.health_check.timeout"]),
        # policies
        (MINIMAL + "policies: {p: }\n", ["schema.type policies.p", "policy.unused policies.p"]),
        (MINIMAL + "policies: {'': {allow_origins: ['*']}}\n", ['name.invalid policies[""]']),
        (route(cors="disabled") + "policies: {disabled: {allow_origins: ['*']}}\n", ["schema.conflict policies.disabled"]),
        (route(cors="p") + "policies: {p: {allow_origins: [null, 'https://a/', 5, {regexp: x}]}}\n", ["schema.type policies.p.allow_origins[0]", "allow_origins.invalid policies.p.allow_origins[1]", "schema.type policies.p.allow_origins[2]", "schema.missing policies.p.allow_origins[3].regex", "schema.unknown_key policies.p.allow_origins[3].regexp"]),
        (route(cors="p") + "policies: {p: {allow_origins: https://a, allow_methods: [TRACE], max_age: 99999999}}\n", ["schema.type policies.p.allow_origins", "allow_methods.forbidden policies.p.allow_methods[0]", "max_age.range policies.p.max_age"]),
        (route(cors="p") + "policies: {p: {allow_origins: ['*'], timing_allow_origin: null, cross_origin_resource_policy: null}}\n", []),
        (route(cors="p") + "policies: {p: {allow_origins: ['*'], preflight_failure: null}}\n", ["schema.type policies.p.preflight_failure"]),
        # max_age
        *[
            (route(cors="p") + f"policies: {{p: {{allow_origins: ['*'], allow_methods: [PUT], max_age: {value}}}}}\n", found)
            for value, found in {
                "0": [], "600": [], "10m": [], "'10m'": [], "1h": [], "3h": ["max_age.capped policies.p.max_age"],
                "-5": ["max_age.range policies.p.max_age"], "2d": ["max_age.range policies.p.max_age"],
                "600.0": ["max_age.type policies.p.max_age"], "'600'": ["max_age.type policies.p.max_age"],
                "true": ["max_age.type policies.p.max_age"], "ten": ["max_age.type policies.p.max_age"],
                "500ms": ["max_age.type policies.p.max_age"], "[600]": ["max_age.type policies.p.max_age"],
                "10:00": ["schema.type policies.p.max_age"], "010": ["schema.type policies.p.max_age"],
                "1_000": ["schema.type policies.p.max_age"], "null": ["schema.type policies.p.max_age"],
            }.items()
        ],
        # tests
        (test_of("reason: no_route"), []),
        (test_of("reason: nope"), ["schema.type tests[0].reason"]),
        (test_of("method: 'A B'"), ["tests.invalid tests[0].method"]),
        (test_of("headers: ['é']"), ["tests.invalid tests[0].headers[0]"]),
        (test_of("origin: 'é'"), ["tests.invalid tests[0].origin"]),
        (test_of("origin: 'null'"), []),
        (test_of("origin: null"), ["schema.type tests[0].origin"]),
        (MINIMAL + "tests:\n  - {path: x, expect: ok}\n", ["tests.invalid tests[0].path", "schema.type tests[0].expect"]),
    ],
)  # fmt: skip
def test_each_mistake_has_its_code_and_place(text: str, found: list[str], tmp_path: Path) -> None:
    loaded = load_text(tmp_path, text)

    assert [f"{problem.code} {problem.path}" for problem in loaded.problems] == found
    assert (loaded.snapshot is None) == any(problem.is_error for problem in loaded.problems)


@pytest.mark.parametrize("length", range(1, len(EVERYTHING), 97))
def test_a_file_that_was_cut_off_is_never_a_smaller_configuration(length: int, tmp_path: Path) -> None:
    """Unless the cut is so late that only tests or whole routes are gone, which nobody can see."""
    loaded = load_text(tmp_path, EVERYTHING[:length])

    if length < EVERYTHING.index("  - {name: two"):
        assert loaded.snapshot is None


words = st.sampled_from(
    [
        "version",
        "routes",
        "policies",
        "server",
        "admin",
        "upstreams",
        "tests",
        "cors",
        "name",
        "path",
        "upstream",
        "allow_origins",
        "1",
        "null",
        "true",
        "*",
        "https://a.example",
        "/",
        "disabled",
        "p",
        "include",
    ]
)
trees = st.recursive(
    words | st.integers() | st.none() | st.booleans() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=25,
)


@settings(max_examples=200)
@given(st.dictionaries(words, trees, max_size=7))
def test_no_tree_makes_it_raise(tmp_path_factory: pytest.TempPathFactory, tree: object) -> None:
    """JSON is YAML; hypothesis writes odd configurations."""
    import json

    loaded = load_text(tmp_path_factory.getbasetemp(), json.dumps(tree))

    assert loaded.snapshot is not None or any(problem.is_error for problem in loaded.problems)


@given(st.text(max_size=60))
def test_no_text_makes_it_raise(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(MINIMAL + text, encoding="utf-8", errors="replace")
    load(file, {})
