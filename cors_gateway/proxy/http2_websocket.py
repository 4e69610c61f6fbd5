"""A WebSocket on a stream of HTTP/2 (RFC 8441): its handshake with the backend, then a tunnel with a stream as one end.

To the backend it is a handshake of HTTP/1.1, and once that is accepted the tunnel is the one of `tunnel.py`: to it the
stream is a transport. Ends are passed on as RFC 8441 5 says: END_STREAM for the end of one direction, RST_STREAM with
CANCEL for a reset.
"""

import asyncio
import time
from typing import cast

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.response import ResponseSection
from cors_gateway.http2.cause import CANCEL, NO_ERROR
from cors_gateway.http2.response import response_fields
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.dispatch import Answer
from cors_gateway.proxy.exchange import Exchange
from cors_gateway.proxy.forward import Forward
from cors_gateway.proxy.http2_answering import Carrier
from cors_gateway.proxy.http2_stream import Stream
from cors_gateway.proxy.preflight_memory import Repeat
from cors_gateway.proxy.response_head import interim_head
from cors_gateway.proxy.service import Service
from cors_gateway.proxy.tunnel import Tunnel, TunnelEnd

# RFC 8441 5: the key and what proves it are not used; RFC 9110 8.6, 9.3.6: a 2xx to CONNECT has no body.
_NOT_IN_200 = frozenset({b":status", b"sec-websocket-accept", b"content-length"})


class Handshake(Exchange):
    """An exchange that asks for a WebSocket on a stream."""

    __slots__ = ("client_end",)

    def __init__(self, forward: Forward, stream: "WebSocketStream") -> None:
        super().__init__(forward, stream, time.monotonic())
        self.client_end: TunnelEnd | None = None
        """Once the handshake is accepted."""

    def respond(self, status: int, head: bytes, body: bytes, *, is_sized: bool, is_last: bool) -> None:
        """The backend's response begins, which is not the 101: a 2xx would be taken for one (RFC 8441 5)."""
        if 200 <= status < 300:
            raise ProtocolFault(Cause.SWITCH_NOT_MADE)
        super().respond(status, head, body, is_sized=is_sized, is_last=is_last)

    def pause_upstream(self) -> None:
        if self.client_end is None:
            super().pause_upstream()
        else:
            self.client_end.pause_writing()

    def resume_upstream(self) -> None:
        if self.client_end is None:
            super().resume_upstream()
        else:
            self.client_end.resume_writing()


class WebSocketStream(Stream):
    """A stream that carries a WebSocket, from its handshake on."""

    __slots__ = ("_early", "_transport")

    def __init__(self, number: int, connection: Carrier, service: Service, *, is_request_ended: bool) -> None:
        super().__init__(number, connection, service, is_request_ended=is_request_ended)
        self._early: list[bytes] = []
        """What came before the backend accepted: no more than a window."""
        self._transport: StreamTransport | None = None

    def take(self, outcome: Forward | Answer | Repeat, line: bytes) -> None:
        if type(outcome) is Forward:
            exchange = self._exchange = Handshake(outcome, self)
            outcome.terms.lender.start(exchange)
        else:
            super().take(outcome, line)

    def take_body(self, data: bytes, *, is_ended: bool) -> None:
        self._is_request_ended = is_ended
        if self._transport is not None:
            self._transport.receive(data, is_ended=is_ended)
        elif self._exchange is None:
            self._discard(len(data))
        elif data:
            self._held += len(data)
            self._early.append(data)

    def refuse_trailers(self, fault: ProtocolFault) -> None:
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_tunnel(self) -> bool:
        return self._transport is not None

    # A handshake has no body.

    def pause_body(self) -> None:
        pass

    def resume_body(self) -> None:
        pass

    # -- the tunnel ------------------------------------------------------------------------------------------------

    def start_tunnel(
        self, response: ResponseSection, grant: Grant, upstream: asyncio.Transport, early: bytes
    ) -> None:
        """Answer 200, and carry bytes both ways."""
        exchange, service = self._exchange, self._service
        head = interim_head(response, grant)
        fields = [(b":status", b"200"), *[one for one in response_fields(head) if one[0] not in _NOT_IN_200]]
        self._connection.engine.respond(self.number, fields, is_ended=False)
        self._connection.wrote(self)
        self.bytes_out = len(head)
        self.is_answered = True
        self._transport = transport = StreamTransport(self)
        tunnel = StreamTunnel(
            transport,
            upstream,
            clock=service.clock,
            send_timeout=self._active.timeouts.send,
            on_end=self._tunnel_ended,
        )
        if isinstance(exchange, Handshake):
            exchange.client_end = tunnel.client_end
        service.clock.watched.add(tunnel)
        ahead, self._early = self._early, []
        tunnel.feed(from_upstream=early)
        self._held = 0  # from now on it is the transport's
        for data in ahead:
            transport.receive(data, is_ended=False)
        if self._is_request_ended:
            transport.receive(b"", is_ended=True)

    def _tunnel_ended(self, tunnel: Tunnel) -> None:
        self._service.clock.watched.discard(tunnel)
        if self._exchange is not None:
            self._exchange.tunnel_ended(tunnel.bytes_in)
        self._finish()

    def acknowledge(self, size: int) -> None:
        """So much was passed on: the client may send more."""
        self._connection.engine.acknowledge(self.number, size)
        self._connection.wrote(self)

    def end(self, code: int) -> None:
        """Break off the stream once all that is queued is sent."""
        self._end(code)

    def break_off(self) -> None:
        """Break off the stream at once."""
        self._connection.engine.reset(self.number, CANCEL)
        self._connection.wrote(self)

    def closed(self) -> None:
        if self._transport is None:
            super().closed()
        else:
            self._leave()
            self._transport.lost()


class StreamTransport(asyncio.Transport):
    """A stream as a tunnel sees it: the transport of its client."""

    __slots__ = (
        *("_held", "_is_closing", "_is_ended", "_is_lost", "_is_paused", "_is_read_to_end"),
        *("_protocol", "_stream", "is_reset"),
    )

    _protocol: asyncio.Protocol

    def __init__(self, stream: WebSocketStream) -> None:
        super().__init__()
        self._stream = stream
        self._held = 0
        """Bytes that were not acknowledged, because the backend does not take more."""
        self._is_paused = False
        self._is_read_to_end = False
        """The client sends no more."""
        self._is_ended = False
        """Nothing more is sent to it."""
        self._is_closing = False
        self._is_lost = False
        self.is_reset = False
        """Closing it is a reset, so that the client cannot take it for an end."""

    # -- for the stream --------------------------------------------------------------------------------------------

    def receive(self, data: bytes, *, is_ended: bool) -> None:
        """The client sent this. `is_ended`: and sends no more."""
        self._held += len(data)
        if data and not self._is_closing:
            self._protocol.data_received(data)
        if not self._is_paused:
            self._give_back()
        if is_ended and not self._is_closing:
            self._is_read_to_end = True
            if not self._protocol.eof_received():
                self.close()

    def lost(self) -> None:
        """The stream is closed, or its connection."""
        if self._is_lost:
            return
        is_cut = not (self._is_read_to_end or self._is_closing)
        self._is_lost = self._is_closing = self._is_ended = True
        self._give_back()
        self._protocol.connection_lost(ConnectionResetError() if is_cut else None)

    def _give_back(self) -> None:
        if self._held:
            held, self._held = self._held, 0
            self._stream.acknowledge(held)

    # -- asyncio.Transport -----------------------------------------------------------------------------------------

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast("asyncio.Protocol", protocol)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Those of streams hold."""

    def get_write_buffer_size(self) -> int:
        return self._stream.queued

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False
        self._give_back()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._is_ended:
            self._stream.go_on(bytes(data), is_last=False)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._is_ended:
            self._is_ended = True
            self._stream.go_on(b"", is_last=True)

    def close(self) -> None:
        """End both directions once all that was written is sent."""
        if self._is_closing:
            return
        self._is_closing = True
        self._give_back()
        if self.is_reset:
            self._is_ended = True
            self._stream.end(CANCEL)
            return
        self.write_eof()
        if not self._is_read_to_end:
            self._stream.end(NO_ERROR)

    def abort(self) -> None:
        if not self._is_lost:
            self._is_closing = self._is_ended = True
            self._give_back()
            self._stream.break_off()


class StreamTunnel(Tunnel):
    """A tunnel whose client end is a stream: a reset of one end is a reset of the other."""

    __slots__ = ()

    @property
    def client_end(self) -> TunnelEnd:
        return self._client_end

    def lost(self, end: TunnelEnd, error: Exception | None) -> None:
        if error is not None and end is self._client_end:
            self._upstream_end.flow.reset_on_close()
        elif error is not None and isinstance(self._client_end.transport, StreamTransport):
            self._client_end.transport.is_reset = True
        super().lost(end, error)
