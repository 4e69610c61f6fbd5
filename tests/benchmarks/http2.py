"""A client's request as HTTP/2 carries it, and one exchange of it for the probe. The load is h2load's (see h2load.py)."""

import http.client
import socket
import ssl
from dataclasses import dataclass

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset

_PIECE = 64 * 1024
# RFC 9113 section 8.2.2; the length goes without saying in DATA frames, and clients write it anew.
_LEFT_OUT = frozenset({"host", "connection", "content-length"})


@dataclass(frozen=True, slots=True)
class Http2Request:
    """Pseudo-header fields first, names in lower case."""

    fields: tuple[tuple[str, str], ...]
    body: bytes

    def value(self, name: str) -> str:
        return dict(self.fields)[name]


def translated(request: str) -> Http2Request:
    """A request of messages.py, which are written for HTTP/1.1."""
    head, _, body = request.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ")
    fields = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
    pseudo = (
        (":method", method),
        (":scheme", "https"),
        (":authority", dict(fields)["host"]),
        (":path", path),
    )
    kept = tuple(field for field in fields if field[0] not in _LEFT_OUT)
    return Http2Request(pseudo + kept, body.encode("latin-1"))


def exchange(connection: socket.socket, request: Http2Request) -> tuple[int, http.client.HTTPMessage, int]:
    """Status, fields and length of the body. Raises OSError if the answer does not come whole."""
    if not isinstance(connection, ssl.SSLSocket) or connection.selected_alpn_protocol() != "h2":
        raise ConnectionError("HTTP/2 was not agreed on")
    state = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    state.initiate_connection()
    length = [("content-length", str(len(request.body)))] if request.body else []
    state.send_headers(1, [*request.fields, *length], end_stream=not request.body)
    unsent = memoryview(request.body)
    answer = _Answer()
    while not answer.is_whole:
        unsent = _send_body(state, unsent)
        connection.sendall(state.data_to_send())
        received = connection.recv(_PIECE)
        if not received:
            raise ConnectionError("connection closed")
        for event in state.receive_data(received):
            answer.take(event, state)
    return answer.status, answer.fields, answer.length


def _send_body(state: H2Connection, unsent: memoryview) -> memoryview:
    """What the windows have no room for yet."""
    while unsent:
        room = min(state.local_flow_control_window(1), state.max_outbound_frame_size, len(unsent))
        if room <= 0:
            break
        state.send_data(1, bytes(unsent[:room]), end_stream=room == len(unsent))
        unsent = unsent[room:]
    return unsent


class _Answer:
    """What has come of an answer."""

    def __init__(self) -> None:
        self.status = 0
        self.fields = http.client.HTTPMessage()
        self.length = 0
        self.is_whole = False

    def take(self, event: Event, state: H2Connection) -> None:
        if isinstance(event, ResponseReceived):
            for name, value in event.headers or ():
                if str(name) == ":status":
                    self.status = int(value)
                else:
                    self.fields.add_header(str(name), str(value))
        elif isinstance(event, DataReceived):
            self.length += len(event.data or b"")
            state.acknowledge_received_data(event.flow_controlled_length or 0, 1)
        elif isinstance(event, StreamEnded):
            self.is_whole = True
        elif isinstance(event, StreamReset | ConnectionTerminated):
            raise ConnectionError(f"{type(event).__name__}: error code {event.error_code}")
