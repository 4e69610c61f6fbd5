"""`python -m tests.soak.memory`: what a slow reader, a stuck upload and idle connections cost in resident memory.

Loopback only, one after the other, about a minute. Exit code 1 if a figure is beyond its goal.
"""

import asyncio
import contextlib
import resource
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import uvloop

from tests.soak.process import Gateway, running
from tests.wire.raw_backend import bound_socket
from tests.wire.stream_backend import Serve, serving_streams

MIB, GIB = 1 << 20, 1 << 30
PIECE = 1 << 20
CONNECTIONS = 10_000
SETTLE = 1.0
"""Seconds for the gateway to get to rest before it is weighed."""
STUCK_FOR = 4.0

_REQUEST = b"GET / HTTP/1.1\r\nHost: memory.test\r\n%b\r\n"
_FIELDS = (
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0\r\n"
    b"Accept: application/json, text/plain, */*\r\nAccept-Language: en-GB,en;q=0.9\r\n"
    b"Origin: https://app.example.com\r\nReferer: https://app.example.com/\r\nCookie: session=%032x\r\n"
)


def main() -> int:
    """Measure, print, and say whether the goals were met."""
    _raise_open_files(2 * CONNECTIONS + 200)
    is_met = True
    for name, measure, goal, unit in (
        ("1 GiB to a slow reader", _slow_reader, 2 * MIB, MIB),
        ("1 GiB towards a backend that stopped reading", _stuck_upload, 2 * MIB, MIB),
        (f"{CONNECTIONS} idle connections, each", _idle_connections, 20 << 10, 1 << 10),
    ):
        with tempfile.TemporaryDirectory(prefix="memory-") as directory:
            growth = uvloop.run(measure(Path(directory)))
        is_met = is_met and growth <= goal
        label = "MiB" if unit == MIB else "KiB"
        print(f"{name:<46}{growth / unit:8.2f} {label} (goal: at most {goal // unit})", flush=True)
    return 0 if is_met else 1


async def _slow_reader(directory: Path) -> float:
    """Growth at its highest while a client takes 1 GiB in small steps from a backend that gives all it can."""
    body = bytes(PIECE)

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIB)
        for _ in range(GIB // PIECE):
            writer.write(body)
            await writer.drain()

    async with _gateway(directory, pour) as gateway:
        with await _connected(gateway) as sock:
            await _receive_response(sock, MIB)  # what is needed once is there
        with await _connected(gateway) as sock:
            highest = _highest(gateway)
            await _receive_response(sock, GIB, step=4 * PIECE)
            return float(highest())


async def _stuck_upload(directory: Path) -> float:
    """Growth at its highest while a client pushes 1 GiB and the backend has stopped reading at the head."""

    async def read_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cast("asyncio.Transport", writer.transport).pause_reading()
        await asyncio.sleep(STUCK_FOR * 4)

    loop = asyncio.get_running_loop()
    async with _gateway(directory, read_head) as gateway:
        highest = 0.0
        for _ in range(2):  # the first lays in what is needed once
            with await _connected(gateway) as sock:
                measure = _highest(gateway)
                head = b"POST / HTTP/1.1\r\nHost: memory.test\r\nContent-Length: %d\r\n\r\n" % GIB
                await loop.sock_sendall(sock, head)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(_push(sock, GIB), STUCK_FOR)
                highest = float(measure())
        return highest


async def _idle_connections(directory: Path) -> float:
    """Growth for each of many connections on which a browser asked once and now rests."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK")

    loop = asyncio.get_running_loop()
    async with _gateway(directory, answer) as gateway:
        with contextlib.ExitStack() as stack:
            before = 0
            for number in range(CONNECTIONS + 100):
                if number == 100:  # what is needed once is there
                    await asyncio.sleep(SETTLE)
                    before = gateway.memory()
                sock = stack.enter_context(await _connected(gateway))
                await loop.sock_sendall(sock, _REQUEST % (_FIELDS % number))
                if not (await loop.sock_recv(sock, 4096)).endswith(b"OK"):
                    raise AssertionError("not answered")
            await asyncio.sleep(SETTLE)
            return (gateway.memory() - before) / CONNECTIONS


@contextlib.asynccontextmanager
async def _gateway(directory: Path, serve: Serve) -> AsyncIterator[Gateway]:
    """A gateway in front of a backend that does this with each connection."""
    with bound_socket() as sock:
        url = "http://{}:{}".format(*sock.getsockname())
        async with serving_streams(sock, serve, limit=PIECE):
            with running(directory, url, timeouts={}, limits={"connections": 2 * CONNECTIONS}) as gateway:
                yield gateway


async def _connected(gateway: Gateway) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, gateway.process.address)
    return sock


async def _receive_response(sock: socket.socket, size: int, step: int = 0) -> None:
    """Ask, and take `size` bytes; with a `step`, rest a moment after each so many."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, _REQUEST % b"")
    buffer = bytearray(PIECE)
    received = rested = 0
    while received < size:
        count = await loop.sock_recv_into(sock, buffer)
        if not count:
            raise AssertionError(f"ended after {received} bytes")
        received += count
        if step and received - rested >= step:
            rested = received
            await asyncio.sleep(0.02)


async def _push(sock: socket.socket, size: int) -> None:
    loop = asyncio.get_running_loop()
    piece = bytes(PIECE)
    for _ in range(size // PIECE):
        await loop.sock_sendall(sock, piece)


def _highest(gateway: Gateway) -> Callable[[], int]:
    """A function that gives the growth of resident memory since now, at its highest."""
    time.sleep(SETTLE)  # nothing else runs here
    return gateway.process.watch_memory()


def _raise_open_files(needed: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(needed, 1024), hard), hard))


if __name__ == "__main__":
    sys.exit(main())
