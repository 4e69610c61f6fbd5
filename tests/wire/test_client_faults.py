"""Clients that vanish, half-close, flood, stall or speak something else: the backend and the others are safe."""

import asyncio
import random

import pytest

from tests.wire.conftest import ORIGIN, Place
from tests.wire.lanes import ask
from tests.wire.raw_backend import Answer, accept_websocket, echo, targets
from tests.wire.raw_client import NoResponseError, RawClient
from tests.wire.strict_http import Request

FLAT = 8 << 20  # bytes by which the memory of the gateway may grow

GARBAGE = {
    "TLS hello": bytes.fromhex("1603010200010001fc0303") + bytes(64),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "SSH banner": b"SSH-2.0-OpenSSH_9.6\r\n",
    "zeros": bytes(4096),
    "noise": random.Random(7).randbytes(4096),
}

WEBSOCKET = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def _slow(request: Request) -> Answer:
    """An answer that begins only after a while."""
    return Answer([b"", *echo(request).segments], gap=0.3)


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (f"Content-Length: {1 << 20}\r\n", [bytes(1 << 15)] * 32),
        ("Transfer-Encoding: chunked\r\n", [b"8000\r\n" + bytes(1 << 15) + b"\r\n"] * 32),
    ],
    ids=["length", "chunked"],
)
@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_client_that_vanishes_during_an_upload_never_completes_it(
    place: Place, framing: str, body: list[bytes], how: str
) -> None:
    """The upstream connection is ended, the partial request is not executed, and the next one is served."""
    async with place.backend() as backend:
        for pieces in (0, 1, 5, 31):
            seen = len(backend.connections)
            client = await RawClient.connect(place.address)
            await client.send(place.request("POST /upload", framing))
            await client.send_segments(body[:pieces], 0.001)
            await backend.until(lambda: len(backend.connections) > seen)  # noqa: B023 - awaited at once
            if how == "reset":
                client.reset()
            else:
                client.close()
            assert await backend.connections[seen].wait_ended()
            assert await ask(place.address, place.request("GET /next")) == 200
            for connection in backend.connections:
                connection.close()

    assert targets([r for _, r in backend.requests]) == ["/next"] * 4


async def test_a_client_that_vanishes_while_waiting_ends_the_upstream_request(place: Place) -> None:
    async with place.backend(lambda _: Answer([], then="hold")) as backend:
        client = await RawClient.connect(place.address)
        await client.send(place.request())
        await backend.until(lambda: backend.requests)
        client.reset()
        ended = await backend.connections[0].wait_ended(1.0)

    assert ended


async def test_a_client_that_vanishes_during_a_download_ends_the_upstream_request(place: Place) -> None:
    huge = Answer([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 << 20), bytes(64 << 20)])
    async with place.backend(lambda _: huge) as backend:
        client = await RawClient.connect(place.address)
        await client.send(place.request())
        await client.read_bytes(1 << 20)
        client.reset()
        ended = await backend.connections[0].wait_ended()

    assert ended


async def test_a_client_that_said_so_before_may_half_close_and_gets_the_whole_answer(place: Place) -> None:
    async with place.backend(_slow), await RawClient.connect(place.address) as client:
        await client.send(place.request("POST /", "Connection: close\r\n", body=b"hello"))
        client.half_close()
        response = await client.read_response("POST")
        ended = await client.wait_closed()

    assert (response.status, response.body, ended) == (200, b"hello", "fin")


async def test_a_half_close_inside_a_head_is_a_bad_request(place: Place) -> None:
    async with place.backend() as backend, await RawClient.connect(place.address) as client:
        await client.send(place.request()[:-2])
        client.half_close()
        response = await client.read_response()
        ended = await client.wait_closed()

    assert (response.status, ended, backend.connections) == (400, "fin", [])


async def test_pipelined_requests_of_a_client_that_does_not_read_are_held_back(place: Place) -> None:
    """Few of its requests are started, memory stays flat, and other clients are served meanwhile."""
    answer = Answer([b"HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n" + bytes(1 << 16)])
    async with place.backend(lambda _: answer) as backend:
        growth = place.gateway.watch_memory()
        async with await RawClient.connect(place.address, receive_buffer=1 << 16) as greedy:
            greedy.stop_reading()
            sending = asyncio.ensure_future(greedy.send(place.request("GET /greedy") * 1_000_000))
            statuses = [await ask(place.address, place.request("GET /other")) for _ in range(20)]
            await asyncio.sleep(0.5)
            started = targets([r for _, r in backend.requests]).count("/greedy")
            greedy.start_reading()
            answered = [(await greedy.read_response()).status for _ in range(200)]
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    assert statuses == [200] * 20
    assert started < 500
    assert growth() < FLAT
    assert answered == [200] * 200


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
async def test_anything_but_http_is_refused_and_closed(place: Place, data: bytes) -> None:
    async with place.backend() as backend:
        for _ in range(10):
            async with await RawClient.connect(place.address) as client:
                await client.send(data)
                try:
                    status = (await client.read_response()).status
                except NoResponseError:
                    status = 0
                assert status in (0, 400, 414, 431, 505)
                assert await client.wait_closed()
        assert await ask(place.address, place.request()) == 200

    assert len(backend.requests) == 1


@pytest.mark.parametrize(
    ("line", "more", "statuses"),
    [
        ("GET /" + "a" * 100, b"a" * 65536, {414}),
        ("GET / HTTP/1.1\r\nHost: x\r\nX-Fill: ", b"a" * 65536, {431}),
        ("GET / HTTP/1.1\r\nHost: x\r\n", b"X-Fill: y\r\n" * 6000, {431}),
    ],
    ids=["target", "one field", "many fields"],
)
async def test_an_endless_head_is_refused_after_a_bounded_read(
    place: Place, line: str, more: bytes, statuses: set[int]
) -> None:
    growth = place.gateway.watch_memory()
    async with await RawClient.connect(place.address) as client:
        uploading = asyncio.ensure_future(client.send_segments([line.encode(), *[more] * 1000], 0))
        response = await client.read_response()
        ended = await client.wait_closed()
        uploading.cancel()
        await asyncio.gather(uploading, return_exceptions=True)

    assert response.status in statuses
    assert ended
    assert growth() < FLAT


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ("Content-Length: 1000000\r\n", b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n" * 28572),
        (
            "Transfer-Encoding: chunked\r\n",
            b"27\r\nGET /smuggled HTTP/1.1\r\nHost: gw.te\r\n\r\n\r\n0\r\n\r\n",
        ),
        ("Content-Length: 38\r\n", b"GET /smuggled HTTP/1.1\r\nHost: gw.t\r\n\r\n"),
    ],
    ids=["large", "chunked", "small"],
)
async def test_the_body_of_a_preflight_is_never_taken_for_a_request(
    place: Place, fields: str, body: bytes
) -> None:
    """It is read past, or the connection is closed; either way the preflight is answered."""
    preflight = f"Origin: {ORIGIN}\r\nAccess-Control-Request-Method: PUT\r\n"
    async with place.backend() as backend, await RawClient.connect(place.address) as client:
        await client.send(place.request("OPTIONS /", preflight + fields) + body[:1_000_000])
        first = await client.read_response("OPTIONS")
        await client.send(place.request("GET /next"))
        try:
            second = (await client.read_response()).status
        except NoResponseError:
            second = 0

    assert (first.status, second) in {(204, 200), (204, 0)}
    assert targets([r for _, r in backend.requests]) == (["/next"] if second else [])


async def test_100_continue_is_not_sent_when_the_backend_cannot_be_reached(place: Place) -> None:
    async with await RawClient.connect(place.address) as client:
        await client.send(place.request("POST /", "Expect: 100-continue\r\nContent-Length: 5\r\n"))
        response = await client.read_response("POST")
        ended = await client.wait_closed()

    assert (response.status, client.interim, bool(ended)) == (502, [], True)


async def test_a_websocket_tunnel_carries_bytes_both_ways_until_either_side_ends_it(place: Place) -> None:
    handshake = place.request("GET /ws", WEBSOCKET + f"Origin: {ORIGIN}\r\n")
    data = bytes(range(256)) * 1000
    async with place.backend(accept_websocket) as backend, await RawClient.connect(place.address) as client:
        await client.send(handshake + b"\x81\x05early")
        response = await client.read_response()
        early = await client.read_bytes(7)
        await client.send(data)
        echoed = await client.read_bytes(len(data))
        client.half_close()
        half_closed = await backend.connections[0].wait_ended()
        backend.connections[0].transport.write(b"bye")
        farewell = await client.read_bytes(3)
        backend.connections[0].close()
        ended = await client.wait_closed()

    assert (response.status, early, echoed == data) == (101, b"\x81\x05early", True)
    assert (half_closed, farewell, ended) == ("fin", b"bye", "fin")


async def test_a_tunnel_to_a_backend_that_does_not_read_is_held_back(place: Place) -> None:
    """And frees everything when the client has had enough."""

    def script(request: Request) -> Answer:
        return Answer(accept_websocket(request).segments, then="deaf")

    async with place.backend(script) as backend, await RawClient.connect(place.address) as client:
        await client.send(place.request("GET /ws", WEBSOCKET + f"Origin: {ORIGIN}\r\n"))
        response = await client.read_response()
        growth = place.gateway.watch_memory()
        flooding = asyncio.ensure_future(client.send_segments([bytes(1 << 20)] * 256, 0))
        await asyncio.wait([flooding], timeout=1.0)
        is_held_back = not flooding.done()
        grown = growth()
        client.reset()
        await asyncio.gather(flooding, return_exceptions=True)
        backend.connections[0].transport.resume_reading()
        ended = await backend.connections[0].wait_ended()

    assert (response.status, is_held_back, bool(ended)) == (101, True, True)
    assert grown < FLAT


@pytest.mark.parametrize(
    "accept",
    [b"", b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"],
    ids=["missing", "wrong"],
)
async def test_a_handshake_that_the_backend_did_not_compute_opens_no_tunnel(
    place: Place, accept: bytes
) -> None:
    head = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + accept
        + b"\r\n"
    )
    async with place.backend(lambda _: Answer([head], then="hold")) as backend:
        async with await RawClient.connect(place.address) as client:
            await client.send(place.request("GET /ws", WEBSOCKET) + place.request("GET /smuggled"))
            response = await client.read_response()
        ended = await backend.connections[0].wait_ended()

    assert (response.status, bool(ended)) == (502, True)
    assert b"smuggled" not in backend.connections[0].received
