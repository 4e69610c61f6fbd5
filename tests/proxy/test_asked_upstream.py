"""What the backend is asked where something about a request is particular: no Host, hops that are counted, an id."""

from collections.abc import Callable

import pytest

from cors_gateway.snapshot import Snapshot
from tests.proxy.bench import Bench, snapshot

LISTED = "https://app.example.com"
APP = {"allow_origins": [LISTED], "allow_methods": ["PUT"]}

Benches = Callable[[Snapshot], Bench]


@pytest.fixture(scope="module", name="served", params=[[], ["loopback"]], ids=["stranger", "trusted"])
def _served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    routes = [{"name": "a", "path": "/a/", "cors": "app"}, {"name": "b", "path": "/b/", "cors": "app"}]
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
    if before:
        bench.ask(before)
    lines = section(bench.ask(b"GET /a/x HTTP/1.0\r\n\r\n").request)
    assert lines[:2] == [b"GET /a/x HTTP/1.1", b"Host: "]
    assert [line for line in lines if line.startswith(b"X-Forwarded-Host:")] == []
    assert [line[:9] for line in lines if line.startswith(b"Via:")] == [b"Via: 1.0 "]


def test_the_backend_is_told_who_asked_and_for_which_host(benches: Benches, served: Snapshot) -> None:
    bench = benches(served)
    for host in (b"gateway.test", b"other.test", b"gateway.test"):
        lines = section(bench.ask(b"GET /a/x HTTP/1.1\r\nHost: %b\r\n\r\n" % host).request)
        assert lines[1:-2] == [
            b"Host: " + host,
            b"X-Forwarded-For: 127.0.0.1",
            b"X-Real-IP: 127.0.0.1",
            b"X-Forwarded-Proto: http",
            b"X-Forwarded-Host: " + host,
        ]


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
