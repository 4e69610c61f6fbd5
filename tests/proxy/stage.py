"""A gateway in the loop of the test: a configuration goes in, bytes come out.

Here are no expectations. What needs a process of its own (signals, files that change) uses `tests.wire.gateway_process`.
"""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cors_gateway.config.load import load
from cors_gateway.observe.metrics import Metrics
from cors_gateway.observe.record import RequestRecord
from cors_gateway.proxy.gateway import Gateway
from cors_gateway.proxy.pool import UpstreamPool
from cors_gateway.snapshot import Http2, Snapshot
from tests.wire.listeners import stop_accepting
from tests.wire.raw_backend import Answer, RawBackend, Script
from tests.wire.raw_client import RawClient
from tests.wire.strict_http import Request, Response

ORIGIN = "https://app.example.com"
LIMIT = 30.0
"""Seconds after which a test has failed; nothing here asserts how long anything takes."""

Options = Mapping[str, Any]
Address = tuple[str, int] | str


class Starter(Protocol):
    """What the fixture `serving` is."""

    def __call__(
        self, upstreams: Mapping[str, Options] | Options, **options: Any
    ) -> "AbstractAsyncContextManager[Stage]": ...


class Records(list[RequestRecord]):
    """Keeps what is logged."""

    record = list.append


@dataclass
class Stage:
    """A gateway that serves."""

    gateway: Gateway
    address: tuple[str, int]
    directory: Path

    @property
    def pool(self) -> UpstreamPool:
        """Of the upstream `app`."""
        return self.gateway.active.pools["app"]

    def swap(self, upstreams: Options, **options: Any) -> None:
        """Serve another configuration."""
        self.gateway.swap(self.gateway.prepare(snapshot(self.directory, upstreams, **options)))

    def log(self) -> Records:
        """What is logged from now on."""
        records = Records()
        self.gateway.log_to(records)
        return records

    def pass_time(self, seconds: float) -> None:
        """So much later, for the gateway: from the first time on, its clock goes on only when it is told to.

        What is given time here is given it whatever the machine does meanwhile.
        """
        clock = self.gateway.clock
        clock.stop()
        clock.now += seconds
        clock.sweep()

    async def connect(self, **options: Any) -> RawClient:
        """A client connection."""
        return await connect(self.address, **options)

    async def connect_slowly(self) -> socket.socket:
        """A client connection whose receive buffer is small, for `asyncio`'s own socket functions."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, self.address)
        return sock

    async def ask(self, line: str = "GET /", fields: str = "", body: bytes = b"") -> Response:
        """One request on a connection of its own."""
        async with await self.connect() as client:
            await client.send(request(line, fields, body))
            return await client.read_response(line.partition(" ")[0])

    async def ask_many(self, count: int, line: str = "GET /") -> list[int]:
        """The statuses of that many requests, all at once."""
        answers = await asyncio.gather(*[self.ask(line) for _ in range(count)])
        return [answer.status for answer in answers]


def request(line: str = "GET /", fields: str = "", body: bytes = b"", host: str = "gateway.test") -> bytes:
    """A request; `fields` are complete lines, and a body brings its Content-Length."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{line} HTTP/1.1\r\nHost: {host}\r\n{fields}{length}\r\n".encode("latin-1") + body


def snapshot(
    directory: Path,
    upstreams: Options,
    *,
    server: Mapping[str, Any] = {},
    route: Mapping[str, Any] = {},
    policy: Mapping[str, Any] = {},
    policies: Mapping[str, Any] = {},
    routes: Sequence[Mapping[str, Any]] = (),
) -> Snapshot:
    """The configuration with these upstreams; one that has `servers` is `app`, to which the route `all` leads.

    Its policy is `open`. An upstream that `route` leaves out by saying None is no upstream; `policies` and `routes` are
    further ones.
    """
    if "servers" in upstreams:
        upstreams = {"app": upstreams}
    document = {
        "version": 1,
        "server": {"listen": ["127.0.0.1:0"], **server},
        "upstreams": upstreams,
        "policies": {"open": {"allow_origins": [ORIGIN], **policy}, **policies},
        "routes": [
            {key: value for key, value in each.items() if value is not None}
            for each in ({"name": "all", "path": "/", "upstream": "app", "cors": "open", **route}, *routes)
        ],
    }
    path = directory / "gateway.yaml"
    path.write_text(json.dumps(document))
    loaded = load(path, {})
    assert loaded.snapshot is not None, loaded.problems
    return loaded.snapshot


def upstream(*servers: RawBackend | str, **options: Any) -> Options:
    """An upstream section with these servers."""
    return {"servers": [one if isinstance(one, str) else url(one) for one in servers], **options}


def url(backend: RawBackend) -> str:
    """Where it listens, or will."""
    if backend.sock.family == socket.AF_UNIX:
        return f"unix:{backend.sock.getsockname()}"
    host, port = backend.sock.getsockname()[:2]
    scheme = "http" if backend.tls is None else "https"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


@contextlib.asynccontextmanager
async def start(
    directory: Path,
    upstreams: Options,
    *,
    tls: ssl.SSLContext | None = None,
    http2: Http2 = Http2.OFF,
    **options: Any,
) -> AsyncIterator[Stage]:
    """A gateway that serves this configuration on one address, whatever the configuration says about listening."""
    loop = asyncio.get_running_loop()
    gateway = Gateway(
        snapshot(directory, upstreams, **options), loop=loop, instance_id="stage", metrics=Metrics()
    )
    gateway.start()
    server = await loop.create_server(
        gateway.connection_factory(tls=tls is not None, http2=http2), "127.0.0.1", 0, backlog=512, ssl=tls
    )
    problems: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: problems.append(context))
    try:
        yield Stage(gateway, server.sockets[0].getsockname(), directory)
    finally:
        await stop_accepting(server)
        gateway.close()
        async with asyncio.timeout(LIMIT):
            while gateway.clock.watched:  # noqa: ASYNC110 - nobody tells when all connections are lost
                await asyncio.sleep(0.005)
    assert not problems, problems


@contextlib.asynccontextmanager
async def listening(*backends: RawBackend) -> AsyncIterator[None]:
    """While inside, these backends listen; what reached them has to be well-formed."""
    async with contextlib.AsyncExitStack() as stack:
        for backend in backends:
            await stack.enter_async_context(backend)
        yield
    assert [fault for backend in backends for fault in backend.faults] == []


async def connect(
    address: Address, *, tls: ssl.SSLContext | None = None, server_name: str | None = None
) -> RawClient:
    """A connection over TCP or, if the address is a path, a Unix socket."""
    loop = asyncio.get_running_loop()
    if isinstance(address, str):
        _, client = await loop.create_unix_connection(RawClient, address)
    else:
        host, port = address[:2]
        _, client = await loop.create_connection(RawClient, host, port, ssl=tls, server_hostname=server_name)
    return client


async def until(condition: Any) -> None:
    """Wait for it to hold. Raises TimeoutError."""
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


def together(backend: RawBackend, count: int) -> Script:
    """Answers nobody until so many ask, and then everybody."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    def script(_: Request) -> Answer:
        if len(backend.requests) < count:
            return Answer([])
        for connection, _ in backend.requests[:-1]:
            connection.transport.write(ok)
        return Answer([ok])

    return script


def counts(backends: Sequence[RawBackend]) -> list[int]:
    """How many requests reached each."""
    return [len(backend.requests) for backend in backends]
