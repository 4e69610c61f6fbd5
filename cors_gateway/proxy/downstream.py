"""One HTTP/1.1 connection from a client: reads requests one after the other, sends their responses in order.

A state machine over the callbacks of one transport; no task, timer or closure per request. What a request means is
decided in `dispatch.py`, what may happen to it in `exchange.py`, how a response is framed in `response_writer.py`, and
when it ends the connection in `answering.py`. Here: when bytes are a head, a body or early, and how many of them are
looked at in one turn of the loop.
"""

import asyncio
import time

from cors_gateway.http1.beginning import after_empty_lines, check_beginning, first_of
from cors_gateway.http1.body import SizedBody
from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.fields import END
from cors_gateway.http1.request import NO_BODY, SIZED
from cors_gateway.proxy.answering import AnsweringConnection
from cors_gateway.proxy.answers import render
from cors_gateway.proxy.client_transport import (
    BODY,
    DISCARD,
    HEAD,
    LINGERING,
    MAX_DISCARDED,
    MIN_BODY_RATE,
    PARTIAL,
    WAIT,
)
from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.dispatch import Answer
from cors_gateway.proxy.exchange import Exchange
from cors_gateway.proxy.flow import AHEAD
from cors_gateway.proxy.forward import Forward
from cors_gateway.proxy.last_request import MAX_REMEMBERED_BLOCK, read_request
from cors_gateway.proxy.preflight_memory import Repeat
from cors_gateway.proxy.response_head import CLOSES, IS_HEAD_REQUEST, IS_HTTP11
from cors_gateway.proxy.service import Service
from cors_gateway.proxy.splice import NOWHERE, End
from cors_gateway.proxy.turns import MAX_REQUESTS, SLICE, Kept

MAX_REPEATED = 4096
"""Bytes of a preflight that is recognised as a whole when it comes again."""


class ClientConnection(AnsweringConnection):
    """Server side of HTTP/1.1 on one transport."""

    __slots__ = ("_fresh",)

    def __init__(self, service: Service, *, is_tls: bool) -> None:
        super().__init__(service, is_tls=is_tls)
        self._fresh = 0  # bytes of a beginning that were not looked at yet; 0 is all

    # -- asyncio.Protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        active = self._service.active
        self._peer = self._peer_at(self._flow.peer_address(), active)
        self.deadline = self.clock.now + active.timeouts.request_head
        self._is_at_rest = True
        self._last = self._service.first_request(self._peer)
        if not self._service.admit(self):
            self._last_answer(ProtocolFault(Cause.TOO_MANY_CONNECTIONS))

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase == WAIT or self._kept is not None:
            self._keep_as_well(data)
        elif phase == HEAD:
            repeat = self._repeat
            if self._flow.is_writing_paused:
                self._keep_for_later(data)
            elif repeat is not None and data == self._repeated:
                self._answer_as_before(repeat, data, b"")
            else:
                rest = self._take_request(data)
                if rest:
                    self._take_complete_requests(rest, taken=1)
        elif phase == PARTIAL:
            self._continue_head(data)
        elif phase == BODY:
            self._take_body(data)
        elif phase == DISCARD:
            self._take_complete_requests(self._discard_body(data))
        elif phase == LINGERING:
            self._linger_on(data)

    @property
    def passes_on(self) -> bool:
        return self._phase == BODY and self._kept is None

    def piece_received(self, piece: memoryview) -> None:
        self._take_body(piece)

    def way_on(self) -> tuple[End, int]:
        """As `splice.Passage` says. The end of a body comes as a piece, with what follows it."""
        exchange, body = self._exchange, self._body
        if exchange is None or type(body) is not SizedBody:
            return NOWHERE, 0
        return exchange.outlet(), body.remaining - AHEAD

    def moved(self, size: int) -> None:
        """As `splice.Passage` says."""
        exchange, body = self._exchange, self._body
        if exchange is not None and type(body) is SizedBody:
            self._go_on_waiting(size)
            body.remaining -= size
            exchange.moved(size)

    def eof_received(self) -> bool:
        """The client sends no more; it may still read if it said so before (RFC 9112 9.6)."""
        self._is_at_eof = True
        if self._kept is None:
            self._end_after_eof()
        return not self._is_tls  # TLS transports cannot stay half open

    # -- requests --------------------------------------------------------------------------------------------------

    def _work_off(self, kept: Kept) -> None:
        if self._phase == BODY:
            self._await_body()
            self._read_body(kept)
        elif self._phase == DISCARD:
            self._discard_body(kept)
        elif self._phase == PARTIAL:
            self._continue_head(kept.take_slice())
        elif self._phase == HEAD:
            self._take_complete_requests(kept.take_slice())

    def _take_complete_requests(self, data: bytes, taken: int = 0) -> None:
        """Handle the requests in `data` until one has to wait for its backend, for more bytes or for its turn.

        `taken` is how many there were before these in the same turn.
        """
        while data:
            if self._phase != HEAD:
                if self._phase == WAIT:
                    self._keep_for_later(data)
                return
            is_enough = taken == MAX_REQUESTS or (taken and len(data) > SLICE)
            if is_enough or self._flow.is_writing_paused:  # or a client that sends and does not read
                self._keep_for_later(data)
                return
            data = self._take_request(data)
            taken += 1

    def _take_request(self, data: bytes) -> bytes:
        """Handle the request at the start of `data`; gives what follows it. An incomplete head is kept."""
        service = self._service
        line_end = data.find(b"\r\n")
        last = self._last
        try:
            if last is not None and line_end > 0 and data.startswith(last.block, line_end):
                rest = data[line_end + len(last.block) :]
            else:
                if not line_end and (start := after_empty_lines(data)) > 0:
                    return data[start:]
                is_there = line_end > 0 and (not self._fresh or data.find(END, -self._fresh - 3) > 0)
                last = read_request(service.active, last, data, line_end) if is_there else None
                if last is None:
                    self._await_head(data)
                    return b""
                rest = data[line_end + len(last.block) :]
                self._last = last if len(last.block) <= MAX_REMEMBERED_BLOCK else None
                if self._is_at_rest:
                    service.began(self._last, self._peer)
            began = time.monotonic()
            outcome = service.dispatch(last, data[:line_end], self._peer)
        except ProtocolFault as fault:
            self._beginning = data
            self._last_answer(first_of(fault, data, service.active.limits.request_head))
            return b""
        if type(outcome) is Repeat:
            if not rest and len(data) <= MAX_REPEATED:
                self._repeat = outcome
                self._repeated = data
            return self._answer_as_before(outcome, data, rest)
        line = outcome.line
        form = IS_HTTP11 if line.is_http11 else CLOSES
        if line.method == b"HEAD":
            form |= IS_HEAD_REQUEST
        if last.head.closes or service.is_draining:
            form |= CLOSES
        self.response.form = form
        if type(outcome) is Forward:
            self._active = last.active
            return self._start(outcome, began, rest)
        return self._answer(outcome, rest)

    def _answer_as_before(self, repeat: Repeat, data: bytes, rest: bytes) -> bytes:
        """Answer a preflight from memory."""
        service, date_line = self._service, self.clock.date_line
        if service.is_draining:
            answer = render(repeat.answer, date_line=date_line, closes=True)
        else:
            answer = repeat.before_date + date_line + repeat.after_date
        self._transport.write(answer)
        self._is_at_rest = False
        if not self._flow.is_writing_paused:  # else it is the client's time to read that runs
            self.deadline = self.clock.now + service.active.rest_after
        service.accounting.repeated(repeat, data, answer, self._peer, service.active)
        if service.is_draining:
            self._linger()
            return b""
        return rest

    def _start(self, forward: Forward, began: float, rest: bytes) -> bytes:
        exchange = self._exchange = Exchange(forward, self, began)
        if exchange.is_request_sent:
            self._phase = WAIT
            self.deadline = NEVER
            forward.terms.lender.start(exchange)
            return rest
        head = exchange.head
        if head.framing == SIZED and len(rest) >= head.content_length:
            # Nothing is left to wait for: head and body are one write, and no state in between.
            exchange.send(rest[: head.content_length])
            exchange.end_of_request()
            self._phase = WAIT
            self.deadline = NEVER
            forward.terms.lender.start(exchange)
            return rest[head.content_length :]
        self._phase = BODY
        self._body = head.body()
        self._await_body()
        # What is here goes out together with the head, in one write.
        self._read_body(rest)
        if not exchange.is_over:
            forward.terms.lender.start(exchange)
            if self._phase == BODY:
                if head.framing == SIZED and head.content_length <= AHEAD:
                    self._flow.read_in_pieces(self)
                else:
                    self._flow.read_upload(self)
                if not exchange.is_connected:
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
            is_last = head.closes or not answer.line.is_http11
            self._end_or_linger(is_read=is_last and head.framing == NO_BODY and not rest)
            return b""
        self._is_at_rest = False
        if not self._flow.is_writing_paused:
            self.deadline = self.clock.now + self._service.active.rest_after
        if head.framing == NO_BODY:
            return rest
        self._phase = DISCARD
        self.deadline = self.clock.now + self._service.active.timeouts.request_body
        self._discarded = 0
        self._body = head.body()
        return self._discard_body(rest)

    def _await_head(self, data: bytes) -> None:
        """Keep the beginning of a head, unless it can no longer become a good one."""
        check_beginning(data, self._service.active.limits.request_head, self._fresh)
        self._phase = PARTIAL
        self._beginning = data
        self.deadline = self.clock.now + self._service.active.timeouts.request_head

    def _continue_head(self, data: bytes) -> None:
        deadline, self._fresh, data = self.deadline, len(data), self._beginning + data
        self._beginning = b""
        self._phase = HEAD
        self._take_complete_requests(data)
        self._fresh = 0
        if self._phase == PARTIAL and len(self._beginning) == len(data):
            self.deadline = deadline  # still the same head: its time is absolute

    # -- request bodies --------------------------------------------------------------------------------------------

    def _take_body(self, data: bytes | memoryview) -> None:
        """Some of the body has just come."""
        self._go_on_waiting(len(data))
        self._read_body(data)

    def _go_on_waiting(self, size: int) -> None:
        """So many bytes of the body came, and gain time for the next ones."""
        self._body_until += size / MIN_BODY_RATE
        self.deadline = min(self._body_until, self.clock.now + self._active.timeouts.request_body)

    def _read_body(self, data: bytes | memoryview | Kept) -> None:
        """Pass on what there is of the body, as far as it is for one turn; the rest is kept, or stays so."""
        exchange, body = self._exchange, self._body
        if exchange is None or body is None:
            return
        limit = exchange.forward.terms.max_body
        piece: bytes | memoryview
        try:
            if type(data) is Kept:
                piece = data.feed(body)
            elif type(body) is SizedBody:  # to tell it from what follows costs nothing
                piece = body.feed(data)
            else:
                data = Kept(bytes(data))
                piece = data.feed(body)
            if limit and exchange.bytes_in + len(piece) > limit:
                raise ProtocolFault(Cause.BODY_TOO_LARGE, limit=limit)
            if piece:
                exchange.send(piece)
        except ProtocolFault as fault:
            self._break_off(fault)
            return
        if self._exchange is not exchange:
            return
        if body.is_done:
            self._phase = WAIT
            self._body = None
            self.deadline = self._flow.stall_deadline
            exchange.end_of_request()
            if self._exchange is not exchange:
                return
        if type(data) is not Kept:
            if body.rest:
                self._keep_for_later(bytes(body.rest))
        elif data and data is not self._kept:
            self._keep_for_later(data.take_all())

    def _discard_body(self, data: bytes | Kept) -> bytes:
        """Read past the body of a request that was answered here, so that it never becomes the next request.

        Gives what follows it, unless that is kept anyway.
        """
        body = self._body
        if body is None:
            return b""
        kept = data if type(data) is Kept else Kept(data)
        size = len(kept)
        try:
            kept.feed(body)
        except ProtocolFault:
            self._linger()  # it has its answer: a second one would be taken for another request's
            return b""
        self._discarded += size - len(kept)
        rest = b"" if kept is self._kept else kept.take_all()
        if body.is_done:
            self._body = None
            self._phase = HEAD
            idle_until = self.clock.now + self._service.active.rest_after
            self.deadline = min(idle_until, self._flow.stall_deadline)
            return rest
        if self._discarded > MAX_DISCARDED:
            self._linger()
        elif rest:
            self._keep_for_later(rest)
        return b""
