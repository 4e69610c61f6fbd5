"""One request and its response: holds a client and an upstream connection together while it lasts.

Every rule about what may still be done lives here: whether a retry is safe, whether an error can still be answered or
only shown by breaking off (after the first byte of a response no second status line is possible), and who waits for
whom. The connections know grammar and framing; they do not know each other.
"""

import asyncio
import time

from cors_gateway.http1.body import LAST_CHUNK, frame_chunk
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.redirect import other_origin
from cors_gateway.http1.request import CHUNKED, NO_BODY
from cors_gateway.http1.response import ResponseSection
from cors_gateway.observe.record import CLIENT_CLOSED_REQUEST
from cors_gateway.observe.trouble import CLIENT_LEFT, Notice, Trouble, refused
from cors_gateway.proxy.answers import problem, under
from cors_gateway.proxy.failure import UpstreamFailure, trouble_of
from cors_gateway.proxy.forward import Forward
from cors_gateway.proxy.readable_redirect import InsteadSink, readable
from cors_gateway.proxy.response_rules import ResponseRules
from cors_gateway.proxy.roles import Carrier, Downstream, ResponseSink
from cors_gateway.proxy.splice import NOWHERE, End

# Safe methods (RFC 9110 9.2.1, RFC 10008 2): nobody minds if a backend executed one and then died. PUT and DELETE are
# idempotent, but a backend that executed one may say so differently the second time.
_RETRIABLE = frozenset({b"GET", b"HEAD", b"OPTIONS", b"QUERY"})


class Exchange:
    """A request on its way through. A `roles.Delivery`."""

    __slots__ = (
        *(
            "_carrier",
            "_pending",
            "_retries",
            "bytes_in",
            "downstream",
            "forward",
            "grant",
            "head",
        ),
        *("is_head_request", "is_over", "is_request_sent", "response", "sent_at", "started", "stats"),
        *("status", "trouble", "upstream", "upstream_seconds"),
    )

    def __init__(self, forward: Forward, downstream: Downstream, started: float) -> None:
        """`started` is when the head was complete (monotonic seconds)."""
        self.forward = forward
        self.downstream = downstream
        self.response: ResponseSink = downstream.response
        self.started = started
        terms = forward.terms
        self.stats = terms.stats
        self.grant = terms.grant
        self.head = head = forward.section.head
        self.is_head_request = forward.line.method == b"HEAD"
        self.is_request_sent = head.framing == NO_BODY
        self.is_over = False
        self.status = 0
        """Status sent; 499 if the client left before one was."""
        self.bytes_in = 0
        """Bytes of the request body."""
        self.upstream = ""
        self.upstream_seconds = 0.0
        """From sending the request until the response head came; 0 if none did."""
        self.trouble = terms.trouble
        """What befell the request that is not a decision: a failure of the upstream, or what is told of it."""
        self.sent_at = 0.0
        """When a connection took the request up (monotonic seconds); 0 before that."""
        self._pending: tuple[bytes | memoryview, ...] = ()
        self._carrier: Carrier | None = None
        self._retries = 0

    @property
    def is_last(self) -> bool:
        """Whether the client said that no request follows on its connection, which it may then half-close."""
        return self.head.closes or not self.forward.line.is_http11

    @property
    def websocket_key(self) -> bytes | None:
        return self.forward.terms.websocket_key

    @property
    def client_address(self) -> str:
        return self.downstream.client_address(self.head)

    # -- the request -----------------------------------------------------------------------------------------------

    def connected(self, connection: Carrier) -> None:
        """A connection took up this exchange: send what is there."""
        self._carrier = connection
        self.sent_at = time.monotonic()
        self.upstream = connection.server_name
        if self._pending:
            connection.write(b"".join((self.forward.request, *self._pending)))
            self._pending = ()
        else:
            connection.write(self.forward.request)
        if not self.is_request_sent:
            self.downstream.want_body()

    def send(self, data: bytes | memoryview) -> None:
        """Pass on a piece of the request body."""
        self.bytes_in += len(data)
        if self.head.framing == CHUNKED:
            data = frame_chunk(data)
        self._write(data)

    def outlet(self) -> End:
        """Where the request's body goes as it is; `splice.NOWHERE` if to none."""
        return NOWHERE if self._carrier is None else self._carrier.outlet()

    def moved(self, size: int) -> None:
        """So many bytes of the request's body went there."""
        self.bytes_in += size

    def end_of_request(self) -> None:
        """The request body is complete."""
        if self.head.framing == CHUNKED:
            self._write(LAST_CHUNK)
        self.is_request_sent = True
        if self._carrier is not None:
            self._carrier.request_sent()

    def _write(self, data: bytes | memoryview) -> None:
        if self._carrier is not None:
            self._carrier.write(data)
        else:
            self._pending += (data,)

    @property
    def is_connected(self) -> bool:
        return self._carrier is not None

    # -- the response ----------------------------------------------------------------------------------------------

    def respond(self, status: int, head: bytes, body: bytes, *, is_sized: bool, is_last: bool) -> None:
        """The backend's response begins."""
        self.status = status
        self.upstream_seconds = time.monotonic() - self.sent_at
        self.response.begin(head, body, is_sized=is_sized, is_last=is_last)

    def redirected(self, location: bytes) -> None:
        """The response leads elsewhere: to another origin, a browser asks with `Origin: null`, or not at all."""
        # The scheme as the backend was told it, which is the one that is believed.
        scheme = b"https" if b"\r\nX-Forwarded-Proto: https\r\n" in self.forward.request else b"http"
        origin = other_origin(location, scheme, self.head.host or b"")
        if origin:
            self.trouble = Trouble(
                "redirected", Notice.REDIRECTED, origin.decode("ascii", "backslashreplace")
            )

    def redirects_to(self, location: bytes, rules: ResponseRules) -> None:
        """The response that begins next sends the client to `location`; scripts are told instead."""
        forward = self.forward
        answer = readable(location, rules, forward.section, forward.request, self.grant, forward.request_id)
        if answer is not None:
            self.response = InsteadSink(self.response, answer, self._replaced)

    def _replaced(self, status: int, is_complete: bool) -> None:
        """An answer was sent in place of the response. Nobody waits for what is missing of that."""
        self.status = status
        if not is_complete and self._carrier is not None:
            self._carrier.abort()
            self.response_done()

    def response_done(self) -> None:
        """The response is complete."""
        self.is_over = True
        self._carrier = None
        self.downstream.response_done()

    # -- failures --------------------------------------------------------------------------------------------------

    def upstream_lost(
        self, failure: UpstreamFailure, error: BaseException | None = None, *, may_retry: bool
    ) -> None:
        """The upstream connection broke or its answer was invalid. `roles.Delivery` says what may be retried."""
        self._carrier = None
        lender = self.forward.terms.lender
        if self.status:
            self._count_failure(failure, error)
            self.is_over = True
            self.downstream.truncate()
        elif may_retry and self._retries < lender.retries and self._can_be_sent_again:
            self._retries += 1
            if not self.is_request_sent:
                self.downstream.pause_body()
            lender.start_anew(self)
        else:
            self.failed(failure, error)

    @property
    def _can_be_sent_again(self) -> bool:
        """Whether the method is safe and nothing of a body was taken from the client: what was sent on is not kept."""
        is_untouched = self.head.framing == NO_BODY or not (self.bytes_in or self.is_request_sent)
        return is_untouched and self.forward.line.method in _RETRIABLE

    def failed(self, failure: UpstreamFailure, error: BaseException | None = None) -> None:
        """Answer that the upstream could not, unless the client is gone."""
        self._count_failure(failure, error)
        if self.is_over:
            return
        self.is_over = True
        self.downstream.response_form()
        self._answer(failure.status, failure, failure.detail)
        self.downstream.response_done()

    def _count_failure(self, failure: UpstreamFailure, error: BaseException | None) -> None:
        self.trouble = trouble_of(failure, error)
        seconds = time.monotonic() - (self.sent_at or self.started)
        self.forward.terms.lender.stats.outcome(failure).observe(seconds)

    def break_off(self, fault: ProtocolFault) -> None:
        """The request cannot be completed: the backend sees it cut, the client an answer if that is still possible."""
        has_begun = self.status != 0
        self.cut(fault)
        if not has_begun:
            self._answer(fault.status, fault.reason, fault.detail, fault.cause)

    def cut(self, fault: ProtocolFault) -> None:
        """As `break_off`, but nothing can be said to the client any more."""
        self.status = self.status or fault.status
        self.cancel()
        self.trouble = refused(fault)

    def _answer(self, status: int, reason: str, detail: str, cause: str = "") -> None:
        """Send a problem document with the fields that the policy grants (so that script may read it)."""
        self.status = status
        own = problem(status, reason, detail, cause=cause, request_id=self.forward.request_id)
        self.response.answer(under(self.grant, own))

    def cancel(self) -> None:
        """The client is gone or broke off its request: the backend must not take it for complete."""
        self.is_over = True
        self.trouble = self.trouble or CLIENT_LEFT
        if not self.status:
            self.status = CLIENT_CLOSED_REQUEST
        if self._carrier is not None:
            carrier, self._carrier = self._carrier, None
            carrier.abort()
        else:
            self.forward.terms.lender.abandon(self)

    # -- who waits for whom ----------------------------------------------------------------------------------------

    def pause_upstream(self) -> None:
        if self._carrier is not None:
            self._carrier.pause()

    def resume_upstream(self) -> None:
        if self._carrier is not None:
            self._carrier.resume()

    # -- WebSocket -------------------------------------------------------------------------------------------------

    def start_tunnel(self, response: ResponseSection, upstream: asyncio.Transport, early: bytes) -> None:
        """The backend accepted the handshake: from now on bytes go both ways unread."""
        self.status = 101
        self.upstream_seconds = time.monotonic() - self.sent_at
        self.is_over = True
        self.downstream.start_tunnel(response, self.grant, upstream, early)

    def tunnel_ended(self, bytes_in: int) -> None:
        """The tunnel is over; `bytes_in` came from the client."""
        self.bytes_in += bytes_in
        if self._carrier is not None:
            carrier, self._carrier = self._carrier, None
            carrier.tunnel_ended()
