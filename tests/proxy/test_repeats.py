"""What a connection remembers saves work and nothing else: every request is treated as if it were the first one."""

import asyncio
import itertools
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cors_gateway.config.load import load
from cors_gateway.observe.metrics import Metrics
from cors_gateway.observe.record import RequestRecord
from cors_gateway.proxy.client import ClientConnection
from cors_gateway.proxy.gateway import Gateway
from cors_gateway.proxy.upstream import UpstreamConnection
from cors_gateway.snapshot import Snapshot
from tests.proxy.fakes import FakeTransport

LISTED, OTHER, STRANGER = "https://app.example.com", "https://b.example.com", "https://evil.example"
POLICIES = {
    "app": {
        "allow_origins": [LISTED, OTHER],
        "allow_credentials": True,
        "allow_methods": ["PUT"],
        "allow_headers": ["X-A"],
    },
    "strict": {"allow_origins": [LISTED], "on_disallowed_request": "reject", "forward_origin": "strip"},
    "any": {"allow_origins": ["*"]},
}
ROUTES = {"/api/": "app", "/strict/": "strict", "/any/": "any", "/pass/": "passthrough", "/off/": "disabled"}

LINES = (
    *("GET /api/x", "GET /api/y?q=1", "HEAD /api/x", "OPTIONS /api/x", "OPTIONS /any/x", "DELETE /strict/x"),
    *("GET /strict/x", "GET /any/", "GET /pass/x", "OPTIONS /pass/x", "GET /off/x", "OPTIONS /off/x"),
    *("GET /nowhere", "OPTIONS /strict/a", "OPTIONS /api/z", "OPTIONS *", "GET /api/%41"),
)
FIELDS = {
    "Host": ("gateway.test", "other.test"),
    "Connection": ("keep-alive", "keep-alive, X-Drop"),
    "Origin": (LISTED, OTHER, STRANGER, "null"),
    "Cookie": ("a=1", "a=2", "a=3"),
    "X-Drop": ("1", "2"),
    "X-Request-Id": ("one", "two"),
    "traceparent": (f"00-{'1' * 32}-{'2' * 16}-01", f"00-{'3' * 32}-{'4' * 16}-01"),
    "Access-Control-Request-Method": ("PUT", "DELETE", "GET"),
    "Access-Control-Request-Headers": ("x-a", "x-b"),
    "Sec-Fetch-Site": ("same-origin", "cross-site"),
    "Max-Forwards": ("0", "3"),
    "Via": ("1.1 a",),
    "X-Forwarded-For": ("192.0.2.1", "192.0.2.2"),
}
RESPONSES = (
    *("200 OK|ETag: 1|Content-Length: 0", "200 OK|ETag: 2|Content-Length: 0", "204 No Content|ETag: 1"),
    "200 OK|Vary: Accept|Access-Control-Allow-Origin: *|Content-Length: 0",
    "200 OK|Vary: Accept|Access-Control-Allow-Origin: https://b.example.com|Content-Length: 0",
    "200 OK|Connection: X-A|X-A: 1|Content-Length: 0",
)
Fields = dict[str, str]


class Turn(NamedTuple):
    line: str
    fields: Fields
    response: str


def a_turn(before: Fields) -> st.SearchStrategy[Turn]:
    """A request whose fields are those of the one before but for a few."""
    changes = st.dictionaries(st.sampled_from(tuple(FIELDS)), st.integers(0, 3), max_size=3)

    def apply(line: str, changed: dict[str, int], response: str) -> Turn:
        fields = dict(before)
        for name, choice in changed.items():
            values = FIELDS[name]
            if choice < len(values):
                fields[name] = values[choice]
            elif name != "Host":
                fields.pop(name, None)
        return Turn(line, fields, response)

    return st.builds(apply, st.sampled_from(LINES), changes, st.sampled_from(RESPONSES))


@st.composite
def conversations(draw: st.DrawFn) -> list[Turn]:
    turns = [draw(a_turn({"Host": "gateway.test", "Origin": LISTED, "Cookie": "a=1"}))]
    for _ in range(draw(st.integers(1, 6))):
        again = draw(st.integers(0, 3))
        turn = turns[-1] if again == 0 else draw(a_turn(turns[-1].fields))
        turns.append(turn._replace(fields=turns[-1].fields) if again == 1 else turn)
    return turns


class Bench:
    """A gateway with one client connection and one kept connection to its backend."""

    def __init__(self, snapshot: Snapshot, loop: asyncio.AbstractEventLoop, quiet: socket.socket) -> None:
        self.log = Log()
        self.metrics = Metrics()
        gateway = Gateway(snapshot, loop=loop, instance_id="x", metrics=self.metrics, access_log=self.log)
        gateway.clock.date_line = b"Date: now\r\n"
        self.near, self.far = QuietTransport(quiet), QuietTransport(quiet)
        self.client = ClientConnection(gateway, is_tls=False)
        self.client.connection_made(self.near)
        pool = gateway.active.pools["backend"]
        self.upstream = UpstreamConnection(pool, pool.servers[0])
        self.upstream.connection_made(self.far)
        pool.release(self.upstream)

    def take(self, turn: Turn) -> tuple[object, ...]:
        """What backend, client and operators get. The gateway's own identifiers are masked."""
        lines = [f"{turn.line} HTTP/1.1", *[f"{name}: {value}" for name, value in turn.fields.items()]]
        self.client.data_received(("\r\n".join(lines) + "\r\n\r\n").encode())
        if self.far.written:
            self.upstream.data_received(
                f"HTTP/1.1 {turn.response}|Date: then||".replace("|", "\r\n").encode()
            )
        seen = self.far.written, self.near.written
        self.far.written = self.near.written = b""
        request = re.sub(rb"X-Request-Id: [0-9a-f]{32}", b"X-Request-Id: ...", seen[0])
        refused = [replace(entry, count=0, last=0.0) for entry in self.metrics.refusals.latest(1)]
        return request, seen[1], self.log.take(), refused


class Log:
    """An access log that keeps what says something about the request."""

    def __init__(self) -> None:
        self._rows: list[tuple[object, ...]] = []

    def record(self, record: RequestRecord) -> None:
        said = (record.method, record.target, record.host, record.client, record.origin, record.traceparent)
        came_to = (record.stats.name, record.tally.kind, record.tally.reason, record.status, record.bytes_out)
        self._rows.append((*said, *came_to))

    def take(self) -> list[tuple[object, ...]]:
        rows, self._rows = self._rows, []
        return rows


class QuietTransport(FakeTransport):
    """With a socket on which nothing ever happens."""

    def __init__(self, quiet: socket.socket) -> None:
        super().__init__()
        self._extra = {"socket": quiet, "peername": ("127.0.0.1", 50000)}


@pytest.fixture(scope="module", name="snapshot", params=[[], ["loopback"]], ids=["stranger", "trusted"])
def _snapshot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    document = {
        "version": 1,
        "server": {"listen": ["127.0.0.1:0"], "trusted_proxies": request.param},
        "upstreams": {"backend": {"servers": ["http://127.0.0.1:1"]}},
        "policies": POLICIES,
        "routes": [
            {"name": cors, "path": path, "upstream": "backend", "cors": cors, "strip_prefix": path == "/any/"}
            for path, cors in ROUTES.items()
        ]
        + [
            {"name": "elsewhere", "host": "other.test", "path": "/api/", "upstream": "backend", "cors": "any"}
        ],
    }
    path = tmp_path_factory.mktemp("repeats") / "gateway.yaml"
    path.write_text(json.dumps(document))
    loaded = load(path, {})
    assert loaded.snapshot is not None, loaded.problems
    return loaded.snapshot


@pytest.fixture(scope="module", name="loop")
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module", name="quiet")
def _quiet() -> Iterator[socket.socket]:
    quiet, other = socket.socketpair()
    with quiet, other:
        yield quiet


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=conversations())
def test_a_request_is_treated_as_if_it_were_the_first(
    snapshot: Snapshot, loop: asyncio.AbstractEventLoop, quiet: socket.socket, turns: list[Turn]
) -> None:
    shared = Bench(snapshot, loop, quiet)
    for turn in turns:
        alone = Bench(snapshot, loop, quiet)
        told, expected = shared.take(turn), alone.take(turn)
        assert told[:3] == expected[:3], turn
        assert not expected[3] or told[3] == expected[3], turn
        if shared.near.ended or shared.near.has_sent_eof:
            break


def test_the_test_reaches_backend_and_memory(
    snapshot: Snapshot, loop: asyncio.AbstractEventLoop, quiet: socket.socket
) -> None:
    shared = Bench(snapshot, loop, quiet)
    fields = {"Host": "gateway.test", "Origin": LISTED}
    request, answer = shared.take(Turn("GET /api/x", fields, RESPONSES[0]))[:2]
    assert isinstance(request, bytes)
    assert isinstance(answer, bytes)
    assert request.startswith(b"GET /api/x HTTP/1.1\r\n")
    assert b"\r\nAccess-Control-Allow-Origin: https://app.example.com\r\n" in answer
    asked = fields | {"Access-Control-Request-Method": "PUT"}
    answers = [shared.take(Turn("OPTIONS /api/x", asked, "")) for _ in itertools.repeat(None, 5)]
    assert answers == [answers[0]] * 5
    assert b"\r\nAccess-Control-Allow-Methods:" in answers[0][1]  # type: ignore[operator]
    assert shared.client.gateway.active.answers


@pytest.mark.parametrize("origin", [LISTED, OTHER, STRANGER])
def test_a_preflight_from_memory_is_that_of_its_route(
    snapshot: Snapshot, loop: asyncio.AbstractEventLoop, quiet: socket.socket, origin: str
) -> None:
    shared = Bench(snapshot, loop, quiet)
    fields = {"Host": "gateway.test", "Origin": origin, "Access-Control-Request-Method": "PUT"}
    for path in ("/api/x", "/any/x", "/api/x", "/strict/x", "/off/x", "/api/y"):
        turn = Turn(f"OPTIONS {path}", fields, "")
        expected = Bench(snapshot, loop, quiet).take(turn)
        answers = [shared.take(turn) for _ in range(5)]
        # Who was refused last is still known when the next one is not.
        assert [told[:3] for told in answers] == [expected[:3]] * 5, path
        assert not expected[3] or [told[3] for told in answers] == [expected[3]] * 5, path
