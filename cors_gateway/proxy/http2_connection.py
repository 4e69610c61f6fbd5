"""One HTTP/2 connection from a client: its requests, its streams, and what they send.

Requests become what they would be in HTTP/1.1 and are dispatched as those are, with the same memory of the last one.
What streams have queued is sent together, once for each turn of the loop. Frames are the engine's (`http2/engine.py`),
deadlines and endings the transport's (`http2_transport.py`), what happens to a single request its stream's
(`http2_stream.py`).
"""

import asyncio
import base64
import os
from typing import cast

from cors_gateway.http1.beginning import first_of
from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.forwarded import HTTP2, Peer
from cors_gateway.http2.cause import NO_ERROR, ConnectionFault
from cors_gateway.http2.engine import MAX_STREAMS, MAX_WIDE, Fields
from cors_gateway.http2.request import RequestWriter, check_trailers, sketch
from cors_gateway.http2.response import Field, response_fields
from cors_gateway.observe.trouble import Trouble
from cors_gateway.proxy.active import Active
from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.http2_answering import AnsweringStream
from cors_gateway.proxy.http2_stream import Stream
from cors_gateway.proxy.http2_transport import TAKE, Http2Transport
from cors_gateway.proxy.http2_websocket import WebSocketStream
from cors_gateway.proxy.last_request import MAX_REMEMBERED_BLOCK, LastRequest, read_request
from cors_gateway.proxy.preflight_memory import Repeat
from cors_gateway.proxy.service import Service


class Again:
    """The last preflight of a connection that was answered from memory, and that answer as of this second."""

    __slots__ = ("answer", "date_line", "fields", "line", "repeat", "sent")

    def __init__(self, fields: Fields, line: bytes, repeat: Repeat) -> None:
        self.fields = fields
        self.line = line
        self.repeat = repeat
        self.date_line = b""
        self.sent = b""
        """As HTTP/1.1 would have it."""
        self.answer: list[Field] = []


class Http2Connection(Http2Transport):
    """Server side of HTTP/2 on one transport."""

    __slots__ = (
        *("_again", "_brief", "_client", "_fields", "_is_admitted", "_is_flush_due", "_is_surplus"),
        *("_last", "_last_head", "_seen", "_sending", "_streams", "_writer"),
    )

    def __init__(
        self, service: Service, *, is_tls: bool, is_admitted: bool = False, client: str | None = None
    ) -> None:
        """`is_admitted`: the connection was counted already. `client` is who a balancer says that it is."""
        super().__init__(service, is_tls=is_tls)
        self._is_admitted = is_admitted
        self._client = client
        self._writer = RequestWriter(_new_websocket_key)
        self._streams: dict[int, Stream] = {}
        self._sending: set[AnsweringStream] = set()
        """Those that may have something queued, or are to be broken off."""
        self._last: LastRequest | None = None
        self._last_head = b""
        self._fields: list[Field] = []
        self._seen = 0
        """Header blocks that the engine told of; of those that it did not it broke off the stream."""
        self._is_flush_due = False
        self._is_surplus = False
        self._again: Again | None = None
        self._brief: set[int] = set()
        """Streams that were answered so: nothing is left to do for them until they are closed."""

    # -- asyncio.Protocol ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        active = self._service.active
        self.peer = self._peer_at(self._flow.peer_address(), active)
        self._idle_until = self.deadline = self.clock.now + active.timeouts.request_head
        if self._is_admitted:
            self._service.enter(self)
        else:
            self._is_surplus = not self._service.admit(self)
        self._flush()

    def _peer_at(self, address: str, active: Active) -> Peer:
        named = self._client
        if named is None:
            return active.peer(address, is_tls=self._is_tls, protocol=HTTP2)
        return active.peer(named, is_tls=self._is_tls, protocol=HTTP2, is_named=True)

    def _receive(self, data: bytes) -> None:
        if self._is_closing:
            return
        watch = self._watch
        try:
            watch.feed(data, self.clock.now)
            self.engine.receive(data, self)
            while self._seen < watch.blocks:
                self._seen += 1
                if self.requests >= MAX_STREAMS:  # the engine says REFUSED_STREAM, and tells nobody
                    self._count_refused(Cause.TOO_MANY_STREAMS)
                watch.spoilt(self.clock.now)
        except ConnectionFault as fault:
            self._fail(fault)
            return
        if watch.is_in_block:
            if self._block_until == NEVER:
                self._block_until = self.clock.now + self._service.active.timeouts.request_head
                self._settle_deadline()
        elif self._block_until != NEVER:
            self._block_until = NEVER
            self._settle_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        self.deadline = NEVER
        self._service.leave(self)
        self._drop_streams()

    # -- http2.engine.Receiver -------------------------------------------------------------------------------------

    def request_received(self, stream: int, fields: Fields, *, is_ended: bool) -> None:
        self._seen += 1
        service = self._service
        service.count_http2_request()
        again = self._again
        if again is not None and is_ended and fields == again.fields and not service.is_draining:
            self._answer_again(stream, again)
            return
        own = Stream(stream, self, service, is_request_ended=is_ended)
        self._streams[stream] = own
        if self._idle_until != NEVER:
            self._idle_until = NEVER
            self._settle_deadline()
        if service.is_draining and not self._is_leaving:
            self._leave()
        written = b""
        try:
            line, block, is_handshake = self._writer.write(fields, is_ended=is_ended)
            written = line + block
            if is_handshake:
                own = WebSocketStream(stream, self, service, is_request_ended=is_ended)
                self._streams[stream] = own
            if self._is_surplus:
                self.engine.end(NO_ERROR)
                raise ProtocolFault(Cause.TOO_MANY_CONNECTIONS)
            last = self._last
            if last is None or block != last.block:
                last = cast("LastRequest", read_request(service.active, last, block, 0))  # it is complete
                self._last = last if len(block) <= MAX_REMEMBERED_BLOCK else None
            outcome = service.dispatch(last, line, self.peer)
        except ProtocolFault as fault:
            if written:
                fault = first_of(fault, written, service.active.limits.request_head)
            own.refuse(fault, written or sketch(fields))
            return
        if type(outcome) is Repeat and is_ended and self._last is not None and not outcome.answer.content:
            self._again = Again(fields, line, outcome)
        own.take(outcome, line)

    def _answer_again(self, stream: int, again: Again) -> None:
        """The last preflight came once more: a head is all that there is to send, and no window holds it up."""
        service = self._service
        clock = service.clock
        if again.date_line is not clock.date_line:
            again.date_line = clock.date_line
            again.sent = again.repeat.before_date + clock.date_line + again.repeat.after_date
            again.answer = response_fields(again.sent)
        self.engine.respond(stream, again.answer, is_ended=True)
        self._brief.add(stream)
        if not self._is_flush_due:
            self._is_flush_due = True
            clock.call_soon(self._flush)
        if self._idle_until != NEVER:
            until = clock.now + service.active.rest_after
            if until != self._idle_until:
                self._is_at_rest = False
                self._idle_until = until
                self._settle_deadline()
        service.accounting.repeated(again.repeat, again.line, again.sent, self.peer, service.active)

    def data_received_on(self, stream: int, data: bytes, *, is_ended: bool) -> None:
        own = self._streams.get(stream)
        if own is None:
            self.engine.acknowledge(stream, len(data))
        else:
            own.take_body(data, is_ended=is_ended)

    def trailers_received(self, stream: int, fields: Fields) -> None:
        self._seen += 1
        own = self._streams.get(stream)
        if own is None:
            return
        try:
            check_trailers(fields)
        except ProtocolFault as fault:
            own.refuse_trailers(fault)
            return
        own.take_body(b"", is_ended=True)

    def stream_broken(self, stream: int) -> None:
        own = self._streams.get(stream)
        if own is not None:
            own.broken()
        elif not self._is_closing:
            self._count_refused(Cause.STREAM_MALFORMED)

    def _count_refused(self, cause: Cause) -> None:
        """A request was refused unread, and its stream is reset: all that can be told of it is that there was one."""
        service = self._service
        service.count_http2_request()
        refusal = service.refuse(ProtocolFault(cause), b"")
        service.accounting.refused(refusal, 0, self.peer, service.active)

    def stream_closed(self, stream: int, *, is_reset: bool) -> None:
        own = self._streams.pop(stream, None)
        if own is None:
            if stream in self._brief:
                self._brief.remove(stream)
                if not is_reset:
                    self._watch.served()
            return
        self._sending.discard(own)
        if own.is_answered and not is_reset:  # an answer that nobody waited for makes up for nothing
            self._watch.served()
        own.closed()
        if not self._streams:
            self._is_at_rest = False
            self._idle_until = self.clock.now + self._service.active.rest_after
            self._settle_deadline()
        if not own.is_answered:
            self._watch.spoilt(self.clock.now)

    # -- for streams -----------------------------------------------------------------------------------------------

    def fields_of(self, head: bytes) -> list[Field]:
        """A response head as fields; most resemble the one before."""
        if head != self._last_head:
            self._fields = response_fields(head)
            self._last_head = head
        return self._fields

    def may_widen(self) -> bool:
        """Whether one more upload may have a wide window."""
        return sum(stream.is_wide for stream in self._streams.values()) < MAX_WIDE

    def wrote(self, stream: AnsweringStream) -> None:
        """Something was queued: it is sent at the end of this turn, with what others queue until then."""
        self._sending.add(stream)
        if not self._is_flush_due:
            self._is_flush_due = True
            self._service.clock.call_soon(self._flush)

    # -- sending ---------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Send what there is, as far as the transport takes it."""
        self._is_flush_due = False
        if self._is_closing:
            return
        engine, flow = self.engine, self._flow
        while not flow.is_writing_paused:
            data = engine.take(TAKE)
            if data:
                self._transport.write(data)
                self._watch.sent(len(data))
            if len(data) < TAKE:
                break
        try:
            engine.tell(self)
        except ConnectionFault as fault:
            self._fail(fault)
            return
        if self._sending:
            sending, self._sending = self._sending, set()
            for stream in sending:
                if stream.sent(engine.queued(stream.number)):
                    self._sending.add(stream)
        if engine.failure is not None:
            self._fail(engine.failure)
        elif (self._is_leaving and not self.requests) or engine.is_over:
            self._say_goodbye()

    # -- for the service, and endings ------------------------------------------------------------------------------

    @property
    def requests(self) -> int:
        """Requests in progress."""
        return len(self._streams) + len(self._brief)

    @property
    def tunnels(self) -> int:
        """As `service.Connected` says."""
        return sum(stream.is_tunnel for stream in self._streams.values())

    def renew(self, active: Active, *, trusts_others: bool) -> None:
        """As `service.Connected` says."""
        self._last = self._again = None
        if trusts_others:
            self.peer = self._peer_at(self.peer.address, active)

    def _rest(self) -> None:
        """Nothing was asked for a while: forget what only helps a client that goes on."""
        active = self._service.active
        self._is_at_rest = True
        self._last = self._again = None
        self._writer = RequestWriter(_new_websocket_key)
        self._last_head, self._fields = b"", []
        self._idle_until += active.timeouts.keep_alive - active.rest_after
        self._settle_deadline()

    def _blame(self, trouble: Trouble) -> None:
        for stream in self._streams.values():
            stream.blame(trouble)

    def _drop_streams(self) -> None:
        streams, self._streams = self._streams, {}
        self._brief = set()
        self._sending = set()
        for stream in streams.values():
            stream.closed()


def _new_websocket_key() -> bytes:
    return base64.b64encode(os.urandom(16))
