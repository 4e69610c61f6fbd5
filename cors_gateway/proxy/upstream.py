"""One connection to a backend: sends one request at a time and reads its response.

It never carries a byte that is not part of the response it waits for: bytes on an idle connection, or after the end
of a response, close it (RFC 9112 6.3). Bodies stream; nothing is collected. Which client gets the bytes, and what a
failure means to it, is the exchange's business.
"""

import asyncio
import base64
import hashlib
import select
from typing import TYPE_CHECKING, cast

from cors_gateway.http1.body import LAST_CHUNK, ChunkedDecoder, frame_chunk
from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.grammar import list_elements
from cors_gateway.http1.response import CHUNKED, ResponseHead, ResponseSection
from cors_gateway.http1.status_line import MAX_HEAD, check_response_beginning
from cors_gateway.proxy.backend_cors import report_difference
from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.failure import UpstreamFailure, classify_loss
from cors_gateway.proxy.flow import Flow
from cors_gateway.proxy.rewrite import ResponseRewriter

if TYPE_CHECKING:
    from cors_gateway.proxy.exchange import Exchange
    from cors_gateway.proxy.pool import UpstreamPool, UpstreamServer

MAX_INTERIM_RESPONSES = 16

_WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

_IDLE = 0
_HEAD = 1
_BODY = 2
_CLOSED = 3


class UpstreamConnection(asyncio.Protocol):
    """Client side of HTTP/1.1 on one transport."""

    __slots__ = (
        *("_buffer", "_clock", "_decoder", "_flow", "_frames_chunks", "_interim", "_is_suspect"),
        *("_phase", "_poll", "_pool", "_remaining", "_response", "_rewriter"),
        *("deadline", "exchange", "promised_idle", "server", "transport", "was_used"),
    )

    def __init__(self, pool: "UpstreamPool", server: "UpstreamServer") -> None:
        self._pool = pool
        self._clock = pool.clock
        self.server = server
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set before anything else happens
        self.exchange: Exchange | None = None
        self.deadline = NEVER
        self.was_used = False
        self.promised_idle: float | None = None
        self._phase = _IDLE
        self._buffer = b""
        self._interim = 0
        self._remaining = 0
        self._decoder: ChunkedDecoder | None = None
        self._frames_chunks = False
        self._flow: Flow = None  # type: ignore[assignment]  # with the transport
        self._is_suspect = False
        """An interim response was framed like a final one: what follows the next response is not trusted."""
        self._response: ResponseHead | None = None
        self._rewriter = ResponseRewriter()
        self._poll: select.poll | None = None

    def __repr__(self) -> str:
        phase = ("idle", "waiting", "body", "closed")[self._phase]
        return f"<UpstreamConnection {self.server.name} {phase}>"

    # -- asyncio.Protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._flow = Flow(self.transport, self._clock)
        self._clock.watched.add(self)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            self._poll = select.poll()
            self._poll.register(sock.fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        try:
            if phase == _HEAD:
                self._read_head(data)
            elif phase == _BODY:
                self.deadline = self._clock.now + self._pool.idle_timeout
                self._read_body(data)
            elif phase == _IDLE:  # unsolicited: never the beginning of somebody's response
                self._retire()
        except ProtocolFault:
            self._fail(UpstreamFailure.INVALID_RESPONSE)

    def eof_received(self) -> bool:
        if self._phase == _BODY and self._decoder is None and self._remaining < 0:
            self._end_of_response(in_step=False)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        phase = self._phase
        self._phase = _CLOSED
        self._poll = None
        self._clock.watched.discard(self)
        if phase == _IDLE:
            self._pool.forget(self)
        elif phase != _CLOSED and self.exchange is not None:
            exchange = self._detach()
            was_silent = phase == _HEAD and not self._buffer and not self._interim
            exchange.upstream_lost(classify_loss(exc), may_retry=self.was_used and was_silent)

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.pause_client()
            self.deadline = self._flow.writing_paused(self._pool.idle_timeout)

    def resume_writing(self) -> None:
        self._flow.writing_resumed()
        if self.exchange is not None:
            self.deadline = NEVER
            if self._phase == _HEAD and self.exchange.is_request_sent:
                self.request_sent()
            elif self._phase == _BODY and not self._flow.is_reading_paused:
                self.deadline = self._clock.now + self._pool.idle_timeout
            self.exchange.resume_client()

    # -- for the pool ----------------------------------------------------------------------------------------------

    def is_usable(self) -> bool:
        """Whether an idle connection is still good: not closing, no byte and no end of stream waiting to be read."""
        return self._phase == _IDLE and self._poll is not None and not self._poll.poll(0)

    def close(self) -> None:
        """Close without a word to anybody; whatever arrives after this is dropped."""
        self._phase = _CLOSED
        self.transport.abort()

    # -- for the exchange ------------------------------------------------------------------------------------------

    def begin(self, exchange: "Exchange") -> None:
        """Take up an exchange and send the request as far as it is there."""
        self.exchange = exchange
        self._phase = _HEAD
        self._interim = 0
        is_complete = exchange.is_request_sent
        self.deadline = self._clock.now + self._pool.response_head_timeout if is_complete else NEVER
        exchange.connected(self)

    def request_sent(self) -> None:
        """The request is complete: from now on the backend's time runs."""
        if self._phase == _HEAD and not self._flow.is_writing_paused:
            self.deadline = self._clock.now + self._pool.response_head_timeout

    def pause(self) -> None:
        """The client does not take more: stop reading; its own deadline counts now."""
        if self._phase == _BODY:
            self.deadline = NEVER
            self._flow.pause_reading()

    def resume(self) -> None:
        if self._flow.resume_reading() and self._phase == _BODY:
            self.deadline = self._clock.now + self._pool.idle_timeout

    def abort(self) -> None:
        """The exchange is given up: the backend must see that the request or its response is broken off."""
        self._detach()
        self.close()

    def on_deadline(self) -> None:
        if self._phase == _IDLE:
            self._retire()
        elif self._flow.stall_deadline <= self._clock.now and not self._flow.is_stalled():
            self.deadline = self._flow.watch(self._pool.idle_timeout)
        elif self.exchange is not None:
            self._fail(UpstreamFailure.RESPONSE_TIMEOUT)

    def _retire(self) -> None:
        """Leave the pool: the time of an idle connection is up, or it is out of step."""
        self._pool.forget(self)
        self.close()

    # -- reading a response ----------------------------------------------------------------------------------------

    def _read_head(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        exchange: Exchange = self.exchange  # type: ignore[assignment]  # there is one in this phase
        end = data.find(b"\r\n\r\n")
        if end < 0:
            check_response_beginning(data)
            self._buffer = data
            return
        if end > MAX_HEAD:
            raise ProtocolFault(Cause.HEAD_TOO_LARGE, limit=MAX_HEAD)
        head = data[:end]
        grant = exchange.grant
        variant = exchange.variant()
        rewriter = self._rewriter
        date_line = self._clock.date_line
        if rewriter.is_same(head, grant, variant, date_line):
            response = rewriter.section.head  # type: ignore[union-attr]  # there was a last one
        else:
            section = rewriter.read(head)
            response = section.head
            if response.status < 200:
                self._read_interim(section, data[end + 4 :])
                return
            is_new = rewriter.rewrite(head, section, grant, variant, date_line)
            if is_new and rewriter.stripped and exchange.head.origin:
                report_difference(exchange.stats, response, grant, self._clock.now)
        rendered = rewriter.rewritten
        self._response = response
        if rewriter.stripped:
            exchange.stats.stripped += rewriter.stripped
        if response.keep_alive is not None:
            self.promised_idle = float(response.keep_alive)

        if response.has_no_body or exchange.is_head_request:
            exchange.respond(response.status, rendered)
            self._end_of_response(in_step=len(data) == end + 4 and not _announces_body(response, exchange))
            return
        length = response.length
        if length >= 0:
            received = len(data) - end - 4
            if received >= length:
                body = data[end + 4 : end + 4 + length]
                exchange.respond(response.status, rendered + body)
                self._end_of_response(in_step=received == length)
                return
            self._decoder = None
            self._remaining = length
        elif length == CHUNKED:
            self._decoder = ChunkedDecoder(is_request=False)
            self._frames_chunks = exchange.is_http11
        else:
            self._decoder = None
            self._remaining = -1
            self._frames_chunks = exchange.is_http11
        self._phase = _BODY
        self.deadline = self._clock.now + self._pool.idle_timeout
        self._read_body(data[end + 4 :], rendered)

    def _read_interim(self, section: ResponseSection, rest: bytes) -> None:
        exchange: Exchange = self.exchange  # type: ignore[assignment]  # there is one in this phase
        response = section.head
        if response.status == 101:
            self._switch_protocols(section, rest)
            return
        self._interim += 1
        self._is_suspect = self._is_suspect or response.closes
        if self._interim > MAX_INTERIM_RESPONSES:
            raise ProtocolFault(Cause.TOO_MANY_INTERIM, limit=MAX_INTERIM_RESPONSES)
        if response.status != 100:  # the gateway answers Expect itself
            exchange.respond_interim(section)
        if rest:
            self._read_head(rest)

    def _read_body(self, data: bytes, head: bytes = b"") -> None:
        """Pass on a piece of the body, together with the head if it was not sent yet: one write for both."""
        exchange: Exchange = self.exchange  # type: ignore[assignment]  # there is one in this phase
        decoder = self._decoder
        if decoder is not None:
            try:
                piece = decoder.feed(data)
            except ProtocolFault:
                if head:  # the head was good: the client sees a truncated response
                    exchange.respond(cast("ResponseHead", self._response).status, head)
                raise
            is_done = decoder.is_done
            if self._frames_chunks:
                piece = (frame_chunk(piece) if piece else b"") + (LAST_CHUNK if is_done else b"")
            out = head + piece
            in_step = not decoder.rest
        elif self._remaining >= 0:
            in_step = len(data) <= self._remaining
            if not in_step:
                data = data[: self._remaining]
            self._remaining -= len(data)
            is_done = self._remaining == 0
            out = head + data if head else data
        else:
            out = head + (frame_chunk(data) if self._frames_chunks and data else data)
            is_done = in_step = False
        if head:
            exchange.respond(cast("ResponseHead", self._response).status, out)
        elif out:
            exchange.respond_more(out)
        if is_done:
            self._end_of_response(in_step=in_step)

    def _end_of_response(self, *, in_step: bool) -> None:
        if self.exchange is None:  # the client left while its last bytes were written
            return
        if self._phase == _BODY and self._decoder is None and self._remaining < 0 and self._frames_chunks:
            self.exchange.respond_more(LAST_CHUNK)
        exchange = self._detach()
        response: ResponseHead = self._response  # type: ignore[assignment]  # its head was read
        is_sent = exchange.is_request_sent and not self._flow.is_writing_paused
        if in_step and is_sent and not (response.closes or self._is_suspect):
            self._flow.resume_reading()
            self._phase = _IDLE
            self.was_used = True
            self._pool.release(self)
        else:
            self.close()
        exchange.response_done()

    # -- WebSocket -------------------------------------------------------------------------------------------------

    def _switch_protocols(self, section: ResponseSection, rest: bytes) -> None:
        """RFC 6455 4.1: a 101 counts only as the right answer to the handshake that was sent."""
        exchange: Exchange = self.exchange  # type: ignore[assignment]  # there is one in this phase
        key = exchange.websocket_key
        upgrade = section.head.upgrade
        if (
            key is None
            or upgrade is None
            or [element.lower() for element in list_elements(upgrade)] != [b"websocket"]
            or section.values_of(b"sec-websocket-accept")
            != [base64.b64encode(hashlib.sha1(key + _WEBSOCKET_GUID, usedforsecurity=False).digest())]
        ):
            raise ProtocolFault(Cause.SWITCH_NOT_ASKED)
        exchange = self._detach()
        self._phase = _CLOSED
        self._clock.watched.discard(self)
        exchange.start_tunnel(section, self.transport, rest)

    # -- endings ---------------------------------------------------------------------------------------------------

    def _detach(self) -> "Exchange":
        exchange: Exchange = self.exchange  # type: ignore[assignment]  # there is one in this phase
        self.exchange = None
        self.server.active -= 1
        self.deadline = NEVER
        return exchange

    def _fail(self, failure: UpstreamFailure) -> None:
        exchange = self._detach()
        self.close()
        exchange.upstream_lost(failure, may_retry=False)


def _announces_body(response: ResponseHead, exchange: "Exchange") -> bool:
    """Whether a response without a body says it has one (204 with a length): its bytes may still be on the way."""
    return (
        not exchange.is_head_request
        and response.status == 204
        and (response.length > 0 or response.length == CHUNKED)
    )
