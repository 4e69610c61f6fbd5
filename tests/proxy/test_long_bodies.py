"""Bodies long enough for the kernel to move, over real sockets: what client, backend and log see of each is what they see
when every byte is read and written.
"""

import asyncio
import contextlib
import itertools
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from cors_gateway.proxy.flow import AHEAD, PIECE
from cors_gateway.proxy.splice import MAX_MOVED, WORTH, KernelPipe, Moved
from cors_gateway.snapshot import Snapshot
from tests.proxy.bench import Bench, snapshot
from tests.proxy.stage import ORIGIN, Starter, listening, request, until, upstream
from tests.wire.raw_backend import Answer, RawBackend, Script
from tests.wire.stream_backend import serving_streams

LONG = 3 << 20
BODY = bytes(range(251)) * (LONG // 250)
"""In which no two places look alike for long."""
OK = "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n"


class CountingPipe(KernelPipe):
    """Counts what goes through it; one that is `shut` lets nothing in."""

    def __init__(self, *, shut: bool = False) -> None:
        super().__init__()
        self.size = 0
        self._is_shut = shut

    def move(self, source: int, target: int, most: int, place: bytearray) -> Moved:
        moved = super().move(source, target, 0 if self._is_shut else most, place)
        self.size += moved.went
        return moved


@pytest.fixture(name="pipe", params=[False, True], ids=["moved", "read"])
def _pipe(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingPipe]:
    """What is true of bodies that are moved is so of those that are not."""
    pipe = CountingPipe(shut=request.param)
    monkeypatch.setattr(KernelPipe, "_of_process", pipe)
    yield pipe
    pipe.close()


def long(size: int = LONG, behind: bytes = b"", then: str = "keep") -> Script:
    """Answers with a body of that size."""
    return lambda _: Answer([OK.format(size).encode(), BODY[:size] + behind], then=then)


SIZES = [PIECE - 1, PIECE + 1, 2 * PIECE, 2 * PIECE + AHEAD + 1, MAX_MOVED + PIECE, LONG - 1, LONG]


async def test_a_download_arrives_whole_and_both_connections_go_on(
    serving: Starter, backend: RawBackend, pipe: CountingPipe
) -> None:
    backend.script = lambda asked: long(int(asked.target[1:]))(asked)
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        log = stage.log()
        for size in SIZES:
            await client.send(request(f"GET /{size}"))
            assert (await client.read_response("GET")).body == BODY[:size]

    assert len(backend.connections) == 1
    assert sum(record.bytes_out for record in log) == len(client.received)
    assert pipe.size > LONG or pipe._is_shut


async def test_an_upload_arrives_whole_and_what_follows_it_is_the_next_request(
    serving: Starter, backend: RawBackend, pipe: CountingPipe
) -> None:
    backend.script = lambda asked: Answer([OK.format(0).encode()])
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        log = stage.log()
        for size in SIZES:
            await client.send(request(f"POST /{size}", body=BODY[:size]) + request(f"GET /after/{size}"))
            for method in ("POST", "GET"):
                assert (await client.read_response(method)).status == 200

    bodies = [asked.body for _, asked in backend.requests]
    assert bodies == [body for size in SIZES for body in (BODY[:size], b"")]
    assert [record.bytes_in for record in log] == [size for size in SIZES for size in (size, 0)]
    assert len(backend.connections) == 1
    assert pipe.size > LONG or pipe._is_shut


async def test_a_body_in_odd_pieces_arrives_whole(
    serving: Starter, backend: RawBackend, pipe: CountingPipe
) -> None:
    cuts = [0, 1, 70_000, 70_001, 400_000, 400_007, 1_500_000, LONG - AHEAD - 1, LONG - AHEAD, LONG - 1, LONG]
    segments = [BODY[start:stop] for start, stop in itertools.pairwise(cuts)]
    backend.script = lambda _: Answer([OK.format(LONG).encode(), *segments], gap=0.002)
    async with listening(backend), serving(upstream(backend)) as stage:
        assert (await stage.ask()).body == BODY[:LONG]


async def test_a_reader_that_stops_and_goes_on_gets_every_byte_once(
    serving: Starter, backend: RawBackend, pipe: CountingPipe
) -> None:
    backend.script = long()
    loop = asyncio.get_running_loop()
    async with listening(backend), serving(upstream(backend)) as stage:
        with await stage.connect_slowly() as sock:
            await loop.sock_sendall(sock, request())
            got = b""
            while BODY[:LONG] not in got:
                got += await loop.sock_recv(sock, 150_000)
                await asyncio.sleep(0.001)

    assert got.endswith(BODY[:LONG])


async def test_two_at_a_time_never_get_each_others_bytes(
    serving: Starter, backend: RawBackend, pipe: CountingPipe
) -> None:
    backend.script = lambda asked: Answer([OK.format(LONG).encode(), asked.target[1:].encode() * LONG])
    async with listening(backend), serving(upstream(backend)) as stage:
        answers = await asyncio.gather(*[stage.ask(f"GET /{letter}") for letter in "abc"])

    assert [set(answer.body) for answer in answers] == [{ord(letter)} for letter in "abc"]


async def test_bytes_behind_the_length_reach_nobody(
    serving: Starter, backend: RawBackend, pipe: CountingPipe
) -> None:
    backend.script = long(behind=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray")
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        for _ in range(2):
            await client.send(request())
            assert (await client.read_response("GET")).body == BODY[:LONG]
        assert client.position == len(client.received)

    assert len(backend.connections) == 2


@pytest.mark.parametrize("then", ["close", "rst"])
async def test_a_response_that_stops_half_way_is_cut_off_and_logged(
    serving: Starter, backend: RawBackend, pipe: CountingPipe, then: str
) -> None:
    backend.script = lambda _: Answer([OK.format(LONG).encode() + BODY[: LONG // 2], b""], gap=0.1, then=then)
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        log = stage.log()
        await client.send(request())
        assert await client.wait_closed()
        body = bytes(client.received).partition(b"\r\n\r\n")[2]

    assert body == BODY[: LONG // 2]
    assert [(record.status, record.trouble.cause) for record in log if record.trouble] == [
        (200, "upstream_reset")
    ]
    assert log[0].bytes_out == len(client.received)


@pytest.mark.parametrize("is_reset", [False, True], ids=["FIN", "RST"])
async def test_a_client_that_leaves_half_way_takes_the_backend_connection_along(
    serving: Starter, backend: RawBackend, pipe: CountingPipe, is_reset: bool
) -> None:
    backend.script = lambda _: Answer([OK.format(LONG).encode(), BODY[: LONG // 2]], then="hold")
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        log = stage.log()
        await client.send(request())
        await until(lambda: len(client.received) > LONG // 2)
        client.reset() if is_reset else client.close()
        assert await backend.connections[0].wait_ended()
        await until(lambda: log)

    assert [record.trouble.cause for record in log if record.trouble] == ["client_left"]
    assert log[0].bytes_out > LONG // 2


@pytest.mark.parametrize("is_reset", [False, True], ids=["FIN", "RST"])
async def test_an_upload_that_stops_half_way_is_told_as_what_it_is(
    serving: Starter, backend: RawBackend, pipe: CountingPipe, is_reset: bool
) -> None:
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        log = stage.log()
        await client.send(request("POST /", f"Content-Length: {LONG}\r\n") + BODY[: LONG // 2])
        await until(lambda: backend.connections and len(backend.connections[0].received) > LONG // 2)
        client.reset() if is_reset else client.half_close()
        assert await backend.connections[0].wait_ended()
        await until(lambda: log)

    causes = [record.trouble.cause for record in log if record.trouble]
    assert causes == (["client_left"] if is_reset else ["request_incomplete"])
    assert log[0].bytes_in == LONG // 2


async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says 413 after a megabyte, and resets."""
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(1 << 20)
    writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def test_a_backend_that_refuses_half_way_is_heard(
    serving: Starter, backend: RawBackend, pipe: CountingPipe
) -> None:
    async with (
        serving_streams(backend.sock, refuses),
        serving(upstream(backend)) as stage,
        await stage.connect() as client,
    ):
        sending = asyncio.ensure_future(client.send(request("POST /", body=BODY[:LONG])))
        answer = await client.read_response("POST")
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending

    assert answer.status == 413


async def test_a_response_that_a_reset_ends_while_its_request_is_moved_is_not_complete(
    serving: Starter, backend: RawBackend, pipe: CountingPipe
) -> None:
    """The kernel says of a reset once, to who reads or writes first: here to who moves the upload there."""
    loop, server = asyncio.get_running_loop(), backend.sock.dup()
    server.listen()
    server.setblocking(False)
    with server:
        async with serving(upstream(backend)) as stage:
            log = stage.log()
            with await stage.connect_slowly() as client:
                await loop.sock_sendall(client, request("POST /", f"Content-Length: {LONG}\r\n"))
                peer, _ = await loop.sock_accept(server)
                for _ in range(3):  # much comes at once, so that what comes next is worth moving
                    assert client.send(BODY[:WORTH]) == WORTH
                    await received(peer, WORTH)
                await loop.sock_sendall(peer, b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
                got = await loop.sock_recv(client, 1 << 16)
                assert client.send(BODY[:WORTH]) == WORTH  # and nothing is left to read after it
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()
                while data := await loop.sock_recv(client, 1 << 16):
                    got += data
            await until(lambda: log)

    assert got.endswith(b"\r\n\r\na\r\nhalf of it\r\n")
    assert [record.trouble.cause for record in log if record.trouble] == ["upstream_reset"]


async def received(sock: socket.socket, size: int) -> None:
    """Read so many bytes."""
    loop = asyncio.get_running_loop()
    while size > 0:
        size -= len(await loop.sock_recv(sock, size))


def test_bytes_that_are_moved_gain_time_as_those_that_are_read(
    benches: Callable[[Snapshot], Bench], tmp_path: Path
) -> None:
    bench = benches(
        snapshot(
            tmp_path, {"open": {"allow_origins": [ORIGIN]}}, [{"name": "all", "path": "/", "cors": "open"}]
        )
    )
    clock, client, backend = bench.gateway.clock, bench.client(), bench.upstream
    bench.send(request("POST /", f"Content-Length: {LONG}\r\n"))
    backend.data_received(OK.format(LONG).encode())
    deadlines = []
    for seconds in (20.0, 279.0):
        clock.now += seconds
        client.moved(64 * 100)
        backend.moved(64 * 100)
        deadlines.append((client.deadline - clock.now, backend.deadline - clock.now))

    assert deadlines == [(30.0, 60.0), (30.0, 60.0)]


# -- where nothing is moved


async def test_over_tls_nothing_is_moved(
    serving: Starter, backend: RawBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes over the socket is not what is said."""
    monkeypatch.setattr(KernelPipe, "_of_process", pipe := CountingPipe())
    authority = trustme.CA()
    serverside, clientside = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("gateway.test").configure_cert(serverside)
    authority.configure_trust(clientside)
    backend.script = lambda asked: Answer([OK.format(LONG).encode() + (asked.body or BODY[:LONG])])
    async with (
        listening(backend),
        serving(upstream(backend), tls=serverside) as stage,
        await stage.connect(tls=clientside, server_name="gateway.test") as client,
    ):
        await client.send(request())
        assert (await client.read_response("GET")).body == BODY[:LONG]
        await client.send(request("POST /", body=BODY[:LONG]))
        assert (await client.read_response("POST")).body == BODY[:LONG]
    pipe.close()

    assert pipe.size == 0


@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked\r\n", ""], ids=["chunked", "until the end"])
async def test_a_body_that_is_framed_is_not_moved(
    serving: Starter, backend: RawBackend, monkeypatch: pytest.MonkeyPatch, framing: str
) -> None:
    monkeypatch.setattr(KernelPipe, "_of_process", pipe := CountingPipe())
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (LONG, BODY[:LONG]) if framing else BODY[:LONG]
    backend.script = lambda _: Answer([f"HTTP/1.1 200 OK\r\n{framing}\r\n".encode() + body], then="close")
    async with listening(backend), serving(upstream(backend)) as stage:
        assert (await stage.ask()).body == BODY[:LONG]
    pipe.close()

    assert pipe.size == 0
