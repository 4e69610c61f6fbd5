"""One stream of HTTP/2: a request and what becomes of it. A `roles.Downstream` of one exchange.

What a stream shares with others (frames, the transport, what is remembered) is its connection's (`http2_connection.py`).
Its response is sent in `http2_answering.py`. Here: what the client sends, who waits for whom, and how a stream ends when
not all of it could be had.
"""

import asyncio
import time

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.forwarded import client_address
from cors_gateway.http1.request import SIZED, RequestHead
from cors_gateway.http1.response import ResponseSection
from cors_gateway.http2.cause import CANCEL, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR
from cors_gateway.http2.engine import STREAM_WINDOW
from cors_gateway.observe.trouble import Trouble
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.client_transport import MIN_BODY_RATE, SLOW_WAITS
from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.dispatch import Answer
from cors_gateway.proxy.exchange import Exchange
from cors_gateway.proxy.forward import Forward
from cors_gateway.proxy.http2_answering import AnsweringStream, Carrier
from cors_gateway.proxy.preflight_memory import Repeat
from cors_gateway.proxy.response_head import IS_HEAD_REQUEST
from cors_gateway.proxy.roles import Keeper
from cors_gateway.proxy.service import Service

MAX_DISCARDED = 256 * 1024
"""Bytes read and dropped of a body that nobody wants, before the stream is broken off."""


class Stream(AnsweringStream):
    """One stream, from its request until both sides are done with it."""

    __slots__ = ("_discarded", "_held", "_keepers", "is_wide")

    def __init__(self, number: int, connection: Carrier, service: Service, *, is_request_ended: bool) -> None:
        super().__init__(number, connection, service, is_request_ended=is_request_ended)
        self.is_wide = False
        """More than usual of its body may be on the way."""
        self._held = 0
        """Bytes of the request that were not acknowledged, because the backend does not take more."""
        self._discarded = 0
        self._keepers: tuple[Keeper, ...] = ()

    @property
    def is_tunnel(self) -> bool:
        """Whether it carries a WebSocket by now."""
        return False

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
            outcome.terms.lender.start(exchange)
            return
        peer, active = self._connection.peer, service.active
        if type(outcome) is Repeat:
            written = outcome.before_date + service.clock.date_line + outcome.after_date
            self.write(written)
            service.accounting.repeated(outcome, line, written, peer, active)
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
        limit = exchange.forward.terms.max_body
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
                self._body_until += len(data) / MIN_BODY_RATE
                if size >= STREAM_WINDOW and not (self._is_held or self.is_wide or is_ended):
                    self._widen()
            if is_ended:
                self._watch(NEVER)
                exchange.end_of_request()
            elif data and not (self._is_held or self.queued):  # a frame without data is no piece
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
            now, timeout = self._service.clock.now, self._active.timeouts.request_body
            self._body_until = now + SLOW_WAITS * timeout
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

    # -- endings ---------------------------------------------------------------------------------------------------

    def closed(self) -> None:
        """Both sides are done with the stream, or the client broke it off."""
        self._leave()
        exchange = self._exchange
        if exchange is not None:
            exchange.cancel()
            self._finish()

    def broken(self) -> None:
        """The engine broke off the stream for what came after the request's head; nobody can be answered."""
        exchange = self._exchange
        if exchange is not None and not exchange.is_over:
            is_sized = exchange.head.framing == SIZED
            exchange.cut(ProtocolFault(Cause.LENGTH_MISMATCH if is_sized else Cause.STREAM_MALFORMED))
            self._finish()

    def blame(self, trouble: Trouble) -> None:
        """It ends for this, unless something befell it before."""
        exchange = self._exchange
        if exchange is not None and exchange.trouble is None:
            exchange.trouble = trouble

    def _leave(self) -> None:
        """This is not a stream any more: nobody waits for its client, or keeps something for it."""
        self._watch(NEVER)
        if self._held:  # the window of the connection outlives the stream
            self._give_back()
        keepers, self._keepers = self._keepers, ()
        for keeper in keepers:
            keeper.client_left(self)

    def stood_still(self, seconds: float) -> None:
        """The process heard nobody for so long: nobody's time ran."""
        self.deadline += seconds
        self._body_until += seconds

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

    def _finish(self) -> None:
        """The exchange is over: have it counted."""
        exchange, self._exchange = self._exchange, None
        service = self._service
        if exchange is not None:
            service.accounting.finished(exchange, self.bytes_out, self._connection.peer, self._active)
