"""The answering side of a client connection: when a response ends it, how it ends, and what its owner is told.

A `roles.Downstream` of one exchange after the other. What the client sends is read in `downstream.py`.
"""

import asyncio
from typing import TYPE_CHECKING

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.forwarded import Peer, client_address
from cors_gateway.http1.request import NO_BODY, RequestHead
from cors_gateway.http1.response import ResponseSection
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.active import Active
from cors_gateway.proxy.client_transport import (
    BODY,
    CLOSED,
    DISCARD,
    HEAD,
    LINGERING,
    ONE_FLIGHT,
    PARTIAL,
    WAIT,
    ClientTransport,
)
from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.response_head import CLOSES, IS_HTTP11
from cors_gateway.proxy.roles import Keeper
from cors_gateway.proxy.service import Service
from cors_gateway.proxy.tunnel import Tunnel

if TYPE_CHECKING:
    from cors_gateway.http1.body import ChunkedDecoder, SizedBody
    from cors_gateway.proxy.exchange import Exchange
    from cors_gateway.proxy.last_request import LastRequest
    from cors_gateway.proxy.preflight_memory import Repeat


class AnsweringConnection(ClientTransport):
    """A client connection, as what answers its requests sees it."""

    __slots__ = ("_body", "_exchange", "_is_at_rest", "_keepers", "_last", "_peer", "_repeat", "_repeated")

    _peer: Peer

    def __init__(self, service: Service, *, is_tls: bool) -> None:
        super().__init__(service, is_tls=is_tls)
        self._exchange: Exchange | None = None
        self._keepers: tuple[Keeper, ...] = ()
        self._body: SizedBody | ChunkedDecoder | None = None
        self._last: LastRequest | None = None
        self._repeat: Repeat | None = None
        self._repeated = b""
        """All bytes of the last request that `_repeat` was the answer to."""
        self._is_at_rest = False
        """It asked nothing for a while, and nothing is remembered of it."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = CLOSED
        self.deadline = NEVER
        self._kept = None
        self._leave()
        self._give_up()

    def _give_up(self) -> None:
        """The client wants no response any more: the backend learns it at once."""
        if self._exchange is not None:
            self._exchange.cancel()
            self._finish()

    def _leave(self) -> None:
        """This is not a connection with requests any more."""
        self._service.leave(self)
        for keeper in self._keepers:
            keeper.client_left(self)

    # -- for the exchange and the pool -----------------------------------------------------------------------------

    def client_address(self, head: RequestHead) -> str:
        """As `roles.Downstream` says."""
        return client_address(self._peer, head.forwarding, self._peer.trusted)

    def kept_by(self, keeper: Keeper) -> None:
        """As `roles.Downstream` says."""
        if keeper not in self._keepers:
            self._keepers = (*self._keepers, keeper)

    def renew(self, active: Active, *, trusts_others: bool) -> None:
        """As `service.Connected` says."""
        self._forget_requests()
        if self._exchange is None:
            self._active = active
        if trusts_others:
            self._peer = self._peer_at(self._peer.address, active)

    def _peer_at(self, address: str, active: Active) -> Peer:
        """Who is at the other end, as far as this snapshot believes it."""
        return active.peer(address, is_tls=self._is_tls)

    # -- who waits for whom ----------------------------------------------------------------------------------------

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
            self._forget()
            self._read_on()
            if self._is_at_eof and self._kept is None:
                self._end_after_eof()
        elif self._phase == BODY and not self._is_body_held:
            self._await_body()
        elif self._phase in {BODY, WAIT}:
            self.deadline = NEVER

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
        exchange = self._finish()
        if self.response.form & CLOSES or self._phase == BODY or (self._is_at_eof and self._kept is None):
            is_read = exchange is not None and exchange.is_last and exchange.head.framing == NO_BODY
            self._end_or_linger(is_read=is_read)
            return
        self._phase = HEAD
        self._is_at_rest = self._is_body_held = False
        idle_until = self.clock.now + self._service.active.rest_after
        self.deadline = min(idle_until, self._flow.stall_deadline)
        if self._kept is not None or self._flow.is_reading_paused:
            self._read_on()

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
        ahead = b"" if self._kept is None else self._kept.take_all()
        self._kept = None
        self._flow.resume_reading()
        self._phase = CLOSED
        self._forget_requests()
        service = self._service
        self._leave()
        tunnel = Tunnel(
            self._transport,
            upstream,
            clock=self.clock,
            send_timeout=service.active.timeouts.send,
            on_end=self._tunnel_ended,
        )
        service.enter(tunnel)
        tunnel.feed(from_client=ahead, from_upstream=early)

    def _tunnel_ended(self, tunnel: Tunnel) -> None:
        self._service.leave(tunnel)
        if self._exchange is not None:
            self._exchange.tunnel_ended(tunnel.bytes_in)
        self.response.bytes_out += tunnel.bytes_out
        self._finish()

    def _finish(self) -> "Exchange | None":
        """The exchange, if there is one, is over: have it counted."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            accounting = self._service.accounting
            accounting.finished(exchange, self.response.bytes_out, self._peer, self._active)
        return exchange

    # -- endings ---------------------------------------------------------------------------------------------------

    def _end_after_eof(self) -> None:
        """No more bytes will come: end, unless a complete request still waits for its response."""
        if self._phase in {HEAD, DISCARD, LINGERING}:
            self._linger()
        elif self._phase in {PARTIAL, BODY}:
            self._break_off(ProtocolFault(Cause.INCOMPLETE))
        elif self._exchange is not None and not self._exchange.is_last and self._kept is None:
            # A browser that aborts sends just this. Who has sent more is none, and is answered in order.
            self._give_up()
            self._end()

    def on_deadline(self) -> None:
        flow = self._flow
        phase = self._phase
        is_done = phase in {HEAD, LINGERING, CLOSED}
        is_flushed = is_done and flow.is_flushed
        if phase == HEAD and is_flushed:
            self._rest()
        elif is_flushed or flow.is_stalled():
            self.abort()
        elif is_done or flow.stall_deadline <= self.clock.now:
            self.deadline = flow.watch(self._service.active.timeouts.send)
        elif phase in {PARTIAL, BODY}:
            self._break_off(ProtocolFault(Cause.HEAD_LATE if phase == PARTIAL else Cause.BODY_LATE))
        else:  # a body that nobody wants
            self.abort()

    def _rest(self) -> None:
        """Nothing was asked for a while: forget the last request, and in the end close.

        The kernel may still hold megabytes of the answer, or have held them until just now. While the client takes them
        it cannot ask for more, and would find the connection closed as soon as it can.
        """
        flow, now, timeouts = self._flow, self.clock.now, self._service.active.timeouts
        before, flow.left = flow.left, flow.untaken()
        if self._is_at_rest:
            is_reading = flow.left < before
        else:
            is_reading = flow.left > 0 or self.response.bytes_out > ONE_FLIGHT
            self._forget()
            self.deadline += timeouts.keep_alive - self._active.rest_after
        if is_reading:
            self.deadline = now + (timeouts.send if flow.left else timeouts.keep_alive)
        elif self.deadline <= now:
            self.abort()

    def _forget(self) -> None:
        """Drop what a client that goes on would profit from: it costs more than the rest of the connection."""
        self._is_at_rest = True
        self._forget_requests()
        self._active = self._service.active

    def _forget_requests(self) -> None:
        self._last = self._repeat = None
        self._repeated = b""

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
        refusal = self._service.refuse(fault, self._beginning)
        self.response.form = IS_HTTP11 | CLOSES
        self.response.answer(refusal.answer)
        self._service.accounting.refused(refusal, self.response.bytes_out, self._peer, self._service.active)
        self._linger()
