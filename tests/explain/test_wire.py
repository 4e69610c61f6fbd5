"""The lines of an explanation are those on the wire: requests as it shows them, sent to a running gateway."""

import asyncio
import itertools
import shlex
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cors_gateway.explain.curl import preflight_line, request_line
from cors_gateway.explain.described_request import Request, describe
from cors_gateway.explain.explainer import Explainer
from cors_gateway.explain.explanation import Exchange, Explanation
from cors_gateway.policy.reason import Kind
from cors_gateway.snapshot import Server
from tests.explain.situations import snapshot
from tests.wire.corpus import Document, load
from tests.wire.gateway_process import GatewayProcess, running_gateway
from tests.wire.raw_backend import RawBackend, accept_websocket, bound_socket, reply
from tests.wire.raw_client import RawClient
from tests.wire.strict_http import Response

CONCURRENT = 16  # requests at a time

POLICIES: Document = {
    name: policy
    for name, policy in load("conformance/http.yaml")["policies"].items()
    if name != "expose_star_cred"  # refused when it is loaded
}
ORIGINS = [
    "https://app.example.com",
    "https://a.b.tenant.example.com",
    "http://localhost:3000",
    "https://evil.example",
    "https://App.example.com",
    "null",
]
CALLS = [
    ("GET", []),
    ("GET", ["X-Request-Id: 1"]),
    ("POST", ["Content-Type: application/json", "Authorization: x"]),
    ("PUT", []),
    ("OPTIONS", []),
    ("patch", ["X-B: 1", "X-A: 1"]),
]
PATHS = ["/v1/x?y=%2F", "/only-get/x", "/%2e%2e%2fx", "/only-get%2fx"]
DECIDED = {"vary", "timing-allow-origin", "cross-origin-resource-policy"}
"""Fields that are a policy's to write, besides Access-Control-*."""

HANDSHAKE = (
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@dataclass(frozen=True)
class Sent:
    """An exchange as explained, and what came of it."""

    explanation: Explanation
    exchange: Exchange
    response: Response
    reached_backend: bool


def _decided(response: Response) -> list[tuple[str, str]]:
    """The fields that are the policy's."""
    return [
        (name, value)
        for name, value in response.fields
        if name.lower() in DECIDED or name.lower().startswith("access-control-")
    ]


def requests() -> list[Request]:
    """Every policy with every kind of page and call, and what is special about paths and sockets."""
    calls = [
        describe(f"http://{_host(name)}/v1/x", origin=origin, method=method, headers=headers, credentials=credentials)
        for name, origin, (method, headers) in itertools.product(POLICIES, ORIGINS, CALLS)
        for credentials in (False, True)
    ]  # fmt: skip
    paths = [
        describe(f"http://{_host('basic')}{path}", origin=ORIGINS[0], method=method)
        for path, method in itertools.product(PATHS, ["GET", "PUT"])
    ]
    sockets = [
        describe(f"ws://{_host(name)}/v1/x", origin=origin)
        for name, origin in itertools.product(["ws", "basic", "deny"], ORIGINS)
    ]
    own = [
        describe(f"https://{_host(name)}/v1/x", origin=f"https://{_host(name)}", method=method)
        for name, method in itertools.product(["reject", "basic"], ["GET", "POST", "PUT"])
    ]
    return [*calls, *paths, *sockets, *own]


def _host(policy: str) -> str:
    return f"{policy.replace('_', '-')}.test"


def _configuration(backend: tuple[str, int]) -> dict[str, object]:
    routes = [
        {"name": f"r-{name}", "host": _host(name), "path": "/v1/", "upstream": "backend", "cors": policy}
        for name, policy in POLICIES.items()
    ]
    special = {"host": _host("basic"), "upstream": "backend"}
    only_get = {"name": "only-get", "path": "/only-get/", "methods": ["GET"], "cors": "disabled"}
    return {
        "upstreams": {"backend": {"servers": ["http://{}:{}".format(*backend)]}},
        "routes": [*routes, special | only_get],
    }


def _data(exchange: Exchange) -> bytes:
    """What the explanation shows, completed to a message; the values that it leaves out are of no account."""
    first, *fields = (line.replace("…", "x") for line in exchange.request)
    rest = HANDSHAKE if exchange.kind is Kind.WEBSOCKET else ""
    length = "Content-Length: 0\r\n" if first.startswith(("POST", "PUT", "patch")) else ""
    return "".join(
        [f"{first} HTTP/1.1\r\n", *(f"{field}\r\n" for field in fields), rest, length, "\r\n"]
    ).encode()


async def _send(gateway: GatewayProcess, data: bytes, method: str) -> Response:
    async with await RawClient.connect(gateway.address) as client:
        await client.send(data)
        return await client.read_response(method)


async def _send_all(
    gateway: GatewayProcess, backend: RawBackend, explanations: list[Explanation]
) -> list[Sent]:
    limit = asyncio.Semaphore(CONCURRENT)

    async def send(number: int, explanation: Explanation, exchange: Exchange) -> Response:
        mark = f"\r\nX-Number: {number}\r\n\r\n".encode()
        data = _data(exchange).removesuffix(b"\r\n\r\n") + mark
        async with limit:
            return await _send(gateway, data, exchange.request[0].partition(" ")[0])

    todo = [(explanation, exchange) for explanation in explanations for exchange in explanation.exchanges]
    async with backend:
        responses = await asyncio.gather(*(send(number, *each) for number, each in enumerate(todo)))
    assert backend.faults == []
    arrived = {int(request.values("x-number")[0]) for _, request in backend.requests}
    return [
        Sent(explanation, exchange, response, number in arrived)
        for number, ((explanation, exchange), response) in enumerate(zip(todo, responses, strict=True))
    ]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Sent]]:
    """Every exchange of every explanation, made once."""
    with bound_socket() as sock:
        settings = _configuration(sock.getsockname())
        backend = RawBackend(
            sock, lambda request: accept_websocket(request) if request.values("upgrade") else reply(200, [])
        )
        with running_gateway(tmp_path_factory.mktemp("explained"), settings) as gateway:
            explainer = Explainer(snapshot(gateway.directory))
            explanations = [explainer.judge(request) for request in requests()]
            yield asyncio.run(_send_all(gateway, backend, explanations))


def _differences(sent: list[Sent]) -> dict[str, list[Sent]]:
    found: dict[str, list[Sent]] = defaultdict(list)
    for each in sent:
        exchange = each.exchange
        if _decided(each.response) != list(exchange.headers):
            found["lines"].append(each)
        if exchange.status is not None and each.response.status != exchange.status:
            found["status"].append(each)
        if exchange.status is None and each.response.status not in (200, 101):
            found["status"].append(each)
        if (exchange.answered_by == "backend") != each.reached_backend:
            found["who answers"].append(each)
    return found


def test_what_is_explained_is_what_happens(sent: list[Sent]) -> None:
    assert _differences(sent) == {}


def test_every_kind_of_outcome_was_among_them(sent: list[Sent]) -> None:
    reasons = {each.exchange.reason for each in sent}
    statuses = {each.response.status for each in sent}

    assert {str(reason) for reason in reasons} == {
        "allowed",
        "origin_not_allowed",
        "origin_malformed",
        "method_not_allowed",
        "header_not_allowed",
        "cors_disabled",
        "passthrough",
        "no_route",
        "not_cors",
        "same_origin",
        "None",
    }
    assert statuses == {200, 204, 101, 400, 403, 404}
    assert len(sent) > 1000


def _as_sent_by_curl(line: str) -> bytes:
    """The head that curl makes of one of our command lines, whose few options are known."""
    words = iter(shlex.split(line)[1:])
    method, url, fields = "GET", "", []
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                fields.append(next(words).replace(";", ":"))
            case "--head":
                method = "HEAD"
            case "-i" | "--http1.1" | "--no-buffer" | "--globoff":
                pass
            case _:
                assert not url, word
                url = word
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    assert scheme in ("http", "https")
    lines = [f"{method} /{path} HTTP/1.1", f"Host: {host}", *fields, "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


def _command_lines(explanation: Explanation, server: Server) -> Iterator[tuple[Exchange, str]]:
    preflight = preflight_line(explanation, server)
    if explanation.preflight is not None and preflight is not None:
        yield explanation.preflight, preflight
    if explanation.actual is not None and explanation.actual.kind is not Kind.WEBSOCKET:
        yield explanation.actual, request_line(explanation, server)


async def _unlike(gateway: GatewayProcess, lines: list[tuple[Exchange, str]]) -> list[str]:
    """The command lines that bring about something else than what is explained."""
    unlike = []
    for exchange, line in lines:
        data = _as_sent_by_curl(line)
        response = await _send(gateway, data, data.partition(b" ")[0].decode())
        if _decided(response) != list(exchange.headers):
            unlike.append(line)
    return unlike


def test_the_command_lines_reproduce_what_is_explained(tmp_path_factory: pytest.TempPathFactory) -> None:
    with bound_socket() as sock:
        settings = _configuration(sock.getsockname())
        with running_gateway(tmp_path_factory.mktemp("curl"), settings) as gateway:
            loaded = snapshot(gateway.directory)
            explanations = [Explainer(loaded).judge(request) for request in requests()[::23]]
            lines = [line for each in explanations for line in _command_lines(each, loaded.server)]

            async def unlike() -> list[str]:
                async with RawBackend(sock, lambda _: reply(200, [])):
                    return await _unlike(gateway, lines)

            assert asyncio.run(unlike()) == []
    assert len(lines) > 50
