"""A client that sends exact bytes, cut where it is told to, and reads what comes back strictly."""

import asyncio
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self, cast

from tests.wire.strict_http import IncompleteError, MalformedError, Response, parse_response

DEADLINE = 30.0  # seconds; generous, because it only matters when something is wrong


class NoResponseError(Exception):
    """The connection ended, or the deadline passed, before a response was complete."""


@dataclass(slots=True)
class Conversation:
    """What one client connection saw."""

    responses: list[Response] = field(default_factory=list)
    interim: list[Response] = field(default_factory=list)
    ended: str = ""  # "" while open, else fin | rst
    fault: str = ""  # bytes that are not a response
    is_alive: bool | None = None  # a further request on the connection was answered

    @property
    def statuses(self) -> list[int]:
        return [response.status for response in self.responses]

    @property
    def interim_statuses(self) -> list[int]:
        return [response.status for response in self.interim]

    @property
    def is_closed(self) -> bool:
        return bool(self.ended)


class RawClient(asyncio.Protocol):
    """One connection. Everything received is kept in `received`; `position` is what has been parsed."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.position = 0
        self.interim: list[Response] = []
        self.ended = ""
        self._transport: asyncio.Transport | None = None
        self._news = asyncio.Event()
        self._can_write = asyncio.Event()
        self._can_write.set()

    @classmethod
    async def connect(cls, address: tuple[str, int], *, receive_buffer: int | None = None) -> Self:
        """A connection to `address`; a small `receive_buffer` (bytes) makes a slow reader."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        loop = asyncio.get_running_loop()
        await asyncio.wait_for(loop.sock_connect(sock, address), DEADLINE)
        _, client = await loop.create_connection(cls, sock=sock)
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    # -- sending

    async def send(self, data: bytes) -> None:
        """Send `data`, waiting while the peer does not read. Silent when the peer has gone."""
        transport = self._transport
        if self.ended == "rst" or transport is None or transport.is_closing():
            return
        transport.write(data)
        await self._can_write.wait()

    async def send_segments(self, segments: Iterable[bytes], gap: float) -> None:
        """Send one segment after the other with `gap` seconds between them."""
        for index, segment in enumerate(segments):
            if index:
                await asyncio.sleep(gap)
            await self.send(segment)

    def half_close(self) -> None:
        """Send FIN and keep reading."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def reset(self) -> None:
        """Send RST."""
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def close(self) -> None:
        """Close both directions."""
        if self._transport is not None:
            self._transport.abort()

    # -- receiving

    def stop_reading(self) -> None:
        """Let the receive window fill up."""
        assert self._transport is not None
        self._transport.pause_reading()

    def start_reading(self) -> None:
        """Read again after `stop_reading`."""
        assert self._transport is not None
        self._transport.resume_reading()

    async def read_response(self, method: str = "GET", deadline: float = DEADLINE) -> Response:
        """The next final response; interim ones are collected. Raises NoResponseError or MalformedError."""
        while True:
            response = await self._next(method, deadline)
            if response.status >= 200 or response.status == 101:
                return response
            self.interim.append(response)

    async def read_bytes(self, count: int, deadline: float = DEADLINE) -> bytes:
        """Wait until `count` bytes beyond `position` are there, and take them."""
        while len(self.received) < self.position + count:
            await self._wait(deadline)
        data = bytes(self.received[self.position : self.position + count])
        self.position += count
        return data

    async def read_until(self, mark: bytes, deadline: float = DEADLINE) -> bytes:
        """Wait until `mark` comes beyond `position`, and take everything up to its end."""
        while (found := self.received.find(mark, self.position)) < 0:
            await self._wait(deadline)
        return await self.read_bytes(found + len(mark) - self.position)

    async def wait_closed(self, deadline: float = DEADLINE) -> str:
        """How the connection ended (`fin` or `rst`), or an empty string when it is still open then."""
        try:
            async with asyncio.timeout(deadline):
                while not self.ended:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return ""
        return self.ended

    async def _next(self, method: str, deadline: float) -> Response:
        needed = 0
        while True:
            data = self.received
            if len(data) >= needed or self.ended:
                try:
                    at_end = bool(self.ended)
                    response, position = parse_response(
                        bytes(data), method, start=self.position, at_end=at_end
                    )
                except IncompleteError as short:
                    needed = short.needed
                else:
                    self.position = position
                    return response
            await self._wait(deadline)

    async def _wait(self, deadline: float) -> None:
        if self.ended:
            raise NoResponseError(f"connection ended by {self.ended}")
        self._news.clear()
        try:
            await asyncio.wait_for(self._news.wait(), deadline)
        except TimeoutError:
            raise NoResponseError(f"nothing came for {deadline} s") from None

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # those of uvloop do not inherit from it

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._news.set()

    def eof_received(self) -> bool:
        self.ended = "fin"
        self._news.set()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = "rst" if error is not None else self.ended or "fin"
        self._news.set()
        self._can_write.set()

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()


async def converse(
    address: tuple[str, int],
    segments: Sequence[bytes],
    *,
    gap: float = 0.001,
    methods: Sequence[str] = ("GET",),
    half_close: bool = False,
    is_close_expected: bool = True,
    probe: bytes = b"",
    deadline: float = DEADLINE,
) -> Conversation:
    """Send `segments`, read a response for each of `methods`, and find out whether the connection lives.

    Alive means that `probe`, sent on the same connection at the end, is answered. Without a probe and when
    `is_close_expected`, everything up to the end of the connection is read.
    """
    conversation = Conversation()
    async with await RawClient.connect(address) as client:
        sending = asyncio.ensure_future(_send(client, segments, gap, half_close=half_close))
        try:
            for method in methods:
                conversation.responses.append(await client.read_response(method, deadline))
            await asyncio.wait_for(sending, deadline)
            if probe and not client.ended:
                await client.send(probe)
                conversation.is_alive = (await client.read_response("GET", deadline)).status == 200
            while is_close_expected and not probe:
                conversation.responses.append(await client.read_response("GET", deadline))
        except (NoResponseError, TimeoutError):
            pass
        except MalformedError as fault:
            conversation.fault = str(fault)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        if not conversation.fault and client.position < len(client.received):
            conversation.fault = (
                f"bytes that are no response:  {bytes(client.received[client.position :][:80])!r}"
            )
        conversation.interim, conversation.ended = client.interim, client.ended
    return conversation


async def _send(client: RawClient, segments: Sequence[bytes], gap: float, *, half_close: bool) -> None:
    await client.send_segments(segments, gap)
    if half_close:
        client.half_close()
