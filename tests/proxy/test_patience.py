"""How long a client connection is waited for, and what it costs meanwhile: call by call, on a clock that is set."""

import asyncio
import select
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cors_gateway.proxy.active import REST_AFTER
from cors_gateway.proxy.client_transport import (
    MAX_AHEAD,
    MAX_DISCARDED,
    MIN_BODY_RATE,
    ONE_FLIGHT,
    SLOW_WAITS,
)
from cors_gateway.proxy.flow import AHEAD, UPLOAD_WINDOW, PiecewiseReader
from cors_gateway.server.listeners import RECEIVE_BUFFER, Listeners
from cors_gateway.snapshot import TcpListener
from tests.proxy.bench import Bench, snapshot, written
from tests.proxy.stage import LIMIT

LISTED = "https://app.example.com"
OPEN = {"open": {"allow_origins": [LISTED]}}
ROUTES = [{"name": "all", "path": "/app/", "cors": "open"}]
BODY, KEEP_ALIVE, SEND = 30, 75, 30
"""Seconds, as they are by default."""
OK = "200 OK|Content-Length: 0"
PREFLIGHT = written("OPTIONS /app/", {"Origin": LISTED, "Access-Control-Request-Method": "PUT"})


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    quiet, other = socket.socketpair()
    with quiet, other:
        yield Bench(snapshot(tmp_path, OPEN, ROUTES), asyncio.get_running_loop(), quiet)


def wait(bench: Bench, seconds: float) -> None:
    """Let the clock go on; whoever is due is told."""
    clock, client = bench.gateway.clock, bench.client()
    for _ in range(int(seconds * 10)):
        clock.now += 0.1
        if client.deadline <= clock.now:
            client.on_deadline()


# -- a body


async def test_a_body_may_come_slowly_for_a_while_and_not_for_ever(bench: Bench) -> None:
    bench.send(written("POST /app/", {"Content-Length": "1000"}))
    sent = 0
    while not bench.near().written and sent < 1000:
        wait(bench, BODY - 1)
        if not bench.near().written:
            bench.send(b"x")
            sent += 1

    assert b"HTTP/1.1 408 " in bench.near().written
    assert SLOW_WAITS // 2 < sent <= SLOW_WAITS + 1


async def test_a_body_that_comes_at_the_least_rate_is_waited_for(bench: Bench) -> None:
    rounds = 3 * SLOW_WAITS
    piece = b"x" * (MIN_BODY_RATE * BODY)
    bench.send(written("POST /app/", {"Content-Length": str(len(piece) * rounds)}))
    for _ in range(rounds):
        wait(bench, BODY - 1)
        bench.send(piece)

    assert bench.near().written == b""
    assert bench.far.written.count(b"x") > len(piece) * rounds - 1


async def test_while_the_backend_takes_nothing_a_client_is_not_to_blame(bench: Bench) -> None:
    bench.send(written("POST /app/", {"Content-Length": "10"}) + b"x")
    bench.client().pause_body()
    wait(bench, 2 * SLOW_WAITS * BODY)
    assert bench.near().written == b""
    bench.client().resume_body()
    wait(bench, BODY + 1)

    assert b"HTTP/1.1 408 " in bench.near().written


# -- answers


@pytest.mark.parametrize(
    "asked",
    [PREFLIGHT, written("OPTIONS *", {}), written("GET /nowhere", {})],
    ids=["preflight", "options", "problem"],
)
async def test_a_client_that_does_not_read_answers_has_the_time_for_that(bench: Bench, asked: bytes) -> None:
    """That is `send`, not `keep_alive`, also where the answer that it does not read was made here."""
    for _ in range(5):
        bench.send(asked)
    near, client = bench.near(), bench.client()
    near.pauses = client
    bench.send(asked)
    near.queued = 1000
    wait(bench, SEND - 1)
    assert near.ended == ""
    wait(bench, REST_AFTER + 2)

    assert near.ended == "aborted"


# -- after the last answer


async def test_little_is_read_of_what_is_sent_after_the_last_answer(bench: Bench) -> None:
    """It is dropped, so that the answer gets through."""
    bench.send(b"no request at all\r\n\r\n")
    answer = bench.near().written
    assert (answer[:13], bench.near().has_sent_eof) == (b"HTTP/1.1 400 ", True)
    bench.send(b"x" * MAX_DISCARDED)
    assert bench.near().reads
    bench.send(b"x")

    assert (bench.near().reads, bench.near().written) == (False, answer)


# -- rest


async def test_a_connection_at_rest_remembers_nothing_and_stays(bench: Bench) -> None:
    """What is remembered of its last request is many times what the connection costs otherwise."""
    asked = written("GET /app/", {"Origin": LISTED, "Cookie": "x" * 7000})
    for _ in range(4):
        bench.send(PREFLIGHT)
    bench.ask(asked, OK)
    client = bench.client()
    assert (client._last is not None, client._repeat is not None) == (True, True)
    wait(bench, REST_AFTER + 1)
    assert (client._last, client._repeat, client._repeated) == (None, None, b"")
    wait(bench, KEEP_ALIVE - REST_AFTER - 2)
    assert bench.near().ended == ""
    assert b"HTTP/1.1 200 OK" in bench.ask(asked, OK).answer
    wait(bench, KEEP_ALIVE + 1)

    assert bench.near().ended == "aborted"


async def test_a_connection_whose_answer_was_slow_to_go_rests_at_once(bench: Bench) -> None:
    for _ in range(4):
        bench.send(PREFLIGHT)
    near, client = bench.near(), bench.client()
    near.pauses = client
    bench.send(PREFLIGHT)
    near.pauses = None
    client.resume_writing()

    assert (client._last, client._repeat, client._repeated) == (None, None, b"")


async def test_a_tunnel_remembers_no_requests(bench: Bench) -> None:
    for _ in range(4):
        bench.send(PREFLIGHT)
    client = bench.client()
    key = "dGhlIHNhbXBsZSBub25jZQ=="  # this and what is accepted for it: RFC 6455 1.3
    asked = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key, "Origin": LISTED}
    bench.send(written("GET /app/", {**asked, "Sec-WebSocket-Version": "13"}))
    bench.reply(
        "101 Switching Protocols|Upgrade: websocket|Connection: Upgrade"
        "|Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    )

    assert b"HTTP/1.1 101 " in bench.near().written
    assert (client._last, client._repeat, client._repeated) == (None, None, b"")


async def test_answers_from_memory_keep_a_connection_as_any_others_do(bench: Bench) -> None:
    """Each ends a rest, and begins the time until the next one; in the end also the first one after a rest."""
    client = bench.client()
    for _ in range(4):
        for _ in range(4):
            bench.send(PREFLIGHT)
        for _ in range(4):
            wait(bench, REST_AFTER - 0.5)
            assert client._repeat is not None
            bench.send(PREFLIGHT)
        wait(bench, REST_AFTER + 1)
        assert (client._repeat, bench.near().ended) == (None, "")
    wait(bench, KEEP_ALIVE - REST_AFTER - 2)
    assert bench.near().ended == ""
    wait(bench, 2)

    assert bench.near().ended == "aborted"


async def test_little_is_read_ahead_of_a_request_in_progress(bench: Bench) -> None:
    bench.send(written("GET /app/", {}))
    assert bench.near().protocol is None
    bench.send(written("GET /app/", {}))
    assert isinstance(bench.near().protocol, PiecewiseReader)  # the next read brings no more than a piece
    assert bench.near().reads
    bench.send(written("GET /app/", {"Cookie": "x" * MAX_AHEAD}))
    assert not bench.near().reads
    for _ in range(3):
        bench.reply(OK)
        bench.far.written = b""
        for _ in range(3):
            await asyncio.sleep(0)

    assert bench.near().written.count(b"HTTP/1.1 200 OK") >= 2
    assert bench.near().reads


@pytest.mark.parametrize(
    ("size", "late"), [(ONE_FLIGHT // 2, 0.0), (ONE_FLIGHT + 1, REST_AFTER)], ids=["short", "long"]
)
async def test_whoever_may_have_read_until_now_is_idle_from_now_on(
    bench: Bench, size: int, late: float
) -> None:
    """A long answer may have waited in the kernel, for a client that took the end of it when nobody looked."""
    bench.send(written("GET /app/", {}))
    bench.reply(f"200 OK|Content-Length: {size}")
    bench.upstream.data_received(bytes(size))
    wait(bench, KEEP_ALIVE + late - 0.5)
    assert bench.near().ended == ""
    wait(bench, 1)

    assert bench.near().ended == "aborted"


@pytest.mark.parametrize(
    ("framing", "is_long"),
    [
        ({"Content-Length": str(AHEAD + 1)}, True),
        ({"Transfer-Encoding": "chunked"}, True),
        ({"Content-Length": str(AHEAD)}, False),
    ],
    ids=["sized", "chunked", "short"],
)
async def test_a_long_body_gets_more_room_than_its_connection_began_with(
    bench: Bench, framing: dict[str, str], is_long: bool
) -> None:
    listeners = Listeners()
    (bound,) = listeners.open([TcpListener("127.0.0.1", 0)])
    with socket.create_connection(bound.socket.getsockname()):
        assert select.select([bound.socket], [], [], LIMIT)[0]
        near, _ = bound.socket.accept()
        with near:
            bench.near().stand_on(near)
            bench.send(written("POST /app/", framing))

            room = near.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
            assert (room >= UPLOAD_WINDOW, room <= RECEIVE_BUFFER) == (is_long, not is_long)
            assert near.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1
            assert isinstance(bench.near().protocol, PiecewiseReader)
    listeners.close()


# -- a process that stood still


async def test_what_came_while_the_process_stood_still_is_read_before_anybody_is_late(bench: Bench) -> None:
    """Bytes may be read before the clock goes on, or after it."""
    clock, client = bench.gateway.clock, bench.client()
    bench.send(written("POST /app/", {"Content-Length": "10"}) + b"x")
    clock.watched.add(bench.upstream)
    clock.now -= 100.0  # it stood still for so long
    client.deadline -= 100.0
    bench.send(b"x")
    clock.start()
    clock.stop()
    assert (bench.near().written, client.deadline > clock.now) == (b"", True)
    wait(bench, BODY + 1)

    assert b"HTTP/1.1 408 " in bench.near().written


# -- reloads


async def test_a_body_in_progress_keeps_the_limits_it_began_with(bench: Bench, tmp_path: Path) -> None:
    bench.send(written("POST /app/", {"Content-Length": "20"}) + b"x" * 10)
    limited = snapshot(tmp_path, OPEN, ROUTES, limits={"request_body": 5})
    bench.reload(limited)
    bench.send(b"x" * 10)
    bench.reply(OK)
    seen = bench.take()

    assert b"HTTP/1.1 200 OK" in seen.answer
    assert seen.rows[0]["bytes_in"] == 20
    assert b"HTTP/1.1 413 " in bench.ask(written("POST /app/", {"Content-Length": "20"})).answer


async def test_a_request_is_logged_with_the_generation_it_began_under(bench: Bench, tmp_path: Path) -> None:
    bench.ask(written("GET /app/", {}), OK)
    bench.send(written("GET /app/", {}))
    bench.reload(snapshot(tmp_path, OPEN, ROUTES, limits={"request_body": 5}))
    bench.reply(OK)
    bench.far.written = b""
    bench.ask(written("GET /app/", {}), OK)

    assert bench.generations == [1, 1, 2]
