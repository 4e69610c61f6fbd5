"""The backend of the soak: strict about what it gets, prompt in what it gives, and now and then away.

What reaches it and is no well-formed request, or has no business to be there, is recorded as wrong.
"""

import asyncio
import base64
import contextlib
import hashlib
import socket
import struct
from dataclasses import dataclass, field

from tests.soak.content import Resource, digest, one_byte_chunks, parse_resource
from tests.soak.tally import Tally
from tests.wire import ntlm
from tests.wire.listeners import stop_accepting
from tests.wire.raw_backend import WEBSOCKET_GUID, bound_socket
from tests.wire.strict_http import MalformedError, Request, content_length, parse_request_head

PIECE = 64 << 10
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
CORS_OF_ITS_OWN = "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\n"
"""Wrong on purpose: the gateway has to remove it."""
PATIENCE = 5.0
"""Seconds in which the backend must be told that nobody waits for its answer any more."""


@dataclass(slots=True)
class Connection:
    """What is known of a connection from the gateway."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    owner: str = ""
    """Who began to log in: nobody else may ever come on it."""
    login: ntlm.Login = field(default_factory=ntlm.Login)


class Backend:
    """Listens on one port until it is stopped, and again when it is started."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._sock = bound_socket()
        self._server: asyncio.Server | None = None
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        return "http://{}:{}".format(*self._sock.getsockname())

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, sock=self._sock.dup(), limit=PIECE, backlog=512
        )

    async def stop(self, *, resets: bool = False) -> None:
        """Refuse connections from now on, and end those that are there."""
        if self._server is not None:
            server, self._server = self._server, None
            await stop_accepting(server)
            self._sock.shutdown(socket.SHUT_RDWR)
        for writer in self._serving.values():
            if resets:
                reset(writer)
            writer.transport.abort()
        tasks = list(self._serving)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        self._sock.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._serving[task] = writer
        task.add_done_callback(self._serving.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        try:
            while await self._serve_one(connection):
                pass
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        except (MalformedError, ValueError) as fault:
            self._tally.record_wrong("backend", f"malformed request: {fault}")
        finally:
            writer.transport.abort()

    async def _serve_one(self, connection: Connection) -> bool:
        reader, writer = connection.reader, connection.writer
        request, _ = parse_request_head(await reader.readuntil(b"\r\n\r\n"))
        self._check(request)
        self._check_owner(request, connection)
        if request.target.startswith("/silent/"):
            await self._keep_silent(request, reader, writer)
            return False
        if request.target == "/ws":
            await _echo_frames(request, reader, writer)
            return False
        if request.target == "/early":
            writer.write(
                b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig"
            )
            await writer.drain()
            await asyncio.sleep(0.2)
            return False
        body = await _read_body(request, reader)
        asks = connection.login.step(request.values("authorization"))
        if asks and request.values("x-soak-user"):
            writer.write(
                f"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {asks}\r\nContent-Length: 0\r\n\r\n".encode()
            )
            await writer.drain()
            return True
        if request.method in UNSAFE:
            self._tally.execute(int(request.values("x-soak-id")[0]))
        resource = parse_resource(request.target)
        understood = digest(request.method, request.target, body)
        fields = (
            f"X-Soak-Id: {request.values('x-soak-id')[0]}\r\nX-Soak-Digest: {understood}\r\n"
            + CORS_OF_ITS_OWN
        )
        if connection.login.user:
            fields += f"X-Soak-User: {connection.login.user}\r\n"
        return await _answer(request, resource, fields, writer)

    def _check(self, request: Request) -> None:
        ids = request.values("x-soak-id")
        if len(ids) != 1:
            self._tally.record_wrong(
                "backend", f"a request that no client sent: {request.method} {request.target}"
            )
        if request.method == "OPTIONS" and request.values("access-control-request-method"):
            self._tally.record_wrong("backend", "a preflight came through")
        hops = [name for name, _ in request.fields if name.lower() in {"keep-alive", "te", "x-hop"}]
        if hops or request.values("host") != ["soak.test"] or len(request.values("via")) != 1:
            self._tally.record_wrong("backend", f"fields {request.fields}")

    def _check_owner(self, request: Request, connection: Connection) -> None:
        """Whether whoever sent the request may use this connection."""
        users = request.values("x-soak-user")
        if connection.owner and users != [connection.owner]:
            self._tally.record_wrong(
                "backend", f"a request of {users} came on the connection of {connection.owner}"
            )
        if request.values("authorization"):
            connection.owner = users[0]

    async def _keep_silent(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer nothing or one byte of many, and wait to be told that the client has given up."""
        if request.target == "/silent/begun":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx")
        try:
            async with asyncio.timeout(PATIENCE):
                await reader.read()
        except TimeoutError:
            self._tally.record_wrong("backend", f"{request.target}: nobody said that the client had given up")


def reset(writer: asyncio.StreamWriter) -> None:
    """Let the close be an RST."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _read_body(request: Request, reader: asyncio.StreamReader) -> bytes:
    if not request.chunked:
        return await reader.readexactly(content_length(request.fields) or 0)
    pieces = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        pieces.append(await reader.readexactly(size))
        if await reader.readexactly(2) != b"\r\n":
            raise MalformedError("chunk data is longer than its size")
    if await reader.readexactly(2) != b"\r\n":
        raise MalformedError("trailers")
    return b"".join(pieces)


async def _answer(request: Request, resource: Resource, fields: str, writer: asyncio.StreamWriter) -> bool:
    """Send a resource; whether the connection goes on."""
    framing = {
        "length": f"Content-Length: {resource.size}\r\n",
        "cut": f"Content-Length: {resource.size}\r\n",
        "chunked": "Transfer-Encoding: chunked\r\n",
        "bytes": "Transfer-Encoding: chunked\r\n",
        "eof": "Connection: close\r\n",
    }[resource.framing]
    writer.write(f"HTTP/1.1 200 OK\r\n{fields}{framing}\r\n".encode())
    if request.method == "HEAD":
        return resource.framing != "eof"
    body = resource.body
    if resource.framing == "cut":
        body = body[: resource.size // 2]
    for start in range(0, len(body), PIECE):
        piece = body[start : start + PIECE]
        if resource.framing == "chunked":
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        elif resource.framing == "bytes":
            piece = one_byte_chunks(piece)
        writer.write(piece)
        await writer.drain()
    if resource.framing in {"chunked", "bytes"}:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    if resource.framing in {"eof", "cut"}:
        if resource.framing == "cut" and resource.seed % 2:
            reset(writer)
            return False
        writer.close()
        await writer.wait_closed()
        return False
    return True


async def _echo_frames(request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    key = request.values("sec-websocket-key")[0].encode()
    accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest()).decode()
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept.encode()
    )
    while data := await reader.read(PIECE):
        writer.write(data)
        await writer.drain()
