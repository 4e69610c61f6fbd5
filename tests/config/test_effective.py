"""`check --print`: the configuration in force, which loads back as it is."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cors_gateway.config.compile.effective import effective
from cors_gateway.config.load import load
from cors_gateway.config.syntax.emit import Raw, to_yaml
from cors_gateway.config.syntax.interpolation import ReferenceFault, expander
from cors_gateway.config.syntax.source import parse
from cors_gateway.config.syntax.tree import Mapping, Node, Scalar, Sequence
from cors_gateway.policy.quoting import REDACTED
from cors_gateway.snapshot import Snapshot
from tests.config.test_load import EVERYTHING
from tests.config.written import MINIMAL, load_text

POLICIES = """\
version: 1
routes:
  - {name: a, path: /a, upstream: http://a, cors: {allow_origins: ["null", https://x.example.com], dangerously_allow_null_origin: true}}
  - {name: b, path: /b, upstream: http://a, cors: {allow_origins: [http://x.example.com], allow_credentials: true, dangerously_allow_insecure_origins: true}}
  - {name: c, path: /c, upstream: http://a, cors: {allow_origins: [https://*.github.io], allow_credentials: true, dangerously_allow_public_suffix: true}}
  - {name: d, path: /d, upstream: http://a, cors: {allow_origins: ["*"], allow_methods: ["*"], allow_headers: ["*", Authorization], expose_headers: ["*"]}}
  - {name: e, path: /e, upstream: http://a, cors: {allow_origins: [https://x.example.com], on_disallowed_request: reject, public_origins: [https://own.example.com], forward_origin: strip, upstream_expose: merge, timing_allow_origin: same-as-origins, cross_origin_resource_policy: same-site, websocket_origin_check: true}}
  - {name: f, path: /f, upstream: http://a, cors: {allow_origins: [{regex: '^https://a\\.example\\.com$'}], report_only: true, preflight_status: 200, preflight_failure: diagnose, max_age: 0}}
  - {name: g, path: /g, upstream: http://a, cors: {allow_origins: [{regex: 'https?://x\\.example\\.com'}], allow_credentials: true, dangerously_allow_insecure_origins: true}}
"""


def reloaded(snapshot: Snapshot, directory: Path) -> Snapshot | None:
    return load_text(directory, effective(snapshot)).snapshot


@pytest.mark.parametrize("text", [MINIMAL, POLICIES, EVERYTHING.replace("token: secret-0123456789, ", "")])
def test_what_is_printed_loads_as_the_same_snapshot(text: str, tmp_path: Path) -> None:
    snapshot = load_text(tmp_path, text).snapshot

    assert snapshot is not None
    assert reloaded(snapshot, tmp_path) == snapshot


def test_printing_twice_is_printing_once(tmp_path: Path) -> None:
    snapshot = load_text(tmp_path, EVERYTHING).snapshot
    assert snapshot is not None
    again = reloaded(snapshot, tmp_path)

    assert again is not None
    assert effective(again) == effective(snapshot)


def test_a_token_in_the_file_is_redacted(tmp_path: Path) -> None:
    snapshot = load_text(tmp_path, EVERYTHING).snapshot
    assert snapshot is not None
    assert snapshot.admin is not None
    again = reloaded(snapshot, tmp_path)

    assert "secret-0123456789" not in effective(snapshot)
    assert again == replace(snapshot, admin=replace(snapshot.admin, token=REDACTED))


def test_the_default_of_a_secret_is_one(tmp_path: Path) -> None:
    text = f"{MINIMAL}admin: {{token: '${{TOKEN:-only-for-tests}}'}}\n"
    snapshot = load_text(tmp_path, text, {"TOKEN": "from-the-environment"}).snapshot
    assert snapshot is not None
    printed = effective(snapshot)

    assert "only-for-tests" not in printed
    assert "${TOKEN:-" in printed
    assert load_text(tmp_path, printed, {"TOKEN": "from-the-environment"}).snapshot == snapshot
    assert load_text(tmp_path, printed, {}).snapshot is not None


@pytest.mark.parametrize("reference", ["${TOKEN}", "${TOKEN:?is needed}", "${file:token}", "x-${TOKEN}-$$"])
def test_a_token_from_elsewhere_is_printed_as_its_reference(reference: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    environ = {"TOKEN": "from-the-environment"}
    snapshot = load_text(tmp_path, f"{MINIMAL}admin: {{token: '{reference}'}}\n", environ).snapshot
    assert snapshot is not None
    printed = effective(snapshot)
    (tmp_path / "elsewhere").mkdir()

    assert "from-" not in printed
    assert load_text(tmp_path / "elsewhere", printed, environ).snapshot == snapshot


def test_only_what_has_an_effect_is_printed(tmp_path: Path) -> None:
    snapshot = load_text(tmp_path, MINIMAL + "policies: {unused: {allow_origins: ['*']}}\n").snapshot

    assert snapshot is not None
    assert "unused" not in effective(snapshot)


origins = st.sampled_from(
    [
        "https://a.example.com",
        "https://*.b.example.com:*",
        "http://localhost:*",
        "http://[::1]:9090",
        "https://a.example.com:8443",
        "app://x",
    ]
) | st.just("$").map(lambda end: {"regex": f"https://[a-z]+\\.example\\.com{end}"})
policies = st.fixed_dictionaries(
    {"allow_origins": st.lists(origins, min_size=1, max_size=4) | st.just(["*"])},
    optional={
        "allow_methods": st.lists(
            st.sampled_from(["GET", "put", "PATCH", "X-Own", "*"]), min_size=1, max_size=4
        ),
        "allow_headers": st.lists(st.sampled_from(["Content-Type", "X-a", "*", "authorization"]), max_size=4),
        "expose_headers": st.lists(st.sampled_from(["X-Total", "etag", "*"]), max_size=3),
        "allow_credentials": st.booleans(),
        "max_age": st.integers(0, 86400) | st.sampled_from(["10m", "1h"]),
        "preflight_status": st.sampled_from([200, 204]),
        "on_disallowed_request": st.sampled_from(["forward", "reject"]),
        "public_origins": st.lists(
            st.sampled_from(["https://own.example.com", "http://localhost:8080"]), max_size=2
        ),
        "forward_origin": st.sampled_from(["keep", "strip"]),
        "timing_allow_origin": st.sampled_from([None, "same-as-origins"]),
        "report_only": st.booleans(),
        "websocket_origin_check": st.booleans(),
    },
)
routes = st.fixed_dictionaries(
    {
        "path": st.sampled_from(["/", "/api", "/api/", "/a/b%2Fc", "/-~", "/on", "/$x"]),
        "upstream": st.sampled_from(
            ["b", "http://c", "https://C:443", "unix:/run/x y.sock", "http://[::1]:80"]
        ),
        "cors": st.sampled_from(["disabled", "passthrough", "on", "null"]) | policies,
    },
    optional={
        "hosts": st.lists(
            st.sampled_from(["A.example", "*.b.example", "[::1]", "10.0.0.1"]),
            min_size=1,
            max_size=2,
            unique=True,
        ),
        "match": st.sampled_from(["prefix", "exact"]),
        "request_headers": st.fixed_dictionaries(
            {}, optional={"set": st.just({"X-A": "on", "X-B": "é $x"}), "remove": st.just(["cookie"])}
        ),
        "response_headers": st.just({"remove": ["Server"]}),
        "cookies": st.fixed_dictionaries(
            {},
            optional={
                "same_site": st.sampled_from(["keep", "lax", "strict"]),
                "secure": st.booleans(),
                "domain": st.sampled_from(["keep", "remove", "a.example"]),
                "path": st.sampled_from(["keep", "remove", "/x y"]),
            },
        ),
        "limits": st.sampled_from([{}, {"request_body": 0}, {"request_body": "5KiB"}]),
        "methods": st.lists(st.sampled_from(["GET", "PUT", "X-OWN"]), min_size=1, max_size=3, unique=True),
        "strip_prefix": st.booleans(),
    },
)
durations = st.sampled_from(["1ms", "999ms", "1s", "90s", "10m", "1h", "1d"])
servers = st.fixed_dictionaries(
    {},
    optional={
        "listen": st.just(
            ["0.0.0.0:80", {"address": "[::]:81"}, {"address": "unix:/run/on", "mode": "0777"}]
        ),
        "workers": st.just("auto") | st.integers(1, 256),
        "trusted_proxies": st.lists(
            st.sampled_from(["loopback", "private", "192.0.2.0/24", "::1"]), max_size=3
        ),
        "access_log": st.sampled_from(["json", "combined", "text", "off"]),
        "limits": st.fixed_dictionaries(
            {},
            optional={
                "request_head": st.sampled_from([0, 1024, "5KiB"]),
                "request_body": st.integers(0, 2**40),
            },
        ),
        "timeouts": st.fixed_dictionaries({}, optional={"send": durations, "keep_alive": durations}),
    },
)


@settings(max_examples=150)
@given(
    server=servers,
    table=st.lists(routes, min_size=1, max_size=4),
    named=policies,
    admin=st.sampled_from(["off", "127.0.0.1:7", {"listen": "unix:/a", "hosts": ["gw", "[::1]"]}]),
)
def test_whatever_loads_prints_as_what_it_is(
    tmp_path_factory: pytest.TempPathFactory,
    server: object,
    table: list[dict[str, object]],
    named: object,
    admin: object,
) -> None:
    """The writer is used to write the configuration too, so it has to say what it is told."""
    document = {
        "version": 1,
        "server": server,
        "admin": admin,
        "upstreams": {"b": {"servers": ["http://b:1"]}},
        "policies": {"on": named, "null": named},
        "routes": [{"name": str(index), **route} for index, route in enumerate(table)],
    }
    text = to_yaml(document).replace("timing_allow_origin: None", "timing_allow_origin: null")
    snapshot = load_text(tmp_path_factory.getbasetemp(), text).snapshot

    if snapshot is not None:
        assert reloaded(snapshot, tmp_path_factory.getbasetemp()) == snapshot


def read_back(text: str) -> object:
    def plain(node: Node) -> object:
        if isinstance(node, Mapping):
            return {key: plain(value) for key, (_, value) in node.entries.items()}
        if isinstance(node, Sequence):
            return [plain(item) for item in node.items]
        assert isinstance(node, Scalar)
        return node.value

    expand = expander({"X": "expanded"}, lambda name: ReferenceFault(name, ""))
    document, problems = parse(text, file="f", directory="/", expand=expand)
    assert (problems, document is None) == ([], False)
    assert document is not None
    return plain(document.root)


texts = st.text(max_size=20) | st.sampled_from(
    [
        "yes",
        "off",
        "010",
        "0o17",
        "1:30",
        "null",
        "~",
        "",
        "-",
        "- a",
        "#",
        "a: b",
        "${X}",
        "$$",
        "1e3",
        "<<",
        "=",
        "\x85",
        "\u2028",
        "\ufeff",
        "\x7f",
    ]
)
values = st.recursive(
    texts | st.integers() | st.booleans(),
    lambda inner: (
        st.lists(texts | st.integers(), max_size=3)
        | st.lists(st.dictionaries(texts, inner, min_size=1, max_size=2), max_size=2)
        | st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(texts, values, min_size=1, max_size=3))
def test_the_reader_reads_what_the_writer_writes(value: dict[str, object]) -> None:
    assert read_back(to_yaml(value)) == value


def test_a_reference_that_is_meant_stays_one() -> None:
    assert to_yaml({"a": Raw("${X}"), "b": "${X}"}) == 'a: "${X}"\nb: "$${X}"\n'
    assert read_back('a: "${X}"\nb: "$${X}"\n') == {"a": "expanded", "b": "${X}"}


def test_the_writer_uses_quotes_only_where_somebody_could_misread() -> None:
    value = {
        "a": ["https://a.example.com:8443", "off", "no", "0660", "10m", "1.2.3.4:80"],
        "on": {"b": [], "c": {}},
    }

    assert to_yaml(value) == (
        'a:\n  - https://a.example.com:8443\n  - off\n  - "no"\n  - "0660"\n  - 10m\n  - "1.2.3.4:80"\n'
        '"on":\n  b: []\n  c: {}\n'
    )


def test_a_policy_of_many_routes_is_printed_once(tmp_path: Path) -> None:
    text = "version: 1\npolicies: {p: {allow_origins: ['*']}}\nroutes:\n" + "".join(
        f"  - {{name: r{number}, path: /{number}, upstream: http://a, cors: p}}\n" for number in range(3)
    )
    snapshot = load_text(tmp_path, text).snapshot

    assert snapshot is not None
    assert effective(snapshot).count("allow_origins") == 1
    assert load(tmp_path, {}).snapshot == snapshot
