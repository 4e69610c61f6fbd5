"""Responses in HTTP/1.1 on one client transport, one after the other: their framing, and how many bytes they are.

When a connection goes on, and what a response head says besides framing, is decided elsewhere (`downstream.py`,
`response_head.py`).
"""

from collections.abc import Callable

from cors_gateway.http1.body import LAST_CHUNK, frame_chunk
from cors_gateway.http1.response import ResponseSection
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.answers import OwnAnswer, render
from cors_gateway.proxy.clock import CoarseClock
from cors_gateway.proxy.flow import Flow
from cors_gateway.proxy.response_head import CLOSES, IS_HEAD_REQUEST, IS_HTTP11, interim_head
from cors_gateway.proxy.splice import End

_SWITCHED = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


class ResponseWriter:
    """Writes responses. A `roles.ResponseSink`."""

    __slots__ = ("_clock", "_flow", "_frames_chunks", "_write", "bytes_out", "form")

    def __init__(self, write: Callable[[bytes | memoryview], None], flow: Flow, clock: CoarseClock) -> None:
        """`write` is that of the transport whose `flow` it is."""
        self._write = write
        self._flow = flow
        self._clock = clock
        self._frames_chunks = False
        self.form = 0
        """Of the response that is due: bits of `response_head`. Set by who read the request."""
        self.bytes_out = 0
        """Bytes of the present response, or of the last."""

    def begin(self, head: bytes, body: bytes, *, is_sized: bool, is_last: bool) -> None:
        """Send the head with what there is of the body, in one write. `roles.ResponseSink` says what is what."""
        self._frames_chunks = frames_chunks = not is_sized and bool(self.form & IS_HTTP11)
        if frames_chunks:
            body = _framed(body, is_last=is_last)
        data = head + body
        self.bytes_out = len(data)
        self._write(data)

    def go_on(self, body: bytes | memoryview, *, is_last: bool) -> None:
        """Send more of the body."""
        if self._frames_chunks:
            body = _framed(body, is_last=is_last)
        if body:
            self.bytes_out += len(body)
            self._write(body)

    def outlet(self) -> End:
        """As `roles.ResponseSink` says."""
        return self._flow.outlet()

    def moved(self, size: int) -> None:
        """As `roles.ResponseSink` says."""
        self.bytes_out += size

    def interim(self, section: ResponseSection, grant: Grant) -> None:
        """Send an interim response, unless to HTTP/1.0, which knows none (RFC 9110 15.2)."""
        if self.form & IS_HTTP11:
            self._write(interim_head(section, grant))

    def go_ahead(self) -> None:
        """Tell the client to go on with its body (RFC 9110 10.1.1), if it can be told."""
        if self.form & IS_HTTP11:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def switch_protocols(self, section: ResponseSection, grant: Grant) -> None:
        """Send the 101 of a WebSocket handshake (RFC 6455 4.2.2)."""
        self.begin(interim_head(section, grant, _SWITCHED), b"", is_sized=True, is_last=True)

    def answer(self, answer: OwnAnswer) -> None:
        """Send an answer of the gateway's own."""
        data = render(
            answer,
            date_line=self._clock.date_line,
            closes=bool(self.form & CLOSES),
            is_head_request=bool(self.form & IS_HEAD_REQUEST),
        )
        self.bytes_out = len(data)
        self._write(data)


def _framed(body: bytes | memoryview, *, is_last: bool) -> bytes:
    chunk = frame_chunk(body) if body else b""
    return chunk + LAST_CHUNK if is_last else chunk
