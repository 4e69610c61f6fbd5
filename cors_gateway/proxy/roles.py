"""The parts that others play for a module of the data path, so that nobody has to know who plays them.

An exchange gives its request to a `Carrier` and its response to a `Downstream`; it is the `Delivery` that an upstream
connection serves; whoever has connections to give is a `Lender`. HTTP/1.1 connections play these parts today; a stream
of HTTP/2 would be another `Downstream`. Nothing here holds state.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from cors_gateway.http1.request import RequestHead
from cors_gateway.http1.response import ResponseSection
from cors_gateway.observe.metrics import RouteStats, UpstreamStats
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.answers import OwnAnswer
from cors_gateway.proxy.failure import UpstreamFailure
from cors_gateway.proxy.response_rules import ResponseRules
from cors_gateway.proxy.splice import End


class ResponseSink(Protocol):
    """Takes the bytes of one response and frames them as its protocol does. A body comes without any framing."""

    @property
    def bytes_out(self) -> int:
        """Bytes of the response so far, head included."""

    def begin(self, head: bytes, body: bytes, *, is_sized: bool, is_last: bool) -> None:
        """Send the head, as `response_head` wrote it for this sink's form, with what there is of the body.

        `is_sized`: the head tells where the body ends, or there is none. `is_last`: nothing follows.
        """

    def go_on(self, body: bytes | memoryview, *, is_last: bool) -> None:
        """Send more of the body; nothing but the end if it is empty."""

    def outlet(self) -> End:
        """Where a body with a length goes as it is (`flow.Flow.outlet`); `splice.NOWHERE` if to none."""

    def moved(self, size: int) -> None:
        """So many bytes of the body went there."""

    def interim(self, section: ResponseSection, grant: Grant) -> None:
        """Send an interim (1xx) response, if the client can take one."""

    def answer(self, answer: OwnAnswer) -> None:
        """Send an answer of the gateway's own."""


class Keeper(Protocol):
    """Who keeps something for a client connection alone."""

    def client_left(self, client: "Downstream") -> None:
        """The connection is closed, or became a tunnel."""


class Downstream(Protocol):
    """Where an exchange came from and where its response goes."""

    @property
    def response(self) -> ResponseSink: ...

    def client_address(self, head: RequestHead) -> str:
        """The address of whoever sent this request, as far as it is believed; empty if nothing is known."""

    def kept_by(self, keeper: Keeper) -> None:
        """Have `keeper` told when this ends."""

    def response_form(self) -> int:
        """What a response head depends on besides itself and its grant (`response_head.CLOSES` and the others).

        To be asked when the response is there: it settles whether the client connection outlives it.
        """

    def response_done(self) -> None:
        """The response is complete."""

    def truncate(self) -> None:
        """Break off a response that cannot be completed, so that the client sees it."""

    def want_body(self) -> None:
        """The backend is connected and waits for the request's body."""

    def pause_body(self) -> None:
        """The backend does not take more of the request's body."""

    def resume_body(self) -> None: ...

    def start_tunnel(
        self, response: ResponseSection, grant: Grant, upstream: asyncio.Transport, early: bytes
    ) -> None:
        """The backend accepted a handshake: answer 101, and from then on carry bytes both ways unread.

        `early` is what it sent already. `Delivery.tunnel_ended` is told when this is over.
        """


class Carrier(Protocol):
    """An upstream connection, as the exchange sees it that uses it."""

    @property
    def server_name(self) -> str: ...

    @property
    def write(self) -> Callable[[bytes | memoryview], None]: ...

    def outlet(self) -> End:
        """Where a body with a length goes as it is; `splice.NOWHERE` if to none."""

    def request_sent(self) -> None:
        """The request is complete: from now on the backend's time runs."""

    def pause(self) -> None:
        """The client does not take more of the response."""

    def resume(self) -> None: ...

    def abort(self) -> None:
        """The exchange is given up: the backend must see that the request or its response is broken off."""

    def tunnel_ended(self) -> None:
        """The tunnel that the connection was joined to is over."""


class Delivery(Protocol):
    """An exchange, as an upstream connection and a pool see it that serve it."""

    upstream: str
    """Name of the server that is asked."""

    @property
    def head(self) -> RequestHead: ...

    @property
    def client_address(self) -> str:
        """As `Downstream.client_address` says."""

    @property
    def is_head_request(self) -> bool: ...

    @property
    def websocket_key(self) -> bytes | None:
        """Of the handshake that was sent, if it was one."""

    @property
    def grant(self) -> Grant:
        """What the response gets from the policy."""

    @property
    def stats(self) -> RouteStats:
        """The counters of the route."""

    @property
    def downstream(self) -> Downstream: ...

    @property
    def response(self) -> ResponseSink:
        """That of `downstream`."""

    @property
    def is_request_sent(self) -> bool: ...

    @property
    def is_over(self) -> bool: ...

    def connected(self, connection: Carrier) -> None:
        """A connection took this up: send what is there of the request."""

    def respond(self, status: int, head: bytes, body: bytes, *, is_sized: bool, is_last: bool) -> None:
        """The response begins (`ResponseSink.begin`)."""

    def redirects_to(self, location: bytes, rules: ResponseRules) -> None:
        """The response that begins next sends the client to `location`, and the route tells scripts instead."""

    def response_done(self) -> None:
        """The response is complete."""

    def failed(self, failure: UpstreamFailure, error: BaseException | None = None) -> None:
        """No connection could be had; `error` is what the last attempt raised."""

    def redirected(self, location: bytes) -> None:
        """The response that begins is a redirect, and the request has an Origin."""

    def upstream_lost(
        self, failure: UpstreamFailure, error: BaseException | None = None, *, may_retry: bool
    ) -> None:
        """The connection broke or its response was invalid, for which `error` may say more. It is closed already.

        `may_retry`: not a byte of an answer came.
        """

    def start_tunnel(self, response: ResponseSection, upstream: asyncio.Transport, early: bytes) -> None:
        """The backend accepted a handshake (`Downstream.start_tunnel`)."""


class Lender(Protocol):
    """Who lends connections to one upstream."""

    @property
    def stats(self) -> UpstreamStats: ...

    @property
    def retries(self) -> int: ...

    def start(self, exchange: Delivery) -> None:
        """Give the exchange a connection: an idle one now, or a new one when it is open."""

    def start_anew(self, exchange: Delivery) -> None:
        """Give the exchange a connection nobody used before, on another server than it had if there is one."""

    def abandon(self, exchange: Delivery) -> None:
        """The exchange is over and waits for no connection any more."""


class Reusable(Protocol):
    """A connection that waits for its next exchange."""

    def is_usable(self) -> bool:
        """Whether it is still good: not closing, no byte and no end of stream waiting to be read."""

    def begin(self, exchange: Delivery) -> None:
        """Take up an exchange and send the request as far as it is there."""

    def close(self) -> None:
        """Close without a word to anybody; whatever arrives after this is dropped."""
