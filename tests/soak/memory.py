"""`python -m tests.soak.memory`: what connections cost in resident memory that are slow, stalled, ahead or idle.

Loopback only, one kind after the other, about a minute. Each kind is many connections at once, against a gateway of its
own; what the kernel holds for them does not count. Exit code 1 if a figure is beyond its goal.
"""

import asyncio
import contextlib
import resource
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

from tests.soak.process import Gateway, running
from tests.wire.raw_backend import bound_socket
from tests.wire.stream_backend import Serve, serving_streams

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PIECE = 64 * KIB
SETTLE = 1.0
"""Seconds for the gateway to get to rest before it is weighed."""
STUCK_FOR = 3.0
RESTED = 4.0
"""Seconds after which the gateway has forgotten what an idle connection asked."""
BACKEND_BUFFER = 4 * KIB

_REQUEST = b"GET / HTTP/1.1\r\nHost: memory.test\r\n%b\r\n"
_UPLOAD = b"POST / HTTP/1.1\r\nHost: memory.test\r\nContent-Length: %d\r\n\r\n" % GIB
_BROWSER = (
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0\r\n"
    b"Accept: application/json, text/plain, */*\r\nAccept-Language: en-GB,en;q=0.9\r\n"
    b"Origin: https://app.example.com\r\nReferer: https://app.example.com/\r\nCookie: session=%0*x\r\n"
)

Act = Callable[[socket.socket, int], Awaitable[None]]
"""What the client with this number does on its new connection, until it is time to weigh."""


# -- backends


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with more than anybody takes, as fast as it can."""
    await reader.readuntil(b"\r\n\r\n")
    body = bytes(PIECE)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIB)
    for _ in range(GIB // PIECE):
        writer.write(body)
        await writer.drain()


async def _pour_chunks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The same in chunks."""
    await reader.readuntil(b"\r\n\r\n")
    chunk = b"%x\r\n%b\r\n" % (PIECE, bytes(PIECE))
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(GIB // PIECE):
        writer.write(chunk)
        await writer.drain()


async def _read_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads no further than a head, and never answers."""
    cast("asyncio.Transport", writer.transport).pause_reading()
    await asyncio.sleep(STUCK_FOR * 20)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK")


# -- clients


async def _read_slowly(sock: socket.socket, number: int) -> None:
    """Take a kilobyte now and then of what comes."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, _REQUEST % b"")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STUCK_FOR):
            for _ in range(1000):
                await loop.sock_recv(sock, KIB)
                await asyncio.sleep(0.2)


async def _read_much(sock: socket.socket, number: int) -> None:
    """Take all that comes, with a rest after each few megabytes."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, _REQUEST % b"")
    buffer, left, rested = bytearray(MIB), GIB, GIB
    while left > 0 and (count := await loop.sock_recv_into(sock, buffer)):
        left -= count
        if rested - left > 4 * MIB:
            rested = left
            await asyncio.sleep(0.01)
    if left > 0:
        raise AssertionError(f"{left} bytes are missing")


async def _push(sock: socket.socket, first: bytes) -> None:
    """Send this and then zeros, as much as is taken."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STUCK_FOR):
            await loop.sock_sendall(sock, first)
            while True:
                await loop.sock_sendall(sock, bytes(PIECE))


async def _upload(sock: socket.socket, number: int) -> None:
    await _push(sock, _UPLOAD)


async def _ask_ahead(sock: socket.socket, number: int) -> None:
    """Requests without end, the first of which is not answered."""
    await asyncio.get_running_loop().sock_sendall(sock, _REQUEST % b"")
    await asyncio.sleep(0.2)
    await _push(sock, (_REQUEST % b"") * 4096)


def _ask_once(size: int) -> Act:
    """Ask with a cookie of so many bytes, read the answer, and rest."""

    async def ask(sock: socket.socket, number: int) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, _REQUEST % (_BROWSER % (size, number)))
        received = b""
        while not received.endswith(b"\r\n\r\nOK"):
            data = await loop.sock_recv(sock, 4096)
            if not data:
                raise AssertionError(f"answered with {received!r}")
            received += data

    return ask


@dataclass(frozen=True, slots=True)
class Kind:
    """Many connections of a kind, and what all may cost together or each of them."""

    name: str
    backend: Serve
    act: Act
    count: int
    goal: int
    """Bytes for each."""
    is_idle: bool = False
    """What stays counts, and not the most there was."""
    buffer: int = 4 * KIB
    """Bytes that the kernel holds for the client."""


KINDS = (
    Kind("1 GiB to a reader that rests now and then", _pour, _read_much, 1, 2 * MIB, buffer=256 * KIB),
    Kind("a slow reader", _pour, _read_slowly, 60, 128 * KIB),
    Kind("a slow reader, of chunks", _pour_chunks, _read_slowly, 60, 128 * KIB),
    Kind("an upload to a backend that stopped reading", _read_head, _upload, 60, 128 * KIB),
    Kind("requests read ahead of one that is not answered", _read_head, _ask_ahead, 60, 64 * KIB),
    Kind("an idle connection", _answer, _ask_once(32), 8000, 8 * KIB, is_idle=True),
    Kind(
        "an idle connection after a head of 8 KiB", _answer, _ask_once(8 * KIB), 4000, 8 * KIB, is_idle=True
    ),
)
WARM_UP = 4
"""Connections that lay in what is needed once."""


def main() -> int:
    """Measure, print, and say whether the goals were met."""
    _raise_open_files()
    is_met = True
    for kind in KINDS:
        with tempfile.TemporaryDirectory(prefix="memory-") as directory:
            growth = uvloop.run(_cost(kind, Path(directory)))
        is_met = is_met and growth <= kind.goal
        verdict = "" if growth <= kind.goal else "  BEYOND"
        print(
            f"{kind.name:<50}{growth / KIB:8.1f} KiB (goal: at most {kind.goal // KIB}){verdict}", flush=True
        )
    return 0 if is_met else 1


async def _cost(kind: Kind, directory: Path) -> float:
    """Growth of the gateway's resident memory for each connection of a kind."""
    async with _gateway(directory, kind.backend) as gateway:
        async with _acted(kind, gateway, min(WARM_UP, kind.count)):
            await asyncio.sleep(SETTLE)
        await asyncio.sleep(SETTLE)
        before, highest = gateway.memory(), gateway.process.watch_memory()
        async with _acted(kind, gateway, kind.count):
            if not kind.is_idle:
                return highest() / kind.count
            await asyncio.sleep(RESTED)
            return (gateway.memory() - before) / kind.count


@contextlib.asynccontextmanager
async def _acted(kind: Kind, gateway: Gateway, count: int) -> AsyncIterator[None]:
    """Inside, that many clients have acted, and their connections are open."""
    with contextlib.ExitStack() as stack:
        batch = 100  # at a time, as many as a backend accepts at once
        for start in range(0, count, batch):
            numbers = range(start, min(start + batch, count))
            socks = [stack.enter_context(await _connected(gateway, kind.buffer)) for _ in numbers]
            await asyncio.gather(*map(kind.act, socks, numbers))
        yield


@contextlib.asynccontextmanager
async def _gateway(directory: Path, serve: Serve) -> AsyncIterator[Gateway]:
    """A gateway in front of a backend that does this with each connection."""
    with bound_socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BACKEND_BUFFER)
        url = "http://{}:{}".format(*sock.getsockname())
        async with serving_streams(sock, serve, limit=PIECE):
            with running(directory, url, timeouts={}, limits={"connections": 20_000}) as gateway:
                yield gateway


async def _connected(gateway: Gateway, buffer: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    await asyncio.get_running_loop().sock_connect(sock, gateway.process.address)
    return sock


def _raise_open_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
