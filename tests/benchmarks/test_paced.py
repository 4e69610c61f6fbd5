"""The client that asks at a steady pace: what it counts, and what it forgives."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.wire.raw_backend import bound_socket
from tests.wire.stream_backend import serving_streams

_ROOT = Path(__file__).parents[2]
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_RATE = 100
_ENOUGH = 20


async def _ask(answer: Callable[[int], tuple[bytes, bool]]) -> dict[str, float]:
    """What the client tells of a server that answers its nth request so, and closes then or not."""
    asked = 0
    enough = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        closes = False
        while not closes:
            await reader.readuntil(b"\r\n\r\n")
            data, closes = answer(asked)
            asked += 1
            writer.write(data)
            if asked >= _ENOUGH:
                enough.set()
        writer.close()
        await writer.wait_closed()

    with bound_socket() as sock:
        async with serving_streams(sock, serve):
            return await _run_client(sock.getsockname()[1], enough)


async def _run_client(port: int, enough: asyncio.Event) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.benchmarks.clients", "paced", str(port), str(_RATE), "0"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=_ROOT,
    )
    try:
        async with asyncio.timeout(60):
            await enough.wait()
            output, _ = await process.communicate(b"\n")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    return dict(json.loads(output.splitlines()[-1]))


async def test_every_answer_counts_once() -> None:
    told = await _ask(lambda number: (_OK, False))
    assert told["requests"] >= _ENOUGH
    assert told["errors"] == 0
    assert 0 < told["p50"] <= told["p99"] <= told["longest"]


async def test_a_connection_closed_after_an_answer_is_replaced() -> None:
    told = await _ask(lambda number: (_OK, True))
    assert told["requests"] >= _ENOUGH
    assert told["errors"] == 0


async def test_a_request_that_gets_no_byte_is_sent_again() -> None:
    told = await _ask(lambda number: (b"", True) if number % 3 == 0 else (_OK, False))
    assert told["requests"] >= _ENOUGH // 2
    assert told["errors"] == 0


@pytest.mark.parametrize(
    ("bad", "closes"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\n\r\nno", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\ncut", True),
        (b"HTTP/1.1 200 O", True),
    ],
)
async def test_a_bad_answer_is_an_error_and_the_next_ones_count(bad: bytes, closes: bool) -> None:
    told = await _ask(lambda number: (bad, closes) if number == 3 else (_OK, False))
    assert told["errors"] == 1
    assert told["requests"] >= _ENOUGH - 1
