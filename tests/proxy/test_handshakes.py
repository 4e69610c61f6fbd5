"""Connections in the middle of a TLS handshake count, and those whose handshake fails do not."""

import asyncio
import socket
import ssl

import pytest
import trustme

from tests.proxy.stage import Starter, connect, listening, request, until, upstream
from tests.wire.raw_backend import RawBackend

LIMIT = 3


@pytest.fixture(scope="module", name="sides")
def _sides() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of the gateway, and of a client."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def test_an_unfinished_handshake_is_a_connection(
    serving: Starter, backend: RawBackend, sides: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    server, client = sides
    async with (
        listening(backend),
        serving(upstream(backend), tls=server, server={"limits": {"connections": LIMIT}}) as stage,
    ):

        async def ask() -> int:
            async with await connect(stage.address, tls=client, server_name="localhost") as one:
                await one.send(request("GET /", "Connection: close\r\n"))
                return (await one.read_response()).status

        handshakes = stage.gateway.service.handshakes
        assert await ask() == 200
        await until(lambda: not stage.gateway.service.connections)
        silent = [socket.create_connection(stage.address) for _ in range(LIMIT)]
        await until(lambda: len(handshakes) == LIMIT)
        assert await ask() == 503
        for sock in silent:
            sock.close()
        await until(lambda: not handshakes)
        assert await ask() == 200


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05nope!", b""])
async def test_a_handshake_that_fails_leaves_nothing_behind(
    serving: Starter, backend: RawBackend, sides: tuple[ssl.SSLContext, ssl.SSLContext], said: bytes
) -> None:
    """Nobody is told when it does."""
    async with serving(upstream(backend), tls=sides[0]) as stage:
        loop = asyncio.get_running_loop()
        for _ in range(5):
            with socket.create_connection(stage.address) as sock:
                sock.setblocking(False)
                await loop.sock_sendall(sock, said)
                await asyncio.sleep(0.01)
        await until(lambda: not stage.gateway.service.handshakes)
