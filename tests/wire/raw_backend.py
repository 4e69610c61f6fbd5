"""A backend that records exact bytes, parses them strictly, and answers what its script says.

It runs in the loop of the test. Bytes that are not a valid request are a fault of the gateway and are kept in
`faults`; every test is expected to look.
"""

import asyncio
import base64
import hashlib
import socket
import ssl
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self, cast

from tests.wire.gateway_process import free_port
from tests.wire.listeners import stop_accepting
from tests.wire.strict_http import (
    IncompleteError,
    MalformedError,
    Request,
    origin_form,
    parse_request,
    parse_request_head,
)

WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True, slots=True)
class Answer:
    """Raw bytes to send, and what happens to the connection afterwards.

    `then` is keep (serve the next request), close (FIN), rst, hold (stay open and silent), deaf (stay open, silent
    and stop reading) or tunnel (record what comes and echo it).
    """

    segments: Sequence[bytes]
    gap: float = 0.0  # seconds between segments
    then: str = "keep"


Script = Callable[[Request], Answer]
EarlyScript = Callable[[Request], Answer | None]


def echo(request: Request) -> Answer:
    """200 with the same body, and a fingerprint of what was understood: the default script."""
    body = request.body
    head = f"HTTP/1.1 200 OK\r\nX-Echo: {fingerprint(request)}\r\nContent-Length: {len(body)}\r\n\r\n"
    return Answer([head.encode() + (b"" if request.method == "HEAD" else body)])


def fingerprint(request: Request) -> str:
    """A digest of method, target and body."""
    method, target, body = request.identity
    return hashlib.sha256(f"{method} {target}\n".encode("latin-1") + body).hexdigest()


def reply(
    status: int, fields: Sequence[tuple[str, str]] = (), body: bytes = b"", then: str = "keep"
) -> Answer:
    """A well-formed response with those fields, framed by Content-Length where it may be."""
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in fields)]
    if status >= 200 and status != 204:
        lines.append(f"Content-Length: {len(body)}")
    return Answer(["\r\n".join([*lines, "", ""]).encode("latin-1") + body], then=then)


def accept_websocket(request: Request) -> Answer:
    """The 101 of RFC 6455 for that handshake, and a tunnel that echoes."""
    key = request.values("sec-websocket-key")[0].encode()
    accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest()).decode()
    fields = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)]
    return reply(101, fields, then="tunnel")


@dataclass(slots=True)
class Seen:
    """What reached the backend between two moments."""

    requests: list[Request]
    connections: list["BackendConnection"]  # one for each request
    received: bytes  # every byte, of all connections
    faults: list[str]


class BackendConnection(asyncio.Protocol):
    """One accepted connection."""

    def __init__(self, backend: "RawBackend") -> None:
        self.backend = backend
        self.received = bytearray()
        self.requests: list[Request] = []
        self.position = 0
        self.ended = ""  # "" while open, else fin | rst
        self.is_tunnel = False
        self.transport: asyncio.Transport
        self._news = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    def close(self) -> None:
        """Send FIN."""
        self.transport.close()

    def reset(self) -> None:
        """Send RST."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    async def wait_ended(self, deadline: float = 30.0) -> str:
        """How the gateway ended the connection, or an empty string when it has not by then."""
        try:
            async with asyncio.timeout(deadline):
                while not self.ended:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return ""
        return self.ended

    async def _serve(self) -> None:
        while True:
            head = await self._read(parse_request_head, consume=False)
            answer = self.backend.early_script(head) if head else None
            if answer is None:
                request = await self._read(parse_request, consume=True)
                if request is None:
                    return
                self.requests.append(request)
                self.backend.add_request(self, request)
                answer = self.backend.script(request)
            if answer.then == "deaf":
                self.transport.pause_reading()
            await self._play(answer)
            if answer.then != "keep":
                return

    async def _play(self, answer: Answer) -> None:
        for index, segment in enumerate(answer.segments):
            if index:
                await asyncio.sleep(answer.gap)
            self.transport.write(segment)
        if answer.then == "close":
            self.close()
        elif answer.then == "rst":
            self.reset()
        elif answer.then == "tunnel":
            self.is_tunnel = True
            self.transport.write(bytes(self.received[self.position :]))
        self.backend.played.set()

    async def _read(
        self, parse: Callable[[bytes, int], tuple[Request, int]], *, consume: bool
    ) -> Request | None:
        needed = 0
        while True:
            if len(self.received) >= max(needed, self.position + 1):
                try:
                    request, end = parse(bytes(self.received), self.position)
                except IncompleteError as short:
                    needed = short.needed
                except MalformedError as fault:
                    self.backend.faults.append(str(fault))
                    self.transport.abort()
                    return None
                else:
                    self.position = end if consume else self.position
                    return request
            if self.ended:
                return None
            self._news.clear()
            await self._news.wait()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # those of uvloop do not inherit from it
        self.backend.add_connection(self)
        self._serving = asyncio.ensure_future(self._serve())

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.is_tunnel:
            self.transport.write(data)
        self._news.set()

    def eof_received(self) -> bool:
        self.ended = "fin"
        self._news.set()
        return self.is_tunnel

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = "rst" if error is not None else self.ended or "fin"
        self._news.set()
        if self._serving is not None:
            self._serving.cancel()


@dataclass(slots=True)
class RawBackend:
    """The listener. Create it with a bound TCP or Unix socket: until `start`, connections are refused."""

    sock: socket.socket
    script: Script = echo
    early_script: EarlyScript = lambda _: None  # consulted when the head is there; None waits for the body
    tls: ssl.SSLContext | None = None
    connections: list[BackendConnection] = field(default_factory=list)
    requests: list[tuple[BackendConnection, Request]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    played: asyncio.Event = field(default_factory=asyncio.Event)  # set whenever an answer has been played
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.sock.getsockname()
        return host, port

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        # The transport closes the socket it is given; a duplicate keeps the port for the next start.
        create = loop.create_unix_server if self.sock.family == socket.AF_UNIX else loop.create_server
        self._server = await create(
            lambda: BackendConnection(self), sock=self.sock.dup(), backlog=512, ssl=self.tls
        )

    async def stop(self) -> None:
        """Abort every connection and stop listening; connections are refused from now on."""
        if self._server is not None:
            server, self._server = self._server, None
            await stop_accepting(server)
            self.sock.shutdown(socket.SHUT_RDWR)  # closing the duplicate would leave the original listening
        for connection in self.connections:
            connection.transport.abort()
        await asyncio.sleep(0)

    async def until(self, is_true: Callable[[], object], deadline: float = 30.0) -> None:
        """Wait for connections or requests to arrive. Raises TimeoutError."""
        async with asyncio.timeout(deadline):
            while not is_true():
                self._news.clear()
                await self._news.wait()

    def add_connection(self, connection: BackendConnection) -> None:
        """Remember an accepted connection."""
        self.connections.append(connection)
        self._news.set()

    def add_request(self, connection: BackendConnection, request: Request) -> None:
        """Remember a complete request."""
        self.requests.append((connection, request))
        self._news.set()

    def forget(self) -> None:
        """Drop the record of requests and ended connections, for tests with very many of them."""
        self.requests.clear()
        self.connections[:] = [connection for connection in self.connections if not connection.ended]

    def mark(self) -> Callable[[], Seen]:
        """A function that returns what has arrived since now."""
        first_request, first_fault = len(self.requests), len(self.faults)
        lengths = {id(connection): len(connection.received) for connection in self.connections}

        def seen() -> Seen:
            pairs = self.requests[first_request:]
            received = b"".join(bytes(c.received[lengths.get(id(c), 0) :]) for c in self.connections)
            return Seen([r for _, r in pairs], [c for c, _ in pairs], received, self.faults[first_fault:])

        return seen


def bound_socket() -> socket.socket:
    """A socket bound to a free loopback port and not listening, so that connections to it are refused."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # By number: a port the kernel chose would be given back when listening stops.
    sock.bind(("127.0.0.1", free_port()))
    return sock


def targets(requests: Sequence[Request]) -> list[str]:
    """Their paths and queries, in order."""
    return [origin_form(request.target) for request in requests]
