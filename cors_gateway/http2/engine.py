"""The one adapter to the library that speaks HTTP/2: frames, HPACK, windows, the states of streams.

The library is libnghttp2 through `ngh2`; docs/performance.md says why. Whoever changes it changes this module alone:
bytes go in, `Receiver` is told what they mean, and bytes are taken out. The library checks messages too (RFC 9113 8);
that nothing rests on this is the business of `request.py` and `flood.py`.
"""

import struct
from collections.abc import Sequence
from typing import Protocol

import ngh2

from cors_gateway.http2.cause import NO_ERROR, ConnectionCause, ConnectionFault

MAX_STREAMS = 100
STREAM_WINDOW = 64 * 1024
"""Bytes of a request body that may be on their way to a backend that does not take them."""
WIDE_WINDOW = 1024 * 1024
"""The same of an upload that its backend takes as it comes, so that distance does not slow it down."""
MAX_WIDE = 4
"""Such uploads of one connection at a time."""
CONNECTION_WINDOW = MAX_STREAMS * STREAM_WINDOW + MAX_WIDE * WIDE_WINDOW
"""As much as all streams together, so that one that stands still never holds up another."""
MAX_LIST = 16 * 1024 * 1024
"""Bytes of a header list where the configuration sets no limit."""

MAX_SENT_HEAD = 32 * 1024 * 1024
"""Bytes of a response head, as the library estimates them: far above the largest `limits.response_head`."""

Fields = tuple[tuple[bytes, bytes], ...]

_FIELD_OVERHEAD = 32
"""Of a field in the size of a header list (RFC 9113 6.5.2)."""
_GOAWAY = b"\0\0\x08\x07\0\0\0\0\0"


class Receiver(Protocol):
    """Who is told what came."""

    def request_received(self, stream: int, fields: Fields, *, is_ended: bool) -> None:
        """A header block of a new stream; pseudo-header fields come first. `is_ended`: there is no body."""

    def data_received_on(self, stream: int, data: bytes, *, is_ended: bool) -> None:
        """A piece of a body, maybe an empty one. It counts against the windows until it is acknowledged."""

    def trailers_received(self, stream: int, fields: Fields) -> None:
        """The body is over, and these fields came after it."""

    def stream_broken(self, stream: int) -> None:
        """The client did not reset the stream: the engine did, for what came on it, or was asked to.

        If it is a new one, all that is known of its request is that the engine did not take it. `stream_closed` follows.
        """

    def stream_closed(self, stream: int, *, is_reset: bool) -> None:
        """Both sides are done with the stream, or one of them reset it. `is_reset`: the client did."""


class Engine:
    """The server side of HTTP/2 on one connection."""

    __slots__ = ("_connection", "_goaway", "_last", "failure", "is_dead")

    def __init__(self, *, max_list: int, max_fields: int) -> None:
        """`max_list` bytes of a header list are what clients are told; 0 for no limit, of `max_fields` too.

        More than twice as much ends the connection, so that whoever judges requests can answer first.
        """
        self.is_dead = False
        """The library cannot go on; only `last_words` are left."""
        self.failure: ConnectionFault | None = None
        """Why it ended the connection, if it did."""
        self._last = 0
        self._goaway = (NO_ERROR, b"")
        """With which the client ended the connection: not what the engine says."""
        bound = max_list or MAX_LIST
        fields = max_fields or bound // _FIELD_OVERHEAD
        self._connection = ngh2.Connection(
            ngh2.Role.SERVER,
            ngh2.Configuration(
                auto_window_update=False,
                max_send_header_block_length=MAX_SENT_HEAD,
                max_continuations=1024,  # flood.py ends it long before
                max_inbound_header_list_size=2 * (bound + _FIELD_OVERHEAD * (fields + 16)),
                max_inbound_header_count=2 * fields + 64,
                stream_reset_rate_limit=(100_000, 100_000),
            ),
        )
        self._connection.initiate_connection(
            {
                ngh2.Setting.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
                ngh2.Setting.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                ngh2.Setting.MAX_HEADER_LIST_SIZE: bound + _FIELD_OVERHEAD * fields,
                ngh2.Setting.ENABLE_CONNECT_PROTOCOL: 1,
                ngh2.Setting.NO_RFC7540_PRIORITIES: 1,
            }
        )
        self._connection.set_local_window_size(CONNECTION_WINDOW)

    def receive(self, data: bytes, receiver: Receiver) -> None:
        """Take bytes from the client. Raises ConnectionFault if nothing more can be understood."""
        try:
            self._connection.receive_data(data)
        except ngh2.DenialOfServiceError as error:
            self.is_dead = True
            raise ConnectionFault(ConnectionCause.LIMIT, str(error)) from error
        except ngh2.NGH2Error as error:
            self.is_dead = True
            raise ConnectionFault(ConnectionCause.PROTOCOL, str(error)) from error
        self.tell(receiver)

    def tell(self, receiver: Receiver) -> None:
        """Tell what has happened since this was last asked; also after `take`."""
        reset = 0  # by the client: that the stream is closed comes next
        events = self._connection.events()
        pieces = []
        for following, event in enumerate(events, 1):
            if isinstance(event, ngh2.RequestReceived):
                self._last = event.stream_id
                receiver.request_received(event.stream_id, event.headers, is_ended=event.end_stream)
            elif isinstance(event, ngh2.StreamClosed):
                if event.error_code and event.stream_id != reset:
                    receiver.stream_broken(event.stream_id)
                receiver.stream_closed(event.stream_id, is_reset=event.stream_id == reset)
            elif isinstance(event, ngh2.DataReceived):
                pieces.append(event.data)
                if following == len(events) or not _goes_on(event, events[following]):
                    receiver.data_received_on(event.stream_id, b"".join(pieces), is_ended=event.end_stream)
                    pieces.clear()
            elif isinstance(event, ngh2.TrailersReceived):
                receiver.trailers_received(event.stream_id, event.headers)
            elif isinstance(event, ngh2.StreamReset):
                reset = event.stream_id
            elif isinstance(event, ngh2.GoAwayReceived):
                self._goaway = (event.error_code, event.debug_data)
            elif isinstance(event, ngh2.ConnectionClosed):
                said = (event.error_code, event.debug_data)
                if event.error_code and said != self._goaway:
                    detail = event.debug_data.decode("ascii", "replace")
                    self._fail(ConnectionCause.PROTOCOL, f"error code {event.error_code}: {detail}")

    def take(self, size: int) -> bytes:
        """At most `size` bytes for the client; nothing if there is nothing to say, or its windows are full."""
        if self.is_dead:
            return b""
        try:
            return self._connection.data_to_send(size)
        except ngh2.NGH2Error as error:
            self._die(error)
            return b""

    def last_words(self, cause: ConnectionCause) -> bytes:
        """A GOAWAY in bytes, for when the library does not speak any more."""
        return _GOAWAY + struct.pack(">II", self._last, cause.code)

    @property
    def is_over(self) -> bool:
        """Whether nothing is to be read or written any more."""
        return self.is_dead or not (self._connection.want_read or self._connection.want_write)

    # What follows is ignored on a stream that is closed: `stream_closed` tells it, or has told it.

    def respond(self, stream: int, fields: Sequence[tuple[bytes, bytes]], *, is_ended: bool) -> None:
        """Send the head of a response. `is_ended`: there is no body."""
        try:
            self._connection.send_response(stream, fields, end_stream=is_ended)
        except ngh2.NGH2Error:
            self._check_open()

    def inform(self, stream: int, fields: Sequence[tuple[bytes, bytes]]) -> None:
        """Send an interim response."""
        try:
            self._connection.send_informational_response(stream, fields)
        except ngh2.NGH2Error:
            self._check_open()

    def send(self, stream: int, data: bytes, *, is_ended: bool) -> None:
        """Queue a piece of the body."""
        try:
            self._connection.send_data(stream, data, end_stream=is_ended)
        except ngh2.NGH2Error:
            self._check_open()

    def queued(self, stream: int) -> int:
        """Bytes of the body that wait for the client's windows, or for `take`."""
        if self.is_dead:
            return 0
        return self._connection.queued_body_size(stream)

    def reset(self, stream: int, code: int) -> None:
        """Break off a stream; what is queued of it is dropped."""
        try:
            self._connection.reset_stream(stream, code)
        except ngh2.NGH2Error:
            self._check_open()

    def acknowledge(self, stream: int, size: int) -> None:
        """So many bytes of the request body were passed on: the client may send more."""
        try:
            self._connection.acknowledge_received_data(size, stream)
        except ngh2.NGH2Error:
            self._check_open()

    def widen(self, stream: int) -> None:
        """From now on `WIDE_WINDOW` bytes of the stream's body may be on their way."""
        try:
            self._connection.set_local_window_size(WIDE_WINDOW, stream_id=stream)
        except ngh2.NGH2Error:
            self._check_open()

    def announce_end(self) -> None:
        """Ask the client to open no more streams; those that it opens meanwhile are still taken."""
        try:
            self._connection.send_shutdown_notice()
        except ngh2.NGH2Error:
            self._check_open()

    def end(self, code: int) -> None:
        """Take no more streams (GOAWAY). With an error code, those that there are end as well."""
        try:
            if code:
                self._connection.terminate_connection(code)
            else:
                self._connection.send_goaway(code)
        except ngh2.NGH2Error:
            self._check_open()

    def _check_open(self) -> None:
        """It did not take something: usually because the stream is closed, but it may be the library that is."""
        self.take(0)

    def _die(self, error: ngh2.NGH2Error) -> None:
        self.is_dead = True
        self._fail(ConnectionCause.ENGINE, str(error))

    def _fail(self, cause: ConnectionCause, detail: str) -> None:
        if self.failure is None:
            self.failure = ConnectionFault(cause, detail)


def _goes_on(event: ngh2.DataReceived, following: object) -> bool:
    """Whether the next event is more of the same body: frames are small, and one write for many costs less."""
    return isinstance(following, ngh2.DataReceived) and following.stream_id == event.stream_id
