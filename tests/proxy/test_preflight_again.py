"""The last preflight of a connection once more, byte for byte: it is one where a request begins, and nowhere else."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from cors_gateway.proxy.turns import MAX_REQUESTS
from tests.proxy.bench import Bench, snapshot, written

LISTED = "https://app.example.com"
OPEN = {"open": {"allow_origins": [LISTED], "allow_methods": ["PUT"]}}
ROUTES = [{"name": "all", "path": "/app/", "cors": "open"}]
PREFLIGHT = written("OPTIONS /app/", {"Origin": LISTED, "Access-Control-Request-Method": "PUT"})
GRANTED = b"Access-Control-Allow-Methods: PUT"
OK = "200 OK|Content-Length: 0"


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """On whose connection the preflight was answered from memory just now."""
    quiet, other = socket.socketpair()
    with quiet, other:
        bench = Bench(snapshot(tmp_path, OPEN, ROUTES), asyncio.get_running_loop(), quiet)
        for _ in range(4):
            assert GRANTED in bench.ask(PREFLIGHT).answer
        yield bench


async def at_rest(bench: Bench) -> bytes:
    """All answers, when nothing is held back any more."""
    for _ in range(100):
        await asyncio.sleep(0)
    assert bench.near().reads
    return bench.take().answer


async def test_behind_a_request_that_waits_it_waits_too(bench: Bench) -> None:
    bench.send(written("GET /app/", {}))
    bench.send(PREFLIGHT)
    assert bench.near().written == b""
    bench.reply(OK)
    answers = await at_rest(bench)

    assert answers.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answers.count(b"HTTP/1.1 ") == 2
    assert answers.index(GRANTED) > answers.index(b"HTTP/1.1 204 ")


async def test_in_a_body_it_is_a_body(bench: Bench) -> None:
    bench.send(written("POST /app/", {"Content-Length": str(len(PREFLIGHT))}))
    bench.send(PREFLIGHT)
    seen = bench.take()

    assert seen.request.endswith(b"\r\n\r\n" + PREFLIGHT)
    assert seen.answer == b""


async def test_in_a_body_that_nobody_wants_it_is_dropped(bench: Bench) -> None:
    bench.send(written("POST /nowhere", {"Content-Length": str(len(PREFLIGHT))}))
    assert bench.take().answer.startswith(b"HTTP/1.1 404 ")
    bench.send(PREFLIGHT)
    assert bench.take().answer == b""

    assert GRANTED in bench.ask(PREFLIGHT).answer


async def test_after_the_beginning_of_a_request_it_is_the_rest(bench: Bench) -> None:
    bench.send(b"OPTIONS /ap")
    bench.send(PREFLIGHT)

    assert bench.take().answer.startswith(b"HTTP/1.1 400 ")


async def test_after_the_last_answer_it_is_dropped(bench: Bench) -> None:
    assert bench.ask(b"no request at all\r\n\r\n").answer.startswith(b"HTTP/1.1 400 ")

    assert bench.ask(PREFLIGHT).answer == b""


async def test_behind_many_it_comes_last(bench: Bench) -> None:
    bench.send(written("OPTIONS *", {}) * (2 * MAX_REQUESTS))
    bench.send(PREFLIGHT)
    assert GRANTED not in bench.near().written
    answers = (await at_rest(bench)).split(b"HTTP/1.1 ")[1:]

    assert [GRANTED in answer for answer in answers] == [False] * (2 * MAX_REQUESTS) + [True]


async def test_a_client_that_does_not_read_has_to_before_it_is_answered(bench: Bench) -> None:
    near, client = bench.near(), bench.client()
    near.pauses = client
    assert GRANTED in bench.ask(PREFLIGHT).answer
    assert bench.ask(PREFLIGHT).answer == b""
    near.pauses = None
    client.resume_writing()

    assert GRANTED in await at_rest(bench)


async def test_while_the_gateway_drains_it_is_the_last(bench: Bench) -> None:
    bench.gateway.begin_draining()
    answer = bench.ask(PREFLIGHT).answer

    assert GRANTED in answer
    assert b"\r\nConnection: close\r\n" in answer
    assert bench.near().has_sent_eof
    assert bench.ask(PREFLIGHT).answer == b""


@pytest.mark.parametrize("times", [2, MAX_REQUESTS + 1])
async def test_more_of_them_at_once_are_as_many(bench: Bench, times: int) -> None:
    bench.send(PREFLIGHT * times)

    assert (await at_rest(bench)).count(GRANTED) == times


async def test_with_more_behind_it_that_is_not_lost(bench: Bench) -> None:
    bench.send(PREFLIGHT + written("GET /app/", {}))
    bench.reply(OK)
    answers = await at_rest(bench)

    assert [GRANTED in answer for answer in answers.split(b"HTTP/1.1 ")[1:]] == [True, False]
