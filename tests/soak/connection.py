"""A client connection of the soak: sends bytes, reads responses strictly and as they come."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Self

from tests.soak.backend import PIECE, reset
from tests.wire.strict_http import MalformedError, Response, content_length, parse_response

LIMIT = 30.0
"""Seconds in which an answer must come; the deadlines of the gateway are all shorter."""
SLOW_PIECE = 16 << 10


class CutError(Exception):
    """The connection ended before a response was complete, as is right if it was."""


class Connection:
    """One connection to the gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(
        cls,
        address: tuple[str, int],
        *,
        receive_buffer: int | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Self:
        """Connect; a small `receive_buffer` makes what a slow reader does not take stay with the gateway."""
        sock = socket.socket()
        sock.setblocking(False)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await asyncio.get_running_loop().sock_connect(sock, address)
            name = None if tls is None else "localhost"
            return cls(*await asyncio.open_connection(sock=sock, limit=PIECE, ssl=tls, server_hostname=name))
        except BaseException:
            sock.close()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()

    @property
    def is_over(self) -> bool:
        """Whether the gateway has ended it."""
        return self._reader.at_eof() or self._writer.is_closing()

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    @property
    def can_half_close(self) -> bool:
        """Whether it can send FIN and keep reading, as TLS cannot."""
        return self._writer.can_write_eof()

    def half_close(self) -> None:
        """Send FIN."""
        self._writer.write_eof()

    def close(self) -> None:
        """Send FIN, with TLS after its own word for good-bye."""
        self._writer.close()

    def reset(self) -> None:
        """Vanish, with an RST."""
        reset(self._writer)
        self._writer.transport.abort()

    async def read_head(self) -> Response:
        """The head of the next final response. Raises CutError or MalformedError."""
        while True:
            try:
                head = await self._reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as error:
                if error.partial:
                    raise MalformedError(f"connection ended inside a head: {error.partial[:80]!r}") from None
                raise CutError from None
            response, _ = parse_response(head, "HEAD")
            if response.status >= 200 or response.status == 101:
                return response

    async def read_body(self, response: Response, method: str, pause: float = 0.0) -> bytes:
        """The body that follows a head, with a pause for each `SLOW_PIECE`. Raises CutError or MalformedError."""
        if method == "HEAD" or response.status in {204, 304}:
            return b""
        pieces: list[bytes] = []
        try:
            if response.values("transfer-encoding"):
                await self._read_chunks(pieces.append, pause)
            else:
                length = content_length(response.fields)
                if length is None:
                    raise MalformedError("no length in an answer to HTTP/1.1")
                await self._read_sized(length, pieces.append, pause)
        except asyncio.IncompleteReadError:
            raise CutError from None
        return b"".join(pieces)

    async def read_bytes(self, count: int) -> bytes:
        """So many bytes of a tunnel. Raises CutError."""
        try:
            return await self._reader.readexactly(count)
        except asyncio.IncompleteReadError:
            raise CutError from None

    async def wait_ended(self) -> bytes:
        """Whatever else comes until the gateway ends the connection."""
        return await self._reader.read()

    async def _read_sized(self, left: int, keep: Callable[[bytes], None], pause: float) -> None:
        while left:
            data = await self._reader.read(min(left, PIECE))
            if not data:
                raise CutError
            keep(data)
            left -= len(data)
            if pause:  # not for each chunk: behind many small ones a client would be late without anybody's knowledge
                await asyncio.sleep(pause * len(data) / SLOW_PIECE)

    async def _read_chunks(self, keep: Callable[[bytes], None], pause: float) -> None:
        while True:
            line = await self._reader.readuntil(b"\r\n")
            if not line[:-2].isalnum():
                raise MalformedError(f"chunk line {line[:80]!r}")
            size = int(line, 16)
            await self._read_sized(size, keep, pause)
            if await self._reader.readexactly(2) != b"\r\n":
                raise MalformedError("chunk data is longer than its size")
            if not size:
                return
