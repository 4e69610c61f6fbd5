"""The transport of a client connection: bytes kept for later, and an end by which the client still reads its answer.

What the bytes mean, and when the end has come, is decided in `downstream.py`.
"""

import asyncio
import contextlib
from abc import abstractmethod
from typing import TYPE_CHECKING, cast

from cors_gateway.http1.forwarded import Peer, client_address
from cors_gateway.http1.request import RequestHead
from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.flow import Flow
from cors_gateway.proxy.response_writer import ResponseWriter
from cors_gateway.proxy.roles import Downstream, Keeper
from cors_gateway.proxy.service import Service

if TYPE_CHECKING:
    from cors_gateway.proxy.exchange import Exchange

MAX_AHEAD = 64 * 1024
"""Bytes read ahead of the request in progress before reading pauses."""
MAX_DISCARDED = 256 * 1024
"""Bytes read and dropped, of a body nobody wants or before a close, so that the client gets to read the answer."""
LINGER = 2.0
"""Seconds for which a client may still read its last answer before the connection closes."""

# What the next bytes are.
HEAD = 0
PARTIAL = 1
BODY = 2
WAIT = 3
DISCARD = 4
LINGERING = 5
CLOSED = 6


class ClientTransport(asyncio.Protocol):
    """One transport, and in which phase of its life it is."""

    __slots__ = (
        *("_buffer", "_discarded", "_exchange", "_flow", "_is_at_eof", "_is_tls", "_keepers"),
        *("_peer", "_phase", "_service", "_transport"),
        *("clock", "deadline", "response"),
    )

    response: ResponseWriter
    _transport: asyncio.Transport
    _flow: Flow
    _peer: Peer

    def __init__(self, service: Service, *, is_tls: bool) -> None:
        # What is declared above comes with the transport, before anything else happens.
        self._service = service
        self.clock = service.clock
        self.deadline = NEVER
        self._is_tls = is_tls
        self._phase = HEAD
        self._buffer = b""
        self._discarded = 0
        self._is_at_eof = False
        self._exchange: Exchange | None = None
        self._keepers: tuple[Keeper, ...] = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._flow = Flow(self._transport, self.clock)
        self.response = ResponseWriter(self._transport.write, self.clock)

    @property
    def is_idle(self) -> bool:
        """Whether the connection waits for a request of which no byte has come, and nothing is left to send."""
        return self._phase == HEAD and not self._buffer and self._flow.is_flushed

    def client_address(self, head: RequestHead) -> str:
        """As `roles.Downstream` says."""
        return client_address(self._peer, head.forwarding, self._peer.trusted)

    def kept_by(self, keeper: Keeper) -> None:
        """As `roles.Downstream` says."""
        if keeper not in self._keepers:
            self._keepers = (*self._keepers, keeper)

    def _finish(self) -> None:
        """The exchange is over: have it counted."""
        exchange, self._exchange = self._exchange, None
        service = self._service
        if exchange is not None:
            service.accounting.finished(exchange, self.response.bytes_out, self._peer, service.active)

    def _give_up(self) -> None:
        """The client wants no response any more: the backend learns it at once."""
        if self._exchange is not None:
            self._exchange.cancel()
            self._finish()

    def _leave(self) -> None:
        """This is not a connection with requests any more."""
        self._service.leave(self)
        for keeper in self._keepers:
            keeper.client_left(cast("Downstream", self))

    @abstractmethod
    def on_deadline(self) -> None: ...

    def abort(self) -> None:
        """Close at once; what is not sent yet is lost."""
        self._phase = CLOSED
        self.deadline = NEVER
        self._transport.abort()

    def pause_body(self) -> None:
        """The backend does not take more: its own deadline counts now."""
        if self._phase == BODY:
            self._flow.pause_reading()
            self.deadline = self._flow.stall_deadline

    def resume_body(self) -> None:
        if self._flow.resume_reading() and self._phase == BODY:
            self.deadline = self.clock.now + self._service.active.timeouts.request_body

    def _keep_for_later(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MAX_AHEAD or self._flow.is_writing_paused:
            self._flow.pause_reading()

    def _linger(self) -> None:
        """Stop sending, go on reading for a moment: closing at once could reset the connection and lose the answer."""
        self._buffer, self._discarded = b"", 0
        self._flow.resume_reading()
        if self._is_at_eof or self._is_tls:  # closing TLS tells the client and goes on reading by itself
            self._end()
            return
        self._phase = LINGERING
        self.deadline = self.clock.now + LINGER
        with contextlib.suppress(NotImplementedError, RuntimeError):
            self._transport.write_eof()

    def _linger_on(self, data: bytes) -> None:
        """Drop what is still sent, for as long as that is little."""
        self._discarded += len(data)
        if self._discarded > MAX_DISCARDED:
            self._flow.pause_reading()  # to close now would reset the connection, and the answer with it

    def _end(self) -> None:
        """Close when all is sent; the deadline sees to it that this comes to an end."""
        self._phase = CLOSED
        self.deadline = self.clock.now + LINGER
        self._transport.close()
