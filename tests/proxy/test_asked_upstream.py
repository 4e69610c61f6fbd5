"""What becomes of a request that is particular: no Host, hops that are counted, an upgrade, a line that is not plain."""

from collections.abc import Callable

import pytest

from cors_gateway.snapshot import Snapshot
from tests.proxy.bench import Bench, snapshot, written

LISTED = "https://app.example.com"
APP = {"allow_origins": [LISTED], "allow_methods": ["PUT"]}

WARM = 8
"""Repetitions after which all that can be remembered is: a memory keeps what comes the second time, and the answer to a
preflight is kept under the fields that are."""

Benches = Callable[[Snapshot], Bench]


@pytest.fixture(scope="module", name="served", params=[[], ["loopback"]], ids=["stranger", "trusted"])
def _served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    routes = [
        {"name": "a", "path": "/a/", "cors": "app"},
        {"name": "below", "path": "/a/", "host": "*.wild.test", "cors": "disabled"},
    ]
    directory = tmp_path_factory.mktemp("asked")
    return snapshot(directory, {"app": APP}, routes, trusted_proxies=request.param)


def section(data: bytes) -> list[bytes]:
    return data.removesuffix(b"\r\n\r\n").split(b"\r\n")


@pytest.mark.parametrize(
    "before", [b"", b"GET /a/x HTTP/1.1\r\nHost: other.test\r\n\r\n"], ids=["first", "second"]
)
def test_a_request_without_host_goes_on_with_an_empty_one(
    benches: Benches, served: Snapshot, before: bytes
) -> None:
    """HTTP/1.0 needs none (RFC 9112 3.2); the backend, asked in HTTP/1.1, needs the field. It is not made up."""
    bench = benches(served)
    # The second time, the routes of this host are remembered; the third time, they are found there.
    for _ in range(3):
        if before:
            bench.ask(before)
        lines = section(bench.ask(b"GET /a/x HTTP/1.0\r\n\r\n").request)
        assert lines[:2] == [b"GET /a/x HTTP/1.1", b"Host: "]
        assert [line for line in lines if line.startswith(b"X-Forwarded-Host:")] == []
        assert [line[:9] for line in lines if line.startswith(b"Via:")] == [b"Via: 1.0 "]
        bench.leave()


@pytest.mark.parametrize("also", [{}, {"Via": "1.1 a"}], ids=["plain", "in full"])
@pytest.mark.parametrize(
    ("is_tls", "said", "differs"),
    [
        (False, {"X-Forwarded-Proto": "http"}, False),
        (False, {"X-Forwarded-Proto": "https"}, True),
        (True, {"X-Forwarded-Proto": "https"}, False),
        (True, {"X-Forwarded-Proto": "http"}, True),
        (False, {"X-Forwarded-For": "https"}, False),
        (True, {"X-Forwarded-For": "http", "X-Forwarded-Proto": "https"}, False),
        (False, {}, False),
    ],
)
def test_another_scheme_is_noted_once_if_nobody_believes_it(
    benches: Benches,
    served: Snapshot,
    is_tls: bool,
    said: dict[str, str],
    differs: bool,
    also: dict[str, str],
) -> None:
    bench = benches(served)
    if is_tls:
        bench.use_tls()
    for cookie in "112":
        bench.ask(written("GET /a/x", said | also | {"Cookie": cookie}))
    is_trusted = bool(served.server.trusted_proxies)
    assert bench.metrics.route("a").causes == (
        {"forwarding_ignored": 1} if differs and not is_trusted else {}
    )


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("via", ["", "1.1 a"])
def test_the_backend_is_told_who_asked_and_for_which_host(
    benches: Benches, served: Snapshot, version: str, via: str
) -> None:
    bench = benches(served)
    passed = f"Via: {via}\r\n" if via else ""
    for host in ("gateway.test", "other.test", "gateway.test"):
        data = f"GET /a/x HTTP/{version}\r\nHost: {host}\r\n{passed}\r\n"
        lines = section(bench.ask(data.encode()).request)
        assert [line.decode() for line in lines[1:-1]] == [
            f"Host: {host}",
            "X-Forwarded-For: 127.0.0.1",
            "X-Real-IP: 127.0.0.1",
            "X-Forwarded-Proto: http",
            f"X-Forwarded-Host: {host}",
            f"Via: {', '.join([*([via] if via else []), f'{version} cors-gateway-x'])}",
        ]
        if version == "1.0":
            bench.leave()


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("TRACE /a/x HTTP/1.1", 405),
        ("TRACK /a/x HTTP/1.1", 405),
        ("GET http://other.test/a/x HTTP/1.1", 421),
        ("GET http://gateway.test/a/x HTTP/1.1", 204),
        ("OPTIONS * HTTP/1.1", 204),
    ],
)
def test_a_line_that_is_not_plain_is_looked_at_however_often_it_comes(
    benches: Benches, served: Snapshot, line: str, status: int
) -> None:
    bench = benches(served)
    for _ in range(WARM):
        seen = bench.ask(f"{line}\r\nHost: gateway.test\r\n\r\n".encode())
        assert seen.answer.startswith(b"HTTP/1.1 %d " % status)
        assert bool(seen.request) == line.startswith("GET http://gateway.test")
        if status != 204:
            bench.leave()


def test_the_host_of_a_line_is_not_taken_for_one_that_is_missing(benches: Benches, served: Snapshot) -> None:
    seen = benches(served).ask(b"GET http://gateway.test/a/x HTTP/1.0\r\n\r\n")
    assert (seen.answer[:13], seen.request) == (b"HTTP/1.1 421 ", b"")


PREFLIGHT = {"Host": "gateway.test", "Origin": LISTED, "Access-Control-Request-Method": "PUT"}


@pytest.mark.parametrize(
    ("line", "fields", "status"),
    [
        ("OPTIONS /a/x HTTP/1.1", {"Via": "1.1 cors-gateway-x"}, 508),
        ("OPTIONS /a/x HTTP/1.1", {"Via": "1.1 a"}, 204),
        ("OPTIONS /a/x HTTP/1.0", {}, 204),
        ("OPTIONS /a/x HTTP/1.0", {"Transfer-Encoding": "chunked"}, 400),
        ("OPTIONS http://other.test/a/x HTTP/1.1", {}, 421),
        ("OPTIONS http://gateway.test/a/x HTTP/1.1", {}, 204),
        ("OPTIONS * HTTP/1.1", {}, 204),
    ],
)
def test_a_preflight_that_is_not_plain_is_looked_at_however_often_it_comes(
    benches: Benches, served: Snapshot, line: str, fields: dict[str, str], status: int
) -> None:
    bench = benches(served)
    for _ in range(WARM):
        bench.ask(written("OPTIONS /a/x", PREFLIGHT))
        bench.leave()
    told = "".join(f"{name}: {value}\r\n" for name, value in (PREFLIGHT | fields).items())
    for _ in range(WARM):
        answer = bench.ask(f"{line}\r\n{told}\r\n".encode()).answer
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        if status == 204:
            assert (b"\r\nAccess-Control-Allow-Methods:" in answer) == ("*" not in line)
        assert (b"\r\nConnection: close\r\n" in answer) == (line.endswith("1.0") or 400 <= status < 500)
        bench.leave()


HANDSHAKE = {
    "Host": "gateway.test",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


@pytest.mark.parametrize(
    ("method", "fields", "is_handshake"),
    [
        ("GET", {}, True),
        ("POST", {}, False),
        ("GET", {"Upgrade": "h2c"}, False),
        ("GET", {"Connection": "keep-alive"}, False),
    ],
)
def test_an_upgrade_goes_on_where_it_is_a_handshake(
    benches: Benches, served: Snapshot, method: str, fields: dict[str, str], is_handshake: bool
) -> None:
    seen = benches(served).ask(written(f"{method} /a/x", HANDSHAKE | fields))
    upgrade = [line for line in section(seen.request) if line.startswith((b"Connection:", b"Upgrade:"))]
    assert upgrade == ([b"Connection: Upgrade", b"Upgrade: websocket"] if is_handshake else [])


@pytest.mark.parametrize(
    ("line", "values", "expected"),
    [
        ("OPTIONS", ["3"], ["2"]),
        ("OPTIONS", ["1"], ["0"]),
        ("OPTIONS", ["999999999"], ["999999998"]),
        ("GET", ["3"], ["3"]),
        ("GET", ["0"], ["0"]),
        ("GET", ["many"], ["many"]),
    ],
)
def test_hops_are_counted_for_options_alone(
    benches: Benches, served: Snapshot, line: str, values: list[str], expected: list[str]
) -> None:
    """RFC 9110 7.6.2: other methods may have the field ignored."""
    seen = benches(served).ask(asked(line, values))
    found = [line for line in section(seen.request) if line.lower().startswith(b"max-forwards:")]
    assert found == [b"Max-Forwards: " + value.encode() for value in expected]


@pytest.mark.parametrize("values", [["many"], ["-1"], ["1000000000"], ["1", "1"], ["0", "1"]])
def test_hops_that_cannot_be_counted_are_refused(
    benches: Benches, served: Snapshot, values: list[str]
) -> None:
    seen = benches(served).ask(asked("OPTIONS", values))
    assert (seen.answer[:13], seen.request) == (b"HTTP/1.1 400 ", b"")


def test_at_the_last_hop_the_gateway_answers_itself(benches: Benches, served: Snapshot) -> None:
    seen = benches(served).ask(asked("OPTIONS", ["0"]))
    assert (seen.answer[:13], seen.request) == (b"HTTP/1.1 204 ", b"")


@pytest.mark.parametrize(
    ("received", "is_kept"),
    [("z" * 128, True), ("z" * 129, False), ("a b", False), ("a-1.b_c", True)],
)
def test_an_id_is_passed_on_if_a_trusted_proxy_gave_it_and_it_is_one(
    benches: Benches, served: Snapshot, received: str, is_kept: bool
) -> None:
    data = f"GET /a/x HTTP/1.1\r\nHost: gateway.test\r\nX-Request-Id: {received}\r\n\r\n"
    lines = section(benches(served).ask(data.encode()).request)
    (told,) = [line for line in lines if line.startswith(b"X-Request-Id: ")]
    is_trusted = bool(served.server.trusted_proxies)
    assert (told == f"X-Request-Id: {received}".encode()) == (is_kept and is_trusted)


def asked(method: str, max_forwards: list[str]) -> bytes:
    fields = "".join(f"Max-Forwards: {value}\r\n" for value in max_forwards)
    return f"{method} /a/x HTTP/1.1\r\nHost: gateway.test\r\n{fields}\r\n".encode()


def test_a_preflight_of_a_trace_is_logged_with_it_however_often_it_comes(
    benches: Benches, served: Snapshot
) -> None:
    bench = benches(served)
    for _ in range(WARM):
        bench.ask(written("OPTIONS /a/x", PREFLIGHT))
        bench.leave()
    for digit in "123123":
        trace = digit * 32
        traced = PREFLIGHT | {"traceparent": f"00-{trace}-{'2' * 16}-01"}
        (row,) = bench.ask(written("OPTIONS /a/x", traced)).rows
        assert row["trace_id"] == trace
        bench.leave()


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"Connection": "close"}, b""),
        ({"Content-Length": "3"}, b"abc"),
        ({"Transfer-Encoding": "chunked"}, b"3\r\nabc\r\n0\r\n\r\n"),
        ({"Max-Forwards": "1"}, b""),
        ({"Via": "1.1 a"}, b""),
    ],
)
def test_a_preflight_that_says_more_is_treated_as_the_first_one_however_often_it_comes(
    benches: Benches, served: Snapshot, fields: dict[str, str], body: bytes
) -> None:
    """With a body it still ends where its body ends: the next request is read from there."""
    data = written("OPTIONS /a/x", PREFLIGHT | fields) + body + written("GET /a/y", {})
    expected = benches(served).ask(data)
    assert (b"GET /a/y " in expected.request) == ("Connection" not in fields)
    bench = benches(served)
    for _ in range(WARM):
        assert bench.ask(data) == expected
        bench.leave()
