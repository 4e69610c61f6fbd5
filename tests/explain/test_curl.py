"""The command lines that reproduce a request. What they bring about is tested in `test_wire.py`."""

import shlex
from typing import Any

import pytest

from cors_gateway.explain.curl import preflight_line, request_line
from cors_gateway.explain.described_request import describe_parts
from cors_gateway.snapshot import Server, ServerTls, TcpListener, UnixListener
from tests.explain.situations import explain, explainer

SERVER = Server((TcpListener("0.0.0.0", 8080), TcpListener("10.0.0.1", 9)))
APP = "https://app.example.com"


@pytest.mark.parametrize(
    ("described", "line"),
    [
        (("https://a.example/api/x", APP), f"curl -i https://a.example/api/x -H 'Origin: {APP}'"),
        (("https://a.example/api/x", APP, "HEAD"), f"curl -i --head https://a.example/api/x -H 'Origin: {APP}'"),
        (
            ("https://a.example/api/x", APP, "PUT", ["X-A: it's", "Content-Type", "X-B:", "Cookie: a"]),
            f"curl -i -X PUT https://a.example/api/x -H 'Origin: {APP}' -H 'X-A: it'\"'\"'s' -H 'Content-Type: application/json' -H 'X-B;'",
        ),
        (("/api/x?y=1&z", APP), f"curl -i 'http://localhost:8080/api/x?y=1&z' -H 'Origin: {APP}'"),
        (("/api/[x]", APP), f"curl -i --globoff 'http://localhost:8080/api/[x]' -H 'Origin: {APP}'"),
        (("https://a.example/api/x", "https://a.example"), "curl -i https://a.example/api/x"),
        (
            ("https://a.example/api/x", "https://a.example", "POST"),
            "curl -i -X POST https://a.example/api/x -H 'Origin: https://a.example' -H 'Sec-Fetch-Site: same-origin'",
        ),
        (
            ("http://a.example/api/x", "http://a.example", "POST"),
            "curl -i -X POST http://a.example/api/x -H 'Origin: http://a.example'",
        ),
    ],
)  # fmt: skip
def test_the_request(described: tuple[Any, ...], line: str) -> None:
    assert request_line(explain(*described), SERVER) == line


def test_the_preflight_is_given_only_if_there_is_one() -> None:
    asked = preflight_line(explain("https://a.example/api/x", APP, "PUT", ["X-B", "X-A"]), SERVER)

    assert preflight_line(explain("https://a.example/api/x", APP), SERVER) is None
    assert asked == (
        f"curl -i -X OPTIONS https://a.example/api/x -H 'Origin: {APP}' -H 'Access-Control-Request-Method: PUT' "
        "-H 'Access-Control-Request-Headers: x-a,x-b'"
    )


@pytest.mark.parametrize(
    ("listener", "words"),
    [
        (TcpListener("::", 8443, ServerTls("c", "k")), ["https://localhost:8443/x"]),
        (TcpListener("::1", 8080), ["http://[::1]:8080/x"]),
        (TcpListener("10.0.0.1", 80), ["http://10.0.0.1:80/x"]),
        (UnixListener("/run/a b.sock"), ["--unix-socket", "/run/a b.sock", "http://localhost/x"]),
    ],
)
def test_an_unknown_host_is_looked_for_at_the_first_listener(
    listener: TcpListener | UnixListener, words: list[str]
) -> None:
    line = request_line(explain("/x", APP), Server((listener,)))

    assert [word for word in words if word not in shlex.split(line)] == []


def test_a_host_without_an_address_is_sent_as_a_field() -> None:
    request = describe_parts("/x", host="www.example.com", origin=None)

    assert request_line(explainer().explain(request), SERVER) == (
        "curl -i -H 'Host: www.example.com' http://localhost:8080/x"
    )


def test_a_websocket_is_a_handshake() -> None:
    line = request_line(explain("wss://a.example/api/x", APP), SERVER)

    words = shlex.split(line)
    assert {"--http1.1", "https://a.example/api/x", "Upgrade: websocket", f"Origin: {APP}"} <= set(words)
