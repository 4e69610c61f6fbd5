"""A backend that is one function over streams, for tests in which it matters how it reads and writes."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

from tests.wire.listeners import stop_accepting

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving_streams(sock: socket.socket, serve: Serve, *, limit: int = 1 << 18) -> AsyncIterator[None]:
    """While inside, every connection to the bound `sock` is served so, and ends when the function does.

    Connections that break are nobody's fault here; `limit` is what is read ahead of the function, in bytes.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def serve_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(serve_and_close(reader, writer)))

    server = await asyncio.start_server(accept, sock=sock.dup(), limit=limit, backlog=512)
    try:
        yield
    finally:
        await stop_accepting(server)
        sock.shutdown(socket.SHUT_RDWR)  # closing the duplicate would leave the original listening
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)
