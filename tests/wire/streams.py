"""A raw request of HTTP/1.1 as what says the same in HTTP/2, and what became of it there.

Bytes that no field or body can say (versions, chunk lines, a head without end) have no meaning on streams; everything
else is carried over as it stands, however bad it is, because a client of HTTP/2 can send it too.
"""

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import h2.exceptions

from tests.http2.client import Answer, Http2Client
from tests.wire.raw_client import Conversation
from tests.wire.strict_http import Fields, IncompleteError, MalformedError, Request, Response, read_chunks

PIECE = 8192
"""Bytes of a body that does not end, or not with DATA."""
PROTOCOL_ERROR = 1
ACCEPTED, SWITCHED = 200, 101
"""A WebSocket is open, on a stream (RFC 8441 4) and in HTTP/1.1."""
REFUSED = 400
"""The status that a stream stands for that is reset as malformed, without an answer (RFC 9113 8.1.1)."""

Pairs = tuple[tuple[bytes, bytes], ...]

_REQUEST_LINE = re.compile(rb"([^ \r\n]+) ([^\r\n]*) HTTP/1\.1")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_NUMBER = re.compile(rb"[0-9]{1,19}")
_ABSOLUTE = re.compile(rb"(?i)(https?)://([^/?#]*)(.*)", re.DOTALL)


class MeaninglessError(Exception):
    """Nothing in HTTP/2 is like these bytes; the message says which of them."""


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """What is sent on one stream, checked by nobody."""

    fields: Pairs
    body: bytes = b""
    trailers: Pairs = ()
    is_ended: bool = True
    """Whether the client says that the body is complete."""
    is_tunnel: bool = False
    """Whether it asks for a WebSocket, so that nothing ends it."""
    is_chunked: bool = False
    """Whether its body came in chunks."""

    @property
    def method(self) -> str:
        return dict(self.fields)[b":method"].decode("latin-1")


def on_streams(data: bytes, *, is_ended: bool = False) -> list[StreamRequest]:
    """The requests in these bytes. `is_ended`: an incomplete body is all there is. Raises MeaninglessError."""
    request, rest = _first_of(data, is_ended=is_ended)
    if not rest:
        return [request]
    try:
        return [request, *on_streams(rest, is_ended=is_ended)]
    except MeaninglessError:
        if request.is_chunked:
            raise
        return [replace(request, body=request.body + rest)]  # on a stream all that comes is the body


async def converse_on_streams(
    address: tuple[str, int], requests: Sequence[StreamRequest], *, gap: float = 0.0
) -> Conversation:
    """Send each on a stream of its own and read the answers. `gap` is how long a body comes after its head, in seconds.

    A stream that is reset as malformed counts as answered with 400, and the connection as closed by a stream that is
    reset in the middle of an answer: that is how HTTP/1.1 would tell it.
    """
    conversation = Conversation()
    async with await Http2Client.connect(address) as client:
        streams = [client.open(request.fields, is_ended=_has_no_body(request)) for request in requests]
        await asyncio.sleep(gap)
        sending = [
            asyncio.ensure_future(_send_body(client, stream, request))
            for stream, request in zip(streams, requests, strict=True)
        ]
        answers = [
            await _answer_on(client, stream, request)
            for stream, request in zip(streams, requests, strict=True)
        ]
        for one in sending:
            one.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
        if client.is_lost and client.goaway is None:
            conversation.fault = "the connection was lost without a GOAWAY"
    for answer, request in zip(answers, requests, strict=True):
        conversation.interim += [Response(status, "", "", ()) for status in answer.interim]
        conversation.responses.append(_response(answer, request))
        if answer.status and not conversation.responses[-1].complete:
            conversation.ended = "rst"
    return conversation


def comparable(fields: Fields) -> list[tuple[str, str]]:
    """What the same fields have in common in both protocols, and in two runs: by name, in order.

    On streams names have no case, the host comes first, and cookies are one field (RFC 9113 8.2.3).
    """
    lines = [(name.lower(), value) for name, value in fields]
    cookies = "; ".join(value for name, value in lines if name == "cookie").strip()
    left_out = {"connection", "transfer-encoding", "content-length", "date", "via", "x-request-id", "cookie"}
    kept = [line for line in lines if line[0] not in left_out]
    return sorted([*kept, ("cookie", cookies)], key=lambda line: line[0])


def forwarded(request: Request) -> tuple[object, ...]:
    """What the backend got, for the same."""
    return request.identity, comparable(request.fields)


def _first_of(data: bytes, *, is_ended: bool) -> tuple[StreamRequest, bytes]:
    """The first request, and what comes after it."""
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        raise MeaninglessError("a head without end")
    line, *lines = head.split(b"\r\n")
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        raise MeaninglessError("a request line that names no method, target and HTTP/1.1")
    pseudo, fields = _pseudo_fields(found[1], found[2], _fields_of(lines))
    if found[1] == b"GET" and _asks_for_websocket(fields):
        return StreamRequest(_extended_connect(pseudo, fields), rest, is_ended=False, is_tunnel=True), b""
    codings = [value.lower() for name, value in fields if name == b"transfer-encoding"]
    lengths = [value for name, value in fields if name == b"content-length"]
    if codings == [b"chunked"] and not lengths:
        body, trailers, rest = _unchunked(rest)
        kept = tuple(field for field in fields if field[0] != b"transfer-encoding")
        return StreamRequest(pseudo + kept, body, trailers, is_chunked=True), rest
    if codings or lengths[1:] or not all(map(_NUMBER.fullmatch, lengths)) or not _are_names(fields):
        return StreamRequest(pseudo + fields, rest), b""  # whoever takes it decides where it ends
    length = int(lengths[0]) if lengths else 0
    is_whole = is_ended or len(rest) >= length
    return StreamRequest(pseudo + fields, rest[:length], is_ended=is_whole), rest[length:]


def _asks_for_websocket(fields: Pairs) -> bool:
    known = {name: value.lower() for name, value in fields}
    return known.get(b"upgrade") == b"websocket" and b"upgrade" in known.get(b"connection", b"")


def _extended_connect(pseudo: Pairs, fields: Pairs) -> Pairs:
    """The same handshake on a stream, which has no key (RFC 8441 5)."""
    left_out = {b"connection", b"upgrade", b"sec-websocket-key"}
    kept = tuple(field for field in fields if field[0] not in left_out)
    return ((b":method", b"CONNECT"), (b":protocol", b"websocket"), *pseudo[1:], *kept)


def _are_names(fields: Pairs) -> bool:
    return all(_NAME.fullmatch(name) for name, _ in fields)


def _fields_of(lines: Sequence[bytes]) -> Pairs:
    """The fields of these lines. A folded line is a value with a line break in it."""
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        if line[:1] in {b" ", b"\t"} and fields:
            name, value = fields[-1]
            fields[-1] = (name, value + b"\r\n" + line)
            continue
        name, colon, value = line.partition(b":")
        if not colon:
            raise MeaninglessError("a line that is no field")
        fields.append((name.lower(), value.strip(b" \t")))
    return tuple(fields)


def _pseudo_fields(method: bytes, target: bytes, fields: Pairs) -> tuple[Pairs, Pairs]:
    """Pseudo-header fields, and the fields that are left. The first Host becomes the authority."""
    absolute = _ABSOLUTE.fullmatch(target)
    if method == b"CONNECT":
        return ((b":method", method), (b":authority", target)), fields
    if absolute is not None:
        scheme, authority, path = absolute[1].lower(), absolute[2], absolute[3] or b"/"
        return _request_fields(method, scheme, authority, path), fields
    hosts = [field for field in fields if field[0] == b"host"]
    if not hosts:
        return _request_fields(method, b"http", None, target), fields
    at = fields.index(hosts[0])
    return _request_fields(method, b"http", hosts[0][1], target), fields[:at] + fields[at + 1 :]


def _request_fields(method: bytes, scheme: bytes, authority: bytes | None, path: bytes) -> Pairs:
    known = () if authority is None else ((b":authority", authority),)
    return ((b":method", method), (b":scheme", scheme), *known, (b":path", path))


def _unchunked(data: bytes) -> tuple[bytes, Pairs, bytes]:
    try:
        chunks = read_chunks(data, 0)
    except (MalformedError, IncompleteError) as fault:
        raise MeaninglessError("chunk lines") from fault
    if not chunks.is_complete:
        raise MeaninglessError("chunk lines")
    trailers = tuple(
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in chunks.trailers
    )
    return bytes(chunks.data), trailers, data[chunks.end :]


def _has_no_body(request: StreamRequest) -> bool:
    return request.is_ended and not request.body and not request.trailers


async def _send_body(client: Http2Client, stream: int, request: StreamRequest) -> None:
    if _has_no_body(request):
        return
    # The gateway may end the stream at any time.
    with contextlib.suppress(h2.exceptions.ProtocolError):
        if request.is_ended and not request.trailers:
            await client.send_all(stream, request.body)
            return
        for start in range(0, len(request.body), PIECE):
            await client.until(lambda: client.h2.local_flow_control_window(stream) >= PIECE)
            client.send(stream, request.body[start : start + PIECE])
        if request.trailers:
            client.h2.send_headers(stream, list(request.trailers), end_stream=True)
            client.flush()


async def _answer_on(client: Http2Client, stream: int, request: StreamRequest) -> Answer:
    answer = client.answers[stream]
    if request.is_tunnel:
        await client.until(lambda: answer.status or answer.is_complete or client.is_lost)
    return answer if request.is_tunnel and answer.status == ACCEPTED else await client.answer(stream)


def _response(answer: Answer, request: StreamRequest) -> Response:
    """The answer as HTTP/1.1 would tell it."""
    is_malformed = not answer.status and answer.reset == PROTOCOL_ERROR
    if request.is_tunnel and answer.status == ACCEPTED:
        return Response(SWITCHED, "", "", tuple(answer.fields))
    is_whole = bool(answer.status) and answer.is_complete and answer.reset in {None, 0}
    return Response(
        REFUSED if is_malformed else answer.status,
        "",
        "",
        tuple(answer.fields),
        bytes(answer.body),
        complete=is_whole or is_malformed,
    )
