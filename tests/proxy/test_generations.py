"""Reloads and drains while requests are in progress: what began one way ends that way, and nothing is lost or mixed."""

import asyncio
import socket

import pytest

from tests.proxy.stage import LIMIT, ORIGIN, Starter, counts, listening, request, together, until, upstream
from tests.wire.raw_backend import Answer, RawBackend, accept_websocket, targets
from tests.wire.raw_client import NoResponseError, RawClient

HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


# -- one configuration after the other


async def test_a_request_in_progress_ends_as_it_began_and_the_next_one_goes_the_new_way(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    backend.script = lambda _: Answer([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nol", b"d!"], gap=0.2)
    async with listening(backend, other), serving(upstream(backend)) as stage:
        async with await stage.connect() as client:
            await client.send(request("GET /", f"Origin: {ORIGIN}\r\n"))
            await client.read_until(b"ol")
            stage.swap(upstream(other), policy={"allow_origins": ["https://new.example.com"]})
            await client.read_until(b"d!")
            await client.send(request("POST /", f"Origin: {ORIGIN}\r\n", b"new"))
            second = await client.read_response("POST")
        ended = await backend.connections[0].wait_ended()

    assert ORIGIN.encode() in client.received.partition(b"old!")[0]
    assert (second.status, second.body) == (200, b"new")
    assert second.values("access-control-allow-origin") == []
    assert (counts([backend, other]), bool(ended)) == ([1, 1], True)


async def test_an_upload_in_progress_goes_on_to_where_it_began(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    async with (
        listening(backend, other),
        serving(upstream(backend)) as stage,
        await stage.connect() as client,
    ):
        await client.send(request("POST /", "Content-Length: 6\r\n") + b"one")
        await until(lambda: backend.connections and backend.connections[0].received.endswith(b"one"))
        stage.swap(upstream(other))
        await client.send(b"two")
        answer = await client.read_response("POST")

    assert (answer.body, counts([backend, other])) == (b"onetwo", [1, 0])


@pytest.mark.parametrize(("before", "after"), [(["loopback"], []), ([], ["loopback"])])
async def test_who_is_a_trusted_proxy_changes_for_open_connections_too(
    serving: Starter, backend: RawBackend, before: list[str], after: list[str]
) -> None:
    async with (
        listening(backend),
        serving(upstream(backend), server={"trusted_proxies": before}) as stage,
        await stage.connect() as client,
    ):
        for trusted in (before, after):
            stage.swap(upstream(backend), server={"trusted_proxies": trusted})
            for _ in range(2):
                await client.send(request("GET /", "X-Forwarded-For: 203.0.113.7\r\n"))
                await client.read_response()
                expected = ["203.0.113.7, 127.0.0.1" if trusted else "127.0.0.1"]
                assert backend.requests[-1][1].values("x-forwarded-for") == expected


async def test_connections_to_an_upstream_that_did_not_change_are_kept_over_a_reload(
    serving: Starter, backend: RawBackend
) -> None:
    async with listening(backend), serving(upstream(backend)) as stage:
        for number in range(5):
            assert (await stage.ask("POST /")).status == 200
            stage.swap(upstream(backend), policy={"max_age": 60 + number})

    assert len(backend.connections) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"timeouts": {"idle": "7s"}},
        {"keep_alive": {"idle": "3s"}},
        {"retries": 0},
        {"balance": "least_requests"},
    ],
    ids=str,
)
async def test_connections_to_an_upstream_that_changed_are_closed_at_a_reload(
    serving: Starter, backend: RawBackend, change: dict[str, object]
) -> None:
    async with listening(backend), serving(upstream(backend)) as stage:
        await stage.ask()
        stage.swap(upstream(backend, **change))
        ended = await backend.connections[0].wait_ended()
        await stage.ask()

    assert (bool(ended), len(backend.connections)) == (True, 2)


async def test_an_upstream_that_is_gone_is_left_alone(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    both = {"app": upstream(backend), "extra": upstream(other)}
    async with listening(backend, other), serving(both, route={"upstream": "extra"}) as stage:
        await stage.ask()
        stage.swap(upstream(backend))
        ended = await other.connections[0].wait_ended()
        await stage.ask()

    assert (bool(ended), counts([backend, other])) == (True, [1, 1])


async def test_a_request_that_waits_for_a_connection_is_served_after_a_reload(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    """Its pool is out of service by then: one server does not accept, the other then takes it."""
    backend.sock.listen(0)
    with socket.socket() as first, socket.socket() as second:
        for queued in (first, second):
            queued.setblocking(False)
            queued.connect_ex(backend.address)
        section = upstream(backend, other, timeouts={"connect": "1s"})
        other.script = together(other, 2)
        async with listening(other), serving(section) as stage:
            clients = [await stage.connect() for _ in range(2)]
            for client in clients:  # one of them begins with the server that does not accept
                await client.send(request("POST /"))
            await other.until(lambda: other.requests)
            assert not stage.gateway.is_idle
            stage.swap(upstream(other))
            for client in clients:
                assert (await client.read_response("POST")).status == 200
                client.close()


async def test_an_old_tunnel_outlives_its_configuration(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    backend.script = accept_websocket
    async with (
        listening(backend, other),
        serving(upstream(backend)) as stage,
        await stage.connect() as client,
    ):
        await client.send(request("GET /", HANDSHAKE))
        assert (await client.read_response()).status == 101
        stage.swap(upstream(other))
        await client.send(b"still here")
        assert await client.read_bytes(10) == b"still here"


async def test_after_a_long_upload_a_connection_is_as_good_as_before(
    serving: Starter, backend: RawBackend
) -> None:
    """Long bodies are read in smaller pieces, into a place that all connections share."""
    body = bytes(range(256)) * 8192
    backend.script = lambda request: (
        accept_websocket(request)
        if request.target == "/ws"
        else Answer([OK % len(request.body), request.body])
    )
    async with (
        listening(backend),
        serving(upstream(backend)) as stage,
        await stage.connect() as client,
        await stage.connect() as other,
    ):
        for one in (client, other):
            await one.send(request("POST /", body=body))
        for one in (client, other):
            assert (await one.read_response("POST")).body == body
        await client.send(request("GET /"))
        assert (await client.read_response()).status == 200
        await client.send(request("GET /ws", HANDSHAKE))
        assert (await client.read_response()).status == 101
        await client.send(b"still here")
        assert await client.read_bytes(10) == b"still here"
        other.half_close()
        assert await other.wait_closed()


async def test_many_reloads_under_load_fail_no_request_and_mix_no_answers(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    """Every answer comes from one configuration: the backend and the granted origin belong together."""
    backend.script = lambda _: Answer([b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"])
    other.script = lambda _: Answer([b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo"])
    origins = {b"one": "https://one.example.com", b"two": "https://two.example.com"}
    sections = {b"one": upstream(backend), b"two": upstream(other)}
    wrong: list[object] = []

    async with listening(backend, other):
        policy = {"allow_origins": [origins[b"one"]]}
        async with serving(sections[b"one"], policy=policy) as stage:
            is_over = asyncio.Event()

            async def load(origin: str) -> int:
                count = 0
                async with await stage.connect() as client:
                    while not is_over.is_set():
                        await client.send(request("GET /", f"Origin: {origin}\r\n"))
                        answer = await client.read_response()
                        granted = answer.values("access-control-allow-origin")
                        if granted != ([origin] if origins.get(answer.body) == origin else []):
                            wrong.append((answer.status, answer.body, granted))
                        count += 1
                return count

            tasks = [asyncio.create_task(load(origin)) for origin in [*origins.values()] * 4]
            for number in range(60):
                name = (b"two", b"one")[number % 2]
                stage.swap(sections[name], policy={"allow_origins": [origins[name]]})
                await asyncio.sleep(0.005)
            is_over.set()
            done = await asyncio.gather(*tasks)

    assert wrong == []
    assert min(done) > 0
    assert min(counts([backend, other])) > 0


# -- winding up


async def test_a_drain_ends_idle_connections_and_lets_the_others_finish(
    serving: Starter, backend: RawBackend
) -> None:
    backend.script = lambda request: Answer(
        [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"done"], gap=0.1
    )
    async with (
        listening(backend),
        serving(upstream(backend)) as stage,
        await stage.connect() as idle,
        await stage.connect() as busy,
    ):
        await busy.send(request("GET /busy"))
        await backend.until(lambda: backend.requests)
        stage.gateway.drain()
        ends = [await idle.wait_closed()]
        answer = await busy.read_response()
        ends.append(await busy.wait_closed())
        await until(lambda: stage.gateway.is_idle)

    assert (answer.body, answer.values("connection")) == (b"done", ["close"])
    assert (ends, bytes(idle.received)) == (["fin", "fin"], b"")


async def test_responses_during_a_drain_say_that_the_connection_ends(
    serving: Starter, backend: RawBackend
) -> None:
    """Whoever makes them: the backend, or the gateway for a preflight, a refusal or an outage."""
    asked = {
        "GET /": "",
        "OPTIONS /": f"Origin: {ORIGIN}\r\nAccess-Control-Request-Method: GET\r\n",
        "TRACE /": "",
    }
    async with serving(upstream(backend)) as stage:
        clients = [await stage.connect() for _ in range(2 * len(asked))]
        await until(lambda: stage.gateway.figures().connections == len(clients))
        stage.gateway.begin_draining()
        answers = []
        for line, fields in asked.items():  # nobody listens yet
            answers.append(await _closing(clients.pop(), line, fields))
        async with listening(backend):
            for line, fields in asked.items():
                answers.append(await _closing(clients.pop(), line, fields))

    assert answers == [502, 204, 405, 200, 204, 405]


async def _closing(client: RawClient, line: str, fields: str) -> int:
    """The status of an answer that says `close`, after which the connection is closed."""
    async with client:
        await client.send(request(line, fields))
        answer = await client.read_response(line.partition(" ")[0])
        assert answer.values("connection") == ["close"]
        assert await client.wait_closed()
    return answer.status


async def test_pipelined_requests_behind_the_last_answer_of_a_drain_are_not_begun(
    serving: Starter, backend: RawBackend
) -> None:
    """The client sees that they were not answered, and may send them again."""
    async with (
        listening(backend),
        serving(upstream(backend)) as stage,
        await stage.connect() as client,
    ):
        await client.send(request("GET /0"))
        await client.read_response()
        stage.gateway.begin_draining()
        await client.send(b"".join(request(f"POST /{number}") for number in range(1, 5)))
        assert (await client.read_response("POST")).values("connection") == ["close"]
        with pytest.raises(NoResponseError):
            await client.read_response("POST")

    assert targets([seen for _, seen in backend.requests]) == ["/0", "/1"]


async def test_an_upload_and_a_tunnel_count_as_busy_until_they_end(
    serving: Starter, backend: RawBackend
) -> None:
    backend.script = lambda request: (
        accept_websocket(request) if request.target == "/ws" else Answer([b"HTTP/1.1 204 No Content\r\n\r\n"])
    )
    async with listening(backend), serving(upstream(backend)) as stage:
        async with await stage.connect() as tunnel, await stage.connect() as upload:
            await tunnel.send(request("GET /ws", HANDSHAKE))
            assert (await tunnel.read_response()).status == 101
            await upload.send(request("POST /", "Content-Length: 6\r\n") + b"one")
            await backend.until(lambda: len(backend.connections) == 2)
            stage.gateway.drain()
            assert not stage.gateway.is_idle
            await upload.send(b"two")
            assert (await upload.read_response("POST")).status == 204
            await tunnel.send(b"ping")
            assert await tunnel.read_bytes(4) == b"ping"
            assert not stage.gateway.is_idle
            backend.connections[0].close()
        await until(lambda: stage.gateway.is_idle)


async def test_a_tunnel_is_work_for_its_server_until_it_ends(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    """`least_requests` and whoever looks at the figures count it like any request in progress."""
    backend.script = other.script = lambda seen: (
        accept_websocket(seen) if seen.target == "/ws" else Answer([b"HTTP/1.1 204 No Content\r\n\r\n"])
    )
    options = upstream(backend, other, balance="least_requests")
    async with listening(backend, other), serving(options) as stage:
        async with await stage.connect() as tunnel:
            await tunnel.send(request("GET /ws", HANDSHAKE))
            assert (await tunnel.read_response()).status == 101
            busy, free = sorted(stage.pool.servers, key=lambda server: -server.active)
            assert (busy.active, free.active) == (1, 0)
            assert sorted(server.active for server in stage.gateway.figures().servers) == [0, 1]
            before = [len(each.requests) for each in (backend, other)]
            for _ in range(4):
                assert (await stage.ask()).status == 204
            asked = [len(each.requests) - had for each, had in zip((backend, other), before, strict=True)]
            assert sorted(asked) == [0, 4]
            for connection in [*backend.connections, *other.connections]:
                connection.close()
        await until(lambda: busy.active == 0)


async def test_closing_breaks_off_whatever_is_left(serving: Starter, backend: RawBackend) -> None:
    backend.script = lambda _: Answer([], then="hold")
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        await client.send(request())
        await backend.until(lambda: backend.requests)
        stage.gateway.close()
        ends = await client.wait_closed(LIMIT), await backend.connections[0].wait_ended(LIMIT)

    assert all(ends)
