"""One connection from a client: reads requests one after the other, sends their responses in order.

A state machine over the callbacks of one transport; no task, timer or closure per request. What a request means is told
in `intake.py`, what may happen to it in `exchange.py`. Here: when bytes are a head, a body or early, and how it ends.
"""

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, cast

from cors_gateway.http1.beginning import after_empty_lines, check_beginning, first_of
from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.forwarded import Peer
from cors_gateway.http1.request import NO_BODY
from cors_gateway.proxy.answers import last_answer
from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.exchange import Exchange
from cors_gateway.proxy.flow import Flow
from cors_gateway.proxy.intake import Answer

if TYPE_CHECKING:
    from cors_gateway.http1.body import ChunkedDecoder, SizedBody
    from cors_gateway.proxy.activation import PreflightAnswer
    from cors_gateway.proxy.context import Context
    from cors_gateway.proxy.gateway import Gateway

MAX_AHEAD = 64 * 1024
"""Bytes read ahead of the request in progress before reading pauses."""
MAX_DISCARDED = 256 * 1024
"""Bytes read and dropped, of a body nobody wants or before a close, so that the client gets to read the answer."""
LINGER = 2.0

_HEAD = 0
_PARTIAL = 1
_BODY = 2
_WAIT = 3
_DISCARD = 4
_LINGER = 5
_CLOSED = 6


class ClientConnection(asyncio.Protocol):
    """Server side of HTTP/1.1 on one transport."""

    __slots__ = (
        *("_body", "_buffer", "_discarded", "_exchange", "_flow", "_is_at_eof", "_is_tls", "_phase"),
        *("_fresh", "_preflight", "clock", "context", "deadline", "gateway", "peer", "transport"),
    )

    def __init__(self, gateway: "Gateway", *, is_tls: bool) -> None:
        self.gateway = gateway
        self.clock = gateway.clock
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set before all else, as are these two
        self.peer: Peer = None  # type: ignore[assignment]
        self.context: Context | None = None
        self.deadline = NEVER
        self._is_tls = is_tls
        self._phase = _HEAD
        self._buffer = b""
        self._exchange: Exchange | None = None
        self._body: SizedBody | ChunkedDecoder | None = None
        self._discarded = self._fresh = 0
        self._preflight: PreflightAnswer | None = None
        self._flow: Flow = None  # type: ignore[assignment]
        self._is_at_eof = False

    @property
    def is_idle(self) -> bool:
        """Whether the connection waits for a request of which no byte has come, and nothing is left to send."""
        return self._phase == _HEAD and not self._buffer and self._flow.is_flushed

    # -- asyncio.Protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._flow = Flow(self.transport, self.clock)
        self.peer = Peer(self._flow.peer_address(), self.gateway.active.trusted, is_tls=self._is_tls)
        self.deadline = self.clock.now + self.gateway.active.timeouts.request_head
        if not self.gateway.admit_connection(self):
            self._last_answer(503, "too_many_connections", "The gateway is at its connection limit.")

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase == _HEAD:
            self._take_complete_requests(data)
        elif phase == _PARTIAL:
            self._continue_head(data)
        elif phase == _BODY:
            self.deadline = self.clock.now + self.gateway.active.timeouts.request_body
            self._read_body(data)
        elif phase == _WAIT:
            self._keep_for_later(data)
        elif phase == _DISCARD:
            self._discard_body(data)
        elif phase == _LINGER:
            self._discarded += len(data)
            if self._discarded > MAX_DISCARDED:
                self._flow.pause_reading()  # to close now would reset the connection, and the answer with it

    def eof_received(self) -> bool:
        """The client sends no more; it may still read (RFC 9112 9.6)."""
        self._is_at_eof = True
        self._end_after_eof()
        return not self._is_tls  # TLS transports cannot stay half open

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = _CLOSED
        self.deadline = NEVER
        self.gateway.connection_closed(self)
        if self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            exchange.cancel()
            self.gateway.finish(exchange)

    def pause_writing(self) -> None:
        stall_deadline = self._flow.writing_paused(self.gateway.active.timeouts.send)
        self.deadline = min(self.deadline, stall_deadline)
        if self._exchange is not None:
            self._exchange.pause_upstream()

    def resume_writing(self) -> None:
        self._flow.writing_resumed()
        if self._exchange is not None:
            self._exchange.resume_upstream()
        if self._phase == _HEAD:
            self.deadline = self.clock.now + self.gateway.active.timeouts.keep_alive
            self._take_what_is_here()
        elif self._phase == _BODY and not self._flow.is_reading_paused:
            self.deadline = self.clock.now + self.gateway.active.timeouts.request_body
        elif self._phase in {_BODY, _WAIT}:
            self.deadline = NEVER

    # -- requests --------------------------------------------------------------------------------------------------

    def _take_requests(self, data: bytes) -> None:
        """Handle the requests in `data` until one has to wait for its backend, or for more bytes."""
        self._take_complete_requests(data)
        if self._is_at_eof:
            self._end_after_eof()

    def _end_after_eof(self) -> None:
        """No more bytes will come: end, unless a complete request still waits for its response."""
        if self._phase in {_HEAD, _DISCARD, _LINGER}:
            self._linger()
        elif self._phase in {_PARTIAL, _BODY}:
            self._break_off(400, "request_incomplete", "The connection ended before the request did.")

    def _take_complete_requests(self, data: bytes) -> None:
        while data:
            if self._flow.is_writing_paused:  # a client that sends and does not read
                self._keep_for_later(data)
                return
            data = self._take_request(data)
            if self._phase != _HEAD:
                if data and self._phase == _WAIT:
                    self._keep_for_later(data)
                return

    def _take_request(self, data: bytes) -> bytes:
        """Handle the request at the start of `data`; gives what follows it. An incomplete head is kept."""
        gateway = self.gateway
        known = None if gateway.is_draining else self._preflight
        if known is not None and data == known.request and known.active is gateway.active:
            gateway.answer_remembered(self, known, data)
            return b""
        line_end = data.find(b"\r\n")
        context = self.context
        try:
            if context is not None and line_end > 0 and data.startswith(context.ending, line_end):
                ending = b""
                rest = data[line_end + len(context.ending) :]
            else:
                end = data.find(b"\r\n\r\n")
                if not line_end and (start := after_empty_lines(data)) > 0:
                    return data[start:]
                if end < 0 or not line_end:
                    self._await_head(data)
                    return b""
                ending = data[line_end : end + 4]
                rest = data[end + 4 :]
            began = time.monotonic()
            outcome = gateway.admit(self, data[:line_end], ending)
        except ProtocolFault as fault:
            self._buffer, fault = data, first_of(fault, data, gateway.active.limits.request_head)
            self._last_answer(fault.status, fault.reason, fault.detail)
            return b""
        if isinstance(outcome, Exchange):
            outcome.started = began
            return self._start(outcome, rest)
        if isinstance(outcome, Answer):
            return self._answer(outcome, rest)
        gateway.answer_remembered(self, outcome, data)
        if not rest:
            outcome.remember(data)
            self._preflight = outcome
        return rest

    def _start(self, exchange: Exchange, rest: bytes) -> bytes:
        self._exchange = exchange
        if exchange.is_request_sent:
            self._phase = _WAIT
            self.deadline = NEVER
            exchange.start()
            return rest
        self._phase = _BODY
        self._body = exchange.head.body()
        self.deadline = self.clock.now + self.gateway.active.timeouts.request_body
        # What is here goes out together with the head, in one write.
        self._read_body(rest)
        if not exchange.is_over:
            exchange.start()
            if not exchange.is_connected and self._phase == _BODY:
                self.pause_body()
        return b""

    def _answer(self, answer: Answer, rest: bytes) -> bytes:
        self.gateway.count_answer(self, answer)
        self.transport.write(answer.data)
        head = answer.section.head
        if answer.closes or head.expects_continue or head.content_length > MAX_DISCARDED:
            self._linger()
            return b""
        self.deadline = self.clock.now + self.gateway.active.timeouts.keep_alive
        if head.framing == NO_BODY:
            return rest
        self._phase = _DISCARD
        self._discarded = 0
        self._body = head.body()
        self._discard_body(rest)
        return b""

    def _await_head(self, data: bytes) -> None:
        """Keep the beginning of a head, unless it can no longer become a good one."""
        check_beginning(data, self.gateway.active.limits.request_head, self._fresh)
        self._phase = _PARTIAL
        self._buffer = data
        self.deadline = self.clock.now + self.gateway.active.timeouts.request_head

    def _continue_head(self, data: bytes) -> None:
        deadline, self._fresh, data = self.deadline, len(data), self._buffer + data
        self._buffer, self._phase = b"", _HEAD
        self._take_requests(data)
        self._fresh = 0  # what comes otherwise is all new
        if self._phase == _PARTIAL and len(self._buffer) == len(data):
            self.deadline = deadline  # still the same head: its time is absolute

    def _keep_for_later(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MAX_AHEAD or self._flow.is_writing_paused:
            self._flow.pause_reading()

    def _take_what_is_here(self) -> None:
        data, self._buffer = self._buffer, b""
        self._flow.resume_reading()
        self._take_requests(data)

    # -- request bodies --------------------------------------------------------------------------------------------

    def _read_body(self, data: bytes) -> None:
        exchange = cast("Exchange", self._exchange)
        body = cast("SizedBody | ChunkedDecoder", self._body)
        limit = self.gateway.active.limits.request_body
        try:
            piece = body.feed(data)
            if limit and exchange.bytes_in + len(piece) > limit:
                raise ProtocolFault(Cause.BODY_TOO_LARGE, limit=limit)
            if piece:
                exchange.send(piece)
        except ProtocolFault as fault:
            self._break_off(fault.status, fault.reason, fault.detail)
            return
        if body.is_done and self._exchange is exchange:
            self._phase = _WAIT
            self._body = None
            self.deadline = self._flow.stall_deadline
            exchange.end_of_request()
            if body.rest:
                self._keep_for_later(body.rest)

    def _discard_body(self, data: bytes) -> None:
        """Read past the body of a request that was answered here, so that it never becomes the next request."""
        body = cast("SizedBody | ChunkedDecoder", self._body)
        self._discarded += len(data)
        try:
            body.feed(data)
        except ProtocolFault:
            self._linger()  # it has its answer: a second one would be taken for another request's
            return
        if body.is_done:
            self._body = None
            self._phase = _HEAD
            self._take_requests(body.rest)
        elif self._discarded > MAX_DISCARDED:
            self._linger()

    def upstream_is_ready(self) -> None:
        """The backend is connected and waits for the body (RFC 9110 10.1.1: now the client may be told to go on)."""
        exchange = cast("Exchange", self._exchange)
        if exchange.head.expects_continue and not exchange.bytes_in and exchange.is_http11:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.resume_body()

    def pause_body(self) -> None:
        """The backend does not take more: its own deadline counts now."""
        if self._phase == _BODY:
            self._flow.pause_reading()
            self.deadline = self._flow.stall_deadline

    def resume_body(self) -> None:
        if self._flow.resume_reading() and self._phase == _BODY:
            self.deadline = self.clock.now + self.gateway.active.timeouts.request_body

    # -- responses -------------------------------------------------------------------------------------------------

    def exchange_done(self, exchange: Exchange) -> None:
        """The response is complete: the next request, or the end."""
        self._exchange = None
        self.gateway.finish(exchange)
        if exchange.closes or self._phase == _BODY or (self._is_at_eof and not self._buffer):
            self._linger()
            return
        self._phase = _HEAD
        idle_until = self.clock.now + self.gateway.active.timeouts.keep_alive
        self.deadline = min(idle_until, self._flow.stall_deadline)
        if self._buffer or self._flow.is_reading_paused:
            self._take_what_is_here()

    def truncate(self, exchange: Exchange) -> None:
        """Break off a response that cannot be completed, so that the client sees it."""
        self._exchange = None
        self.gateway.finish(exchange)
        if not exchange.is_http11:
            self._flow.reset_on_close()  # to HTTP/1.0 a close is the end of the body, not a cut
        self._end()

    def leave_transport(self) -> tuple[asyncio.Transport, bytes]:
        """Hand over the transport, and what was read ahead, to a tunnel."""
        early, self._buffer = self._buffer, b""
        self._flow.resume_reading()
        self._phase = _CLOSED
        self._exchange = None
        self.gateway.connection_closed(self)
        return self.transport, early

    # -- endings ---------------------------------------------------------------------------------------------------

    def on_deadline(self) -> None:
        flow = self._flow
        is_done = self._phase in {_HEAD, _LINGER, _CLOSED}
        if flow.is_stalled() or (is_done and flow.is_flushed):
            self.abort()
        elif is_done or flow.stall_deadline <= self.clock.now:
            self.deadline = flow.watch(self.gateway.active.timeouts.send)
        elif self._phase in {_PARTIAL, _BODY}:
            part = "head" if self._phase == _PARTIAL else "body"
            self._break_off(408, "request_timeout", f"The request {part} did not arrive in time.")
        else:  # a body that nobody wants
            self.abort()

    def abort(self) -> None:
        """Close at once; what is not sent yet is lost."""
        self._phase = _CLOSED
        self.deadline = NEVER
        self.transport.abort()

    def _break_off(self, status: int, reason: str, detail: str) -> None:
        """End a request that stopped half way."""
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            self._last_answer(status, reason, detail)
            return
        exchange.break_off(status, reason, detail)
        self.gateway.finish(exchange)
        self._linger()

    def _last_answer(self, status: int, reason: str, detail: str) -> None:
        data = last_answer(status, reason, detail, self.clock.date_line, self._buffer)
        self.gateway.count_refusal(self, status, len(data))
        self.transport.write(data)
        self._linger()

    def _linger(self) -> None:
        """Stop sending, go on reading for a moment: closing at once could reset the connection and lose the answer."""
        self._buffer, self._discarded = b"", 0
        self._flow.resume_reading()
        if self._is_at_eof or self._is_tls:  # closing TLS tells the client and goes on reading by itself
            self._end()
            return
        self._phase = _LINGER
        self.deadline = self.clock.now + LINGER
        with contextlib.suppress(NotImplementedError, RuntimeError):
            self.transport.write_eof()

    def _end(self) -> None:
        """Close when all is sent; the deadline sees to it that this comes to an end."""
        self._phase = _CLOSED
        self.deadline = self.clock.now + LINGER
        self.transport.close()
