"""The listener of the operators' interface: peers that say nothing cost little and not for long."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from cors_gateway.admin.listener import open_site
from tests.admin.stand_in import StandIn

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextlib.asynccontextmanager
async def listening(process: StandIn) -> AsyncIterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        site = await open_site(process, sock)
        try:
            yield sock.getsockname()
        finally:
            await site.close()


async def _ends(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(ConnectionResetError):
        return await asyncio.wait_for(reader.read(), 30) == b""
    return True


@pytest.mark.parametrize("said", [b"", b"GET /healthz HT", REQUEST[:-2]], ids=["nothing", "line", "head"])
async def test_who_sends_no_request_is_not_waited_for(
    process: StandIn, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr("cors_gateway.admin.listener.SILENT_SECONDS", 0.2)
    async with listening(process) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(said)

        assert await _ends(reader)
        writer.close()


async def test_who_was_answered_has_as_long_for_the_next_request(
    process: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cors_gateway.admin.listener.SILENT_SECONDS", 0.2)
    async with listening(process) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(REQUEST)
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")

        await asyncio.wait_for(reader.read(), 30)
        writer.close()


async def test_silent_connections_never_keep_a_newcomer_out(
    process: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cors_gateway.admin.listener.MAX_CONNECTIONS", 5)
    async with listening(process) as address:
        silent = [await asyncio.open_connection(*address) for _ in range(12)]
        async with asyncio.timeout(30):
            await asyncio.gather(*(_ends(reader) for reader, _ in silent[:7]))
        reader, writer = await asyncio.open_connection(*address)
        writer.write(REQUEST)

        assert (await asyncio.wait_for(reader.readuntil(b"\r\n"), 30)).startswith(b"HTTP/1.1 200")
        for _, one in [*silent, (reader, writer)]:
            one.close()
