"""Backends of tests that stop in the moment in which somebody connects: nothing of that connection is left."""

import asyncio
import gc
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.soak.backend import Backend
from tests.soak.tally import Tally
from tests.wire.raw_backend import RawBackend, bound_socket
from tests.wire.stream_backend import serving_streams

Served = Callable[[socket.socket], AbstractAsyncContextManager[object]]


async def _read_all(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize("turns", range(6))
@pytest.mark.parametrize(
    "served", [RawBackend, lambda sock: serving_streams(sock, _read_all)], ids=["raw", "streams"]
)
def test_a_connection_of_the_last_moment_is_ended(served: Served, turns: int) -> None:
    async def connect_and_stop(sock: socket.socket) -> None:
        async with served(sock):
            client = socket.create_connection(sock.getsockname())
            for _ in range(turns):
                await asyncio.sleep(0)
        with client:
            assert _is_ended(client)

    with bound_socket() as sock:
        asyncio.run(connect_and_stop(sock))
    gc.collect()  # what is not closed is told now, and here


@pytest.mark.parametrize("turns", range(6))
def test_a_connection_of_the_last_moment_is_ended_by_the_backend_of_the_soak(turns: int) -> None:
    async def connect_and_stop() -> None:
        backend = Backend(Tally())
        await backend.start()
        host, port = backend.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as client:
            for _ in range(turns):
                await asyncio.sleep(0)
            await backend.stop()
            assert _is_ended(client)
        backend.close()

    asyncio.run(connect_and_stop())
    gc.collect()


def _is_ended(client: socket.socket) -> bool:
    client.settimeout(10)
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
