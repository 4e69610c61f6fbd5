"""Every wait ends: slow heads, stalled bodies, idle connections, peers that do not read or do not accept.

The scenes are played at the same time, each with hosts of its own: what they do is wait.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from tests.wire.conftest import KEEP_ALIVE, ORIGIN, REQUEST_BODY, STALL, Place
from tests.wire.lanes import ask
from tests.wire.raw_backend import Answer, RawBackend
from tests.wire.raw_client import NoResponseError, RawClient

MANY = 200  # more single bytes than any deadline here allows

SCENES: dict[str, Callable[[Place, Place], Awaitable[None]]] = {}
"""Each with two hosts that no other uses."""


def scene(play: Callable[[Place, Place], Awaitable[None]]) -> Callable[[Place, Place], Awaitable[None]]:
    SCENES[play.__name__] = play
    return play


@pytest.fixture(scope="module")
def faults(places: list[Place]) -> dict[str, BaseException | None]:
    """What was wrong in each."""

    async def play_all() -> list[BaseException | None]:
        playing = [play(places.pop(), places.pop()) for play in SCENES.values()]
        return await asyncio.gather(*playing, return_exceptions=True)

    return dict(zip(SCENES, asyncio.run(play_all()), strict=True))


async def _dribble(client: RawClient, data: bytes) -> None:
    for byte in data:
        await client.send(bytes([byte]))
        await asyncio.sleep(0.1)


async def _status(client: RawClient, method: str = "GET") -> int:
    """The status of the next response, 0 when the connection ends without one."""
    try:
        return (await client.read_response(method)).status
    except NoResponseError:
        return 0


@scene
async def a_head_that_dribbles_in_is_408_although_bytes_keep_coming(place: Place, other: Place) -> None:
    async with place.backend() as backend, await RawClient.connect(place.address) as client:
        dribbling = asyncio.ensure_future(_dribble(client, place.request(fields=f"X-Fill: {'x' * MANY}\r\n")))
        status = await _status(client)
        ended = await client.wait_closed()
        dribbling.cancel()
        await asyncio.gather(dribbling, return_exceptions=True)

    assert (status, bool(ended), backend.connections) == (408, True, [])


@scene
async def a_second_head_is_given_no_more_time_than_the_first(place: Place, other: Place) -> None:
    async with place.backend() as backend, await RawClient.connect(place.address) as client:
        await client.send(place.request("GET /first"))
        first = await _status(client)
        dribbling = asyncio.ensure_future(_dribble(client, place.request(fields=f"X-Fill: {'x' * MANY}\r\n")))
        second = await _status(client)
        dribbling.cancel()
        await asyncio.gather(dribbling, return_exceptions=True)

    assert (first, second, len(backend.requests)) == (200, 408, 1)


@scene
async def a_body_that_keeps_coming_may_take_its_time(place: Place, other: Place) -> None:
    """The deadline is for the next bytes, not for the whole."""
    async with place.backend() as backend, await RawClient.connect(place.address) as client:
        await client.send(place.request("POST /", "Content-Length: 4\r\n"))
        for byte in b"slow":
            await asyncio.sleep(REQUEST_BODY * 0.6)
            await client.send(bytes([byte]))
        response = await client.read_response("POST")

    assert (response.status, backend.requests[0][1].body) == (200, b"slow")


@scene
async def a_body_that_stops_coming_is_408_and_ends_the_upstream_request(place: Place, other: Place) -> None:
    async with place.backend() as backend, await RawClient.connect(place.address) as client:
        await client.send(place.request("POST /", "Content-Length: 4\r\n") + b"st")
        status = await _status(client, "POST")
        ended = await client.wait_closed()
        upstream_ended = await backend.connections[0].wait_ended()

    assert (status, bool(ended), bool(upstream_ended), backend.requests) == (408, True, True, [])


@scene
async def an_idle_connection_is_closed_without_a_word(place: Place, other: Place) -> None:
    async with place.backend(), await RawClient.connect(place.address) as client:
        await client.send(place.request())
        await client.read_response()
        await asyncio.sleep(KEEP_ALIVE * 0.5)
        await client.send(place.request())
        second = await _status(client)
        ended = await client.wait_closed()
        extra = bytes(client.received[client.position :])

    assert (second, ended, extra) == (200, "fin", b"")


@scene
async def a_response_head_that_dribbles_in_is_504_although_bytes_keep_coming(
    place: Place, other: Place
) -> None:
    head = b"HTTP/1.1 200 OK\r\nX-Fill: " + b"x" * MANY
    answer = Answer([bytes([byte]) for byte in head], gap=0.1, then="hold")
    async with place.backend(lambda _: answer) as backend, await RawClient.connect(place.address) as client:
        await client.send(place.request(fields=f"Origin: {ORIGIN}\r\n"))
        response = await client.read_response()
        upstream_ended = await backend.connections[0].wait_ended()

    assert (response.status, bool(upstream_ended)) == (504, True)
    assert response.values("access-control-allow-origin") == [ORIGIN]


@scene
async def a_client_that_never_reads_is_given_up(place: Place, other: Place) -> None:
    size = 64 << 20
    huge = Answer([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size, bytes(size)])
    async with (
        place.backend(lambda _: huge) as backend,
        await RawClient.connect(place.address, receive_buffer=1 << 16) as client,
    ):
        client.stop_reading()
        await client.send(place.request())
        await backend.until(lambda: backend.requests)
        upstream_ended = await backend.connections[0].wait_ended()

    assert upstream_ended


@scene
async def a_backend_that_does_not_accept_is_504_and_preflights_go_on(place: Place, other: Place) -> None:
    """Its queue of connections is full, so that further handshakes are silently dropped."""
    place.sock.listen(0)
    with socket.socket() as first, socket.socket() as second:
        for queued in (first, second):
            queued.setblocking(False)
            queued.connect_ex(place.sock.getsockname())
        await asyncio.sleep(0.1)
        async with await RawClient.connect(place.address) as client:
            await client.send(place.request(fields=f"Origin: {ORIGIN}\r\n"))
            preflight = f"Origin: {ORIGIN}\r\nAccess-Control-Request-Method: PUT\r\n"
            meanwhile = await ask(place.address, place.request("OPTIONS /", preflight), "OPTIONS")
            response = await client.read_response()
    place.sock.shutdown(socket.SHUT_RDWR)

    assert (meanwhile, response.status) == (204, 504)
    assert response.values("access-control-allow-origin") == [ORIGIN]


@scene
async def a_silent_backend_delays_nobody_else(place: Place, other: Place) -> None:
    async with (
        place.backend(lambda _: Answer([], then="hold")),
        other.backend(),
        await RawClient.connect(place.address) as stuck,
    ):
        await stuck.send(place.request())
        statuses = [await ask(other.address, other.request()) for _ in range(20)]
        is_stuck_still = not stuck.received
        late = await _status(stuck)

    assert (statuses, is_stuck_still, late) == ([200] * 20, True, 504)


async def test_a_request_moves_on_to_a_server_that_accepts(pair: tuple[Place, RawBackend]) -> None:
    """Nothing was sent to the one that refuses, so even a POST may."""
    place, backend = pair
    async with backend:
        statuses = [await ask(place.address, place.request("POST /", body=b"x"), "POST") for _ in range(10)]

    assert statuses == [200] * 10
    assert len(backend.requests) == 10


def test_the_deadlines_here_are_shorter_than_the_dribbling() -> None:
    """Otherwise the tests above would wait for the end of the message instead."""
    assert max(STALL, REQUEST_BODY, KEEP_ALIVE) < MANY * 0.1 / 2


@scene
async def a_preflight_that_was_answered_before_keeps_its_connection_alive_too(
    place: Place, other: Place
) -> None:
    """From the third of equal preflights on they are answered from memory; the connection waits as after any other."""
    fields = f"Origin: {ORIGIN}\r\nAccess-Control-Request-Method: PUT\r\n"
    async with await RawClient.connect(place.address) as client:
        for _ in range(4):
            await client.send(place.request("OPTIONS /", fields))
            await asyncio.sleep(KEEP_ALIVE * 0.7)
            assert await _status(client, "OPTIONS") == 204
        ended = await client.wait_closed()

    assert ended


@pytest.mark.parametrize("name", SCENES)
def test_every_wait_ends(name: str, faults: dict[str, BaseException | None]) -> None:
    if fault := faults[name]:
        raise fault
