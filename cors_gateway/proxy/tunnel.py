"""After an accepted WebSocket handshake: two transports joined, bytes both ways, unread.

No frame is parsed and nothing is buffered beyond what the transports hold; a half close is passed on. A tunnel in
which nothing moves for an hour ends, and one whose peer takes nothing of what is written, or has vanished.
"""

import asyncio
import contextlib
from collections.abc import Callable

from cors_gateway.proxy.clock import NEVER, CoarseClock
from cors_gateway.proxy.flow import Flow

IDLE = 3600.0
"""Seconds without a byte in either direction."""
LOOK = 1.0
"""Seconds after which is looked whether a peer that nobody reads from is still there."""


class Tunnel:
    """One tunnel, from the 101 until both ends are gone. Takes the client connection's place in the books."""

    __slots__ = (
        *("_client_end", "_clock", "_is_closing", "_is_over", "_on_end", "_send_timeout", "_upstream_end"),
        "deadline",
    )

    is_idle = False
    requests = tunnels = 1

    def __init__(
        self,
        client: asyncio.Transport,
        upstream: asyncio.Transport,
        *,
        clock: CoarseClock,
        send_timeout: float,
        on_end: Callable[["Tunnel"], None],
    ) -> None:
        """`send_timeout` is how long an end may take nothing of what is written to it, in seconds.

        `on_end` is called once, when both ends are gone.
        """
        self._clock = clock
        self._send_timeout = send_timeout
        self._on_end = on_end
        self._is_closing = False
        self._is_over = False
        self._client_end = TunnelEnd(self, client, clock)
        self._upstream_end = TunnelEnd(self, upstream, clock)
        self._client_end.join(self._upstream_end)
        self._upstream_end.join(self._client_end)
        self.deadline = clock.now + IDLE
        self._client_end.flow.hand_over(self._client_end)
        self._upstream_end.flow.hand_over(self._upstream_end)

    @property
    def bytes_in(self) -> int:
        """Bytes from the client."""
        return self._client_end.size

    @property
    def bytes_out(self) -> int:
        """Bytes to the client."""
        return self._upstream_end.size

    def feed(self, *, from_client: bytes = b"", from_upstream: bytes = b"") -> None:
        """Pass on bytes that were read before the tunnel stood."""
        if from_client:
            self._client_end.data_received(from_client)
        if from_upstream:
            self._upstream_end.data_received(from_upstream)

    def watch(self, end: "TunnelEnd") -> None:
        """From now on this end must take something of what is written to it, and be looked after."""
        end.flow.watch(self._send_timeout)
        self.deadline = min(self.deadline, self._clock.now + LOOK)

    def end_of_stream(self) -> bool:
        """An end will send no more; False if the other will not either, and the tunnel ends."""
        if self._client_end.is_at_eof and self._upstream_end.is_at_eof:
            self.close()
            return False
        return True

    def on_deadline(self) -> None:
        ends = (self._client_end, self._upstream_end)
        idle_at = max(end.heard_at for end in ends) + IDLE
        is_looked_after = self._is_closing or any(end.flow.is_writing_paused for end in ends)
        if any(end.is_stuck() for end in ends):
            self.abort()
        elif is_looked_after:
            for end in ends:
                if end.flow.stall_deadline <= self._clock.now:
                    self.watch(end)
            self.deadline = self._clock.now + LOOK
        elif idle_at <= self._clock.now:
            self.close()
        else:
            self.deadline = idle_at

    def stood_still(self, seconds: float) -> None:
        self.deadline += seconds
        self._client_end.heard_at += seconds
        self._upstream_end.heard_at += seconds

    def renew(self, active: object, *, trusts_others: bool) -> None:
        """Nothing is learnt from a tunnel, and nothing more said to the backend about its client."""

    def drain(self) -> None:
        """It has its time until the process ends."""

    def abort(self) -> None:
        """End both directions at once; what is not sent yet is lost."""
        self._is_closing = True
        self.deadline = NEVER
        self._client_end.transport.abort()
        self._upstream_end.transport.abort()

    def close(self) -> None:
        """End both directions once what is written is sent."""
        if not self._is_closing:
            self._is_closing = True
            for end in (self._client_end, self._upstream_end):
                end.transport.close()
                self.watch(end)

    def lost(self, end: "TunnelEnd", error: Exception | None) -> None:
        """An end is gone; not as it should if there is an `error`."""
        self.close()
        if self._client_end.is_lost and self._upstream_end.is_lost and not self._is_over:
            self._is_over = True
            self._on_end(self)


class TunnelEnd(asyncio.Protocol):
    """What comes from one transport goes to the other, no faster than the other takes it."""

    __slots__ = (
        *("_clock", "_tunnel", "_write", "flow", "heard_at", "is_at_eof", "is_lost", "other", "size"),
        "transport",
    )

    other: "TunnelEnd"
    _write: Callable[[bytes], None]

    def __init__(self, tunnel: Tunnel, transport: asyncio.Transport, clock: CoarseClock) -> None:
        self.transport = transport
        self.flow = Flow(transport, clock)
        self.is_at_eof = False
        self.is_lost = False
        self.size = 0
        """Bytes that came from here."""
        self.heard_at = clock.now
        """When the last of them came."""
        self._clock = clock
        self._tunnel = tunnel

    def join(self, other: "TunnelEnd") -> None:
        """Send everything to the other end, from now on."""
        self.other = other
        self._write = other.transport.write

    def data_received(self, data: bytes) -> None:
        self.size += len(data)
        self.heard_at = self._clock.now
        self._write(data)

    def eof_received(self) -> bool:
        self.is_at_eof = True
        if not self._tunnel.end_of_stream():
            return False
        with contextlib.suppress(NotImplementedError, RuntimeError, OSError):
            self.other.transport.write_eof()
        return self.transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._tunnel.lost(self, exc)

    def is_stuck(self) -> bool:
        """Whether the peer takes nothing of what is written, or vanished while nobody reads from it."""
        return not self.is_lost and (
            self.flow.is_stalled() or (self.flow.is_reading_paused and self.flow.is_broken())
        )

    def pause_writing(self) -> None:
        self.flow.is_writing_paused = True
        self._tunnel.watch(self)
        self.other.flow.pause_reading()

    def resume_writing(self) -> None:
        self.flow.writing_resumed()
        self.other.flow.resume_reading()
