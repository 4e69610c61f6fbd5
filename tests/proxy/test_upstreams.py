"""Several servers behind one upstream, over real sockets: who is asked, who is spared, what is kept open."""

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cors_gateway.server.health import HealthChecks
from tests.proxy.stage import LIMIT, ORIGIN, Starter, counts, listening, request, together, until, upstream
from tests.wire.listeners import stop_accepting
from tests.wire.raw_backend import Answer, RawBackend, echo, reply
from tests.wire.strict_http import Request

SAFE = ["GET", "HEAD", "OPTIONS"]
UNSAFE = ["POST", "PUT", "PATCH", "DELETE"]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


async def test_round_robin_spreads_evenly(serving: Starter, backend: RawBackend, other: RawBackend) -> None:
    async with listening(backend, other), serving(upstream(backend, other)) as stage:
        statuses = [(await stage.ask()).status for _ in range(20)]

    assert (statuses, counts([backend, other])) == ([200] * 20, [10, 10])


async def test_least_requests_prefers_the_server_that_is_free(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    """One request hangs at one of them; all that come meanwhile go to the other."""
    backend.script = other.script = lambda request: (
        Answer([], then="hold") if request.target == "/slow" else echo(request)
    )
    section = upstream(backend, other, balance="least_requests")
    async with listening(backend, other), serving(section) as stage, await stage.connect() as stuck:
        await stuck.send(request("GET /slow"))
        await until(lambda: sum(counts([backend, other])) == 1)
        busy, free = sorted([backend, other], key=lambda one: -len(one.requests))
        assert [(await stage.ask()).status for _ in range(10)] == [200] * 10

    assert counts([busy, free]) == [1, 10]


@pytest.mark.parametrize("method", [*SAFE, *UNSAFE])
async def test_a_server_that_refuses_is_passed_over_for_any_method(
    serving: Starter, backend: RawBackend, other: RawBackend, method: str
) -> None:
    """Nothing was sent to it."""
    async with listening(other), serving(upstream(backend, other)) as stage:
        stage.pass_time(0)  # and no more
        statuses = [(await stage.ask(f"{method} /", body=b"hello")).status for _ in range(6)]
        assert stage.pool.servers[0].ejected_until > stage.gateway.clock.now

    assert (statuses, counts([other])) == ([200] * 6, [6])
    assert {request.body for _, request in other.requests} == {b"hello"}


async def test_without_retries_nobody_else_is_tried(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    async with listening(other), serving(upstream(backend, other, retries=0)) as stage:
        statuses = [(await stage.ask()).status for _ in range(2)]

    assert sorted(statuses) == [200, 502]


async def test_a_server_that_was_left_out_returns_when_it_listens_again(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    async with serving(upstream(backend, other)) as stage, listening(other):
        stage.pass_time(0)  # and no more
        assert set(await stage.ask_many(20)) == {200}
        ejected = stage.pool.servers[0]
        assert not ejected.is_available(stage.gateway.clock.now)
        async with listening(backend):
            ejected.ejected_until = stage.gateway.clock.now  # its time is over
            statuses = [(await stage.ask()).status for _ in range(10)]

    assert (statuses, counts([backend])) == ([200] * 10, [5])


async def test_if_all_servers_refuse_they_are_asked_all_the_same(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    async with serving(upstream(backend, other)) as stage:
        assert set(await stage.ask_many(20)) == {502}
        async with listening(backend, other):
            assert set(await stage.ask_many(20)) == {200}


async def test_without_a_healthy_server_it_is_unavailable_for_a_while(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    """As the active health checks say; script may read it, and nobody is bothered with a connection."""
    async with listening(backend, other), serving(upstream(backend, other)) as stage:
        for server in stage.pool.servers:
            server.is_healthy = False
        down = await stage.ask("GET /", f"Origin: {ORIGIN}\r\n")
        upload = await stage.ask("POST /", body=bytes(100_000))
        for server in stage.pool.servers:
            server.is_healthy = True
        up = await stage.ask()

    assert [down.status, upload.status, up.status] == [503, 503, 200]
    assert down.values("retry-after") == ["1"]
    assert down.values("access-control-allow-origin") == [ORIGIN]
    assert b"upstream_unavailable" in down.body
    assert len(backend.connections) + len(other.connections) == 1


async def test_a_server_that_fails_its_health_checks_is_spared_until_it_passes_them(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    """It goes on accepting connections all the while."""
    status = 500
    backend.script = lambda request: reply(status) if request.target == "/well" else echo(request)
    check = {
        "path": "/well",
        "interval": "250ms",
        "timeout": "250ms",
        "unhealthy_after": 2,
        "healthy_after": 2,
    }
    checks = HealthChecks()
    async with (
        listening(backend, other),
        serving(upstream(backend, other, health_check=check)) as stage,
    ):
        checks.follow([stage.pool])
        try:
            ill, well = stage.pool.servers
            await until(lambda: not ill.is_healthy)
            assert await stage.ask_many(10, "POST /") == [200] * 10
            assert [request.target for _, request in backend.requests if request.method == "POST"] == []
            status = 204
            await until(lambda: ill.is_healthy)
            assert [(await stage.ask("POST /")).status for _ in range(10)] == [200] * 10
            assert well.is_healthy
        finally:
            await checks.stop()

    assert sum(request.method == "POST" for _, request in backend.requests) == 5


# -- connections that are kept


async def test_the_connection_used_last_is_used_first(serving: Starter, backend: RawBackend) -> None:
    """So that those that are not needed grow old."""
    backend.script = together(backend, 4)
    async with listening(backend), serving(upstream(backend)) as stage:
        await stage.ask_many(4)
        backend.script = lambda _: Answer([OK])
        backend.requests.clear()
        for _ in range(10):
            await stage.ask()

    assert len(backend.connections) == 4
    assert len({id(connection) for connection, _ in backend.requests}) == 1


async def test_no_more_connections_are_kept_than_configured(serving: Starter, backend: RawBackend) -> None:
    backend.script = together(backend, 10)
    async with (
        listening(backend),
        serving(upstream(backend, keep_alive={"connections": 3, "idle": "60s"})) as stage,
    ):
        assert await stage.ask_many(10) == [200] * 10
        await until(lambda: sum(not connection.ended for connection in backend.connections) == 3)

        assert len(stage.pool.servers[0].idle) == 3


@pytest.mark.parametrize(
    ("keep_alive", "promise"),
    [
        ({"idle": "100ms"}, b""),
        ({"idle": "60s"}, b"Keep-Alive: timeout=1\r\n"),
        ({"idle": "100ms"}, b"Keep-Alive: timeout=60\r\n"),
    ],
    ids=["ours", "the backend's", "the shorter"],
)
async def test_an_idle_connection_is_closed_when_its_time_is_over(
    serving: Starter, backend: RawBackend, keep_alive: dict[str, str], promise: bytes
) -> None:
    backend.script = lambda _: Answer([b"HTTP/1.1 200 OK\r\n" + promise + b"Content-Length: 0\r\n\r\n"])
    async with listening(backend), serving(upstream(backend, keep_alive=keep_alive)) as stage:
        await stage.ask()
        ended = await backend.connections[0].wait_ended()
        again = await stage.ask("POST /")

    assert (bool(ended), again.status, len(backend.connections)) == (True, 200, 2)


# -- connections that end when they are used


def _vanishing(then: str, *, times: int = 1) -> Callable[[Request], Answer]:
    """Serve the first request, then end the connection instead of answering, `times` times."""
    answers = iter([Answer([OK]), *[Answer([], then=then)] * times])
    return lambda request: next(answers, echo(request))


@pytest.mark.parametrize("then", ["rst", "close"])
@pytest.mark.parametrize("method", [*SAFE, *UNSAFE])
async def test_a_kept_connection_that_ends_in_silence_costs_one_retry_at_most(
    serving: Starter, backend: RawBackend, method: str, then: str
) -> None:
    backend.script = _vanishing(then)
    async with listening(backend), serving(upstream(backend)) as stage:
        await stage.ask()
        answer = await stage.ask(f"{method} /")

    if method in SAFE:
        assert (answer.status, len(backend.requests), len(backend.connections)) == (200, 3, 2)
    else:
        assert (answer.status, len(backend.requests), len(backend.connections)) == (502, 2, 1)


async def test_without_retries_a_kept_connection_that_ends_in_silence_is_an_error(
    serving: Starter, backend: RawBackend
) -> None:
    backend.script = _vanishing("close")
    async with listening(backend), serving(upstream(backend, retries=0)) as stage:
        await stage.ask()
        answer = await stage.ask()

    assert (answer.status, len(backend.requests)) == (502, 2)


async def test_a_backend_that_accepts_and_resets_leaves_nobody_waiting(
    serving: Starter, backend: RawBackend
) -> None:
    class Resetting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            transport.abort()  # type: ignore[attr-defined]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(Resetting, sock=backend.sock.dup(), backlog=512)
    async with serving(upstream(backend)) as stage:
        for _ in range(10):
            assert set(await stage.ask_many(20, "POST /")) == {502}
    await stop_accepting(server)


# -- Unix sockets


@pytest.fixture
def unix(tmp_path: Path) -> Iterator[RawBackend]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "app.sock"))
        yield RawBackend(sock)


async def test_a_backend_on_a_unix_socket_is_as_good_as_any(serving: Starter, unix: RawBackend) -> None:
    async with serving(upstream(unix)) as stage:
        absent = await stage.ask()
        async with listening(unix):
            answers = [await stage.ask("POST /", body=b"x" * 100_000) for _ in range(3)]

    assert absent.status == 502
    assert {(answer.status, answer.body) for answer in answers} == {(200, b"x" * 100_000)}
    assert len(unix.connections) == 1


async def test_a_backend_on_a_missing_unix_socket_is_502(serving: Starter, tmp_path: Path) -> None:
    async with serving(upstream(f"unix:{tmp_path}/nobody.sock")) as stage:
        answer = await stage.ask("POST /")

    assert (answer.status, b"upstream_refused" in answer.body) == (502, True)


async def test_a_unix_socket_and_a_port_can_share_the_work(
    serving: Starter, unix: RawBackend, backend: RawBackend
) -> None:
    async with listening(unix, backend), serving(upstream(unix, backend)) as stage:
        assert [(await stage.ask()).status for _ in range(10)] == [200] * 10

    assert counts([unix, backend]) == [5, 5]


# -- connections that break


def _break_once(backends: list[RawBackend]) -> None:
    """The first request that reaches any of these is answered by a close; the others are well."""
    seen: list[str] = []

    def script(request: Request) -> Answer:
        seen.append(request.method)
        return Answer([], then="close") if len(seen) == 1 else echo(request)

    for one in backends:
        one.script = script


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "QUERY"])
async def test_a_safe_request_whose_new_connection_broke_is_sent_to_another_server(
    serving: Starter, backend: RawBackend, other: RawBackend, method: str
) -> None:
    _break_once([backend, other])
    async with listening(backend, other), serving(upstream(backend, other)) as stage:
        answer = await stage.ask(f"{method} /")

    assert (answer.status, counts([backend, other])) == (200, [1, 1])


async def test_with_one_server_it_is_asked_again(serving: Starter, backend: RawBackend) -> None:
    _break_once([backend])
    async with listening(backend), serving(upstream(backend)) as stage:
        assert (await stage.ask()).status == 200

    assert counts([backend]) == [2]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("body", [b"", b"x"], ids=["no body", "body"])
async def test_no_other_request_is_sent_twice(
    serving: Starter, backend: RawBackend, other: RawBackend, method: str, body: bytes
) -> None:
    _break_once([backend, other])
    async with listening(backend, other), serving(upstream(backend, other, retries=3)) as stage:
        answer = await stage.ask(f"{method} /", body=body)

    assert (answer.status, b"upstream_reset" in answer.body) == (502, True)
    assert sum(counts([backend, other])) == 1


async def test_a_query_whose_body_was_sent_is_not_sent_again(
    serving: Starter, backend: RawBackend, other: RawBackend
) -> None:
    _break_once([backend, other])
    async with listening(backend, other), serving(upstream(backend, other)) as stage:
        assert (await stage.ask("QUERY /", body=b"select")).status == 502

    assert sum(counts([backend, other])) == 1


async def test_a_backend_that_refuses_an_upload_and_closes_is_heard(
    serving: Starter, backend: RawBackend
) -> None:
    """The reset for what it did not read fails a write before its answer is looked at."""
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large"
    size = 8 << 20

    def upload(address: tuple[str, int]) -> bytes:
        with socket.create_connection(address, LIMIT) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
            with contextlib.suppress(OSError):
                client.sendall(bytes(size))
            received = b""
            with contextlib.suppress(OSError):
                while piece := client.recv(65536):
                    received += piece
            return received

    def refuse(listener: socket.socket, times: int) -> None:
        for _ in range(times):
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(refusal)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        refusing = threading.Thread(target=refuse, args=[listener, 10])
        refusing.start()
        async with serving(upstream(f"http://{host}:{port}")) as stage:
            answers = await asyncio.gather(*[asyncio.to_thread(upload, stage.address) for _ in range(10)])
        refusing.join()

    assert [answer[9:12] for answer in answers] == [b"413"] * 10


# -- what is known of a server


async def test_a_server_is_not_known_until_it_is_reached_and_down_until_it_is_reached_again(
    serving: Starter, backend: RawBackend
) -> None:
    """Also if it is the only one, and never left out: the alert looks at this."""

    def seen() -> tuple[bool, bool]:
        (server,) = stage.gateway.figures().servers
        return server.known, server.healthy

    async with serving(upstream(backend)) as stage:
        assert seen() == (False, True)
        await stage.ask_many(1)
        assert seen() == (False, True)
        await stage.ask_many(1)
        assert seen() == (False, False)
        stage.gateway.clock.now += 60.0  # when others would be asked again
        assert seen() == (False, False)
        async with listening(backend):
            assert (await stage.ask()).status == 200
            assert seen() == (True, True)


async def test_the_limit_of_connections_is_what_the_process_has_descriptors_for(
    serving: Starter, backend: RawBackend
) -> None:
    async with listening(backend), serving(upstream(backend), server={"limits": {"connections": 0}}) as stage:
        stage.gateway.service._capacity = 2
        async with await stage.connect(), await stage.connect():
            await until(lambda: len(stage.gateway.service.connections) == 2)
            assert (await stage.ask()).status == 503
        await until(lambda: not stage.gateway.service.connections)
        assert (await stage.ask()).status == 200


async def test_without_a_descriptor_the_gateway_says_that_it_is_its_own_fault(
    serving: Starter, backend: RawBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    async with listening(backend), serving(upstream(backend)) as stage:
        with monkeypatch.context() as patch:
            patch.setattr(stage.pool.servers[0].connector, "_make_socket", fail)
            answer = await stage.ask("POST /")
        after = await stage.ask("POST /")

    assert (answer.status, b"gateway_exhausted" in answer.body, after.status) == (503, True, 200)
    assert stage.pool.servers[0].failures == 0
