"""One stream of HTTP/2: a request and its response. A `roles.Downstream` of one exchange, and its `roles.ResponseSink`.

What a stream shares with others (frames, the transport, what is remembered) is its connection's (`http2_connection.py`).
Here: who waits for whom on this stream, its deadlines, and how it ends when not all of it could be had.
"""

import asyncio
import time
from typing import Protocol

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.forwarded import Peer, client_address
from cors_gateway.http1.request import SIZED, RequestHead
from cors_gateway.http1.response import ResponseSection
from cors_gateway.http2.cause import CANCEL, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR
from cors_gateway.http2.engine import STREAM_WINDOW, Engine
from cors_gateway.http2.response import Field
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.answers import OwnAnswer, render
from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.dispatch import Answer, Repeat
from cors_gateway.proxy.exchange import Exchange
from cors_gateway.proxy.forward import Forward
from cors_gateway.proxy.response_head import IS_HEAD_REQUEST, IS_STREAM, interim_head
from cors_gateway.proxy.roles import Keeper
from cors_gateway.proxy.service import Service

SEND_HIGH_WATER = 64 * 1024
"""Bytes of a response that wait for the client, beyond which the backend has to wait."""
SEND_LOW_WATER = 16 * 1024
MAX_DISCARDED = 256 * 1024
"""Bytes read and dropped of a body that nobody wants, before the stream is broken off."""


class Carrier(Protocol):
    """The connection of a stream."""

    engine: Engine
    peer: Peer

    def fields_of(self, head: bytes) -> list[Field]:
        """A response head as fields."""

    def may_widen(self) -> bool:
        """Whether one more stream may have a wide window; it counts until the stream is closed."""

    def wrote(self, stream: "Stream") -> None:
        """Something was queued on the stream: see that it is sent, and how much of it."""


class Stream:
    """One stream, from its request until both sides are done with it."""

    __slots__ = (
        *(
            "_active",
            "_connection",
            "_discarded",
            "_exchange",
            "_held",
            "_is_held",
            "_is_request_ended",
            "_keepers",
        ),
        "_service",
        *(
            "bytes_out",
            "deadline",
            "ending",
            "form",
            "is_answered",
            "is_paused",
            "is_wide",
            "number",
            "queued",
        ),
    )

    def __init__(self, number: int, connection: Carrier, service: Service, *, is_request_ended: bool) -> None:
        self.number = number
        self.form = IS_STREAM
        """Of its response: bits of `response_head`."""
        self.bytes_out = 0
        self.deadline = NEVER
        self.queued = 0
        """At most so many bytes of the response wait to be sent."""
        self.is_paused = False
        """The backend was told to wait with its response."""
        self.is_wide = False
        """More than usual of its body may be on the way."""
        self.is_answered = False
        """The response is complete, as far as it came."""
        self.ending: int | None = None
        """The error code with which the stream is broken off as soon as all that is queued is sent."""
        self._connection = connection
        self._service = service
        self._active = service.active
        """What was in service when the request came: its limits hold, and its generation is logged."""
        self._exchange: Exchange | None = None
        self._is_request_ended = is_request_ended
        self._is_held = False
        """The backend does not take more of the request."""
        self._held = 0
        """Bytes of the request that were not acknowledged for that."""
        self._discarded = 0
        self._keepers: tuple[Keeper, ...] = ()

    # -- the request -----------------------------------------------------------------------------------------------

    def take(self, outcome: Forward | Answer | Repeat, line: bytes) -> None:
        """Do what was decided about the request with this line."""
        service = self._service
        if type(outcome) is Forward:
            if outcome.line.method == b"HEAD":
                self.form |= IS_HEAD_REQUEST
            exchange = self._exchange = Exchange(outcome, self, time.monotonic())
            if not exchange.is_request_sent:
                if self._is_request_ended:
                    exchange.end_of_request()
                else:
                    self._is_held = True  # until the backend is connected
            outcome.lender.start(exchange)
            return
        peer, active = self._connection.peer, service.active
        if type(outcome) is Repeat:
            preflight = outcome.preflight
            self.answer(preflight.answer)
            sent = preflight.before_date + service.clock.date_line + preflight.after_date
            service.accounting.repeated(outcome, line, sent, peer)
        elif type(outcome) is Answer:
            if outcome.line.method == b"HEAD":
                self.form |= IS_HEAD_REQUEST
            self.answer(outcome.answer)
            service.accounting.answered(outcome, self.bytes_out, peer, active)
        self._answered()

    def refuse(self, fault: ProtocolFault, written: bytes) -> None:
        """Answer a request that must not be forwarded; `written` is what is known of its head, as HTTP/1.1 would be."""
        service = self._service
        refusal = service.refuse(fault, written)
        self.answer(refusal.answer)
        service.accounting.refused(refusal, self.bytes_out, self._connection.peer, service.active)
        self._answered()

    def take_body(self, data: bytes, *, is_ended: bool) -> None:
        """A piece of the request body."""
        exchange = self._exchange
        self._is_request_ended = is_ended
        if exchange is None or exchange.is_over:
            self._discard(len(data))
            return
        head, size = exchange.head, exchange.bytes_in + len(data)
        limit = exchange.forward.max_body
        if 0 < limit < size:
            self._discard(len(data))
            self._break_off(ProtocolFault(Cause.BODY_TOO_LARGE, limit=limit))
        elif head.framing == SIZED and (
            size > head.content_length or (is_ended and size < head.content_length)
        ):
            self._discard(len(data))
            self._break_off(ProtocolFault(Cause.LENGTH_MISMATCH), PROTOCOL_ERROR)
        else:
            if data:
                exchange.send(data)
                self._acknowledge(len(data))
                if size >= STREAM_WINDOW and not (self._is_held or self.is_wide or is_ended):
                    self._widen()
            if is_ended:
                self._watch(NEVER)
                exchange.end_of_request()
            elif not (self._is_held or self.queued):
                self._watch(self._body_deadline())

    def refuse_trailers(self, fault: ProtocolFault) -> None:
        """What came after the body must not be there."""
        if self._exchange is not None and not self._exchange.is_over:
            self._break_off(fault, PROTOCOL_ERROR)

    def _acknowledge(self, size: int) -> None:
        if self._is_held:
            self._held += size
        else:
            self._connection.engine.acknowledge(self.number, size)

    def _widen(self) -> None:
        """The backend takes the body as it comes."""
        self.is_wide = self._connection.may_widen()
        if self.is_wide:
            self._connection.engine.widen(self.number)

    def _discard(self, size: int) -> None:
        """Read past a body that nobody wants, if it is short."""
        self._discarded += size
        self._connection.engine.acknowledge(self.number, size)
        if self._discarded > MAX_DISCARDED and not self._is_request_ended:
            self._end(NO_ERROR)

    # -- roles.Downstream ------------------------------------------------------------------------------------------

    @property
    def response(self) -> "Stream":
        return self

    def client_address(self, head: RequestHead) -> str:
        peer = self._connection.peer
        return client_address(peer, head.forwarding, peer.trusted)

    def kept_by(self, keeper: Keeper) -> None:
        """Streams share their connection with others, so what logs in a connection lasts as long as one of them."""
        if keeper not in self._keepers:
            self._keepers = (*self._keepers, keeper)

    def response_form(self) -> int:
        return self.form

    def response_done(self) -> None:
        self._finish()
        self._answered()

    def truncate(self) -> None:
        """Break off a response that cannot be completed, so that the client sees it."""
        self._finish()
        self._end(INTERNAL_ERROR)

    def want_body(self) -> None:
        """The backend is connected and waits for the body (RFC 9110 10.1.1: now the client may be told to go on)."""
        exchange = self._exchange
        if exchange is not None and exchange.head.expects_continue and not exchange.bytes_in:
            self._connection.engine.inform(self.number, [(b":status", b"100")])
            self._connection.wrote(self)
        self.resume_body()

    def pause_body(self) -> None:
        """The backend does not take more: its own deadline counts now."""
        self._is_held = True
        self._watch(NEVER)

    def resume_body(self) -> None:
        if self._is_held:
            self._is_held = False
            self._give_back()
            if not self._is_request_ended:
                self._watch(self._body_deadline())

    def _give_back(self) -> None:
        """Acknowledge what was not while the backend took nothing."""
        if self._held:
            held, self._held = self._held, 0
            self._connection.engine.acknowledge(self.number, held)
            self._connection.wrote(self)

    def start_tunnel(
        self, response: ResponseSection, grant: Grant, upstream: asyncio.Transport, early: bytes
    ) -> None:
        """No request on such a stream asks for another protocol, so no backend may switch to one."""
        upstream.abort()
        self.truncate()

    # -- roles.ResponseSink ----------------------------------------------------------------------------------------

    def begin(self, head: bytes, body: bytes, *, is_sized: bool, is_last: bool) -> None:
        connection = self._connection
        engine, size = connection.engine, len(body)
        engine.respond(self.number, connection.fields_of(head), is_ended=is_last and not size)
        if size:
            engine.send(self.number, body, is_ended=is_last)
            self.queued += size
        self.bytes_out = len(head) + size
        connection.wrote(self)
        self._hold_back()

    def go_on(self, body: bytes, *, is_last: bool) -> None:
        if not body and not is_last:
            return
        self._connection.engine.send(self.number, body, is_ended=is_last)
        self.queued += len(body)
        self.bytes_out += len(body)
        self._connection.wrote(self)
        self._hold_back()

    def interim(self, section: ResponseSection, grant: Grant) -> None:
        self._connection.engine.inform(self.number, self._connection.fields_of(interim_head(section, grant)))
        self._connection.wrote(self)

    def answer(self, answer: OwnAnswer) -> None:
        is_head_request = bool(self.form & IS_HEAD_REQUEST)
        written = render(
            answer,
            date_line=self._service.clock.date_line,
            closes=False,
            is_head_request=is_head_request,
        )
        head, end, content = written.partition(b"\r\n\r\n")
        self.begin(head + end, content, is_sized=True, is_last=True)

    # -- what waits to be sent -------------------------------------------------------------------------------------

    def _hold_back(self) -> None:
        if self.queued > SEND_HIGH_WATER and not self.is_paused and self._exchange is not None:
            self.is_paused = True
            self._exchange.pause_upstream()

    def sent(self, queued: int) -> bool:
        """So much is still queued; False if nothing is left to be looked after."""
        before, self.queued = self.queued, queued
        if self.is_paused and queued <= SEND_LOW_WATER:
            self.is_paused = False
            if self._exchange is not None:
                self._exchange.resume_upstream()
        if queued:
            if queued < before or self.deadline == NEVER:
                self._watch(self._service.clock.now + self._active.timeouts.send)
            return True
        if before:
            is_reading = not (self.is_answered or self._is_request_ended or self._is_held)
            self._watch(self._body_deadline() if is_reading else NEVER)
        if self.ending is not None:
            self._connection.engine.reset(self.number, self.ending)
            self._connection.wrote(self)
            self.ending = None
        return False

    # -- endings ---------------------------------------------------------------------------------------------------

    def closed(self) -> None:
        """Both sides are done with the stream, or the client broke it off."""
        self._leave()
        exchange = self._exchange
        if exchange is not None:
            exchange.cancel()
            self._finish()

    def _leave(self) -> None:
        """This is not a stream any more: nobody waits for its client, or keeps something for it."""
        self._watch(NEVER)
        self._give_back()  # the window of the connection outlives the stream
        keepers, self._keepers = self._keepers, ()
        for keeper in keepers:
            keeper.client_left(self)

    def stood_still(self, seconds: float) -> None:
        """The process heard nobody for so long: nobody's time ran."""
        self.deadline += seconds

    def on_deadline(self) -> None:
        self._watch(NEVER)
        if self.queued:  # the client takes nothing
            self._give_up()
        elif self._exchange is not None:
            self._break_off(ProtocolFault(Cause.BODY_LATE))

    def _give_up(self) -> None:
        self.closed()
        self._connection.engine.reset(self.number, CANCEL)
        self._connection.wrote(self)

    def _break_off(self, fault: ProtocolFault, code: int = NO_ERROR) -> None:
        """End a request that stopped half way."""
        exchange = self._exchange
        if exchange is None:
            return
        has_begun = exchange.status != 0
        exchange.break_off(fault)
        self._finish()
        if has_begun:
            self._end(code or INTERNAL_ERROR)
        else:
            self._answered()

    def _answered(self) -> None:
        """The response is complete; what is missing of the request is not waited for."""
        self.is_answered = True
        if not self._is_request_ended:
            self._end(NO_ERROR)

    def _end(self, code: int) -> None:
        """Break off the stream once all that is queued is sent (RFC 9113 8.1)."""
        self.is_answered = True
        self.ending = code
        self._connection.wrote(self)

    def _finish(self) -> None:
        """The exchange is over: have it counted."""
        exchange, self._exchange = self._exchange, None
        service = self._service
        if exchange is not None:
            service.accounting.finished(exchange, self.bytes_out, self._connection.peer, self._active)

    def _body_deadline(self) -> float:
        return self._service.clock.now + self._active.timeouts.request_body

    def _watch(self, deadline: float) -> None:
        """Only streams that wait for their client are looked at by the clock."""
        if deadline != self.deadline:
            self.deadline = deadline
            watched = self._service.clock.watched
            if deadline == NEVER:
                watched.discard(self)
            else:
                watched.add(self)
