"""One HTTP/1.1 connection from a client: reads requests one after the other, sends their responses in order.

A state machine over the callbacks of one transport; no task, timer or closure per request. What a request means is
decided in `dispatch.py`, what may happen to it in `exchange.py`, how a response is framed in `response_writer.py`.
Here: when bytes are a head, a body or early, whether the connection goes on, and how it ends so that the client still
reads the last answer.
"""

import asyncio
import time
from typing import TYPE_CHECKING

from cors_gateway.http1.beginning import after_empty_lines, check_beginning, first_of
from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.forwarded import Peer
from cors_gateway.http1.request import NO_BODY
from cors_gateway.http1.response import ResponseSection
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.answers import render
from cors_gateway.proxy.client_transport import (
    BODY,
    CLOSED,
    DISCARD,
    HEAD,
    LINGERING,
    MAX_DISCARDED,
    PARTIAL,
    WAIT,
    ClientTransport,
)
from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.dispatch import Answer, Repeat
from cors_gateway.proxy.exchange import Exchange
from cors_gateway.proxy.forward import Forward
from cors_gateway.proxy.last_request import MAX_REMEMBERED_BLOCK, LastRequest, read_request
from cors_gateway.proxy.response_head import CLOSES, IS_HEAD_REQUEST, IS_HTTP11
from cors_gateway.proxy.service import Service
from cors_gateway.proxy.tunnel import Tunnel

if TYPE_CHECKING:
    from cors_gateway.http1.body import ChunkedDecoder, SizedBody

MAX_REPEATED = 4096
"""Bytes of a preflight that is recognised as a whole when it comes again."""


class ClientConnection(ClientTransport):
    """Server side of HTTP/1.1 on one transport. A `roles.Downstream` of one exchange after the other."""

    __slots__ = ("_body", "_fresh", "_last", "_repeat", "_repeated")

    def __init__(self, service: Service, *, is_tls: bool) -> None:
        super().__init__(service, is_tls=is_tls)
        self._body: SizedBody | ChunkedDecoder | None = None
        self._fresh = 0  # bytes of a beginning that were not looked at yet; 0 is all
        self._last: LastRequest | None = None
        self._repeat: Repeat | None = None
        self._repeated = b""
        """All bytes of the last request that `_repeat` was the answer to."""

    # -- asyncio.Protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        active = self._service.active
        address = self._flow.peer_address()
        self._peer = Peer(address, active.trusted, is_tls=self._is_tls, trusts_unix=active.trusts_unix)
        self.deadline = self.clock.now + active.timeouts.request_head
        if not self._service.admit(self):
            self._last_answer(ProtocolFault(Cause.TOO_MANY_CONNECTIONS))

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase == HEAD:
            self._take_complete_requests(data)
        elif phase == PARTIAL:
            self._continue_head(data)
        elif phase == BODY:
            self.deadline = self.clock.now + self._service.active.timeouts.request_body
            self._read_body(data)
        elif phase == WAIT:
            self._keep_for_later(data)
        elif phase == DISCARD:
            self._discard_body(data)
        elif phase == LINGERING:
            self._linger_on(data)

    def eof_received(self) -> bool:
        """The client sends no more; it may still read if it said so before (RFC 9112 9.6)."""
        self._is_at_eof = True
        self._end_after_eof()
        return not self._is_tls  # TLS transports cannot stay half open

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = CLOSED
        self.deadline = NEVER
        self._leave()
        self._give_up()

    def pause_writing(self) -> None:
        stall_deadline = self._flow.writing_paused(self._service.active.timeouts.send)
        self.deadline = min(self.deadline, stall_deadline)
        if self._exchange is not None:
            self._exchange.pause_upstream()

    def resume_writing(self) -> None:
        self._flow.writing_resumed()
        if self._exchange is not None:
            self._exchange.resume_upstream()
        if self._phase == HEAD:
            self.deadline = self.clock.now + self._service.active.timeouts.keep_alive
            self._take_what_is_here()
        elif self._phase == BODY and not self._flow.is_reading_paused:
            self.deadline = self.clock.now + self._service.active.timeouts.request_body
        elif self._phase in {BODY, WAIT}:
            self.deadline = NEVER

    # -- requests --------------------------------------------------------------------------------------------------

    def _take_requests(self, data: bytes) -> None:
        """Handle the requests in `data` until one has to wait for its backend, or for more bytes."""
        self._take_complete_requests(data)
        if self._is_at_eof:
            self._end_after_eof()

    def _end_after_eof(self) -> None:
        """No more bytes will come: end, unless a complete request still waits for its response."""
        if self._phase in {HEAD, DISCARD, LINGERING}:
            self._linger()
        elif self._phase in {PARTIAL, BODY}:
            self._break_off(ProtocolFault(Cause.INCOMPLETE))
        elif self._exchange is not None and not (self._exchange.is_last or self._buffer):
            # A browser that aborts sends just this. Who has sent more is none, and is answered in order.
            self._give_up()
            self._end()

    def _take_complete_requests(self, data: bytes) -> None:
        while data:
            if self._flow.is_writing_paused:  # a client that sends and does not read
                self._keep_for_later(data)
                return
            data = self._take_request(data)
            if self._phase != HEAD:
                if data and self._phase == WAIT:
                    self._keep_for_later(data)
                return

    def _take_request(self, data: bytes) -> bytes:
        """Handle the request at the start of `data`; gives what follows it. An incomplete head is kept."""
        service = self._service
        repeat = self._repeat
        if repeat is not None and data == self._repeated and repeat.active is service.active:
            rest = b""
        else:
            line_end = data.find(b"\r\n")
            last = self._last
            try:
                if last is not None and line_end > 0 and data.startswith(last.block, line_end):
                    rest = data[line_end + len(last.block) :]
                    if last.active is not service.active:
                        self._last = last = read_request(service.active, None, last.block)
                else:
                    end = data.find(b"\r\n\r\n")
                    if not line_end and (start := after_empty_lines(data)) > 0:
                        return data[start:]
                    if end < 0 or not line_end:
                        self._await_head(data)
                        return b""
                    rest = data[end + 4 :]
                    last = read_request(service.active, last, data[line_end : end + 4])
                    self._last = last if len(last.block) <= MAX_REMEMBERED_BLOCK else None
                began = time.monotonic()
                outcome = service.dispatch(last, data[:line_end], self._peer)
            except ProtocolFault as fault:
                self._buffer = data
                self._last_answer(first_of(fault, data, service.active.limits.request_head))
                return b""
            if type(outcome) is not Repeat:
                line = outcome.line
                self.response.form = (
                    (IS_HTTP11 if line.is_http11 else CLOSES)
                    | (IS_HEAD_REQUEST if line.method == b"HEAD" else 0)
                    | (CLOSES if outcome.section.head.closes or service.is_draining else 0)
                )
                if type(outcome) is Forward:
                    return self._start(outcome, began, rest)
                return self._answer(outcome, rest)
            repeat = outcome
            if not rest and len(data) <= MAX_REPEATED:
                self._repeat = repeat
                self._repeated = data
        preflight, date_line = repeat.preflight, self.clock.date_line
        if service.is_draining:
            answer = render(preflight.answer, date_line=date_line, closes=True)
        else:
            answer = preflight.before_date + date_line + preflight.after_date
        self._transport.write(answer)
        self.deadline = self.clock.now + service.active.timeouts.keep_alive
        service.accounting.repeated(repeat, data, answer, self._peer)
        if service.is_draining:
            self._linger()
            return b""
        return rest

    def _start(self, forward: Forward, began: float, rest: bytes) -> bytes:
        exchange = self._exchange = Exchange(forward, self, began)
        if exchange.is_request_sent:
            self._phase = WAIT
            self.deadline = NEVER
            forward.lender.start(exchange)
            return rest
        self._phase = BODY
        self._body = exchange.head.body()
        self.deadline = self.clock.now + self._service.active.timeouts.request_body
        # What is here goes out together with the head, in one write.
        self._read_body(rest)
        if not exchange.is_over:
            forward.lender.start(exchange)
            if not exchange.is_connected and self._phase == BODY:
                self.pause_body()
        return b""

    def _answer(self, answer: Answer, rest: bytes) -> bytes:
        """Answer here; the connection goes on unless a body would have to be waited for in vain."""
        head = answer.section.head
        if not answer.wants_body or head.expects_continue or head.content_length > MAX_DISCARDED:
            self.response.form |= CLOSES
        self.response.answer(answer.answer)
        self._service.accounting.answered(answer, self.response.bytes_out, self._peer, self._service.active)
        if self.response.form & CLOSES:
            self._linger()
            return b""
        self.deadline = self.clock.now + self._service.active.timeouts.keep_alive
        if head.framing == NO_BODY:
            return rest
        self._phase = DISCARD
        self._discarded = 0
        self._body = head.body()
        self._discard_body(rest)
        return b""

    def _await_head(self, data: bytes) -> None:
        """Keep the beginning of a head, unless it can no longer become a good one."""
        check_beginning(data, self._service.active.limits.request_head, self._fresh)
        self._phase = PARTIAL
        self._buffer = data
        self.deadline = self.clock.now + self._service.active.timeouts.request_head

    def _continue_head(self, data: bytes) -> None:
        deadline, self._fresh, data = self.deadline, len(data), self._buffer + data
        self._buffer = b""
        self._phase = HEAD
        self._take_requests(data)
        self._fresh = 0
        if self._phase == PARTIAL and len(self._buffer) == len(data):
            self.deadline = deadline  # still the same head: its time is absolute

    def _take_what_is_here(self) -> None:
        data, self._buffer = self._buffer, b""
        self._flow.resume_reading()
        self._take_requests(data)

    # -- request bodies --------------------------------------------------------------------------------------------

    def _read_body(self, data: bytes) -> None:
        exchange, body = self._exchange, self._body
        if exchange is None or body is None:
            return
        limit = exchange.forward.max_body
        try:
            piece = body.feed(data)
            if limit and exchange.bytes_in + len(piece) > limit:
                raise ProtocolFault(Cause.BODY_TOO_LARGE, limit=limit)
            if piece:
                exchange.send(piece)
        except ProtocolFault as fault:
            self._break_off(fault)
            return
        if body.is_done and self._exchange is exchange:
            self._phase = WAIT
            self._body = None
            self.deadline = self._flow.stall_deadline
            exchange.end_of_request()
            if body.rest:
                self._keep_for_later(body.rest)

    def _discard_body(self, data: bytes) -> None:
        """Read past the body of a request that was answered here, so that it never becomes the next request."""
        body = self._body
        self._discarded += len(data)
        if body is None:
            return
        try:
            body.feed(data)
        except ProtocolFault:
            self._linger()  # it has its answer: a second one would be taken for another request's
            return
        if body.is_done:
            self._body = None
            self._phase = HEAD
            self._take_requests(body.rest)
        elif self._discarded > MAX_DISCARDED:
            self._linger()

    def want_body(self) -> None:
        """The backend is connected and waits for the body (RFC 9110 10.1.1: now the client may be told to go on)."""
        exchange = self._exchange
        if exchange is not None and exchange.head.expects_continue and not exchange.bytes_in:
            self.response.go_ahead()
        self.resume_body()

    # -- responses -------------------------------------------------------------------------------------------------

    def response_form(self) -> int:
        """The response comes: the connection does not outlive it if the request is not complete, or it drains."""
        response = self.response
        if self._phase == BODY or self._service.is_draining:
            response.form |= CLOSES
        return response.form

    def response_done(self) -> None:
        """The response is complete: the next request, or the end."""
        self._finish()
        if self.response.form & CLOSES or self._phase == BODY or (self._is_at_eof and not self._buffer):
            self._linger()
            return
        self._phase = HEAD
        idle_until = self.clock.now + self._service.active.timeouts.keep_alive
        self.deadline = min(idle_until, self._flow.stall_deadline)
        if self._buffer or self._flow.is_reading_paused:
            self._take_what_is_here()

    def truncate(self) -> None:
        """Break off a response that cannot be completed, so that the client sees it."""
        self._finish()
        if not self.response.form & IS_HTTP11:
            self._flow.reset_on_close()  # to HTTP/1.0 a close is the end of the body, not a cut
        self._end()

    def start_tunnel(
        self, response: ResponseSection, grant: Grant, upstream: asyncio.Transport, early: bytes
    ) -> None:
        """Answer 101, and leave the transport and what was read ahead to a tunnel."""
        self.response.switch_protocols(response, grant)
        ahead, self._buffer = self._buffer, b""
        self._flow.resume_reading()
        self._phase = CLOSED
        self._leave()
        tunnel = Tunnel(self._transport, upstream, clock=self.clock, on_end=self._tunnel_ended)
        self._service.enter(tunnel)
        tunnel.feed(from_client=ahead, from_upstream=early)

    def _tunnel_ended(self, tunnel: Tunnel) -> None:
        self._service.leave(tunnel)
        if self._exchange is not None:
            self._exchange.tunnel_ended(tunnel.bytes_in)
        self.response.bytes_out += tunnel.bytes_out
        self._finish()

    # -- endings ---------------------------------------------------------------------------------------------------

    def on_deadline(self) -> None:
        flow = self._flow
        is_done = self._phase in {HEAD, LINGERING, CLOSED}
        if flow.is_stalled() or (is_done and flow.is_flushed):
            self.abort()
        elif is_done or flow.stall_deadline <= self.clock.now:
            self.deadline = flow.watch(self._service.active.timeouts.send)
        elif self._phase in {PARTIAL, BODY}:
            self._break_off(ProtocolFault(Cause.HEAD_LATE if self._phase == PARTIAL else Cause.BODY_LATE))
        else:  # a body that nobody wants
            self.abort()

    def _break_off(self, fault: ProtocolFault) -> None:
        """End a request that stopped half way."""
        if self._exchange is None:
            self._last_answer(fault)
            return
        self.response.form |= CLOSES
        self._exchange.break_off(fault)
        self._finish()
        self._linger()

    def _last_answer(self, fault: ProtocolFault) -> None:
        """Answer a request that was not understood, and close."""
        refusal = self._service.refuse(fault, self._buffer)
        self.response.form = IS_HTTP11 | CLOSES
        self.response.answer(refusal.answer)
        self._service.accounting.refused(refusal, self.response.bytes_out, self._peer, self._service.active)
        self._linger()
