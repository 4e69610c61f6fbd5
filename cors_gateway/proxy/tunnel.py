"""After an accepted WebSocket handshake: two transports joined, bytes both ways, unread.

No frame is parsed and nothing is buffered beyond what the transports hold; a half close is passed on; a tunnel in
which nothing moves for an hour ends.
"""

import asyncio
import contextlib
from collections.abc import Callable

from cors_gateway.proxy.clock import CoarseClock

IDLE = 3600.0
"""Seconds without a byte in either direction."""


class Tunnel:
    """One tunnel, from the 101 to the close of both ends. Takes the client connection's place in the books."""

    __slots__ = (
        *("_client_end", "_clock", "_is_over", "_on_end", "_upstream_end"),
        *("bytes_in", "bytes_out", "deadline"),
    )

    is_idle = False

    def __init__(
        self,
        client: asyncio.Transport,
        upstream: asyncio.Transport,
        *,
        clock: CoarseClock,
        on_end: Callable[["Tunnel"], None],
    ) -> None:
        """`on_end` is called once, when both ends are told to close."""
        self.bytes_in = 0
        """Bytes from the client."""
        self.bytes_out = 0
        self._clock = clock
        self._on_end = on_end
        self._is_over = False
        self._client_end = TunnelEnd(self, client, upstream)
        self._upstream_end = TunnelEnd(self, upstream, client)
        self.deadline = 0.0
        self.touch()
        client.set_protocol(self._client_end)
        upstream.set_protocol(self._upstream_end)

    def feed(self, *, from_client: bytes = b"", from_upstream: bytes = b"") -> None:
        """Pass on bytes that were read before the tunnel stood."""
        if from_client:
            self._client_end.data_received(from_client)
        if from_upstream:
            self._upstream_end.data_received(from_upstream)

    def touch(self) -> None:
        self.deadline = self._clock.now + IDLE

    def count(self, end: "TunnelEnd", size: int) -> None:
        if end is self._client_end:
            self.bytes_in += size
        else:
            self.bytes_out += size

    def is_at_eof(self) -> bool:
        """Whether neither side will send any more."""
        return self._client_end.is_at_eof and self._upstream_end.is_at_eof

    def on_deadline(self) -> None:
        self.close()

    def abort(self) -> None:
        self.close()

    def close(self) -> None:
        """End both directions once what is written is sent."""
        self._client_end.transport.close()
        self._upstream_end.transport.close()
        if not self._is_over:
            self._is_over = True
            self._on_end(self)


class TunnelEnd(asyncio.Protocol):
    """What comes from one transport goes to the other, no faster than the other takes it."""

    __slots__ = ("_other", "_tunnel", "is_at_eof", "transport")

    def __init__(self, tunnel: Tunnel, transport: asyncio.Transport, other: asyncio.Transport) -> None:
        self.transport = transport
        self.is_at_eof = False
        self._tunnel = tunnel
        self._other = other

    def data_received(self, data: bytes) -> None:
        self._tunnel.touch()
        self._tunnel.count(self, len(data))
        self._other.write(data)

    def eof_received(self) -> bool:
        self.is_at_eof = True
        if self._tunnel.is_at_eof():
            self._tunnel.close()
            return False
        with contextlib.suppress(NotImplementedError, RuntimeError, OSError):
            self._other.write_eof()
        return self.transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        self._tunnel.close()

    def pause_writing(self) -> None:
        self._other.pause_reading()

    def resume_writing(self) -> None:
        self._other.resume_reading()
