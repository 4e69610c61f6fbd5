"""A client that gives up: the backend learns it at once, unless the client said before that it would send no more."""

import asyncio
import socket
import ssl
from typing import Any

import pytest
import trustme

from tests.proxy.stage import Stage, Starter, listening, request, until, upstream
from tests.wire.raw_backend import Answer, RawBackend, reply
from tests.wire.raw_client import RawClient

SILENT = Answer([], then="hold")
BEGUN = Answer([b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"], then="hold")
PERSISTENT = request()
ANNOUNCED = [request(fields="Connection: close\r\n"), request().replace(b"HTTP/1.1", b"HTTP/1.0")]


class Log:
    """Keeps the records of requests that are over."""

    def __init__(self) -> None:
        self.statuses: list[int] = []

    def record(self, record: Any) -> None:
        self.statuses.append(record.status)


async def given_up(stage: Stage, backend: RawBackend, client: RawClient) -> list[int]:
    """Send FIN, and wait for the end of the backend's connection: what was logged by then."""
    log = Log()
    stage.gateway.log_to(log)
    client.half_close()
    await until(lambda: log.statuses)
    assert await backend.connections[-1].wait_ended()
    assert stage.pool.servers[0].active == 0
    return log.statuses


@pytest.mark.parametrize("sent", [PERSISTENT, request("POST /", body=b"x" * 9)], ids=["GET", "POST"])
async def test_a_fin_after_a_complete_request_cancels_it(
    serving: Starter, backend: RawBackend, sent: bytes
) -> None:
    backend.script = lambda _: SILENT
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        await client.send(sent)
        await backend.until(lambda: backend.requests)

        assert await given_up(stage, backend, client) == [499]


async def test_a_fin_ends_an_event_stream(serving: Starter, backend: RawBackend) -> None:
    """What `EventSource.close()` sends."""
    backend.script = lambda _: BEGUN
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        await client.send(PERSISTENT)
        await client.read_until(b"data: 1\n\n")

        assert await given_up(stage, backend, client) == [200]


async def test_the_end_of_a_tls_connection_cancels_it(
    serving: Starter, backend: RawBackend, server_tls: Any, client_tls: Any
) -> None:
    backend.script = lambda _: SILENT
    async with listening(backend), serving(upstream(backend), tls=server_tls) as stage:
        for leave in ("close", "abort"):
            client = await stage.connect(tls=client_tls, server_name="localhost")
            log = Log()
            stage.gateway.log_to(log)
            await client.send(PERSISTENT)
            await backend.until(lambda: backend.requests)
            assert client._transport is not None
            getattr(client._transport, leave)()
            assert await backend.connections[-1].wait_ended()
            await until(lambda: log.statuses)  # noqa: B023
            assert log.statuses == [499]
            backend.requests.clear()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA) -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def client_tls(authority: trustme.CA) -> Any:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.parametrize("sent", ANNOUNCED, ids=["Connection: close", "HTTP/1.0"])
async def test_who_announced_the_end_of_the_connection_may_half_close_it(
    serving: Starter, backend: RawBackend, sent: bytes
) -> None:
    answered = asyncio.Event()

    def answer(_: Any) -> Answer:
        answered.set()
        return Answer([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"late"], gap=0.05)

    backend.script = answer
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        await client.send(sent)
        client.half_close()
        got = await client.read_response()

    assert (got.status, got.body) == (200, b"late")


async def test_answers_at_hand_are_sent_before_a_cancelled_one_ends_the_connection(
    serving: Starter, backend: RawBackend
) -> None:
    """Pipelined: the first was answered before the FIN, the second is in progress."""
    backend.script = lambda request: SILENT if request.target.endswith("/slow") else reply(200, body=b"ok")
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        await client.send(request("GET /quick") + request("GET /slow"))
        assert (await client.read_response()).body == b"ok"
        await backend.until(lambda: len(backend.requests) == 2)

        assert await given_up(stage, backend, client) == [499]
        assert await client.wait_closed() == "fin"
        assert len(backend.requests) == 2


async def test_who_has_sent_more_than_the_request_in_progress_is_answered_in_order(
    serving: Starter, backend: RawBackend
) -> None:
    """No browser does that; scripts do."""
    backend.script = lambda _: Answer([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"late"], gap=0.05)
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        await client.send(PERSISTENT + b"EXTRA")
        client.half_close()

        assert [(await client.read_response()).status for _ in range(2)] == [200, 400]


# -- while connecting


async def test_sockets_that_connect_for_clients_that_left_are_closed(
    serving: Starter, backend: RawBackend
) -> None:
    """The backend's queue is full, so that attempts hang; nobody else closes them for three seconds each."""
    backend.sock.listen(0)
    with socket.socket() as first, socket.socket() as second:
        for queued in (first, second):
            queued.setblocking(False)
            queued.connect_ex(backend.address)
        async with serving(upstream(backend, timeouts={"connect": "1m"})) as stage:
            for _ in range(3):
                clients = [await stage.connect() for _ in range(5)]
                for client in clients:
                    await client.send(PERSISTENT)
                await until(lambda: stage.pool.servers[0].active == 5)
                for client in clients:
                    client.half_close()
                await until(lambda: not stage.pool._openings)
                assert stage.pool.servers[0].active == 0
                for client in clients:
                    client.close()
