"""One connection to a backend: sends one request at a time and reads its response.

It never carries a byte that is not part of the response it waits for: bytes on an idle connection, or after the end
of a response, close it (RFC 9112 6.3). Bodies stream; nothing is collected. Which client gets the bytes, and what a
failure means to it, is the exchange's business.
"""

from typing import cast

from cors_gateway.http1.body import ChunkedDecoder
from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.fields import END
from cors_gateway.http1.response import CHUNKED, ResponseHead, ResponseSection
from cors_gateway.http1.status_line import check_response_beginning
from cors_gateway.http1.websocket import accepts_websocket
from cors_gateway.proxy import tunnel
from cors_gateway.proxy.backend_cors import report_difference
from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.failure import UpstreamFailure, classify_loss
from cors_gateway.proxy.flow import AHEAD, PIECE
from cors_gateway.proxy.last_words import last_words
from cors_gateway.proxy.response_head import READER, ResponseRewriter
from cors_gateway.proxy.roles import Delivery, Downstream
from cors_gateway.proxy.splice import NOWHERE, End
from cors_gateway.proxy.turns import Kept
from cors_gateway.proxy.upstream_server import UpstreamServer
from cors_gateway.proxy.upstream_transport import BODY, CLOSED, HEAD, IDLE, Owner, UpstreamTransport

MAX_INTERIM_RESPONSES = 16


class UpstreamConnection(UpstreamTransport):
    """Client side of HTTP/1.1 on one transport. A `roles.Carrier` and `roles.Reusable`."""

    __slots__ = (
        *("_buffer", "_decoder", "_interim", "_is_suspect", "_last_chance", "_pool", "_remaining"),
        *("_response", "_rewriter", "exchange", "promised_idle", "server", "server_name"),
    )

    _response: ResponseHead
    """The head of the response that is read; set when it is there."""

    def __init__(self, pool: "Owner[UpstreamConnection]", server: UpstreamServer) -> None:
        super().__init__(pool.clock)
        self._pool = pool
        self.server = server
        self.server_name = server.name
        self.exchange: Delivery | None = None
        self.deadline = NEVER
        self.promised_idle: float | None = None
        self._buffer = b""
        self._interim = 0
        self._remaining = 0
        self._decoder: ChunkedDecoder | None = None
        self._last_chance = NEVER
        """The deadline of an event stream that was silent for `idle`; under another one it spoke since."""
        self._is_suspect = False
        """An interim response was framed like a final one: what follows the next response is not trusted."""
        self._rewriter = ResponseRewriter(pool.response_rules)

    # -- asyncio.Protocol ------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        exchange = self.exchange
        try:
            if exchange is None:
                if phase == IDLE:  # unsolicited: never the beginning of somebody's response
                    self._retire()
            elif phase == HEAD:
                self._read_head(exchange, data)
            elif self._kept is not None:
                self._kept.append(data)
            elif phase == BODY:
                self.deadline = self._clock.now + self._pool.idle_timeout
                self._read_body(exchange, data)
        except ProtocolFault as fault:
            self._fail(UpstreamFailure.INVALID_RESPONSE, fault)

    def piece_received(self, piece: memoryview) -> None:
        exchange = self.exchange
        if exchange is None or self._decoder is not None:
            self.data_received(bytes(piece))
        else:
            self.deadline = self._clock.now + self._pool.idle_timeout
            self._read_body(exchange, piece)

    def way_on(self) -> tuple[End, int]:
        """As `splice.Passage` says. Where no length is known nothing remains, and the end of a body comes as a piece."""
        exchange = self.exchange
        return NOWHERE if exchange is None else exchange.response.outlet(), self._remaining - AHEAD

    def moved(self, size: int) -> None:
        """As `splice.Passage` says."""
        self.deadline = self._clock.now + self._pool.idle_timeout
        self._remaining -= size
        cast("Delivery", self.exchange).response.moved(size)

    def _work_off(self, kept: Kept) -> None:
        exchange = self.exchange
        if exchange is None:
            return
        self.deadline = self._clock.now + self._pool.idle_timeout
        try:
            self._read_body(exchange, b"", kept=kept)
        except ProtocolFault as fault:
            self._fail(UpstreamFailure.INVALID_RESPONSE, fault)

    def eof_received(self) -> bool:
        if self._phase == BODY and self._decoder is None and self._remaining < 0:
            if self.exchange is not None:
                self.exchange.response.go_on(b"", is_last=True)
            self._end_of_response(in_step=False)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and self._phase == HEAD:
            for data in last_words(self.transport):
                self.data_received(data)
        phase = self._phase
        self._phase = CLOSED
        self._poll = self._kept = None
        self._clock.watched.discard(self)
        if phase == IDLE:
            self._pool.forget(self)
        elif phase != CLOSED and self.exchange is not None:
            exchange = self._detach()
            self._pool.ended(self)
            was_silent = phase == HEAD and not self._buffer and not self._interim
            exchange.upstream_lost(classify_loss(exc), exc, may_retry=was_silent)

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.downstream.pause_body()
            self.deadline = self._flow.writing_paused(self._pool.idle_timeout)

    def resume_writing(self) -> None:
        self._flow.writing_resumed()
        if self.exchange is not None:
            self.deadline = NEVER
            if self._phase == HEAD and self.exchange.is_request_sent:
                self.request_sent()
            elif self._phase == BODY and not self._is_held:
                self.deadline = self._clock.now + self._pool.idle_timeout
            self.exchange.downstream.resume_body()

    # -- for the pool ----------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close without a word to anybody; whatever arrives after this is dropped."""
        self._phase = CLOSED
        self._kept = None
        self.transport.abort()

    def belong_to(self, client: Downstream) -> None:
        """Serve this client alone from now on."""
        self._pool = self._pool.belong(self, client)

    # -- for the exchange ------------------------------------------------------------------------------------------

    def begin(self, exchange: Delivery) -> None:
        """Take up an exchange and send the request as far as it is there."""
        self.exchange = exchange
        self._phase = HEAD
        self._interim = 0
        self._is_held = False
        is_complete = exchange.is_request_sent
        self.deadline = self._clock.now + self._pool.response_head_timeout if is_complete else NEVER
        exchange.connected(self)

    def request_sent(self) -> None:
        """The request is complete: from now on the backend's time runs."""
        if self._phase == HEAD and not self._flow.is_writing_paused:
            self.deadline = self._clock.now + self._pool.response_head_timeout

    def pause(self) -> None:
        """The client does not take more: stop reading; its own deadline counts now."""
        if self._phase == BODY:
            self.deadline = NEVER
            self._is_held = True
            self._flow.pause_reading()

    def resume(self) -> None:
        if self._is_held:
            self._is_held = False
            if self._phase == BODY:
                self.deadline = self._clock.now + self._pool.idle_timeout
            self._read_on()

    def abort(self) -> None:
        """The exchange is given up: the backend must see that the request or its response is broken off."""
        self._detach()
        self._pool.ended(self)
        self.close()

    def tunnel_ended(self) -> None:
        self._pool.ended(self)

    def on_deadline(self) -> None:
        if self._phase == IDLE:
            self._retire()
        elif self._flow.stall_deadline <= self._clock.now and not self._flow.is_stalled():
            self.deadline = self._flow.watch(self._pool.idle_timeout)
        elif self._may_be_silent():
            self.deadline = self._last_chance = self.deadline + tunnel.IDLE - self._pool.idle_timeout
        elif self.exchange is not None:
            self._pool.timed_out(self)
            self._fail(UpstreamFailure.RESPONSE_TIMEOUT)

    def stood_still(self, seconds: float) -> None:
        """The time of an exchange is longer by that; that of an idle connection runs at the backend, too."""
        if self._phase != IDLE:
            self.deadline += seconds
            self._last_chance += seconds

    def _may_be_silent(self) -> bool:
        """Whether this is an event stream that may be as quiet as a WebSocket, and was not for that long yet."""
        section, is_first = self._rewriter.section, self.deadline != self._last_chance
        is_sooner = self._pool.idle_timeout < tunnel.IDLE
        return (
            self._phase == BODY and is_first and is_sooner and section is not None and section.is_event_stream
        )

    def _retire(self) -> None:
        """Leave the pool: the time of an idle connection is up, or it is out of step."""
        self._pool.forget(self)
        self.close()

    # -- reading a response ----------------------------------------------------------------------------------------

    def _read_head(self, exchange: Delivery, data: bytes) -> None:
        before, self._buffer = self._buffer, b""
        data = before + data
        rewriter, grant, date_line = self._rewriter, exchange.grant, self._clock.date_line
        form, response, found = 0, None, None
        # The short ways are for a head that is there, of a request that is.
        is_short = exchange.is_request_sent and (not before or data.find(END, max(len(before) - 3, 0)) >= 0)
        if is_short:
            form = exchange.downstream.response_form()
            response = rewriter.known(data, grant, form, date_line)
        if response is not None:
            end = len(rewriter.received)
        else:
            if is_short and rewriter.section is not None:
                found = READER.read_variation(data, rewriter.section, self._pool.max_head)
            if found is None:
                found = self._read_in_full(exchange, data)
                if found is None:
                    return
                form = exchange.downstream.response_form()
            section, end = found
            response = section.head
            is_new = rewriter.rewrite(data[:end], section, grant, form, date_line, exchange)
            if response.is_connection_login:
                self.belong_to(exchange.downstream)
            if is_new and rewriter.stripped and exchange.head.origin:
                report_difference(exchange.stats, response, grant, self._clock.now)
        rendered = rewriter.rewritten
        self._response = response
        exchange.stats.stripped += rewriter.stripped
        if response.keep_alive is not None:
            self.promised_idle = float(response.keep_alive)
        if 300 < response.status < 309 and exchange.head.origin and rewriter.section is not None:
            exchange.redirected(b"".join(rewriter.section.values_of(b"location")))

        if response.has_no_body or exchange.is_head_request:
            exchange.respond(response.status, rendered, b"", is_sized=True, is_last=True)
            is_all = exchange.is_head_request or not response.announces_body
            self._end_of_response(in_step=is_all and len(data) == end)
            return
        length = response.length
        if length >= 0:
            received = len(data) - end
            if received >= length:
                body = data[end : end + length]
                exchange.respond(response.status, rendered, body, is_sized=True, is_last=True)
                self._end_of_response(in_step=received == length)
                return
        self._decoder = ChunkedDecoder(is_request=False) if length == CHUNKED else None
        self._remaining = max(length, -1)  # known only of a body with a length
        self._phase = BODY
        self.deadline = self._clock.now + self._pool.idle_timeout
        self._read_body(exchange, data[end:], rendered)

    def _read_in_full(self, exchange: Delivery, data: bytes) -> tuple[ResponseSection, int] | None:
        """The final head that `data` begins with, and where it ends; None if it is not there yet."""
        end = data.find(END)
        if end < 0:
            check_response_beginning(data, self._pool.max_head)
            self._buffer = data
            return None
        if end > self._pool.max_head:
            raise ProtocolFault(Cause.HEAD_TOO_LARGE, limit=self._pool.max_head)
        section = self._rewriter.read(data[:end])
        if section.head.status < 200:
            self._read_interim(exchange, section, data[end + 4 :])
            return None
        return section, end + 4

    def _read_interim(self, exchange: Delivery, section: ResponseSection, rest: bytes) -> None:
        response = section.head
        if response.status == 101:
            self._switch_protocols(exchange, section, rest)
            return
        self._interim += 1
        self._is_suspect = self._is_suspect or response.closes
        if self._interim > MAX_INTERIM_RESPONSES:
            raise ProtocolFault(Cause.TOO_MANY_INTERIM, limit=MAX_INTERIM_RESPONSES)
        if response.status != 100:  # the gateway answers Expect itself
            exchange.response.interim(section, exchange.grant)
        if rest:
            self._read_head(exchange, rest)

    def _read_body(
        self, exchange: Delivery, data: bytes | memoryview, head: bytes = b"", kept: Kept | None = None
    ) -> None:
        """Pass on a piece of the body, together with the head if it was not sent yet: one write for both.

        Of a chunked body, which may have been `kept`, it is as much as is for one turn; the rest is kept.
        """
        decoder = self._decoder
        if decoder is not None:
            if kept is None:
                kept = Kept(bytes(data))
            try:
                data = kept.feed(decoder)
            except ProtocolFault:
                if head:  # the head was good: the client sees a truncated response
                    self._respond(exchange, head, b"", is_last=False)
                raise
            is_done = decoder.is_done
            in_step = not decoder.rest
            if kept and not is_done and self._kept is None:
                self._keep_for_later(kept)
        elif self._remaining >= 0:
            in_step = len(data) <= self._remaining
            if not in_step:
                data = data[: self._remaining]
            self._remaining -= len(data)
            is_done = self._remaining == 0
        else:
            is_done = in_step = False
        if head:
            self._respond(exchange, head, bytes(data), is_last=is_done)
        elif data or is_done:
            exchange.response.go_on(data, is_last=is_done)
        if is_done:
            self._end_of_response(in_step=in_step)
        elif head and not 0 <= self._remaining <= PIECE:
            self._flow.read_in_pieces(self)

    def _respond(self, exchange: Delivery, head: bytes, body: bytes, *, is_last: bool) -> None:
        is_sized = self._decoder is None and self._remaining >= 0
        exchange.respond(self._response.status, head, body, is_sized=is_sized, is_last=is_last)

    def _end_of_response(self, *, in_step: bool) -> None:
        exchange = self.exchange
        if exchange is None:  # the client left while its last bytes were written
            return
        self.exchange = self._kept = None
        self.deadline = NEVER
        response = self._response
        is_sent = exchange.is_request_sent and not self._flow.is_writing_paused
        if in_step and is_sent and not (response.closes or self._is_suspect):
            if self._flow.is_reading_paused:
                self._is_held = False
                self._flow.resume_reading()
            self._phase = IDLE
            self._pool.release(self)
        else:
            self._pool.ended(self)
            self.close()
        exchange.response_done()

    # -- WebSocket -------------------------------------------------------------------------------------------------

    def _switch_protocols(self, exchange: Delivery, section: ResponseSection, rest: bytes) -> None:
        """RFC 6455 4.1: a 101 counts only as the right answer to the handshake that was sent."""
        if exchange.websocket_key is None or not accepts_websocket(section, exchange.websocket_key):
            raise ProtocolFault(Cause.SWITCH_NOT_ASKED)
        self._detach()
        self._phase = CLOSED
        self._clock.watched.discard(self)
        exchange.start_tunnel(section, self.transport, rest)

    # -- endings ---------------------------------------------------------------------------------------------------

    def _detach(self) -> Delivery:
        """Be done with the exchange. That the server has one less is told to the pool by whoever calls this."""
        exchange = cast("Delivery", self.exchange)  # there is one in the phases in which this is called
        self.exchange = None
        self.deadline = NEVER
        return exchange

    def _fail(self, failure: UpstreamFailure, fault: ProtocolFault | None = None) -> None:
        exchange = self._detach()
        self._pool.ended(self)
        self.close()
        exchange.upstream_lost(failure, fault, may_retry=False)
