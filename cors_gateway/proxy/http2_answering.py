"""The answering side of a stream of HTTP/2: its response, what of it waits to be sent, and for how long it may.

A `roles.ResponseSink`. What the client sends on the stream is read in `http2_stream.py`.
"""

from abc import abstractmethod
from typing import TYPE_CHECKING, Protocol

from cors_gateway.http1.forwarded import Peer
from cors_gateway.http1.response import ResponseSection
from cors_gateway.http2.engine import Engine
from cors_gateway.http2.response import Field
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.answers import OwnAnswer, render
from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.response_head import IS_HEAD_REQUEST, IS_STREAM, interim_head
from cors_gateway.proxy.service import Service
from cors_gateway.proxy.splice import NOWHERE, End

if TYPE_CHECKING:
    from cors_gateway.proxy.exchange import Exchange

SEND_HIGH_WATER = 64 * 1024
"""Bytes of a response that wait for the client, beyond which the backend has to wait."""
SEND_LOW_WATER = 16 * 1024


class Carrier(Protocol):
    """The connection of a stream."""

    engine: Engine
    peer: Peer

    def fields_of(self, head: bytes) -> list[Field]:
        """A response head as fields."""

    def may_widen(self) -> bool:
        """Whether one more stream may have a wide window; it counts until the stream is closed."""

    def wrote(self, stream: "AnsweringStream") -> None:
        """Something was queued on the stream: see that it is sent, and how much of it."""


class AnsweringStream:
    """A stream, as what answers its request sees it. A `clock.HasDeadline`."""

    __slots__ = (
        *("_active", "_body_until", "_connection", "_exchange", "_is_held", "_is_request_ended", "_service"),
        *("bytes_out", "deadline", "ending", "form", "is_answered", "is_paused", "number", "queued"),
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
        self.is_answered = False
        """The response is complete, as far as it came."""
        self.ending: int | None = None
        """The error code with which the stream is broken off as soon as all that is queued is sent."""
        self._connection = connection
        self._service = service
        self._active = service.active
        """What was in service when the request came: its limits hold, and its generation is logged."""
        self._exchange: Exchange | None = None
        self._body_until = NEVER
        """When the time for a body is up that comes too slowly; later with every byte."""
        self._is_request_ended = is_request_ended
        self._is_held = False
        """The backend does not take more of the request."""

    # -- clock.HasDeadline -----------------------------------------------------------------------------------------

    @abstractmethod
    def on_deadline(self) -> None: ...

    @abstractmethod
    def stood_still(self, seconds: float) -> None: ...

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

    def go_on(self, body: bytes | memoryview, *, is_last: bool) -> None:
        if not body and not is_last:
            return
        self._connection.engine.send(self.number, bytes(body), is_ended=is_last)
        self.queued += len(body)
        self.bytes_out += len(body)
        self._connection.wrote(self)
        self._hold_back()

    def outlet(self) -> End:
        return NOWHERE  # bodies go in frames

    def moved(self, size: int) -> None: ...

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
        self.write(written)

    def write(self, answer: bytes) -> None:
        """Send an answer of the gateway's own, written as for HTTP/1.1."""
        head, end, content = answer.partition(b"\r\n\r\n")
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

    def _end(self, code: int) -> None:
        """Break off the stream once all that is queued is sent (RFC 9113 8.1)."""
        self.is_answered = True
        self.ending = code
        self._connection.wrote(self)

    def _body_deadline(self) -> float:
        return min(self._body_until, self._service.clock.now + self._active.timeouts.request_body)

    def _watch(self, deadline: float) -> None:
        """Only streams that wait for their client are looked at by the clock."""
        if deadline != self.deadline:
            self.deadline = deadline
            watched = self._service.clock.watched
            if deadline == NEVER:
                watched.discard(self)
            else:
                watched.add(self)
