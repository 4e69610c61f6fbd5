"""A gateway on fake transports: bytes into a client connection, bytes out, rows of the access log, counters.

The one place of the tests of repeated requests that knows how the gateway makes connections. Here are no expectations.
"""

import asyncio
import json
import re
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import cors_gateway
from cors_gateway.config.load import load
from cors_gateway.observe.log_format import JsonFormat
from cors_gateway.observe.metrics import Metrics
from cors_gateway.observe.record import RequestRecord
from cors_gateway.observe.refusals import RefusedOrigin
from cors_gateway.proxy.gateway import Gateway
from cors_gateway.proxy.upstream import UpstreamConnection
from cors_gateway.snapshot import Snapshot
from tests.proxy.fakes import FakeTransport

UPSTREAM = "backend"
"""What every snapshot served here calls its only upstream."""

_PACKAGE = Path(cors_gateway.__file__).parent
_UNLIKE = (
    *("ts", "duration_ms", "upstream_connect_ms", "upstream_ms", "upstream_total_ms"),
    *("request_id", "generation"),
)
"""Of a row of the access log: what two requests that are treated alike do not share."""
_GIVEN_ID = re.compile(rb'(X-Request-Id: |"request_id": ")[0-9a-f]{32}')


class Seen(NamedTuple):
    """What came of a request, without the gateway's own identifiers."""

    request: bytes
    """What the backend got."""
    answer: bytes
    """What the client got."""
    rows: list[dict[str, Any]]
    """The access log."""
    refused: list[RefusedOrigin]
    """The latest refusal that is told to operators; also of a former request."""


def snapshot(
    directory: Path,
    policies: Mapping[str, Any],
    routes: Sequence[Mapping[str, Any]],
    *,
    trusted_proxies: Sequence[str] = (),
    limits: Mapping[str, int] = {},
) -> Snapshot:
    """A configuration whose routes all lead to one upstream."""
    document = {
        "version": 1,
        "server": {
            "listen": ["127.0.0.1:0"],
            "trusted_proxies": list(trusted_proxies),
            "limits": dict(limits),
        },
        "upstreams": {UPSTREAM: {"servers": ["http://127.0.0.1:1"]}},
        "policies": policies,
        "routes": [
            {key: value for key, value in {"upstream": UPSTREAM, **route}.items() if value is not None}
            for route in routes
        ],
    }
    path = directory / "gateway.yaml"
    path.write_text(json.dumps(document))
    loaded = load(path, {})
    assert loaded.snapshot is not None, loaded.problems
    return loaded.snapshot


def written(line: str, fields: Mapping[str, str], *, host: str = "gateway.test") -> bytes:
    """A request without a body; Host comes first, unless `fields` has it elsewhere."""
    fields = fields if "Host" in fields else {"Host": host, **fields}
    lines = [f"{line} HTTP/1.1", *[f"{name}: {value}" for name, value in fields.items()]]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Work(Enum):
    """How much of a request was not known from requests before, by the most laborious part."""

    NOTHING = "the same request again"
    ROUTING = "another request line, or a preflight of another connection"
    COMPARING = "a field without meaning differs"
    DECIDING = "known lines, put together anew"
    READING = "lines never seen before"


_WORK_IN = {
    Work.READING: {"http1/request_fields.py"},
    Work.DECIDING: {"policy/compiled.py"},
    Work.COMPARING: {"http1/fields.py"},
    Work.ROUTING: {"http1/request_line.py", "routing.py"},
}


class Bench:
    """A gateway with client connections, made when first spoken to, and one kept connection to its backend."""

    def __init__(self, snapshot: Snapshot, loop: asyncio.AbstractEventLoop, quiet: socket.socket) -> None:
        self.metrics = Metrics()
        self.far = QuietTransport(quiet)
        self._log = Log()
        self._quiet = quiet
        self._clients: dict[int, tuple[asyncio.Protocol, QuietTransport]] = {}
        self.address = "127.0.0.1"
        """Where the next client connection comes from."""
        self.gateway = Gateway(
            snapshot, loop=loop, instance_id="x", metrics=self.metrics, access_log=self._log
        )
        self.gateway.clock.date_line = b"Date: now\r\n"
        self._connect = self.gateway.connection_factory(tls=False)
        pool = self.gateway.active.pools[UPSTREAM]
        self.upstream = UpstreamConnection(pool, pool.servers[0])
        self.upstream.connection_made(self.far)
        pool.release(self.upstream)

    def reload(self, snapshot: Snapshot) -> None:
        self.gateway.swap(self.gateway.prepare(snapshot))

    def drain(self) -> None:
        self.gateway.drain()

    def use_tls(self) -> None:
        """Connections that are made from now on came over TLS."""
        self._connect = self.gateway.connection_factory(tls=True)

    def near(self, connection: int = 0) -> "QuietTransport":
        """The transport of a client connection."""
        return self._client(connection)[1]

    @property
    def generations(self) -> list[int]:
        """Of all requests that were logged."""
        return self._log.generations

    def client(self, connection: int = 0) -> Any:
        """The protocol of a client connection."""
        return self._client(connection)[0]

    def send(self, data: bytes, connection: int = 0) -> None:
        """Let bytes of a client arrive; on a new connection, if the gateway ended the former."""
        self._client(connection)[0].data_received(data)

    def reply(self, response: str) -> None:
        """Let the backend answer, if it was asked; `|` ends a line."""
        if self.far.written:
            self.upstream.data_received(f"HTTP/1.1 {response}|Date: then||".replace("|", "\r\n").encode())

    def take(self, connection: int = 0) -> Seen:
        """What was seen since the last time."""
        near = self.near(connection)
        request, answer = (_GIVEN_ID.sub(rb"\1...", written) for written in (self.far.written, near.written))
        self.far.written = near.written = b""
        refused = [replace(entry, count=0, last=0.0) for entry in self.metrics.refusals.latest(1)]
        return Seen(request, answer, self._log.take(), refused)

    def ask(self, data: bytes, response: str = "204 No Content", connection: int = 0) -> Seen:
        """One request and its response."""
        self.send(data, connection)
        self.reply(response)
        return self.take(connection)

    def counted(self) -> Counter[tuple[str, ...]]:
        """All requests and decisions counted so far, by route."""
        counted: Counter[tuple[str, ...]] = Counter()
        for route in self.metrics.routes.values():
            for method, statuses in [*route.requests.items(), (b"other", route.other)]:
                for digit, count in enumerate(statuses):
                    counted["request", route.name, method.decode(), f"{digit}xx"] += count
            for (kind, reason), tally in route.decisions.items():
                counted["decision", route.name, kind, reason] += tally.count
        return +counted

    def _client(self, connection: int) -> "tuple[asyncio.Protocol, QuietTransport]":
        if connection not in self._clients:
            protocol, transport = self._connect(), QuietTransport(self._quiet, self.address)
            protocol.connection_made(transport)
            self._clients[connection] = protocol, transport
        return self._clients[connection]

    def leave(self, connection: int = 0) -> None:
        """Close a client connection: the next bytes come over a new one."""
        protocol, _ = self._clients.pop(connection)
        protocol.connection_lost(None)


class Log:
    """An access log that keeps what a row says about the request."""

    def __init__(self) -> None:
        self._format = JsonFormat()
        self._rows: list[dict[str, Any]] = []
        self.generations: list[int] = []

    def record(self, record: RequestRecord) -> None:
        row = json.loads(self._format.line(record, 0.0))
        self.generations.append(row["generation"])
        self._rows.append({name: value for name, value in row.items() if name not in _UNLIKE})

    def take(self) -> list[dict[str, Any]]:
        rows, self._rows = self._rows, []
        return rows


class QuietTransport(FakeTransport):
    """With a socket on which nothing ever happens."""

    def __init__(self, quiet: socket.socket, address: str = "127.0.0.1") -> None:
        super().__init__()
        self._extra = {"socket": quiet, "peername": (address, 50000)}


@contextmanager
def watched() -> Iterator[Callable[[], Work]]:
    """Gives a function that says afterwards how much work was done inside, by the modules that were called."""
    files: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            files.add(frame.f_code.co_filename)

    def work() -> Work:
        entered = {str(Path(file).relative_to(_PACKAGE)) for file in files if file.startswith(f"{_PACKAGE}/")}
        assert entered
        return next((work for work, modules in _WORK_IN.items() if modules & entered), Work.NOTHING)

    sys.setprofile(note)
    try:
        yield work
    finally:
        sys.setprofile(None)
