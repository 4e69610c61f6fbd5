"""Keys of upstreams and of the server that say how peers are treated: what they become, and every way to get them wrong."""

from pathlib import Path

import pytest

from cors_gateway.config.compile.effective import effective
from cors_gateway.snapshot import (
    AccessLog,
    Balance,
    Http2,
    ServerAddress,
    TcpListener,
    UnderscoreHeaders,
    UnixListener,
)
from tests.config.written import MINIMAL, load_text


def upstream(keys: str) -> str:
    return f"version: 1\nupstreams:\n  b: {{{keys}}}\nroutes:\n  - {{name: r, path: /, upstream: b, cors: disabled}}\n"


def server(keys: str) -> str:
    return f"{MINIMAL}server: {{{keys}}}\n"


@pytest.mark.parametrize(
    ("keys", "attribute", "value"),
    [
        ("servers: [{url: http://b:1, weight: 3}, http://c:1]", "servers", (ServerAddress("b", 1, weight=3), ServerAddress("c", 1))),
        ("servers: [http://b:1, {url: 'unix:/c', backup: true}]", "servers", (ServerAddress("b", 1), ServerAddress(unix_path="/c", is_backup=True))),
        ("servers: [{url: https://b}]", "servers", (ServerAddress("b", 443, tls=True),)),
        ("servers: [http://b], balance: client_address", "balance", Balance.CLIENT_ADDRESS),
        ("servers: [http://b], redirects: keep", "rewrites_redirects", False),
        ("servers: [http://b], redirects: rewrite", "rewrites_redirects", True),
        ("servers: [http://b]", "rewrites_redirects", True),
    ],
)  # fmt: skip
def test_a_key_of_an_upstream_arrives_and_is_printed(
    keys: str, attribute: str, value: object, tmp_path: Path
) -> None:
    snapshot = load_text(tmp_path, upstream(keys)).snapshot
    assert snapshot is not None

    assert getattr(snapshot.upstreams["b"], attribute) == value
    assert load_text(tmp_path, effective(snapshot)).snapshot == snapshot


@pytest.mark.parametrize(("size", "expected"), [("128KiB", 131072), ("0", 0), ("4096", 4096)])
def test_the_response_head_has_a_limit_of_its_own(size: str, expected: int, tmp_path: Path) -> None:
    text = upstream(f"servers: [http://b], limits: {{response_head: {size}}}")
    snapshot = load_text(tmp_path, text).snapshot
    assert snapshot is not None

    assert snapshot.upstreams["b"].limits.response_head == expected
    assert load_text(tmp_path, effective(snapshot)).snapshot == snapshot


@pytest.mark.parametrize(
    ("keys", "attribute", "value"),
    [
        ("underscore_headers: pass", "underscore_headers", UnderscoreHeaders.PASS),
        ("underscore_headers: reject", "underscore_headers", UnderscoreHeaders.REJECT),
        ("workers: 1", "underscore_headers", UnderscoreHeaders.DROP),
        ("access_log: text", "access_log", AccessLog.TEXT),
        ("trusted_proxies: [unix]", "trusts_unix", True),
        ("trusted_proxies: [unix]", "trusted_proxies", ()),
        ("trusted_proxies: [loopback]", "trusts_unix", False),
        ("trusted_proxies: [loopback], listen: [{address: '[::]:1', proxy_protocol: true}]", "listen", (TcpListener("::", 1, proxy_protocol=True),)),
        ("trusted_proxies: [unix], listen: [{address: 'unix:/x', proxy_protocol: true}]", "listen", (UnixListener("/x", proxy_protocol=True),)),
        ("listen: [{address: '[::]:1', http2: cleartext}]", "listen", (TcpListener("::", 1, http2=Http2.CLEARTEXT),)),
        ("listen: [{address: 'unix:/x', http2: cleartext}]", "listen", (UnixListener("/x", http2=Http2.CLEARTEXT),)),
        ("listen: [{address: '[::]:1', http2: false}]", "listen", (TcpListener("::", 1),)),
        ("listen: ['[::]:1']", "listen", (TcpListener("::", 1),)),
    ],
)  # fmt: skip
def test_a_key_of_the_server_arrives_and_is_printed(
    keys: str, attribute: str, value: object, tmp_path: Path
) -> None:
    snapshot = load_text(tmp_path, server(keys)).snapshot
    assert snapshot is not None

    assert getattr(snapshot.server, attribute) == value
    assert load_text(tmp_path, effective(snapshot)).snapshot == snapshot


@pytest.mark.parametrize(
    ("text", "found", "hint"),
    [
        (upstream("servers: [{url: b:1}]"), "upstreams.invalid upstreams.b.servers[0].url", 'write "http://b:1"'),
        (upstream("servers: [{weight: 2}]"), "schema.missing upstreams.b.servers[0].url", ""),
        (upstream("servers: [{url: http://b, weight: 0}, http://c]"), "schema.range upstreams.b.servers[0].weight", "at least 1 is allowed"),
        (upstream("servers: [{url: http://b, weight: 1001}, http://c]"), "schema.range upstreams.b.servers[0].weight", "at most 1000 is allowed"),
        (upstream("servers: [{url: http://b, weight: '2'}, http://c]"), "schema.type upstreams.b.servers[0].weight", "write 2 without quotes"),
        (upstream("servers: [{url: http://b, weight: 2}]"), "schema.conflict upstreams.b.servers[0].weight", "remove it"),
        (upstream("servers: [{url: http://b, backup: true}]"), "upstreams.backup upstreams.b.servers", "remove backup from those that serve usually"),
        (upstream("servers: [{url: http://b, down: true}, http://c]"), "schema.unknown_key upstreams.b.servers[0].down", "known keys: backup, url, weight"),
        (upstream("servers: [{url: http://b, weight: 2}, http://b:80]"), "upstreams.duplicate upstreams.b.servers[1]", "it would get twice the traffic and be one failure; list it once, with a weight"),
        (upstream("servers: [http://b], balance: ip_hash"), "schema.type upstreams.b.balance", ""),
        (upstream("servers: [http://b], redirects: true"), "schema.type upstreams.b.redirects", ""),
        (upstream("servers: [http://b], limits: {response_head: 10}"), "schema.range upstreams.b.limits.response_head", "0 means no limit"),
        (upstream("servers: [http://b], limits: {response_headers: 1MiB}"), "schema.unknown_key upstreams.b.limits.response_headers", 'did you mean "response_head"?'),
        (server("underscore_headers: on"), "schema.type server.underscore_headers", ""),
        (server("trusted_proxies: [Unix]"), "trusted_proxies.invalid server.trusted_proxies[0]", "write 10.0.0.0/8, one address, loopback, private or unix"),
        (server("listen: [{address: '0.0.0.0:1', proxy_protocol: true}]"), "listen.proxy_protocol server.listen[0].proxy_protocol", "list the load balancers in trusted_proxies, or remove proxy_protocol"),
        (server("trusted_proxies: [unix], listen: [{address: '0.0.0.0:1', proxy_protocol: true}]"), "listen.proxy_protocol server.listen[0].proxy_protocol", "list the load balancers in trusted_proxies, or remove proxy_protocol"),
        (server("trusted_proxies: [private], listen: [{address: 'unix:/x', proxy_protocol: true}]"), "listen.proxy_protocol server.listen[0].proxy_protocol", "list unix in trusted_proxies, or remove proxy_protocol"),
        (server("listen: [{address: '0.0.0.0:1', http2: true}]"), "listen.http2 server.listen[0].http2", "add tls, or write cleartext for clients that know beforehand"),
        (server("listen: [{address: '0.0.0.0:1', http2: h2c}]"), "schema.type server.listen[0].http2", "write cleartext where there is no tls"),
        (server("access_log: plain"), "schema.type server.access_log", ""),
    ],
)  # fmt: skip
def test_a_mistake_has_its_code_its_place_and_a_hint(
    text: str, found: str, hint: str, tmp_path: Path
) -> None:
    problems = load_text(tmp_path, text).problems

    assert [(f"{problem.code} {problem.path}", problem.hint) for problem in problems] == [(found, hint)]
