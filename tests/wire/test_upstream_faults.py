"""Upstreams that refuse, stall, vanish or lie: who gets which answer, and how often a request is executed."""

import asyncio

import pytest

from tests.wire.conftest import ORIGIN, STALL, Place
from tests.wire.lanes import ask
from tests.wire.raw_backend import Answer, BackendConnection, RawBackend, Script, echo, fingerprint, targets
from tests.wire.raw_client import NoResponseError, RawClient
from tests.wire.strict_http import Request, Response

METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"]
RETRIED = {"GET", "HEAD", "OPTIONS"}

PREFLIGHT = f"Origin: {ORIGIN}\r\nAccess-Control-Request-Method: PUT\r\n"

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"

FLAT = 8 << 20  # bytes by which the memory of the gateway may grow

LATE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nLATE"


def always(*segments: bytes, then: str = "keep", gap: float = 0.0) -> Script:
    """A script that gives every request the same answer."""
    answer = Answer(segments, gap, then)
    return lambda _: answer


def assert_browser_can_read(response: Response) -> None:
    """An outage must not look like a CORS error."""
    assert response.values("access-control-allow-origin") == [ORIGIN]
    assert response.values("access-control-allow-credentials") == ["true"]
    assert "origin" in ", ".join(response.values("vary")).lower()


async def exchange(place: Place, data: bytes, method: str = "GET") -> Response:
    """One request on a connection of its own."""
    async with await RawClient.connect(place.address) as client:
        await client.send(data)
        return await client.read_response(method)


async def test_a_refused_connection_is_502_until_the_backend_listens_again(place: Place) -> None:
    """Preflights are answered all the while."""
    down = await exchange(place, place.request(fields=f"Origin: {ORIGIN}\r\n"))
    preflight = await ask(place.address, place.request("OPTIONS /", PREFLIGHT), "OPTIONS")
    async with place.backend():
        up = await ask(place.address, place.request())
    again = await ask(place.address, place.request())

    assert (down.status, preflight, up, again) == (502, 204, 200, 502)
    assert_browser_can_read(down)


async def test_a_silent_backend_is_504_and_its_connection_is_closed(place: Place) -> None:
    async with place.backend(always(then="hold")) as backend:
        response = await exchange(place, place.request(fields=f"Origin: {ORIGIN}\r\n"))
        ended = await backend.connections[0].wait_ended()
        backend.script = echo
        after = await ask(place.address, place.request("GET /after"))

    assert (response.status, bool(ended), after) == (504, True, 200)
    assert_browser_can_read(response)
    assert targets([request for _, request in backend.requests]) == ["/", "/after"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("then", ["rst", "close"])
async def test_a_request_that_a_fresh_connection_swallowed_is_sent_again_only_if_it_is_safe(
    place: Place, method: str, then: str
) -> None:
    async with place.backend(always(then=then)) as backend:
        response = await exchange(place, place.request(f"{method} /"), method)

    assert (response.status, len(backend.requests)) == (502, 2 if method in RETRIED else 1)


def _vanish_on_reuse(then: str, times: int) -> Script:
    """Serve the first request, then end the connection instead of answering, `times` times."""
    answers = iter([Answer([OK]), *[Answer([], then=then)] * times])
    return lambda request: next(answers, echo(request))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("then", ["rst", "close"])
async def test_a_connection_that_ends_as_it_is_reused_costs_only_a_safe_retry(
    place: Place, method: str, then: str
) -> None:
    """Once, on a new connection, and only for methods that change nothing."""
    async with place.backend(_vanish_on_reuse(then, 1)) as backend:
        first = await ask(place.address, place.request("GET /first"))
        response = await exchange(place, place.request(f"{method} /second"), method)
        connections = [connection for connection, _ in backend.requests]

    assert first == 200
    assert connections[0] is connections[1]
    if method in RETRIED:
        assert (response.status, len(connections)) == (200, 3)
        assert connections[2] is not connections[1]
    else:
        assert (response.status, len(connections)) == (502, 2)


async def test_a_retry_is_not_retried(place: Place) -> None:
    async with place.backend(_vanish_on_reuse("close", 2)) as backend:
        await ask(place.address, place.request("GET /first"))
        status = await ask(place.address, place.request("GET /second"))

    assert (status, targets([r for _, r in backend.requests])) == (502, ["/first", "/second", "/second"])


async def test_a_request_with_a_body_is_not_retried(place: Place) -> None:
    async with place.backend(_vanish_on_reuse("close", 1)) as backend:
        await ask(place.address, place.request("GET /first"))
        status = await ask(place.address, place.request("GET /second", body=b"hello"))

    assert (status, len(backend.requests)) == (502, 2)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_connection_closed_while_idle_is_not_used_again(place: Place, method: str) -> None:
    async with place.backend() as backend:
        await ask(place.address, place.request("GET /first"))
        for _ in range(20):
            backend.connections[-1].close()
            await backend.connections[-1].wait_ended()
            assert await ask(place.address, place.request(f"{method} /next"), method) == 200

    assert len(backend.connections) == 21


async def test_an_idle_connection_is_reused(place: Place) -> None:
    """The counterpart, without which the tests above would prove nothing."""
    async with place.backend() as backend:
        statuses = [
            await ask(place.address, place.request(f"{m} /", body=b"x")) for m in ("GET", "POST", "PUT")
        ]

    assert (statuses, len(backend.connections)) == ([200] * 3, 1)


async def test_a_late_response_never_reaches_a_client(place: Place) -> None:
    """It arrives on an idle connection, just before the next request would take that connection."""
    async with place.backend() as backend:
        for number in range(50):
            data = place.request(f"GET /{number}")
            response = await exchange(place, data)
            expected = fingerprint(backend.requests[-1][1])
            assert response.values("x-echo") == [expected]
            connection = backend.requests[-1][0]
            connection.transport.write(LATE)
            if number % 2:
                assert await connection.wait_ended()

    assert targets([r for _, r in backend.requests]) == [f"/{number}" for number in range(50)]
    assert len(backend.connections) == 50


@pytest.mark.parametrize(
    "whole",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n",
    ],
    ids=["length", "chunked"],
)
@pytest.mark.parametrize("then", ["close", "rst"])
async def test_a_response_cut_anywhere_never_looks_complete(place: Place, whole: bytes, then: str) -> None:
    """502 while nothing has been sent, afterwards a body that ends too early on a connection that closes."""
    cut = 0
    async with place.backend(lambda _: Answer([whole[:cut]], then=then)):
        for cut in range(len(whole)):  # noqa: B007 - the script reads it
            async with await RawClient.connect(place.address) as client:
                await client.send(place.request("POST /"))
                try:
                    response = await client.read_response()
                except NoResponseError:
                    assert client.received == b""
                    continue
                if response.status == 200:
                    assert not response.complete
                    assert client.ended or await client.wait_closed()
                else:
                    assert (response.status, response.complete) == (502, True)


@pytest.mark.parametrize("then", ["close", "rst"])
@pytest.mark.parametrize("pieces", [[], [b"5\r\nhello\r\n"], [b"5\r\nhello\r\n7\r\n,"]], ids=len)
async def test_a_cut_response_does_not_look_complete_to_an_old_client(
    place: Place, pieces: list[bytes], then: str
) -> None:
    """Its bodies end with the connection: only a reset tells it that this one ended too early."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    script = always(head, *pieces, b"", then=then, gap=0.1)
    async with place.backend(script), await RawClient.connect(place.address) as client:
        await client.send(place.request().replace(b"HTTP/1.1", b"HTTP/1.0"))
        ended = await client.wait_closed()

    assert client.received.startswith((b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 502 "))
    assert ended == "rst" or b" 502 " in client.received


async def test_a_body_that_ends_with_the_connection_is_complete(place: Place) -> None:
    async with place.backend(always(b"HTTP/1.1 200 OK\r\n\r\nhello", b", world", then="close", gap=0.05)):
        response = await exchange(place, place.request())

    assert (response.body, response.framing, response.complete) == (b"hello, world", "chunked", True)


async def test_a_slow_stream_is_passed_on_at_once_and_never_cut(place: Place) -> None:
    """Each event is sent only after the client has the one before, over longer than the idle deadline."""
    pause = STALL * 0.6
    script = always(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", then="hold")
    async with place.backend(script) as backend, await RawClient.connect(place.address) as client:
        await client.send(place.request())
        await client.read_until(b"\r\n\r\n")
        for number in range(4):
            await asyncio.sleep(pause)
            backend.connections[0].transport.write(b"data: %d\n\n" % number)
            await client.read_until(b"data: %d\n\n" % number)
        backend.connections[0].close()
        await client.read_until(b"0\r\n\r\n")


async def test_a_stalled_body_ends_both_connections(place: Place) -> None:
    script = always(OK[:-1], then="hold")
    async with place.backend(script) as backend, await RawClient.connect(place.address) as client:
        await client.send(place.request())
        response = await client.read_response()
        ended = await backend.connections[0].wait_ended()

    assert (response.complete, bool(client.ended), bool(ended)) == (False, True, True)


async def test_an_early_answer_stops_the_upload(place: Place) -> None:
    """The reply comes at once, the rest of the body stays away from the backend, nothing is reused."""
    too_big = Answer([b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig"], then="hold")

    async with place.backend(echo, lambda head: too_big if head.target == "/big" else None) as backend:
        async with await RawClient.connect(place.address) as client:
            head = place.request("POST /big", f"Content-Length: {100 << 20}\r\n")
            uploading = asyncio.ensure_future(client.send_segments([head, *[bytes(1 << 20)] * 100], 0.001))
            response = await client.read_response("POST")
            ended = await client.wait_closed()
            uploading.cancel()
            await asyncio.gather(uploading, return_exceptions=True)
        upstream_ended = await backend.connections[0].wait_ended()
        after = await ask(place.address, place.request("GET /after"))

    assert (response.status, response.body, bool(ended), bool(upstream_ended)) == (413, b"big", True, True)
    assert (after, backend.requests[-1][0] is backend.connections[0]) == (200, False)
    assert len(backend.connections[0].received) < 32 << 20


async def _pour(connection: BackendConnection, data: bytes, limit: int) -> int:
    """Send `data` again and again until the gateway hangs up or `limit` bytes are gone; how many were."""
    sent = 0
    while not connection.ended and not connection.transport.is_closing() and sent < limit:
        if connection.transport.get_write_buffer_size() < 1 << 20:
            connection.transport.write(data)
            sent += len(data)
        await asyncio.sleep(0)
    return sent


async def _flooded(place: Place, backend: RawBackend, data: bytes, limit: int) -> tuple[Response, int]:
    async with await RawClient.connect(place.address) as client:
        await client.send(place.request(fields=f"Origin: {ORIGIN}\r\n"))
        await backend.until(lambda: backend.requests)
        sent = await _pour(backend.connections[-1], data, limit)
        return await client.read_response(), sent


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 1000),
        (b"HTTP/1.1 200 OK\r\nX-Fill: ", b"x" * (1 << 16)),
        (b"HTTP/1.1 200 OK\r\n", b"X-Fill: y\r\n" * 5000),
        (b"HTTP/1.1 200 ", b"z" * (1 << 16)),
    ],
    ids=["interim responses", "one field", "many fields", "reason phrase"],
)
async def test_an_endless_head_is_502_after_a_bounded_read(place: Place, start: bytes, more: bytes) -> None:
    async with place.backend(always(start, then="hold")) as backend:
        growth = place.gateway.watch_memory()
        response, sent = await _flooded(place, backend, more, 64 << 20)

    assert response.status == 502
    assert_browser_can_read(response)
    assert sent < 64 << 20
    assert growth() < FLAT


async def test_an_upload_into_a_backend_that_does_not_read_is_held_back(place: Place) -> None:
    """The client is paused, memory stays flat, and the stuck exchange is given up."""
    deaf = Answer([], then="deaf")
    async with place.backend(echo, lambda _: deaf):
        growth = place.gateway.watch_memory()
        async with await RawClient.connect(place.address) as client:
            head = place.request("POST /", f"Content-Length: {1 << 30}\r\n")
            uploading = asyncio.ensure_future(client.send_segments([head, *[bytes(1 << 20)] * 1024], 0))
            ended = await client.wait_closed()
            finished = uploading.done() and not client.ended
            uploading.cancel()
            await asyncio.gather(uploading, return_exceptions=True)

    assert (bool(ended), finished) == (True, False)
    assert growth() < FLAT


async def test_a_download_to_a_client_that_does_not_read_is_held_back(place: Place) -> None:
    """Memory stays flat while the client sleeps, and every byte is there when it reads after all."""
    size = 64 << 20

    def script(request: Request) -> Answer:
        return Answer([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size, bytes(size)])

    async with place.backend(script) as backend:
        growth = place.gateway.watch_memory()
        async with await RawClient.connect(place.address, receive_buffer=1 << 16) as client:
            client.stop_reading()
            await client.send(place.request())
            await backend.until(lambda: backend.requests)
            await asyncio.sleep(0.5)
            unsent = backend.connections[0].transport.get_write_buffer_size()
            client.start_reading()
            response = await client.read_response()

    assert unsent > size // 2
    assert growth() < FLAT
    assert (len(response.body), response.complete) == (size, True)
