"""Limits of size and number: what just fits passes, what does not is refused before it can do harm."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.wire.gateway_process import GatewayProcess, running_gateway
from tests.wire.lanes import ask
from tests.wire.raw_backend import RawBackend, bound_socket
from tests.wire.raw_client import NoResponseError, RawClient

CONNECTIONS = 8
BODY = 64 << 10
FIELDS = 100
HEAD = 32 << 10

START = b"GET / HTTP/1.1\r\nHost: gw.test\r\n"


@pytest.fixture(scope="module")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GatewayProcess, RawBackend]]:
    """A gateway with small limits, and its backend, which does not listen yet."""
    with bound_socket() as sock:
        limits = {"request_body": "64KiB", "connections": CONNECTIONS}
        configuration: dict[str, object] = {
            "server": {"limits": limits},
            "upstreams": {"backend": {"servers": ["http://{}:{}".format(*sock.getsockname())]}},
            "routes": [{"name": "all", "path": "/", "upstream": "backend", "cors": "disabled"}],
        }
        with running_gateway(tmp_path_factory.mktemp("limits"), configuration) as gateway:
            yield gateway, RawBackend(sock)


@contextlib.asynccontextmanager
async def _talking(lane: tuple[GatewayProcess, RawBackend]) -> AsyncIterator[tuple[RawClient, RawBackend]]:
    gateway, backend = lane
    backend.forget()
    async with backend, await RawClient.connect(gateway.address) as client:
        yield client, backend
    assert backend.faults == []


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (START + b"X: y\r\n" * (FIELDS - 1) + b"\r\n", 200),
        (START + b"X: y\r\n" * FIELDS + b"\r\n", 431),
        (START + b"X: " + b"y" * (HEAD - 18) + b"\r\n\r\n", 200),
        (START + b"X: " + b"y" * (HEAD - 17) + b"\r\n\r\n", 431),
        (START + (b"X: " + b"y" * 4091 + b"\r\n") * 7 + b"\r\n", 200),
        (START + (b"X: " + b"y" * 4091 + b"\r\n") * 9 + b"\r\n", 431),
        (b"GET /" + b"a" * (HEAD - 14) + b" HTTP/1.1\r\nHost: gw.test\r\n\r\n", 200),
        (b"GET /" + b"a" * (HEAD - 13) + b" HTTP/1.1\r\nHost: gw.test\r\n\r\n", 414),
        (b"A" * 32 + b" / HTTP/1.1\r\nHost: gw.test\r\n\r\n", 200),
        (b"A" * 33 + b" / HTTP/1.1\r\nHost: gw.test\r\n\r\n", 501),
    ],
    ids=[
        "fields",
        "one field more",
        "long field",
        "longer field",
        "long head",
        "longer head",
        "long target",
        "longer target",
        "long method",
        "longer method",
    ],
)
async def test_a_head_passes_up_to_its_limits(
    lane: tuple[GatewayProcess, RawBackend], head: bytes, status: int
) -> None:
    async with _talking(lane) as (client, backend):
        await client.send(head)
        response = await client.read_response()
        ended = await client.wait_closed() if status != 200 else ""

    assert (response.status, len(backend.requests)) == (status, int(status == 200))
    assert bool(ended) == (status != 200)


@pytest.mark.parametrize("size", [BODY - 1, BODY])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
async def test_a_body_that_fits_passes(
    lane: tuple[GatewayProcess, RawBackend], size: int, is_chunked: bool
) -> None:
    framing = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % size
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size) if is_chunked else b"x" * size
    async with _talking(lane) as (client, backend):
        await client.send(b"POST / HTTP/1.1\r\nHost: gw.test\r\n" + framing + b"\r\n\r\n" + body)
        response = await client.read_response("POST")

    assert (response.status, len(backend.requests[0][1].body)) == (200, size)


async def test_a_body_declared_too_large_is_413_before_the_backend_hears_of_it(
    lane: tuple[GatewayProcess, RawBackend],
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: gw.test\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (
        BODY + 1
    )
    async with _talking(lane) as (client, backend):
        await client.send(head)
        response = await client.read_response("POST")
        ended = await client.wait_closed()

    assert (response.status, client.interim, bool(ended), backend.connections) == (413, [], True, [])


async def test_a_body_that_turns_out_too_large_is_413_and_never_complete(
    lane: tuple[GatewayProcess, RawBackend],
) -> None:
    """The backend's connection is broken off without a last chunk."""
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    async with _talking(lane) as (client, backend):
        await client.send(b"POST / HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.send_segments([chunk] * (BODY // 4096), 0.001)
        await backend.until(lambda: backend.connections)
        await client.send(chunk + b"0\r\n\r\n")
        response = await client.read_response("POST")
        ended = await client.wait_closed()
        upstream_ended = await backend.connections[0].wait_ended()

    assert (response.status, bool(ended), bool(upstream_ended)) == (413, True, True)
    assert b'"reason": "request_body_too_large"' in response.body
    assert backend.requests == []
    assert not bytes(backend.connections[0].received).endswith(b"0\r\n\r\n")


async def test_connections_beyond_the_limit_are_told_so(lane: tuple[GatewayProcess, RawBackend]) -> None:
    """503 at once instead of waiting in the dark, and service again as soon as there is room."""
    gateway, backend = lane
    request = START + b"\r\n"
    async with backend, contextlib.AsyncExitStack() as stack:
        held = [
            await stack.enter_async_context(await RawClient.connect(gateway.address))
            for _ in range(CONNECTIONS)
        ]
        for client in held:
            await client.send(request)
            assert (await client.read_response()).status == 200
        async with await RawClient.connect(gateway.address) as refused:
            await refused.send(request)
            response = await refused.read_response()
            ended = await refused.wait_closed()
        await held[0].send(request)
        still_served = (await held[0].read_response()).status
        for client in held:
            client.close()
        status = await _first_served(gateway.address, request)

    assert (response.status, response.values("retry-after"), bool(ended)) == (503, ["1"], True)
    assert (still_served, status) == (200, 200)


async def _first_served(address: tuple[str, int], request: bytes) -> int:
    """The first status that is not 503, once the gateway has noticed who has gone."""
    for _ in range(100):
        with contextlib.suppress(NoResponseError):
            if (status := await ask(address, request)) != 503:
                return status
        await asyncio.sleep(0.05)
    return 503
