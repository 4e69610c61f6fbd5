"""Peers that are slow but alive, in both directions, and those that have stopped: who is waited for, and how long.

What is moved here is larger than what kernels hold on the way, so that it is the peer who decides how fast it goes.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable

import pytest

from tests.proxy.stage import LIMIT, Stage, Starter, listening, request, until, upstream
from tests.wire.raw_backend import Answer, RawBackend, Script
from tests.wire.stream_backend import Serve, serving_streams

SIZE = 12 << 20
PIECE = 256 << 10
PATIENCE = "300ms"
"""What those are given who never take or say anything again."""
WHILE = 1.0
GIVEN = "10s"
"""What those are given who take a piece each WHILE, by the clock of the gateway: all of it takes four times as long."""
STEP = 0.02
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n"


def download(fields: bytes = b"") -> Script:
    """Answers every request with SIZE bytes."""
    return lambda _: Answer([LARGE % (SIZE, fields), bytes(SIZE)])


async def read_slowly(sock: socket.socket, size: int, stage: Stage) -> int:
    """Read until there are `size` bytes or the connection ends, and take a WHILE for each piece; how many there were."""
    loop = asyncio.get_running_loop()
    count = 0
    while count < size and (data := await loop.sock_recv(sock, PIECE)):
        count += len(data)
        stage.pass_time(WHILE * len(data) / PIECE)
    return count


def reading(backend: RawBackend, serve: Serve) -> contextlib.AbstractAsyncContextManager[None]:
    """At the place of `backend`, somebody who reads as `serve` does, through a small buffer."""
    backend.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    return serving_streams(backend.sock, serve)


async def _read_request(reader: asyncio.StreamReader, took: Callable[[int], None] = lambda _: None) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    left = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
    while left:
        data = await reader.read(min(left, PIECE))
        if not data:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(data)
        took(len(data))
        await asyncio.sleep(STEP)


async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads every request slowly and answers it."""
    while True:
        await _read_request(reader)
        writer.write(OK)


async def slowly_and_silently(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads slowly, and never answers."""
    await _read_request(reader)
    await reader.read()


async def not_at_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads the beginning, and then no more."""
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(LIMIT)


# -- responses


async def test_a_client_that_reads_slowly_gets_everything(serving: Starter, backend: RawBackend) -> None:
    """However long it takes: `send` is the time in which it must take something."""
    backend.script = download()
    async with (
        listening(backend),
        serving(upstream(backend), server={"timeouts": {"send": GIVEN}}) as stage,
    ):
        loop = asyncio.get_running_loop()
        with await stage.connect_slowly() as sock:
            await loop.sock_sendall(sock, request())
            assert await read_slowly(sock, SIZE, stage) >= SIZE
            await loop.sock_sendall(sock, request("HEAD /"))
            assert await loop.sock_recv(sock, PIECE)


async def test_the_last_response_of_a_connection_reaches_a_slow_client_whole(
    serving: Starter, backend: RawBackend
) -> None:
    backend.script = download()
    async with (
        listening(backend),
        serving(upstream(backend), server={"timeouts": {"send": GIVEN}}) as stage,
    ):
        with await stage.connect_slowly() as sock:
            await asyncio.get_running_loop().sock_sendall(sock, request("GET /", "Connection: close\r\n"))
            count = await read_slowly(sock, SIZE * 2, stage)

    assert count > SIZE


async def test_a_response_that_is_not_read_yet_does_not_make_a_connection_idle(
    serving: Starter, backend: RawBackend
) -> None:
    """Else a short keep-alive time would cut off the end of long responses."""
    backend.script = download()
    timeouts = {"send": GIVEN, "keep_alive": "1s"}
    async with listening(backend), serving(upstream(backend), server={"timeouts": timeouts}) as stage:
        with await stage.connect_slowly() as sock:
            await asyncio.get_running_loop().sock_sendall(sock, request())
            count = await read_slowly(sock, SIZE, stage)

    assert count >= SIZE


async def test_a_connection_is_not_idle_before_its_client_has_the_response(
    serving: Starter, backend: RawBackend
) -> None:
    """The kernel has taken all of it at once. A client that then asks again must not find the connection closed."""
    size = 512 << 10
    backend.script = lambda _: Answer([LARGE % (size, b""), bytes(size)])
    timeouts = {"send": GIVEN, "keep_alive": "1s"}
    section = upstream(backend, keep_alive={"idle": "60s"})
    async with listening(backend), serving(section, server={"timeouts": timeouts}) as stage:
        loop, log = asyncio.get_running_loop(), stage.log()
        with await stage.connect_slowly() as sock:
            for answered in (1, 2):
                await loop.sock_sendall(sock, request())
                await until(lambda answered=answered: len(log) == answered)
                for _ in range(5):
                    stage.pass_time(WHILE)
                assert await read_slowly(sock, size, stage) >= size

    assert len(backend.connections) == 1


@pytest.mark.parametrize("fields", ["", "Connection: close\r\n"], ids=["kept", "last"])
async def test_a_client_that_stopped_reading_is_given_up(
    serving: Starter, backend: RawBackend, fields: str
) -> None:
    backend.script = download()
    async with (
        listening(backend),
        serving(upstream(backend), server={"timeouts": {"send": PATIENCE}}) as stage,
    ):
        with await stage.connect_slowly() as sock:
            await asyncio.get_running_loop().sock_sendall(sock, request("GET /", fields))
            assert await backend_ended(backend)
            await until(lambda: stage.gateway.is_idle)


async def test_a_client_that_stopped_reading_its_last_bytes_is_given_up(
    serving: Starter, backend: RawBackend
) -> None:
    """The backend has long finished; only here is something left."""
    size = 3 << 20
    backend.script = lambda _: Answer([LARGE % (size, b""), bytes(size)])
    timeouts = {"send": PATIENCE, "keep_alive": "60s"}
    async with listening(backend), serving(upstream(backend), server={"timeouts": timeouts}) as stage:
        with await stage.connect_slowly() as sock:
            await asyncio.get_running_loop().sock_sendall(sock, request() * 8)
            await until(lambda: stage.gateway.figures().connections == 0)


async def test_a_backend_is_not_blamed_for_a_client_that_reads_slowly(
    serving: Starter, backend: RawBackend
) -> None:
    """While the client holds everything up, the backend's idle time does not run."""
    backend.script = download()
    section = upstream(backend, timeouts={"idle": GIVEN})
    async with listening(backend), serving(section) as stage:
        with await stage.connect_slowly() as sock:
            await asyncio.get_running_loop().sock_sendall(sock, request())
            count = await read_slowly(sock, SIZE, stage)

    assert count >= SIZE


async def backend_ended(backend: RawBackend) -> str:
    """Wait for a connection to the backend, and for its end."""
    await backend.until(lambda: backend.requests)
    return await backend.connections[0].wait_ended()


# -- requests


async def upload(stage: Stage, answers: int = 1) -> list[int]:
    """Statuses of that many large uploads on one connection."""
    statuses = []
    async with await stage.connect() as client:
        for _ in range(answers):
            await client.send(request("POST /", body=bytes(SIZE)))
            statuses.append((await client.read_response("POST")).status)
    return statuses


async def test_a_backend_that_reads_slowly_gets_everything(serving: Starter, backend: RawBackend) -> None:
    async def at_leisure(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _read_request(reader, lambda count: stage.pass_time(WHILE * count / PIECE))
        writer.write(OK)

    section = upstream(backend, timeouts={"idle": GIVEN})
    timeouts = {"request_body": GIVEN}
    async with reading(backend, at_leisure), serving(section, server={"timeouts": timeouts}) as stage:
        assert await upload(stage) == [200]


@pytest.mark.parametrize("extra", range(4))
async def test_after_an_upload_that_was_held_up_the_connection_goes_on(
    serving: Starter, backend: RawBackend, extra: int
) -> None:
    """Wherever in its last piece the backend paused it."""
    async with (
        reading(backend, slowly),
        serving(upstream(backend)) as stage,
        await stage.connect() as client,
    ):
        for round_ in range(3):
            size = (6 << 20) + extra * 70_001 + round_ * 30_011
            await client.send(request("POST /", body=bytes(size)))
            assert (await client.read_response("POST")).status == 200
            await client.send(request("GET /"))
            assert (await client.read_response("GET")).status == 200


async def test_a_client_that_leaves_after_an_upload_that_was_held_up_is_noticed(
    serving: Starter, backend: RawBackend
) -> None:
    async with reading(backend, slowly_and_silently), serving(upstream(backend)) as stage:
        for extra in range(4):
            async with await stage.connect() as client:
                await client.send(request("POST /", body=bytes((6 << 20) + extra * 70_001)))
                await asyncio.sleep(0.1)
                client.reset()
            await until(lambda: stage.gateway.is_idle)


async def test_a_backend_that_stopped_reading_is_given_up(serving: Starter, backend: RawBackend) -> None:
    section = upstream(backend, timeouts={"idle": PATIENCE})
    async with reading(backend, not_at_all), serving(section) as stage:
        assert await upload(stage) == [504]


async def test_a_backend_that_read_everything_slowly_and_does_not_answer_is_given_up(
    serving: Starter, backend: RawBackend
) -> None:
    section = upstream(backend, timeouts={"response_head": PATIENCE})
    async with reading(backend, slowly_and_silently), serving(section) as stage:
        assert await upload(stage) == [504]


async def early_hints(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says something while the request is still coming."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
        writer.write(OK)


async def test_an_interim_response_during_an_upload_does_not_cost_the_connection(
    serving: Starter, backend: RawBackend
) -> None:
    async with (
        serving_streams(backend.sock, early_hints),
        serving(upstream(backend)) as stage,
        await stage.connect() as client,
    ):
        for _ in range(2):
            await client.send(request("POST /", "Content-Length: 6\r\n") + b"one")
            await client.read_until(b"103 Early Hints\r\nLink: </s.css>\r\n\r\n")
            await client.send(b"two")
            answer = await client.read_response("POST")
            assert (answer.status, answer.values("connection")) == (200, [])
