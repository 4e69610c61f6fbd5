"""One request and its response: holds a client connection and an upstream connection together while it lasts.

Every rule about what may still be done lives here: whether a retry is safe, whether an error can still be answered or
only shown by breaking off (after the first byte of a response no second status line is possible), and who waits for
whom. The connections know grammar and framing; they do not know each other.
"""

import time
from typing import TYPE_CHECKING

from cors_gateway.http1.body import LAST_CHUNK, frame_chunk
from cors_gateway.http1.forwarded import client_address
from cors_gateway.http1.request import CHUNKED, NO_BODY
from cors_gateway.http1.response import ResponseSection
from cors_gateway.observe.record import RequestRecord
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.answers import problem
from cors_gateway.proxy.failure import UpstreamFailure
from cors_gateway.proxy.rewrite import CLOSES, IS_HEAD_REQUEST, IS_HTTP11, interim_head
from cors_gateway.proxy.tunnel import Tunnel

if TYPE_CHECKING:
    import asyncio

    from cors_gateway.http1.request import HeaderSection
    from cors_gateway.http1.request_line import RequestLine
    from cors_gateway.proxy.activation import ActiveRoute
    from cors_gateway.proxy.client import ClientConnection
    from cors_gateway.proxy.upstream import UpstreamConnection

CLIENT_CLOSED_REQUEST = 499
"""Logged when the client left before it was answered; never sent."""

# RFC 9110 9.2.2; PUT and DELETE are idempotent too, but a backend that executed one may say so differently twice.
_RETRIABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})


class Exchange(RequestRecord):
    """A request on its way through. Made when the head was understood and the policy lets it pass."""

    __slots__ = (
        "_client",
        "_connection",
        "_pending",
        "_retries",
        "_variant",
        "closes",
        "grant",
        "head",
        "is_head_request",
        "is_http11",
        "is_over",
        "is_request_sent",
        "request",
        "route",
        "section",
        "sent_at",
        "websocket_key",
    )

    def __init__(
        self,
        client: "ClientConnection",
        line: "RequestLine",
        section: "HeaderSection",
        route: "ActiveRoute",
        grant: Grant,
        request: bytes,
    ) -> None:
        self.section = section
        self.head = head = section.head
        self.stats = route.stats
        self.method = line.method
        self.target = line.target
        self.status = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.upstream = ""
        self.upstream_seconds = 0.0
        self.failure = ""
        self.sent_at = 0.0
        """When a connection took the request up (monotonic seconds); 0 before that."""
        self.route = route
        self.grant = grant
        """What the response gets from the policy."""
        self.is_http11 = line.is_http11
        self.is_head_request = line.method == b"HEAD"
        self.closes = head.closes or not line.is_http11
        """Whether the client connection ends with this response."""
        self.is_request_sent = head.framing == NO_BODY
        self.is_over = False
        self.websocket_key: bytes | None = None
        self._client = client
        self.request = request
        """The head as the backend gets it."""
        self._pending: list[bytes] = []
        self._connection: UpstreamConnection | None = None
        self._retries = route.pool.upstream.retries
        self._variant = self.is_head_request * IS_HEAD_REQUEST + self.is_http11 * IS_HTTP11

    def field(self, name: bytes) -> bytes | None:
        return self.section.value_of(name)

    def variant(self) -> int:
        """All that a response head depends on besides itself and the grant, as one small number.

        Called when the response arrives: it settles whether the client connection outlives it.
        """
        if not self.closes and (self._client.gateway.is_draining or not self.is_request_sent):
            self.closes = True
        return self._variant + self.closes * CLOSES

    # -- the request -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Send the request as soon as there is a connection for it; maybe before this returns."""
        self.route.pool.start(self)

    def connected(self, connection: "UpstreamConnection") -> None:
        """A connection took up this exchange: send what is there."""
        self._connection = connection
        self.sent_at = time.monotonic()
        self.upstream = connection.server.name
        if self._pending:
            connection.transport.write(b"".join([self.request, *self._pending]))
            self._pending.clear()
        else:
            connection.transport.write(self.request)
        if not self.is_request_sent:
            self._client.upstream_is_ready()

    def send(self, data: bytes) -> None:
        """Pass on a piece of the request body."""
        self.bytes_in += len(data)
        if self.head.framing == CHUNKED:
            data = frame_chunk(data)
        self._write(data)

    def end_of_request(self) -> None:
        """The request body is complete."""
        if self.head.framing == CHUNKED:
            self._write(LAST_CHUNK)
        self.is_request_sent = True
        if self._connection is not None:
            self._connection.request_sent()

    def _write(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.transport.write(data)
        else:
            self._pending.append(data)

    def client_address(self) -> str:
        """The client's address as believed."""
        return client_address(self._client.peer, self.head.forwarding, self._client.gateway.active.trusted)

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    # -- the response ----------------------------------------------------------------------------------------------

    def respond_interim(self, response: ResponseSection) -> None:
        if self.is_http11:
            self._client.transport.write(interim_head(response, self.grant))

    def respond(self, status: int, data: bytes) -> None:
        """Send the head of the response, with what there is of its body."""
        self.status = status
        if self._connection is not None:
            self.upstream_seconds = time.monotonic() - self.sent_at
        self.bytes_out = len(data)
        self._client.transport.write(data)

    def respond_more(self, data: bytes) -> None:
        self.bytes_out += len(data)
        self._client.transport.write(data)

    def response_done(self) -> None:
        """The response is complete."""
        self.is_over = True
        self._connection = None
        self._client.exchange_done(self)

    # -- failures --------------------------------------------------------------------------------------------------

    def upstream_lost(self, failure: UpstreamFailure, *, may_retry: bool) -> None:
        """The upstream connection broke or its answer was invalid. It is closed already.

        `may_retry`: the connection had been idle in the pool and not a byte came back, so the backend most probably
        closed it before it saw the request.
        """
        self._connection = None
        if self.status:
            self._count_failure(failure)
            self.is_over = True
            self._client.truncate(self)
        elif may_retry and self._retries > 0 and self.method in _RETRIABLE and self.head.framing == NO_BODY:
            self._retries -= 1
            self.route.pool.start_anew(self)
        else:
            self.failed(failure)

    def failed(self, failure: UpstreamFailure) -> None:
        """Answer that the upstream could not, unless the client is gone."""
        self._count_failure(failure)
        if self.is_over:
            return
        self.is_over = True
        self.variant()
        lines = b"Retry-After: 1\r\n" if failure is UpstreamFailure.UNAVAILABLE else b""
        self._answer(failure.status, failure, failure.detail, lines)
        self._client.exchange_done(self)

    def _count_failure(self, failure: UpstreamFailure) -> None:
        self.failure = failure
        self.route.pool.stats.outcome(failure).observe(time.monotonic() - (self.sent_at or self.started))

    def break_off(self, status: int, reason: str, detail: str) -> None:
        """The request cannot be completed: the backend sees it cut, the client an answer if that is still possible."""
        has_begun = self.status != 0
        self.cancel()
        self.closes = True
        if not has_begun:
            self._answer(status, reason, detail)

    def _answer(self, status: int, reason: str, detail: str, lines: bytes = b"") -> None:
        """Send a problem document with the fields that the policy grants (so that script may read it)."""
        grant = self.grant
        if grant.rewrite:
            lines += grant.vary_line + grant.lines
        answer = problem(
            status,
            reason,
            detail,
            lines=lines,
            date_line=self._client.clock.date_line,
            closes=self.closes,
            is_head_request=self.is_head_request,
            request_id=self.request_id,
        )
        self.respond(status, answer)

    def cancel(self) -> None:
        """The client is gone or broke off its request: the backend must not take it for complete."""
        self.is_over = True
        if not self.status:
            self.status = CLIENT_CLOSED_REQUEST
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.abort()

    # -- who waits for whom ----------------------------------------------------------------------------------------

    def pause_client(self) -> None:
        self._client.pause_body()

    def resume_client(self) -> None:
        self._client.resume_body()

    def pause_upstream(self) -> None:
        if self._connection is not None:
            self._connection.pause()

    def resume_upstream(self) -> None:
        if self._connection is not None:
            self._connection.resume()

    # -- WebSocket -------------------------------------------------------------------------------------------------

    def start_tunnel(self, response: ResponseSection, upstream: "asyncio.Transport", early: bytes) -> None:
        """The backend accepted the handshake: from now on bytes go both ways unread."""
        added = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        self.respond(101, interim_head(response, self.grant, added))
        self.is_over = True
        self._connection = None
        client, ahead = self._client.leave_transport()
        tunnel = Tunnel(self._client.gateway, self, client, upstream)
        tunnel.feed(from_client=ahead, from_upstream=early)
