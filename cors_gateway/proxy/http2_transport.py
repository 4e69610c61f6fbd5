"""The transport of a client connection that speaks HTTP/2: its turns, its deadlines, and its end.

What the bytes mean, and what is sent, is decided in `http2_connection.py`.
"""

import asyncio
import logging
from abc import abstractmethod
from typing import cast

from cors_gateway.http1.forwarded import Peer
from cors_gateway.http2.cause import NO_ERROR, ConnectionCause, ConnectionFault
from cors_gateway.http2.engine import Engine
from cors_gateway.http2.flood import FrameWatch
from cors_gateway.observe.event import emit
from cors_gateway.observe.trouble import Trouble
from cors_gateway.proxy.client_transport import LINGER
from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.flow import Flow
from cors_gateway.proxy.service import Service
from cors_gateway.proxy.turns import SLICE, Kept

MAX_FRAMES = 128
"""Frames of one connection in one turn of the loop, up to one slice more."""
TAKE = 64 * 1024
"""Bytes handed to the transport at a time."""
BLOCK_OVERHEAD = 16 * 1024
"""Bytes of a header block beyond `limits.request_head`, so that it can still be answered."""
QUIET_SECONDS = 60.0
"""Between two events about the same cause: clients choose how many there are."""
LAST_STREAMS_SECONDS = 1.0
"""For so long a client that was asked to open no more streams may not have heard of it."""

_quiet_until: dict[ConnectionCause, float] = {}


class Http2Transport(asyncio.Protocol):
    """One transport, for how long its client is waited for, and how it ends."""

    __slots__ = (
        *("__weakref__", "_block_until", "_flow", "_idle_until", "_is_at_rest", "_is_closing", "_is_leaving"),
        *("_is_tls", "_kept", "_service", "_transport", "_watch", "clock", "deadline", "engine", "peer"),
    )

    _transport: asyncio.Transport
    _flow: Flow
    peer: Peer

    def __init__(self, service: Service, *, is_tls: bool) -> None:
        # What is declared above comes with the transport, before anything else happens.
        limits = service.active.limits
        self._service = service
        self._is_tls = is_tls
        self.clock = service.clock
        self.deadline = NEVER
        self.engine = Engine(max_list=limits.request_head, max_fields=limits.header_fields)
        self._watch = FrameWatch(limits.request_head and limits.request_head + BLOCK_OVERHEAD)
        self._kept: Kept | None = None
        """What was received and not looked at yet; reading pauses meanwhile."""
        self._block_until = NEVER
        """When a header block must be complete."""
        self._idle_until = NEVER
        """When a client without streams must have asked for something."""
        self._is_leaving = False
        """The client was asked to open no more streams."""
        self._is_closing = False
        self._is_at_rest = True
        """It asked nothing for a while, and nothing is remembered of it."""

    @property
    @abstractmethod
    def requests(self) -> int:
        """Streams in progress."""

    @abstractmethod
    def _receive(self, data: bytes) -> None:
        """Take what came, or a slice of it."""

    @abstractmethod
    def _flush(self) -> None:
        """Send what there is, as far as the transport takes it."""

    @abstractmethod
    def _rest(self) -> None:
        """Nothing was asked for a while: forget what only helps a client that goes on."""

    @abstractmethod
    def _blame(self, trouble: Trouble) -> None:
        """All streams are over for this, which is no client that leaves."""

    @abstractmethod
    def _drop_streams(self) -> None:
        """All streams are over."""

    # -- asyncio.Protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._flow = Flow(self._transport, self.clock)

    def data_received(self, data: bytes) -> None:
        if self._kept is None and len(data) <= SLICE:
            self._receive(data)
            self._flush()
            return
        if self._kept is None:
            self._kept = Kept(data)
            self._flow.pause_reading()
            self._take_turn()
        else:
            self._kept.append(data)

    def _take_turn(self) -> None:
        """Look at some of what came: after many frames others have their turn first."""
        kept, watch = self._kept, self._watch
        last = watch.frames + MAX_FRAMES
        while kept and watch.frames < last and not self._is_closing:
            self._receive(kept.take_slice())
        if kept and not self._is_closing:
            self.clock.call_soon(self._take_turn)
        else:
            self._kept = None
            if not self._is_closing:
                self._flow.resume_reading()
        self._flush()

    def eof_received(self) -> bool:
        """Nothing can be sent for long to somebody who opens no windows."""
        return False

    def pause_writing(self) -> None:
        self._flow.writing_paused(self._service.active.timeouts.send)
        self._settle_deadline()

    def resume_writing(self) -> None:
        self._flow.writing_resumed()
        self._settle_deadline()
        self._flush()

    # -- deadlines and endings -------------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether no stream is open and nothing is left to send."""
        return not self.requests and not self._watch.is_in_block and self._flow.is_flushed

    def stood_still(self, seconds: float) -> None:
        """The process heard nobody for so long: nobody's time ran."""
        self._idle_until += seconds
        self._block_until += seconds
        self.deadline += seconds

    def _settle_deadline(self) -> None:
        self.deadline = min(self._idle_until, self._block_until, self._flow.stall_deadline)

    def on_deadline(self) -> None:
        now, flow = self.clock.now, self._flow
        if self._is_closing or flow.is_stalled():
            self.abort()
        elif flow.stall_deadline <= now:
            flow.watch(self._service.active.timeouts.send)
            self._settle_deadline()
        elif self._block_until <= now:
            self._fail(ConnectionFault(ConnectionCause.HEAD_TIMEOUT))
        elif self.requests:
            self._idle_until = NEVER
            self.engine.end(NO_ERROR)
            self._settle_deadline()
            self._flush()
        elif self._is_at_rest or self._is_leaving:
            self._say_goodbye()
        else:
            self._rest()

    def drain(self) -> None:
        """Take no more streams; those in progress finish."""
        if self.is_idle:
            self._say_goodbye()
        elif not self._is_leaving:
            self._leave()
            self._flush()

    def _leave(self) -> None:
        self._is_leaving = True
        self.engine.announce_end()
        self._idle_until = self.clock.now + LAST_STREAMS_SECONDS
        self._settle_deadline()

    def _say_goodbye(self) -> None:
        """End a connection without streams."""
        self.engine.end(NO_ERROR)
        self._close(self.engine.take(TAKE))

    def _fail(self, fault: ConnectionFault) -> None:
        """End a connection whose client does not keep to the rules."""
        cause = fault.cause
        self._service.count_http2_end(cause)
        now = self.clock.now
        if now >= _quiet_until.get(cause, 0.0):
            _quiet_until[cause] = now + QUIET_SECONDS
            emit(
                "http2_connection_ended",
                level=logging.WARNING,
                cause=cause.value,
                client=self.peer.address or None,
                detail=fault.detail or None,
                message=cause.sentence,
            )
        self.engine.end(cause.code)
        data = self.engine.take(TAKE)
        self._blame(Trouble("", cause, fault.detail))
        self._close(self.engine.last_words(cause) if self.engine.is_dead else data)

    def _close(self, last: bytes) -> None:
        self._is_closing = True
        if last:
            self._transport.write(last)
        self._drop_streams()
        self.deadline = self.clock.now + LINGER
        self._transport.close()

    def abort(self) -> None:
        """Close at once; what is not sent yet is lost."""
        self._is_closing = True
        self.deadline = NEVER
        self._transport.abort()
